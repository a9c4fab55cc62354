import JSON
import Testing

@testable import Reconciliation

@Suite struct ManifestTests {
  static func messages(_ text: String) -> [String] {
    ResourceReader.read(Array(text.utf8), file: "m.yaml").diagnostics.map(\.description)
  }

  static let head = "apiVersion: jetstream.nats.io/v1beta2\nkind: "

  @Test("all errors of a file are reported at once, with file, line and column")
  func everything() {
    let text =
      Self.head + """
        Stream
        metadata: {name: a}
        spec:
          name: a.b
          maxAge: 5 days
          replicas: 0
          maxMsgs: many
          discard: newest
          Storage: file
          sources:
            - optStartTime: yesterday
        ---
        """ + "\n" + Self.head + """
        Consumer
        metadata: {name: c}
        spec: {durableName: c, streamName: S, maxDeliver: -2, sampleFreq: 120%, metadata: {a: 1}}
        """
    #expect(
      Self.messages(text) == [
        "m.yaml:10:3: error: spec.Storage: unknown field; did you mean storage?",
        "m.yaml:5:9: error: spec.name: must not contain '.', '*' or '>', is \"a.b\"",
        "m.yaml:8:12: error: spec.maxMsgs: must be a whole number, is a string",
        "m.yaml:9:12: error: spec.discard: must be one of old, new, is \"newest\"",
        "m.yaml:6:11: error: spec.maxAge: time: unknown unit \" days\" in duration \"5 days\""
          + "; right would be 30s, 5m or 24h",
        "m.yaml:7:13: error: spec.replicas: must be at least 1, is 0",
        "m.yaml:12:7: error: spec.sources[0].name: is missing",
        "m.yaml:12:21: error: spec.sources[0].optStartTime: not a time: \"yesterday\""
          + "; right would be 2026-01-31T12:00:00Z",
        "m.yaml:17:51: error: spec.maxDeliver: must be at least -1, is -2",
        "m.yaml:17:67: error: spec.sampleFreq: must be a percentage of 0 to 100, is \"120%\"",
        "m.yaml:17:87: error: spec.metadata.a: must be a string, is the number 1; put it in quotes",
      ])
  }

  @Test(
    "documents that are no resources",
    arguments: [
      ("a: [", "while parsing a flow node: did not find expected node content"),
      ("a: *b", "no anchor &b before this alias"),
      ("{a: 1, a: 2}", "the key a stands twice in one object"),
      ("[1]", "a manifest must be an object, is a list"),
      ("apiVersion: jetstream.nats.io/v1\nkind: Stream", "unknown version v1; right would be v1beta2"),
      ("apiVersion: jetstream.nats.io/v1beta1\nkind: KeyValue", "KeyValue is not a kind of jetstream.nats.io/v1beta1"),
      ("apiVersion: jetstream.nats.io/v1beta2\nkind: Stream\nmetadata: {name: x}", "spec: is missing"),
    ])
  func refused(_ text: String, _ message: String) {
    #expect(Self.messages(text).contains { $0.contains(message) }, "\(Self.messages(text))")
  }

  /// They become words of a subject: one that is none would spoil requests for others.
  @Test(
    "names are what subjects can hold",
    arguments: [
      ("Stream", "name: a b", "spec.name"), ("Stream", #"name: "a\tb""#, "spec.name"),
      ("Consumer", "durableName: 'c\u{A0}d', streamName: S", ""),
      ("Consumer", "durableName: c d, streamName: S", "spec.durableName"),
      ("Consumer", "durableName: c, streamName: ''", "spec.streamName"),
      ("Consumer", "durableName: c, streamName: S.T", "spec.streamName"),
      ("Consumer", "durableName: c, streamName: S T", "spec.streamName"),
      ("Consumer", #"durableName: "c\x7f", streamName: S"#, "spec.durableName"),
    ])
  func assetNames(_ kind: String, _ spec: String, _ path: String) {
    let messages = Self.messages(Self.head + "\(kind)\nmetadata: {name: x}\nspec: {\(spec)}")
    #expect(messages.count == (path.isEmpty ? 0 : 1), "\(messages)")
    #expect(messages.allSatisfy { $0.contains("error: \(path): must") }, "\(messages)")
  }

  @Test("files of other groups are passed over, lists are opened, JSON and anchors are read")
  func accepted() throws {
    let text = #"""
      kind: Service
      apiVersion: v1
      ---
      apiVersion: v1
      kind: List
      items:
        - &base {apiVersion: jetstream.nats.io/v1beta1, kind: Stream, metadata: {name: a}, spec: {name: A}}
        - {<<: *base, metadata: {name: b, namespace: n}, spec: {name: "B\u0041"}}
      """#
    let (resources, diagnostics) = ResourceReader.read(Array(text.utf8), file: "m.yaml")
    #expect(diagnostics.isEmpty)
    #expect(resources.map(\.title) == ["Stream default/a", "Stream n/b"])
    #expect(resources.last?.specification["name"] == .string("BA"))
    let json =
      #"{"apiVersion":"jetstream.nats.io/v1beta2","kind":"Stream","metadata":{"name":"j"},"#
      + #""spec":{"name":"J","description":"\ud83d\ude00 \\ud83d"}}"#
    let (read, problems) = ResourceReader.read(Array(json.utf8), file: "m.json")
    #expect(problems.isEmpty)
    #expect(read.first?.specification["description"] == .string("😀 \\ud83d"))
  }

  @Test("a file cannot grow without bound through its aliases, nor nest without bound")
  func bounds() {
    var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
      bomb += "a\(level): &a\(level) [\(aliases)]\n"
    }
    #expect(Self.messages(bomb).contains { $0.contains("more than 200000 values") })
    let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(Self.messages(deep).contains { $0.contains("nested deeper than 100") })
  }

  @Test("an immediate redelivery by default is warned of, and used (13.027)")
  func warning() {
    let text = Self.head + "Consumer\nmetadata: {name: c}\nspec: {durableName: c, streamName: S, ackPolicy: explicit}"
    let (resources, diagnostics) = ResourceReader.read(Array(text.utf8), file: "m.yaml")
    #expect(resources.count == 1)
    #expect(diagnostics.map(\.severity) == [.warning])
  }
}
