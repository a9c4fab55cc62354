import Testing

@testable import Configuration

@Suite("The conf language")
struct LanguageTests {
  @Test(
    "Values and structure (FEATURES 3.001 to 3.005, 3.010)",
    arguments: [
      ("", "{}"),
      ("# one\n// two\n", "{}"),
      ("port 4333", #"{"port":4333}"#),
      ("port = 4333; host: a", #"{"host":"a","port":4333}"#),
      ("port:4333, host: a\n", #"{"host":"a","port":4333}"#),
      (#"{"port": 4333, "cluster": {"routes": ["a", "b"]}}"#, #"{"cluster":{"routes":["a","b"]},"port":4333}"#),
      ("a: yes\nb: No\nc: ON\nd: off", #"{"a":true,"b":false,"c":true,"d":false}"#),
      ("a: 1k\nb: 1kb\nc: 1KiB\nd: 2MB\ne: 3g", #"{"a":1000,"b":1024,"c":1024,"d":2097152,"e":3000000000}"#),
      ("a: -3\nb: 1.5\nc: -0.25\nd: 0.000000125", #"{"a":-3,"b":1.5,"c":-0.25,"d":1.25e-7}"#),
      ("a: 1.2.3.4:5\nb: 123abc\nc: 1.2.3-4", #"{"a":"1.2.3.4:5","b":"123abc","c":"1.2.3-4"}"#),
      ("when: 2024-02-29T23:59:59Z", #"{"when":"2024-02-29T23:59:59Z"}"#),
      (#"a: "x\ty\x41\"\\""#, #"{"a":"x\tyA\"\\"}"#),
      ("a: 'x\\ty'", #"{"a":"x\\ty"}"#),
      ("a: (\n  one\n  two )\n)\nb: 1", #"{"a":"\n  one\n  two )\n","b":1}"#),
      ("a: [ # c\n x\n 'y' // d\n \"z\"\n]", #"{"a":["x","y","z"]}"#),
      ("a { b: c, d = e; f g\n}", #"{"a":{"b":"c","d":"e","f":"g"}}"#),
      ("a: $2a$11$abc", #"{"a":"$2a$11$abc"}"#),
      ("a: \"<b>&\u{2028}\"", #"{"a":"\u003cb\u003e\u0026\u2028"}"#),
      ("port: 1\nport: 2", #"{"port":2}"#),
      ("a: 1kbb\nb: 2", #"{"b":2}"#),
    ])
  func values(text: String, json: String) {
    #expect(parsed(text) == json)
  }

  @Test(
    "Syntax errors name the line (FEATURES 3.001, 3.002)",
    arguments: [
      ("port", "config is invalid (main.conf:1:4)"),
      ("\nport\n", "config is invalid (main.conf:3:1)"),
      (": 1", "Parse error on line 1: 'Unexpected key separator ':''"),
      ("a:\nb: 1", "Parse error on line 2: 'Expected value but found new line'"),
      (
        "a: \"x\" y",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'y' "
          + "instead.'"
      ),
      ("a {\n b: 1\n", "Parse error on line 3: 'Unexpected EOF processing map.'"),
      ("a: [\n,b]", "Parse error on line 2: 'Unexpected array value terminator ','.'"),
      (
        "a: \"\\q\"",
        "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters are allowed: "
          + "\\xXX, \\t, \\n, \\r, \\\", \\\\.'"
      ),
      ("a: .5", "Parse error on line 1: 'Floats must start with a digit'"),
      ("a: 2024-1", "Parse error on line 1: 'Expected digit in ISO8601 datetime, but found '\0' instead.'"),
      ("a: 2023-02-29T00:00:00Z", "expected Zulu formatted DateTime, but got '2023-02-29T00:00:00Z'"),
      ("a: 99999999999999999999", "integer '99999999999999999999' is out of the range"),
      ("include [a]", "Parse error on line 1: 'Expected include value but found start of an array'"),
    ])
  func syntaxErrors(text: String, message: String) {
    #expect(parsed(text) == message)
  }

  @Test("Variables: scopes, environment, cycles (FEATURES 3.008)")
  func variables() {
    #expect(parsed("p: 1\nc { q: $p }") == #"{"c":{"q":1},"p":1}"#)
    #expect(parsed("p: 1\nc { p: 2\n q: $p }") == #"{"c":{"p":2,"q":2},"p":1}"#)
    #expect(parsed("a: $X", environment: ["X": "8MB"]) == #"{"a":8388608}"#)
    #expect(parsed("a: $X", environment: ["X": "[b, 'c']"]) == #"{"a":["b","c"]}"#)
    #expect(parsed("a: $X", environment: ["X": "$Y", "Y": "yes"]) == #"{"a":true}"#)
    #expect(parsed("a: 1\n\nb: $nope") == "variable reference for 'nope' on line 3 can not be found")
    #expect(
      parsed("a: $X", environment: ["X": "$Y", "Y": "$X"])
        == "variable reference for 'X' on line 1 could not be parsed: variable reference for 'Y' on line 1 could not "
        + "be parsed: variable reference for 'X' on line 1 could not be parsed: variable reference cycle for 'X'")
  }

  @Test("Includes: paths, nesting, scope, errors (FEATURES 3.011)")
  func includes() {
    #expect(parsed("include 'd/a.conf'\nb: 1", files: ["d/a.conf": "a: 2"]) == #"{"a":2,"b":1}"#)
    #expect(
      parsed("c { include d/a.conf }", files: ["d/a.conf": "include b.conf", "d/b.conf": "a: 2"])
        == #"{"c":{"a":2}}"#)
    #expect(parsed("include /x/../a.conf", files: ["a.conf": "a: 2"]) == #"{"a":2}"#)
    #expect(
      parsed("p: 1\ninclude a.conf", files: ["a.conf": "b: $p"])
        == "error parsing include file 'a.conf', variable reference for 'p' on line 1 can not be found")
    #expect(
      parsed("include a.conf", files: [:])
        == "error parsing include file 'a.conf', open a.conf: no such file or directory")
    #expect(parsed("include main.conf", files: ["main.conf": "include main.conf"]).contains("nested includes"))
  }

  @Test("Positions: file, line and column of keys and of values in lists (FEATURES 3.012)")
  func positions() {
    #expect(problems("foo: 1") == ["main.conf:1:0: unknown field \"foo\""])
    #expect(problems("\n  foo: 1") == ["main.conf:2:3: unknown field \"foo\""])
    #expect(problems("port: 1\n\t\"foo\": 1") == ["main.conf:2:3: unknown field \"foo\""])
    #expect(
      problems("cluster {\n  routes: [\n    'a://b:x'\n    \"%zz\"\n  ]\n}") == [
        "main.conf:3:6: error parsing route url [\"a://b:x\"]",
        "main.conf:4:6: error parsing route url [\"%zz\"]",
      ])
    #expect(problems("include a.conf", files: ["a.conf": "\n x: 1"]) == ["a.conf:2:2: unknown field \"x\""])
  }

  @Test("A key that serves as a variable is no unknown field (FEATURES 3.009)")
  func usedVariables() {
    #expect(problems("p: 1234\nport: $p") == [])
    #expect(problems("cluster { p: 1234\n port: $p }") == [])
    #expect(problems("p: 1234") == ["main.conf:1:0: unknown field \"p\""])
  }

  @Test("The digest ignores order, comments and units, and counts includes (FEATURES 3.014)")
  func digest() throws {
    func digest(_ text: String) throws -> String {
      try ConfigurationFile.parse(Array(text.utf8), path: "", access: memory(["a.conf": "port: 4333"])).digest
    }
    // Of nats-server 2.15.1, for a file with the one line `port: 14333`.
    #expect(
      try digest("port: 14333\n") == "sha256:1f479d37b6215897f4394c6ebc8d2fa01c5c3469381b2842b5c1f3d84b929754")
    #expect(try digest("a: 1k\nb: [x]") == digest("# c\nb = ['x']\na: 1000"))
    #expect(try digest("include a.conf") == digest("{\"port\": 4333}"))
    #expect(try digest("a: 1") != digest("a: 2"))
  }

  @Test("Random text neither crashes nor hangs; what parses has a digest")
  func randomText() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let pieces = [
      "a", "port", "{", "}", "[", "]", "(", ")", "\"", "'", "\\", "\\x41", "$a", "include ", "#", "//", "\n", " ", ";",
      ",", ":", "=", "1", "2k", "1.5", "2024-01-01T00:00:00Z", "é", "\0", "\r",
    ]
    for _ in 0..<5000 {
      let text = (0..<Int(random.next() % 30)).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }
      let json = parsed(text.joined(), files: ["a": "b: 1"])
      #expect(!json.isEmpty, "seed \(seed)")
    }
  }
}

struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
