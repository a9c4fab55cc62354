/// Cuts what a server sends into operations, however the bytes arrive.
///
/// Lines are limited to `longestLine` bytes and messages to `largestMessage`; more is an error.
struct ServerParser {
  struct Arrival: Equatable {
    var subject: String
    var subscription: UInt64
    var reply: String?
    var headers: [UInt8]
    var payload: [UInt8]
  }

  enum Operation: Equatable {
    case info([UInt8])
    case message(Arrival)
    case ping
    case pong
    case ok
    /// The text without its quotes.
    case error(String)
  }

  /// An INFO grows with the cluster.
  static let longestLine = 1 << 20
  /// nats-server's upper limit of `max_payload` is 64 MB.
  static let largestMessage = 68 << 20

  private struct Head {
    var arrival: Arrival
    var headerCount: Int
    var count: Int
  }

  private var buffer: [UInt8] = []
  private var start = 0
  /// Where the search for a line's end goes on.
  private var searched = 0
  private var head: Head?

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if start > 0 {
      buffer.removeFirst(start)
      searched -= start
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next complete operation; nil when more bytes are needed.
  mutating func next() throws(ClientError) -> Operation? {
    while true {
      if let head { return finish(head, try end(of: head)) }
      guard let line = try takeLine() else { return nil }
      if let operation = try parse(line) { return operation }
    }
  }

  private mutating func takeLine() throws(ClientError) -> ArraySlice<UInt8>? {
    guard let end = buffer[searched...].firstIndex(of: 10) else {
      searched = buffer.count
      guard buffer.count - start <= Self.longestLine else { throw .protocolViolation("line too long") }
      return nil
    }
    var line = buffer[start..<end]
    if line.last == 13 { line.removeLast() }
    start = end + 1
    searched = start
    return line
  }

  /// Where the payload ends; nil when it is not here yet.
  private func end(of head: Head) throws(ClientError) -> Int? {
    let end = start + head.count
    guard buffer.count >= end + 2 else { return nil }
    guard buffer[end] == 13, buffer[end + 1] == 10 else { throw .protocolViolation("message without end") }
    return end
  }

  private mutating func finish(_ head: Head, _ end: Int?) -> Operation? {
    guard let end else { return nil }
    var arrival = head.arrival
    arrival.headers = Array(buffer[start..<start + head.headerCount])
    arrival.payload = Array(buffer[start + head.headerCount..<end])
    start = end + 2
    searched = start
    self.head = nil
    return .message(arrival)
  }

  /// nil for the head of a message, whose payload follows.
  private mutating func parse(_ line: ArraySlice<UInt8>) throws(ClientError) -> Operation? {
    let name = line.prefix { $0 != 32 && $0 != 9 }
    let rest = line[name.endIndex...].drop { $0 == 32 || $0 == 9 }
    switch String(decoding: name, as: UTF8.self).uppercased() {
    case "MSG": head = try messageHead(rest, hasHeaders: false)
    case "HMSG": head = try messageHead(rest, hasHeaders: true)
    case "PING": return .ping
    case "PONG": return .pong
    case "+OK": return .ok
    case "INFO": return .info(Array(rest))
    case "-ERR":
      let text = String(decoding: rest, as: UTF8.self)
      guard text.count >= 2, text.hasPrefix("'"), text.hasSuffix("'") else { return .error(text) }
      return .error(String(text.dropFirst().dropLast()))
    default: throw .protocolViolation("unknown operation")
    }
    return nil
  }

  /// `subject sid [reply] [header bytes] bytes`
  private func messageHead(_ rest: ArraySlice<UInt8>, hasHeaders: Bool) throws(ClientError) -> Head {
    let words = rest.split { $0 == 32 || $0 == 9 }.map { String(decoding: $0, as: UTF8.self) }
    let numbers = hasHeaders ? 2 : 1
    guard words.count == 2 + numbers || words.count == 3 + numbers, let subscription = UInt64(words[1]),
      let count = Int(words[words.count - 1]), let headerCount = hasHeaders ? Int(words[words.count - 2]) : 0,
      count >= 0, headerCount >= 0, headerCount <= count, count <= Self.largestMessage
    else { throw .protocolViolation("bad message line") }
    let reply = words.count == 3 + numbers ? words[2] : nil
    return Head(
      arrival: Arrival(subject: words[0], subscription: subscription, reply: reply, headers: [], payload: []),
      headerCount: headerCount, count: count)
  }
}
