import Bytes
import JSON
import Testing

@testable import Reconciliation

@Suite struct ExportTests {
  /// A value that is not the field's default.
  private static func sample(_ field: Field) -> JSONValue {
    switch field.shape {
    case .string(let format): sample(format, field)
    case .integer, .number: JSONValue(3)
    case .boolean: .bool(true)
    case .strings(let format): .array([sample(format, field)])
    case .object(let fields): .object(samples(fields))
    case .objects(let fields): .array([.object(samples(fields))])
    case .map: .object(["key": .string("value")])
    }
  }

  private static func samples(_ fields: [Field]) -> JSONObject {
    var object = JSONObject()
    for field in fields where field.member != nil { object[field.name] = sample(field) }
    return object
  }

  private static func sample(_ format: Field.Format, _ field: Field) -> JSONValue {
    switch format {
    case .plain, .name, .filledName: .string("word-\(field.name)")
    case .duration: .string("1m30s")
    case .time: .string("2099-01-02T03:04:05Z")
    case .choice(let choices):
      .string(choices.last { $0.word != field.defaultValue?.string && !["", "none"].contains($0.word) }!.word)
    case .percentage: .string("40")
    }
  }

  @Test("every field of every kind, to the server's configuration and back", arguments: ResourceKind.allCases)
  func everyField(_ kind: ResourceKind) throws {
    let writer = SpecificationWriter(now: PlannerTests.now)
    for field in try #require(ResourceFields.fields(kind)) where field.member != nil {
      let specification: JSONObject = [field.name: Self.sample(field)]
      let configuration = AssetConfiguration.mapped(specification, [field])
      #expect(!configuration.members.isEmpty, "\(kind) \(field.name)")
      #expect(writer.specification(configuration, of: kind)[field.name] == specification[field.name], "\(field.name)")
    }
  }

  @Test("where nothing is set and the default would set something, the manifest says so")
  func nothingSet() throws {
    var observed = ObservedState()
    observed.configurations[.stream("S")] = ["name": .string("S"), "storage": .string("file")]
    observed.configurations[.consumer(stream: "S", name: "c")] = [
      "name": .string("c"), "durable_name": .string("c"), "ack_policy": .string("none"),
      "deliver_policy": .string("all"), "replay_policy": .string("instant"), "max_deliver": JSONValue(-1),
    ]
    let export = ManifestExport(observed, now: PlannerTests.now)
    #expect(export.manifests.map(\.kind) == [.stream, .consumer])
    #expect(export.manifests[1].specification["ackWait"] == .string(""))
    #expect(export.notes == [])
  }

  @Test("what is recorded by a server and exported plans to no change", arguments: 1...60)
  func roundTrip(_ seed: Int) throws {
    var random = SeededGenerator(state: UInt64(seed))
    var desired = DesiredState()
    for index in 0..<3 {
      let parts = PlannerTests.streamSpecs.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
      let stream = try resource(.stream, (["name: S\(index)"] + parts).joined(separator: ", "), name: "s\(index)")
      _ = desired.insert(stream)
      var consumer = PlannerTests.consumerSpecs.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
      if consumer.filter({ $0.hasPrefix("pauseUntil") }).count > 1 { consumer.removeAll { $0.hasPrefix("pauseUntil") } }
      let specification = (["streamName: S\(index), durableName: c"] + consumer).joined(separator: ", ")
      _ = desired.insert(try resource(.consumer, specification, name: "c\(index)"))
    }
    for spec in ["bucket: a, history: 4, ttl: 1h", "bucket: b, mirror: {name: a}", "bucket: c, sources: [{name: a}]"] {
      _ = desired.insert(try resource(.keyValue, spec, name: "bucket-\(spec.dropFirst(8).prefix(1))"))
    }
    _ = desired.insert(try resource(.objectStore, "bucket: files, compression: true, metadata: {k: v}", name: "files"))
    var server = RecordingServer()
    var planner = Planner(now: PlannerTests.now)
    planner.ownership = Ownership(owner: "test")
    try server.apply(planner.plan(desired: desired, observed: server.state))

    let export = ManifestExport(server.state, namespace: "team", now: PlannerTests.now)
    #expect(export.notes == [], "seed \(seed)")
    #expect(Set(export.manifests.map { "\($0.kind)/\($0.name)" }).count == export.manifests.count)
    for text in [export.yaml, export.json] {
      let (resources, diagnostics) = ResourceReader.read(Array(text.utf8), file: "export")
      #expect(diagnostics.allSatisfy { $0.severity == .warning }, "seed \(seed): \(text)")
      #expect(resources.allSatisfy { $0.namespace == "team" })
      var described = DesiredState()
      for resource in resources { #expect(described.insert(resource) == nil) }
      let plan = Planner(now: PlannerTests.now).plan(desired: described, observed: server.state)
      #expect(!plan.hasDifferences && plan.counts.unchanged == desired.assets.count, "seed \(seed): \(plan.text)")
    }
  }

  @Test("names that Kubernetes takes, each once; consumers that come and go are left out")
  func names() {
    var observed = ObservedState()
    for name in ["ORDERS", "orders", "My_Stream", "__", "KV_", "Ünï"] {
      observed.configurations[.stream(name)] = ["name": .string(name), "storage": .string("file")]
    }
    observed.configurations[.consumer(stream: "ORDERS", name: "x")] = ["name": .string("x")]
    let export = ManifestExport(observed, now: PlannerTests.now)
    #expect(
      export.manifests.map(\.name).sorted() == ["asset", "kv", "my-stream", "n", "orders", "orders-2"])
    #expect(export.notes == ["consumer ORDERS/x is left out: it is not durable"])
  }

  @Test(
    "YAML text reads back",
    arguments: [
      "plain", "with space", "yes", "null", "1", "1.5", "0x10", "a: b", "- a", "#x", "\"quoted\"", "line\nbreak", "",
      "ünïcode", "*", "&a", "!t", "2026-01-01", "~", "a#b", "{}", "\u{7F}", "\u{2028}", "'", "\u{85}\u{9F}",
      "\u{FEFF}x", "😀",
    ])
  func yamlText(_ text: String) {
    let value: JSONValue = .object([
      "list": .array([.string(text), .object(["inner": .string(text), "more": .array([])])]), text + "k": .string(text),
      "empty": .object(JSONObject()), "flag": .bool(true), "none": .null,
    ])
    let written = YAMLText.document(value)
    let (documents, diagnostics) = ManifestReader.read(Array(written.utf8), file: "t")
    #expect(diagnostics == [] && documents.first?.json == value, "\(written)")
  }

  @Test("a member of the configuration leads back to its field")
  func fieldPaths() throws {
    let stream = try resource(.stream, "name: S, duplicateWindow: 2h, maxAge: 1h")
    let bucket = try resource(.keyValue, "bucket: b")
    #expect(FieldPath.path(member: "max_age", in: stream) == "spec.maxAge")
    #expect(FieldPath.path(member: "max_age", in: bucket) == "spec.ttl")
    #expect(FieldPath.path(member: "subjects", in: bucket) == "spec.bucket")
    #expect(FieldPath.path(member: "unheard", in: stream) == "spec")
    let storage = ConfigurationChange(member: "storage", observed: .string("file"), desired: .string("memory"))
    let age = ConfigurationChange(member: "max_age", observed: nil, desired: JSONValue(1))
    func fields(_ code: Int, _ text: String, _ changes: [ConfigurationChange] = []) -> [String] {
      FieldPath.refused(errorCode: code, text: text, changes: changes, in: stream)
    }
    #expect(fields(10065, "subjects overlap with an existing stream") == ["spec.subjects"])
    #expect(fields(10052, "duplicates window can not be larger then max age") == ["spec.duplicateWindow"])
    #expect(fields(10052, "max age needs to be >= 100ms", [storage, age]) == ["spec.maxAge"])
    #expect(fields(10052, "something else", [storage, age]) == ["spec.storage", "spec.maxAge"])
    #expect(fields(10074, "replicas > 1 not supported in non-clustered mode") == ["spec.replicas"])
    #expect(fields(99999, "boom") == [])
    let copy = try resource(.stream, "name: S, sources: [{name: T}]")
    #expect(
      FieldPath.refused(errorCode: 10052, text: "detected cycle", changes: [], in: copy) == ["spec.sources"])
  }
}
