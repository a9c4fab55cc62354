import Testing

@testable import NATSClient

/// What a server sends, cut anywhere, gives the same operations.
struct ServerParserTests {
  static let stream =
    "INFO {\"server_id\":\"A\"}\r\nMSG a 1 5\r\nhello\r\nMSG a.b 18446744073709551615 reply 0\r\n\r\n"
    + "HMSG h 2 12 15\r\nNATS/1.0\r\n\r\nabc\r\nHMSG h 2 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\nPING\r\npong\r\n+OK\r\n"
    + "-ERR 'Stale Connection'\r\n-ERR bare\r\nmsg\tx  3\t2\r\n\r\n\r\n"

  static let operations: [ServerParser.Operation] = [
    .info(Array("{\"server_id\":\"A\"}".utf8)),
    .message(.init(subject: "a", subscription: 1, reply: nil, headers: [], payload: Array("hello".utf8))),
    .message(.init(subject: "a.b", subscription: .max, reply: "reply", headers: [], payload: [])),
    .message(
      .init(
        subject: "h", subscription: 2, reply: nil, headers: Array("NATS/1.0\r\n\r\n".utf8), payload: Array("abc".utf8))),
    .message(
      .init(
        subject: "h", subscription: 2, reply: "r", headers: Array("NATS/1.0 503\r\n\r\n".utf8), payload: [])),
    .ping, .pong, .ok, .error("Stale Connection"), .error("bare"),
    .message(.init(subject: "x", subscription: 3, reply: nil, headers: [], payload: [13, 10])),
  ]

  @Test func everySplitOfTheBytesGivesTheSameOperations() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let bytes = Array(Self.stream.utf8)
    for round in 0..<200 {
      var parser = ServerParser()
      var found: [ServerParser.Operation] = []
      var start = 0
      while start < bytes.count {
        let most = round < 2 ? 1 : 1 << Int.random(in: 0...7, using: &random)
        let end = min(bytes.count, start + Int.random(in: 1...most, using: &random))
        bytes[start..<end].withUnsafeBytes { parser.append($0) }
        while let operation = try parser.next() { found.append(operation) }
        start = end
      }
      #expect(found == Self.operations, "seed \(seed), round \(round)")
    }
  }

  @Test(arguments: [
    "HELLO\r\n", "MSG a 1\r\n", "MSG a x 1\r\n", "MSG a 1 -1\r\n", "MSG a 1 2\r\nabcd\r\n", "HMSG a 1 5 4\r\n",
    "MSG a 1 99999999999\r\n", "\r\n", "HMSG a 1 -1 4\r\n",
  ])
  func whatIsNoProtocolIsAnError(_ text: String) {
    var parser = ServerParser()
    Array(text.utf8).withUnsafeBytes { parser.append($0) }
    #expect(throws: ClientError.self) { _ = try parser.next() }
  }

  @Test func aLineWithoutEndIsAnError() throws {
    var parser = ServerParser()
    let part = [UInt8](repeating: 65, count: ServerParser.longestLine)
    part.withUnsafeBytes { parser.append($0) }
    #expect(try parser.next() == nil)
    part.withUnsafeBytes { parser.append($0) }
    #expect(throws: ClientError.protocolViolation("line too long")) { _ = try parser.next() }
  }
}

struct ClientValueTests {
  @Test(
    arguments: [
      ("nats://localhost", "nats://localhost:4222", nil, nil),
      ("localhost:5000", "nats://localhost:5000", nil, nil),
      ("tls://[::1]:4443/", "tls://[::1]:4443", nil, nil),
      ("NATS://u:p%40ss@h", "nats://h:4222", "u", "p@ss"),
      ("nats://token@h:1", "nats://h:1", "token", nil),
      ("nats://a:@h", "nats://h:4222", "a", ""),
    ] as [(String, String, String?, String?)])
  func urls(_ text: String, _ shown: String, _ user: String?, _ password: String?) throws {
    let url = try #require(ServerURL(text))
    #expect(url.description == shown)
    #expect(url.user == user)
    #expect(url.password == password)
  }

  @Test(arguments: ["", "nats://", "http://h", "nats://h:x", "nats://h:70000", "nats://h/p", "h h", "u%zz@h", "[::1"])
  func whatIsNoURL(_ text: String) { #expect(ServerURL(text) == nil) }

  @Test func aBadURLIsNamedWithoutItsSecret() {
    #expect(throws: ClientError.invalidURL("...@h:x")) { try ServerURL.list("nats://a, nats://u:secret@h:x") }
  }

  @Test func headersGoOutAndComeBack() throws {
    var headers: MessageHeaders = ["Nats-Msg-Id": "1", "a": ""]
    headers.add("a", "two words")
    let bytes = try headers.encoded()
    #expect(String(decoding: bytes, as: UTF8.self) == "NATS/1.0\r\nNats-Msg-Id: 1\r\na: \r\na: two words\r\n\r\n")
    #expect(MessageHeaders(parsing: bytes[...]) == headers)
  }

  @Test(arguments: [("", "v"), ("a b", "v"), ("a:b", "v"), ("a", "v\r\nX: y"), ("a\n", "v")])
  func headersThatWouldBreakTheBlockAreRefused(_ name: String, _ value: String) {
    var headers = MessageHeaders()
    headers.add(name, value)
    #expect(throws: ClientError.invalidHeader(name)) { try headers.encoded() }
  }

  @Test func aStatusIsRead() {
    let headers = MessageHeaders(parsing: Array("NATS/1.0 409 Consumer Deleted\r\nA:b\r\n\r\n".utf8)[...])
    #expect(headers?.status == 409)
    #expect(headers?.statusText == "Consumer Deleted")
    #expect(headers?["A"] == "b")
  }
}
