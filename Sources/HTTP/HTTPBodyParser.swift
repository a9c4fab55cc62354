/// Finds the body of a message in its bytes.
struct HTTPBodyParser {
  enum Framing: Equatable {
    case none
    case length(UInt64)
    case chunked
    /// Up to the end of the connection; responses only.
    case untilClose
  }

  enum Outcome: Equatable {
    case needsMore
    /// Bytes of the body, at a range of the input.
    case bytes(Range<Int>)
    case complete
    case failed(HTTPFailure)
  }

  private enum State {
    case length(UInt64)
    case chunkLine
    case chunk(UInt64)
    /// The line end behind a chunk's bytes; true when its CR was seen.
    case chunkEnd(seenCarriageReturn: Bool)
    case trailers(HTTPHeadParser)
    case untilClose
    case complete
  }

  private static let longestChunkSize = 16

  private let limits: HTTPLimits
  private var state: State
  private var line: [UInt8] = []

  init(_ framing: Framing, limits: HTTPLimits) {
    self.limits = limits
    switch framing {
    case .none, .length(0): state = .complete
    case .length(let count): state = .length(count)
    case .chunked: state = .chunkLine
    case .untilClose: state = .untilClose
    }
  }

  var isComplete: Bool {
    if case .complete = state { true } else { false }
  }

  var endsWithConnection: Bool {
    if case .untilClose = state { true } else { false }
  }

  /// Goes on in the input until there are bytes to hand out, the body ends, or the input does.
  mutating func next(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> Outcome {
    while true {
      if isComplete { return .complete }
      guard position < input.count else { return .needsMore }
      switch state {
      case .complete: return .complete
      case .untilClose:
        defer { position = input.count }
        return .bytes(position..<input.count)
      case .length(let rest):
        let taken = take(rest, input.count, &position)
        state = taken.rest == 0 ? .complete : .length(taken.rest)
        return .bytes(taken.range)
      case .chunk(let rest):
        let taken = take(rest, input.count, &position)
        state = taken.rest == 0 ? .chunkEnd(seenCarriageReturn: false) : .chunk(taken.rest)
        return .bytes(taken.range)
      case .chunkEnd(let seenCarriageReturn):
        guard input[position] == (seenCarriageReturn ? 0x0A : 0x0D) else { return .failed(.badRequest) }
        position += 1
        state = seenCarriageReturn ? .chunkLine : .chunkEnd(seenCarriageReturn: true)
      case .chunkLine:
        if let failure = chunkLine(input, &position) { return .failed(failure) }
      case .trailers(var parser):
        let outcome = parser.consumeLine(input, &position)
        state = outcome == .complete ? .complete : .trailers(parser)
        if case .failed = outcome { return .failed(.badRequest) }
      }
    }
  }

  private func take(_ rest: UInt64, _ end: Int, _ position: inout Int) -> (range: Range<Int>, rest: UInt64) {
    let count = Int(min(rest, UInt64(end - position)))
    defer { position += count }
    return (position..<(position + count), rest - UInt64(count))
  }

  /// Strict about line ends: a bare LF here is how requests are smuggled past proxies.
  private mutating func chunkLine(_ input: UnsafeRawBufferPointer, _ position: inout Int) -> HTTPFailure? {
    while position < input.count {
      let byte = input[position]
      position += 1
      line.append(byte)
      guard line.count <= limits.chunkLineBytes else { return .badRequest }
      guard byte == 0x0A else { continue }
      guard line.count >= 2, line[line.count - 2] == 0x0D, let size = Self.chunkSize(line.dropLast(2)) else {
        return .badRequest
      }
      line.removeAll(keepingCapacity: true)
      state = size == 0 ? .trailers(HTTPHeadParser(limits: limits, hasStartLine: false)) : .chunk(size)
      return nil
    }
    return nil
  }

  private static func chunkSize(_ line: ArraySlice<UInt8>) -> UInt64? {
    guard !line.contains(0x0D) else { return nil }
    var digits = line.prefix { $0 != UInt8(ascii: ";") }
    while let last = digits.last, last == 0x20 || last == 0x09 { digits = digits.dropLast() }
    guard !digits.isEmpty, digits.count <= longestChunkSize else { return nil }
    var size: UInt64 = 0
    for byte in digits {
      guard let value = ASCII.hexValue(byte) else { return nil }
      size = size << 4 | UInt64(value)
    }
    return size
  }

  /// The framing that the headers of a message declare (RFC 9112, 6.3); nil when they declare none.
  static func framing(of headers: HTTPHeaders, minorVersion: Int) throws(HTTPFailure) -> Framing? {
    let encodings = headers.all("Transfer-Encoding")
    // HTTP/1.0 knows no transfer encodings; Go ignores the header there.
    if !encodings.isEmpty, minorVersion > 0 {
      guard encodings.count == 1, ASCII.equalIgnoringCase(encodings[0], "chunked") else {
        throw HTTPFailure(501, body: "Unsupported transfer encoding")
      }
      return .chunked
    }
    let lengths = headers.all("Content-Length")
    guard let first = lengths.first else { return nil }
    guard lengths.allSatisfy({ $0 == first }), !first.isEmpty, first.utf8.allSatisfy(ASCII.isDigit),
      let length = UInt64(first), length <= UInt64(Int64.max)
    else { throw .badRequest }
    return .length(length)
  }
}
