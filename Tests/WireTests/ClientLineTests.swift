import Testing

@testable import Wire

/// Scans text that stands at the start of a larger buffer, as it does in the read buffer.
private func scan(_ text: String) -> ClientLineScan {
  let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: 64)
  return bytes.withUnsafeBytes { ClientLine.scan($0.baseAddress!, text.utf8.count) }
}

/// The verb and the argument text of a whole line.
private func line(_ text: String) -> (ClientVerb, String, Int)? {
  guard case .line(let verb, let start, let end, let next) = scan(text) else { return nil }
  return (verb, String(decoding: Array(text.utf8)[start..<end], as: UTF8.self), next)
}

@Suite struct ClientLineTests {
  @Test(
    "verbs and arguments (FEATURES 1.001, 1.017 to 1.023)",
    arguments: [
      ("PUB foo 5\r\n", ClientVerb.publish, "foo 5"), ("pub\tfoo 5\r\n", .publish, "foo 5"),
      ("Pub  \t foo 5\r\n", .publish, "foo 5"), ("HPUB a 1 2\r\n", .publishWithHeaders, "a 1 2"),
      ("sub foo 1\n", .subscribe, "foo 1"), ("UNSUB 1 5\r\n", .unsubscribe, "1 5"), ("PING\r\n", .ping, ""),
      ("PINGxyz\r\n", .ping, ""), ("ping\n", .ping, ""), ("PONG \r\n", .pong, ""), ("CONNECT {}\r\n", .connect, "{}"),
      ("CONNECT{}\r\n", .connect, "{}"), ("INFO {}\r\n", .info, "{}"), ("+OK\r\n", .ok, ""),
      ("-ERR 'x'\r\n", .error, "'x'"), ("SUB \r\n", .subscribe, "\r"),
    ])
  func wholeLines(_ row: (String, ClientVerb, String)) throws {
    let (verb, arguments, next) = try #require(line(row.0))
    #expect(verb == row.1)
    #expect(arguments == row.2)
    #expect(next == row.0.utf8.count)
  }

  @Test(
    "bytes that no verb starts with are told at once (FEATURES 1.040)",
    arguments: [
      "F", "FOO\r\n", "PX", "PUBX", "SUBX foo 1\r\n", " PING\r\n", "\r\n", "MSG a 1 1\r\n", "PU\r\n", "-ERRx",
    ])
  func unknown(_ text: String) { #expect(scan(text) == .unknown) }

  @Test(
    "every prefix of a line is incomplete, and no more is needed than its line end",
    arguments: [
      "PUB foo bar 5\r\n", "hpub a b 1 2\n", "SUB foo q 1\r\n", "UNSUB 1\r\n", "PING\r\n", "CONNECT {\"a\":1}\r\n",
    ])
  func prefixes(_ text: String) {
    for count in 1..<text.utf8.count {
      let prefix = String(decoding: Array(text.utf8).prefix(count), as: UTF8.self)
      guard case .incomplete = scan(prefix) else {
        Issue.record("\(prefix.debugDescription) is not incomplete")
        continue
      }
    }
    #expect(line(text) != nil)
  }

  @Test(
    "sizes have one to nine digits (FEATURES 1.018)",
    arguments: [
      ("0", 0), ("5", 5), ("0005", 5), ("999999999", 999_999_999), ("", nil), ("1234567890", nil), ("-1", nil),
      ("5x", nil),
      ("+5", nil), ("00000000000", nil),
    ] as [(String, Int?)])
  func sizes(_ row: (String, Int?)) {
    let bytes = Array(row.0.utf8) + [0]
    let size = bytes.withUnsafeBytes {
      ClientArguments.size($0.baseAddress!, Field(start: 0, count: row.0.utf8.count))
    }
    #expect(size == row.1)
  }

  @Test("fields stand between runs of spaces and tabs (FEATURES 1.001)")
  func fields() {
    let bytes = Array("  a \t bb\t\tccc  ".utf8)
    let fields = bytes.withUnsafeBytes { ClientArguments.split($0.baseAddress!, 0, $0.count, lineEndsSeparate: false) }
    #expect(fields.count == 3)
    #expect(fields.first == Field(start: 2, count: 1))
    #expect(fields.second == Field(start: 6, count: 2))
    #expect(fields.third == Field(start: 10, count: 3))
  }
}
