import HTTP
import Testing

@Suite struct HTTPRequestParserTests {
  static let host = "Host: x\r\n"

  /// nats-server 2.15.1 answers the first line of each; requests that Go accepts give 200.
  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request: malformed Host header"),
    ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported: unsupported protocol version"),
    ("GET / HTTP/0.9\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported: unsupported protocol version"),
    ("GET /\r\n", "400 Bad Request"), ("garbage\r\n", "400 Bad Request"), ("\r\n", "400 Bad Request"),
    ("GET  / HTTP/1.1\r\n", "400 Bad Request"), ("GET / HTTP/1.1 \r\n", "400 Bad Request"),
    ("G\0T / HTTP/1.1\r\n", "400 Bad Request"), ("G{T / HTTP/1.1\r\n", "400 Bad Request"),
    ("GET healthz HTTP/1.1\r\n", "400 Bad Request"), ("GET /%zz HTTP/1.1\r\n", "400 Bad Request"),
    ("GET ?x HTTP/1.1\r\n", "400 Bad Request"), ("GET / HTTP/11\r\n", "400 Bad Request"),
    ("GET / http/1.1\r\n", "400 Bad Request"), ("GET /a\u{7f} HTTP/1.1\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n", "400 Bad Request: invalid header name"),
    ("GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", "400 Bad Request: invalid header name"),
    ("GET / HTTP/1.1\r\nHost: x\r\nNoColon\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\nHost: x\r\n: y\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\n X: y\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n", "400 Bad Request"),
    ("GET / HTTP/1.1\r\nHost: x\r\nX: a\u{1}b\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented"),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "501 Not Implemented"
    ),
    ("GET / HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n", "417 Expectation Failed"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\r", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n12345678901234567\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n", "400 Bad Request"),
  ])
  func refusesWithGoStatusLine(request: String, expected: String) {
    let events = parse(Array(request.utf8))
    guard case .failed(let failure) = events.last else {
      Issue.record("\(events)")
      return
    }
    #expect(failure.description == expected)
    #expect(
      String(decoding: failure.answer, as: UTF8.self).hasPrefix("HTTP/1.1 \(expected)\r\nContent-Type: text/plain"))
  }

  @Test func failureAnswerIsGos() {
    let events = parse(Array("GET / HTTP/1.1\r\n\r\n".utf8))
    guard case .failed(let failure) = events.last else { return #expect(Bool(false)) }
    #expect(
      String(decoding: failure.answer, as: UTF8.self)
        == "HTTP/1.1 400 Bad Request: missing required Host header\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Connection: close\r\n\r\n400 Bad Request: missing required Host header")
  }

  @Test(arguments: [
    ("GET /a HTTP/1.1\nHost: x\n\n", "GET /a ? end"), ("GET /a HTTP/1.2\r\nHost: \r\n\r\n", "GET /a ? end"),
    ("FOO /a?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "FOO /a ?x=1 end"),
    ("GET http://y/a%20b?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a b ?q end"),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * ? end"),
    ("CONNECT x:80 HTTP/1.1\r\n\r\n", "CONNECT  ? end"),
    ("GET //a/../b#c HTTP/1.1\r\nHost: x\r\n\r\n", "GET //a/../b#c ? end"),
    ("GET /a?b?c HTTP/1.0\r\n\r\n", "GET /a ?b?c end"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "POST / ? abc end"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "POST / ? a end"),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
        + "3;ext=\"x\"\r\nabc\r\n00A \r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
      "POST / ? abc0123456789 end"
    ),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / ? end"),
    ("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /1 ? end GET /2 ? end"),
  ])
  func readsRequests(request: String, expected: String) {
    #expect(summary(parse(Array(request.utf8)), Array(request.utf8)) == expected)
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", false), ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close, te\r\n\r\n", true),
    ("GET / HTTP/1.0\r\n\r\n", true), ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
    ("GET / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", true),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", true),
  ])
  func knowsWhetherTheConnectionEnds(request: String, ends: Bool) {
    guard case .head(let head) = parse(Array(request.utf8)).first else { return #expect(Bool(false)) }
    #expect(head.endsConnection == ends)
  }

  @Test func headersFoldAndAreFoundInAnyCase() {
    let request = "GET / HTTP/1.1\r\nhost:x\r\nX-A: \t one \r\n  two\r\n\tthree\r\nx-a: four\r\nEmpty:\r\n\r\n"
    guard case .head(let head) = parse(Array(request.utf8)).first else { return #expect(Bool(false)) }
    #expect(head.headers.all("X-a") == ["one two three", "four"])
    #expect(head.headers["empty"] == "")
    #expect(head.host == "x")
    #expect(!head.expectsContinue)
  }

  @Test func limitsAnswer431() {
    var limits = HTTPLimits()
    limits.headBytes = 100
    let long = Array(("GET / HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "a", count: 100)).utf8)
    #expect(parse(long, limits: limits).last == .failed(failure(431)))
    let longTarget = Array(("GET /" + String(repeating: "a", count: 100)).utf8)
    #expect(parse(longTarget, limits: limits).last == .failed(failure(431)))
    limits = HTTPLimits()
    limits.headerCount = 3
    let many = Array("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n".utf8)
    #expect(parse(many, limits: limits).last == .failed(failure(431)))
    limits = HTTPLimits()
    limits.chunkLineBytes = 10
    let extended = Array("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;aaaaaaaaaaaa\r\n".utf8)
    #expect(parse(extended, limits: limits).last == .failed(failure(400)))
  }

  @Test func anyCutOfTheInputGivesTheSame() {
    let seed = UInt64.random(in: .min ... .max)
    print("HTTPRequestParserTests seed", seed)
    var random = SplitMix(state: seed)
    let pieces = [
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "POST /p HTTP/1.1\r\nHost: y\r\nContent-Length: 11\r\n\r\nhello world",
      "PUT /c HTTP/1.1\r\nHost: z\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: v\r\n\r\n",
      "GET / HTTP/1.0\nConnection: keep-alive\n\n", "GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", "junk\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
    ]
    for _ in 0..<300 {
      var request: [UInt8] = []
      for _ in 0...(random.next() % 4) { request += pieces[Int(random.next() % UInt64(pieces.count))].utf8 }
      if random.next() % 2 == 0 { request[Int(random.next() % UInt64(request.count))] = UInt8(random.next() & 0x7F) }
      let whole = summary(parse(request), request)
      #expect(summary(parse(request, cut: { 1 }), request) == whole, "seed \(seed)")
      #expect(summary(parse(request, cut: { Int(random.next() % 40) + 1 }), request) == whole, "seed \(seed)")
    }
  }

  // MARK: - Helpers

  /// Feeds the bytes in pieces; ranges of bodies are made to count from the start of all input.
  private func parse(
    _ bytes: [UInt8], limits: HTTPLimits = HTTPLimits(), cut: (() -> Int)? = nil
  ) -> [HTTPRequestParser.Event] {
    var parser = HTTPRequestParser(limits: limits)
    var events: [HTTPRequestParser.Event] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + (cut?() ?? bytes.count))
      // A block of exactly this size, so that a sanitizer sees any access beyond it.
      let piece = Array(bytes[start..<end])
      var position = 0
      piece.withUnsafeBytes { input in
        while true {
          let event = parser.next(input, &position)
          if event == .needsMore { break }
          if case .body(let range) = event {
            events.append(.body((range.lowerBound + start)..<(range.upperBound + start)))
          } else {
            events.append(event)
          }
          if case .failed = event { break }
        }
      }
      if case .failed = events.last { break }
      #expect(position == piece.count)
      start = end
    }
    return events
  }

  private func summary(_ events: [HTTPRequestParser.Event], _ bytes: [UInt8]) -> String {
    var parts: [String] = []
    var isInBody = false
    for event in events {
      switch event {
      case .needsMore: break
      case .head(let head): parts.append("\(head.method) \(head.target.path) ?\(head.target.rawQuery)")
      case .body(let range):
        let text = String(decoding: bytes[range], as: UTF8.self)
        if isInBody { parts[parts.count - 1] += text } else { parts.append(text) }
      case .end: parts.append("end")
      case .failed(let failure): parts.append(failure.description)
      }
      if case .body = event { isInBody = true } else { isInBody = false }
    }
    return parts.joined(separator: " ")
  }

  private func failure(_ status: Int) -> HTTPFailure {
    // The only way to name one from outside: provoke it.
    let requests = [431: String(repeating: "a", count: 70_000), 400: "x\r\n"]
    guard case .failed(let failure) = parse(Array(requests[status]!.utf8)).last else { fatalError() }
    return failure
  }
}

/// A small generator with a seed that a failing test prints.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
