import HTTP
import Testing

@Suite struct WebSocketTests {
  /// RFC 6455, 1.3.
  @Test func acceptValueIsTheStandards() {
    #expect(WebSocketHandshake.acceptValue(forKey: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  /// FEATURES 12.002.
  @Test(
    arguments: [
      ([:], nil), (["method": "POST"], "405 request method must be GET"),
      (["Host": ""], "400 'Host' missing in request"),
      (["Upgrade": "x"], "400 invalid value for header 'Upgrade'"),
      (["Connection": "close"], "400 invalid value for header 'Connection'"),
      (["Sec-WebSocket-Key": ""], "400 key missing"), (["Sec-WebSocket-Key": "YWJj"], "400 invalid websocket key"),
      (["Sec-WebSocket-Version": "12"], "400 invalid version"), (["Connection": "keep-alive, Upgrade"], nil),
      (["Upgrade": "WebSocket"], nil),
    ] as [([String: String], String?)])
  func upgradesAreChecked(changes: [String: String], refusal: String?) throws {
    var fields = [
      "Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
    ]
    for (name, value) in changes where name != "method" { fields[name] = value }
    var text = "\(changes["method"] ?? "GET") /ws HTTP/1.1\r\n"
    for (name, value) in fields { text += "\(name): \(value)\r\n" }
    var parser = HTTPRequestParser()
    var position = 0
    guard case .head(let head) = Array((text + "\r\n").utf8).withUnsafeBytes({ parser.next($0, &position) }) else {
      return #expect(Bool(false))
    }
    do {
      let accept = try WebSocketHandshake.accept(head)
      #expect(refusal == nil)
      #expect(accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    } catch {
      #expect("\(error.status) \(error.reason)" == refusal)
    }
  }

  @Test func compressionOffersAreFound() {
    #expect(
      WebSocketHandshake.offersCompression(["Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"])
        == (true, false))
    #expect(
      WebSocketHandshake.offersCompression(["Sec-WebSocket-Extensions": "x, \(WebSocketDeflate.parameters)"]) == (
        true, true
      ))
    #expect(
      WebSocketHandshake.offersCompression(["Sec-WebSocket-Extensions": "x-permessage-deflate"]) == (false, false))
  }

  /// RFC 6455, 5.7.
  @Test func framesOfTheStandard() {
    var bytes: [UInt8] = []
    Array("Hello".utf8).withUnsafeBytes { WebSocketFrameWriter.append(.text, payload: $0, to: &bytes) }
    #expect(bytes == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    bytes = []
    Array("Hello".utf8).withUnsafeBytes {
      WebSocketFrameWriter.append(.text, payload: $0, maskKey: 0x37FA_213D, to: &bytes)
    }
    #expect(bytes == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
    for (count, header) in [
      (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (65536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
      bytes = []
      WebSocketFrameWriter.appendHeader(.binary, payloadCount: count, to: &bytes)
      #expect(bytes == header.map { UInt8($0) })
    }
  }

  /// Texts of nats-server.
  @Test(
    arguments: [
      ([0xA2, 0x80], "RSV2 and RSV3 must be clear"),
      ([0xC2, 0x80], "compressed frame received without negotiated permessage-deflate"),
      ([0x82, 0x00], "mask bit missing"), ([0x83, 0x80], "unknown opcode 3"), ([0x8B, 0x80], "unknown opcode 11"),
      ([0x89, 0xFE], "control frame length bigger than maximum allowed of 125 bytes"),
      ([0x09, 0x80], "control frame does not have final bit set"), ([0x80, 0x80], "invalid continuation frame"),
      (
        [0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80], "new message started before final frame for previous message was received"
      ),
      ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "invalid 64-bit payload length"),
      ([0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "message too big"),
      ([0x88, 0x81, 0, 0, 0, 0, 1], "close frame payload cannot be 1 byte"),
      ([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xED], "invalid close status code 1005"),
      ([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xF8], "invalid close status code 1016"),
    ] as [([UInt8], String)])
  func badFramesFailWithNatsText(bytes: [UInt8], expected: String) {
    guard case .failed(let failure) = parse(bytes).last else { return #expect(Bool(false)) }
    #expect(failure.description == expected)
    #expect(failure.code == (expected == "message too big" ? 1009 : 1002))
  }

  @Test func closeFramesTellWhy() {
    var bytes: [UInt8] = []
    WebSocketFrameWriter.appendClose(1001, reason: "bye", maskKey: 7, to: &bytes)
    #expect(parse(bytes) == [.close(code: 1001, reason: "bye")])
    #expect(parse([0x88, 0x80, 1, 2, 3, 4]) == [.close(code: 1005, reason: "")])
    #expect(
      parse([0x88, 0x83, 0, 0, 0, 0, 0x03, 0xE8, 0xFF]) == [
        .close(code: 1007, reason: "invalid utf8 body in close frame")
      ])
    bytes = []
    WebSocketFrameWriter.appendClose(1000, reason: String(repeating: "é", count: 100), maskKey: 0, to: &bytes)
    guard case .close(1000, let reason) = parse(bytes).first else { return #expect(Bool(false)) }
    #expect(reason == String(repeating: "é", count: 60) + "...")
  }

  @Test func randomStreamsReadBackInAnyCut() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("WebSocketTests seed", seed)
    var random = SplitMix(state: seed)
    for _ in 0..<100 {
      var stream: [UInt8] = []
      var expected: [String] = []
      let deflate = WebSocketDeflate()
      for _ in 0..<(1 + random.next() % 5) {
        let message = (0..<(random.next() % 300)).map { _ in UInt8(random.next() % 8) }
        let isCompressed = random.next() % 2 == 0
        var payload = message
        if isCompressed {
          payload = []
          message.withUnsafeBytes { deflate.compress($0, into: &payload) }
        }
        expected.append("message \(message)")
        // In up to three fragments, with a ping between them.
        var start = 0
        var opcode = WebSocketOpcode.binary
        repeat {
          let isLast = random.next() % 3 == 0 || start == payload.count
          let end = isLast ? payload.count : start + Int(random.next() % UInt64(payload.count - start + 1))
          payload[start..<end].withUnsafeBytes {
            WebSocketFrameWriter.append(
              opcode, payload: $0, isFinal: isLast, isCompressed: isCompressed && opcode != .continuation,
              maskKey: UInt32(truncatingIfNeeded: random.next()), to: &stream)
          }
          if isLast { break }
          [UInt8(1), 2].withUnsafeBytes { WebSocketFrameWriter.append(.ping, payload: $0, maskKey: 9, to: &stream) }
          expected.insert("ping", at: expected.count - 1)
          start = end
          opcode = .continuation
        } while true
      }
      for cut in [1, 3, 64, stream.count] {
        #expect(try messages(stream, cut: cut) == expected, "seed \(seed) cut \(cut)")
      }
    }
  }

  private func options() -> WebSocketFrameParser.Options {
    WebSocketFrameParser.Options()
  }

  private func parse(_ bytes: [UInt8]) -> [WebSocketFrameParser.Event] {
    var parser = WebSocketFrameParser(options())
    var input = bytes
    var events: [WebSocketFrameParser.Event] = []
    input.withUnsafeMutableBytes { input in
      var position = 0
      while true {
        let event = parser.next(input, &position)
        if event == .needsMore { break }
        events.append(event)
        if case .failed = event { break }
      }
    }
    return events
  }

  private func messages(_ stream: [UInt8], cut: Int) throws -> [String] {
    var options = options()
    options.allowsCompression = true
    var parser = WebSocketFrameParser(options)
    let deflate = WebSocketDeflate()
    deflate.beginMessage()
    var result: [String] = []
    var message: [UInt8] = []
    var start = 0
    while start < stream.count {
      var piece = Array(stream[start..<min(stream.count, start + cut)])
      start += piece.count
      try piece.withUnsafeMutableBytes { input in
        var position = 0
        while true {
          switch parser.next(input, &position) {
          case .needsMore: return
          case .payload(let range, _, let isCompressed, let endsMessage):
            let bytes = UnsafeRawBufferPointer(rebasing: input[range])
            if isCompressed {
              try deflate.decompress(bytes, endsMessage: endsMessage, into: &message, limit: 1000)
            } else {
              message.append(contentsOf: bytes)
            }
            guard endsMessage else { continue }
            result.append("message \(message)")
            message = []
            deflate.beginMessage()
          case .ping(let payload): result.append(payload == [1, 2] ? "ping" : "?")
          case let other:
            result.append("\(other)")
            return
          }
        }
      }
    }
    return result
  }
}
