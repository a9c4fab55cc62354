import Testing

@testable import Configuration

@Suite("Texts in Go's notation")
struct TextTests {
  @Test(
    "Floats",
    arguments: [
      (1.5, "1.5", "1.5"), (100.0, "100", "100"), (1e21, "1e+21", "1e+21"), (0.00001, "1e-05", "0.00001"),
      (1.25e-7, "1.25e-07", "1.25e-7"), (-0.5, "-0.5", "-0.5"), (123456.789, "123456.789", "123456.789"), (0, "0", "0"),
    ])
  func floats(value: Double, general: String, json: String) {
    #expect(GoText.general(value) == general)
    #expect(GoText.json(value) == json)
  }

  @Test("Quotes", arguments: [("a\"b", #""a\"b""#), ("a\n\t", #""a\n\t""#), ("\u{1}é\u{200B}", #""\x01é\u200b""#)])
  func quotes(text: String, quoted: String) {
    #expect(GoText.quoted(text) == quoted)
  }

  @Test("Fixed decimals", arguments: [(90.5, "90.500000"), (60_000, "60000.000000"), (-0.25, "-0.250000")])
  func fixed(value: Double, text: String) {
    #expect(GoText.fixed(value) == text)
  }

  @Test(
    "Paths",
    arguments: [
      ("", "a", "a"), (".", "./a/../b", "b"), ("d", "../c", "c"), ("d", "/c", "d/c"), ("/", "../c", "/c"),
      ("..", "c", "../c"),
    ])
  func paths(directory: String, path: String, joined: String) {
    #expect(PathText.join(directory, path) == joined)
  }

  @Test(
    "Host and port",
    arguments: [
      ("a:1", "a|1"), ("[::1]:2", "::1|2"), (":3", "|3"), ("a", nil), ("::1:2", nil),
      ("[::1]", nil), ("[::1]x:2", nil), ("a[:1", nil),
    ])
  func hostPort(text: String, expected: String?) {
    #expect(HostPort.split(text).map { "\($0.host)|\($0.port)" } == expected)
  }

  @Test(
    "URLs keep their text, without the password when asked",
    arguments: [
      ("nats://a:1", "nats://a:1"), ("nats://u:p@a", "nats://u:xxxxx@a"),
      ("nats-route://[::1]:6222", "nats-route://[::1]:6222"),
      ("ws://a/p?q", "ws://a/p?q"), ("a", "a"), ("TLS://A:2", "tls://A:2"), ("nats://u%40:p@h", "nats://u%40:xxxxx@h"),
    ])
  func urls(text: String, shown: String) {
    #expect(ServerURL(text)?.text(redacting: true) == shown)
  }

  @Test(
    "What is no URL",
    arguments: [
      ("a:b:c", ""), ("nats://a:x", "invalid port \":x\" after host"), ("%zz", "invalid URL escape \"%zz\""),
      (":a", "missing protocol scheme"), ("1:a", "first path segment in URL cannot contain colon"),
      ("nats://[::1", "missing ']' in host"), ("nats://a b", "invalid character \" \" in host name"),
    ])
  func badURLs(text: String, reason: String) {
    switch ServerURL.parse(text) {
    case .success: #expect(reason.isEmpty)
    case .failure(let failure): #expect(failure.reason == reason)
    }
  }

  @Test(
    "Environment in paths", arguments: [("$A/x", "1/x"), ("${A}b", "1b"), ("a$", "a$"), ("$Nope", ""), ("~/a", "~/a")])
  func environment(text: String, expanded: String) {
    #expect(EnvironmentText.expand(text, { ["A": "1"][$0] }) == expanded)
  }

  @Test("Sizes for people", arguments: [(Int64(10), "10 B"), (1536, "1.50 KB"), (1 << 30, "1.00 GB")])
  func sizes(size: Int64, text: String) {
    #expect(GoText.friendlyBytes(size) == text)
  }
}
