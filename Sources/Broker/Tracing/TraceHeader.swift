/// The header block of a message as message tracing reads it: names keep their case, fields without a value do not
/// count, reading ends at the first line that is no field (FEATURES 2.030, 2.035, 2.036).
struct TraceHeader {
  static let destination = "Nats-Trace-Dest"
  static let only = "Nats-Trace-Only"
  static let originAccount = "Nats-Trace-Origin-Account"
  static let acceptEncoding = "Accept-Encoding"
  /// Destination of a message that is not to be traced any more; no valid subject.
  static let disabled = "trace disabled"

  /// In order of appearance.
  private(set) var fields: [String: [String]] = [:]
  /// There is a destination; otherwise a sampled `traceparent` asks for the trace.
  private(set) var hasDestination = false

  /// nil when nothing in the block asks for a trace.
  init?(_ block: UnsafeRawBufferPointer) {
    let line = UnsafeRawBufferPointer(
      start: HeaderBlock.line.utf8Start, count: HeaderBlock.line.utf8CodeUnitCount)
    guard block.starts(with: line) else { return nil }
    var isSampled = false
    var rest = block[line.count...]
    while let colon = rest.firstIndex(of: 0x3A), let end = Self.lineEnd(rest[(colon + 1)...]) {
      let name = rest[..<colon]
      let value = Self.trimmed(rest[(colon + 1)..<end])
      rest = rest[(end + 2)...]
      if name.isEmpty || value.isEmpty { continue }
      let nameText = String(decoding: name, as: UTF8.self)
      let valueText = String(decoding: value, as: UTF8.self)
      if !isSampled, nameText.utf8.count == 11, nameText.lowercased() == "traceparent" {
        isSampled = TraceParent.isSampled(valueText)
      } else if !hasDestination, nameText == Self.destination {
        if valueText == Self.disabled { return nil }
        hasDestination = true
      }
      fields[nameText, default: []].append(valueText)
    }
    if !hasDestination && !isSampled { return nil }
  }

  /// The first value of a field; empty when there is none.
  subscript(_ name: String) -> String { fields[name]?.first ?? "" }

  /// Whether the message is to be traced but not delivered.
  var isOnly: Bool { hasDestination && ["1", "true", "on"].contains(self[Self.only].lowercased()) }

  var sorted: [(key: String, value: [String])] { fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }

  /// Where CR LF stands.
  private static func lineEnd(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
    var position = bytes.startIndex
    while position + 1 < bytes.endIndex {
      if bytes[position] == 0x0D, bytes[position + 1] == 0x0A { return position }
      position += 1
    }
    return nil
  }

  private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let start = bytes.drop(while: isBlank)
    guard let last = start.lastIndex(where: { !isBlank($0) }) else { return start[start.startIndex..<start.startIndex] }
    return start[...last]
  }
}
