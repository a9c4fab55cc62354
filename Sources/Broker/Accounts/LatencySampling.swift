import Configuration

/// A request that is measured, and the header fields that asked for it (FEATURES 2.025, 2.026).
struct LatencySample: Sendable {
  /// By canonical name; empty when chance decided.
  let header: [String: [String]]

  private init(_ header: [String: [String]]) { self.header = header }

  /// nil when the request is not measured.
  init?(_ latency: ServiceLatencyOptions, _ message: Message, random: UInt64) {
    if latency.sampling >= 100 || latency.sampling > 0 && Int(random >> 33) % 100 <= latency.sampling {
      self.init([:])
      return
    }
    let block = UnsafeRawBufferPointer(rebasing: message.bodyBytes[..<message.headerLength])
    guard let fields = CanonicalHeader(block)?.fields, let asked = Self.fieldsThatAsk(fields) else { return nil }
    self.init(asked)
  }

  /// What distributed tracing says about this request; nil when nothing, or no. Of several kinds the first counts:
  /// Jaeger, Zipkin in several headers, Zipkin in one, W3C.
  static func fieldsThatAsk(_ fields: [String: [String]]) -> [String: [String]]? {
    func picked(_ names: [String]) -> [String: [String]] { fields.filter { names.contains($0.key) } }
    if let trace = fields["Uber-Trace-Id"]?.first {
      guard isSampled(uber: trace) else { return nil }
      return fields.filter { $0.key == "Uber-Trace-Id" || $0.key.hasPrefix("Uberctx-") }
    }
    let sampled = fields["X-B3-Sampled"]?.first
    if sampled == "0" { return nil }
    if sampled == "1" || fields["X-B3-Traceid"] != nil {
      return picked(["X-B3-Sampled", "X-B3-Traceid", "X-B3-Parentspanid", "X-B3-Spanid"])
    }
    if let single = fields["B3"]?.first {
      let parts = single.split(separator: "-", omittingEmptySubsequences: false)
      if parts.count > 2 && parts[2] == "0" || parts == ["0"] { return nil }
      return picked(["B3"])
    }
    if let parent = fields["Traceparent"]?.first, TraceParent.isSampled(parent) {
      return picked(["Traceparent", "Tracestate"])
    }
    return nil
  }

  /// `{trace}:{span}:{parent}:{flags}`; the lowest bit of the flags, one or two hex digits, counts.
  private static func isSampled(uber: String) -> Bool {
    let parts = uber.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, (1...2).contains(parts[3].utf8.count), parts[3].allSatisfy(\.isHexDigit),
      let flags = UInt8(parts[3], radix: 16)
    else { return false }
    return flags & 1 == 1
  }
}

/// The W3C header `traceparent`: `{version}-{trace}-{parent}-{flags}`.
enum TraceParent {
  /// Whether the flags, two hex digits, have the lowest bit. As in nats-server they are read as a signed byte.
  static func isSampled(_ value: String) -> Bool {
    let parts = value.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[3].utf8.count == 2, let flags = Int8(parts[3], radix: 16) else { return false }
    return flags & 1 == 1
  }
}

/// The fields of a header block under names as Go writes them: `X-B3-TraceId` is `X-B3-Traceid`.
struct CanonicalHeader {
  private(set) var fields: [String: [String]] = [:]

  /// nil when a line is no field.
  init?(_ block: UnsafeRawBufferPointer) {
    var lines = block.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
      line.last == 0x0D ? line.dropLast() : line
    }[...]
    // The version line.
    guard lines.popFirst() != nil else { return nil }
    var lastName: String?
    for line in lines {
      if line.isEmpty { break }
      if line.first == 0x20 || line.first == 0x09 {
        guard let name = lastName else { return nil }
        let values = fields[name]!
        fields[name]![values.count - 1] += " " + Self.text(line)
        continue
      }
      guard let colon = line.firstIndex(of: 0x3A), let name = Self.canonical(line[..<colon]) else { return nil }
      lastName = name
      fields[name, default: []].append(Self.text(line[(colon + 1)...]))
    }
  }

  private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let trimmed = bytes.drop(while: isBlank)
    let end = trimmed.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? trimmed.startIndex
    return String(decoding: trimmed[..<end], as: UTF8.self)
  }

  /// Upper case at the start and after each hyphen, lower case elsewhere; nil for an empty name or one with a byte that
  /// names may not have.
  private static func canonical(_ name: Slice<UnsafeRawBufferPointer>) -> String? {
    if name.isEmpty { return nil }
    var isStart = true
    var result: [UInt8] = []
    for byte in name {
      guard isNameByte(byte) else { return nil }
      let isLetter = (0x41...0x5A).contains(byte & 0xDF)
      result.append(isLetter ? (isStart ? byte & 0xDF : byte | 0x20) : byte)
      isStart = byte == 0x2D
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
  }
}
