import HTTP
import Testing

@Suite struct HTTPResponseParserTests {
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "GET", "200 OK keep abc end"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET", "200 OK keep abc end"),
    ("HTTP/1.1 200 OK\r\n\r\nabc", "GET", "200 OK close abc end"),
    ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "GET", "200 OK close a end"),
    ("HTTP/1.1 204 No Content\r\n\r\n", "GET", "204 No Content keep end"),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", "304 Not Modified keep end"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", "200 OK keep end"),
    ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "GET", "200 OK close end"),
    (
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
      "POST", "200  keep end"
    ),
    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nrest", "GET", "upgraded"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "GET", "200 OK keep ab truncated"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "GET", "200 OK keep abc truncated"),
    ("HTTP/1.1 200 OK\r\nContent-", "GET", "truncated"), ("", "GET", "truncated"),
    ("HTTP/1.1 2x0 OK\r\n\r\n", "GET", "malformed"), ("HTTP/2.0 200 OK\r\n\r\n", "GET", "malformed"),
    ("SSH-2.0-OpenSSH\r\n\r\n", "GET", "malformed"),
    ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "GET", "malformed"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "GET", "200 OK keep end unexpected"),
  ])
  func readsResponses(response: String, method: String, expected: String) {
    for cut in [response.utf8.count + 1, 1, 7] {
      #expect(summary(Array(response.utf8), method: method, cut: cut) == expected, "cut \(cut)")
    }
  }

  private func summary(_ bytes: [UInt8], method: String, cut: Int) -> String {
    var parser = HTTPResponseParser()
    parser.expectResponse(to: method)
    var parts: [String] = []
    var body = ""
    func note(_ event: HTTPResponseParser.Event, _ input: UnsafeRawBufferPointer?) {
      if case .body(let range) = event {
        body += String(decoding: input![range], as: UTF8.self)
        return
      }
      if !body.isEmpty { parts.append(body) }
      body = ""
      switch event {
      case .head(let head): parts.append("\(head.status) \(head.reason) \(head.endsConnection ? "close" : "keep")")
      case .end: parts.append("end")
      case .upgraded: parts.append("upgraded")
      case .failed(let failure): parts.append("\(failure)")
      case .body, .needsMore: break
      }
    }
    var start = 0
    while start < bytes.count {
      let piece = Array(bytes[start..<min(bytes.count, start + cut)])
      var isOver = false
      piece.withUnsafeBytes { input in
        var position = 0
        while true {
          let event = parser.next(input, &position)
          if event == .needsMore { break }
          note(event, input)
          if case .failed = event {
            isOver = true
            break
          }
        }
      }
      if isOver { return parts.joined(separator: " ") }
      start += piece.count
    }
    if let event = parser.finish() { note(event, nil) }
    return parts.joined(separator: " ")
  }
}
