/// Takes the start line and the header lines of a message apart, fed with any pieces of it.
///
/// Lines may end in a bare LF, as in Go. Bytes are counted against `HTTPLimits.headBytes`.
struct HTTPHeadParser {
  enum Outcome: Equatable {
    case needsMore
    /// The empty line that ends the head was consumed.
    case complete
    case failed(HTTPFailure)
  }

  private let limits: HTTPLimits
  /// Whether a start line goes before the headers; trailers have none.
  private let hasStartLine: Bool
  private var consumed = 0
  /// A line that has not ended yet.
  private var partialLine: [UInt8] = []
  private(set) var startLine: String?
  private(set) var headers = HTTPHeaders()
  /// A name that is no token: an error only when the rest of the head is fine.
  private(set) var hasInvalidName = false

  init(limits: HTTPLimits, hasStartLine: Bool = true) {
    self.limits = limits
    self.hasStartLine = hasStartLine
  }

  var isAtStart: Bool { consumed == 0 }

  /// Whether the start line is complete, so that it can be judged before the headers are there.
  var hasReadStartLine: Bool { startLine != nil }

  /// Consumes up to the end of one line; the caller goes on while `needsMore` left input.
  mutating func consumeLine(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> Outcome {
    let rest = UnsafeRawBufferPointer(rebasing: input[position...])
    let end = rest.firstIndex(of: 0x0A)
    let count = end.map { $0 + 1 } ?? rest.count
    guard consumed + count <= limits.headBytes else { return .failed(.headTooLarge) }
    consumed += count
    position += count
    guard let end else {
      partialLine.append(contentsOf: rest)
      return .needsMore
    }
    if partialLine.isEmpty { return take(UnsafeRawBufferPointer(rebasing: rest[..<end])) }
    partialLine.append(contentsOf: rest[..<end])
    let line = partialLine
    partialLine = []
    return line.withUnsafeBytes { take($0) }
  }

  private mutating func take(_ line: UnsafeRawBufferPointer) -> Outcome {
    var line = line
    if line.last == 0x0D { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
    if hasStartLine, startLine == nil {
      startLine = String(decoding: line, as: UTF8.self)
      return .needsMore
    }
    return line.isEmpty ? .complete : takeHeader(line)
  }

  private mutating func takeHeader(_ line: UnsafeRawBufferPointer) -> Outcome {
    guard line.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else { return .failed(.badRequest) }
    if line[0] == 0x20 || line[0] == 0x09 {
      guard headers.count > 0 else { return .failed(.badRequest) }
      headers.continueLast(with: Self.text(line[...]))
      return .needsMore
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return .failed(.badRequest) }
    guard headers.count < limits.headerCount else { return .failed(.headTooLarge) }
    if !line[..<colon].allSatisfy(ASCII.isToken) { hasInvalidName = true }
    headers.add(String(decoding: line[..<colon], as: UTF8.self), Self.text(line[(colon + 1)...]))
    return .needsMore
  }

  private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
