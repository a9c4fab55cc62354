import JSON
import Testing

@testable import NATSClient

/// The JetStream API of a real nats-server.
@Suite(.serialized) struct JetStreamClientTests {
  static var programs: [ServerFixture.Program] { [ServerFixture.Program.natsServer].compactMap { $0 } }

  /// A server with JetStream and a client of it.
  private struct Setup {
    let server: ServerFixture
    let api: JetStreamClient

    init(_ program: ServerFixture.Program, domain: String? = nil) throws {
      server = try ServerFixture(program)
      let name = domain.map { ", domain: \($0)" } ?? ""
      try server.configure("jetstream { store_dir: \"\(server.directory)/js\"\(name) }")
      server.stop()
      try server.start()
      let client = try server.client()
      try client.connectAndWait()
      api = JetStreamClient(client, domain: domain)
    }
  }

  private static func stream(_ name: String) -> JSONObject {
    ["name": .string(name), "subjects": .array([.string("\(name).>")]), "storage": "memory"]
  }

  // Answers are bound to names before they are looked at: of two closures in arguments of macros inside one closure,
  // the compiler may take one for the other.

  private func wait<Value: Sendable>(
    _ start: (@escaping JetStreamClient.Completion<Value>) -> Void
  ) throws -> Value {
    try Blocking.wait { start($0) }.get()
  }

  /// Why a call failed; nil when it did not.
  private func failure<Value: Sendable>(
    _ start: (@escaping JetStreamClient.Completion<Value>) -> Void
  ) -> JetStreamError? {
    if case .failure(let error) = Blocking.wait({ start($0) }) { error } else { nil }
  }

  @Test(arguments: programs) func streamsAndConsumers(_ program: ServerFixture.Program) throws {
    let setup = try Setup(program)
    let api = setup.api
    let account = try wait { api.accountInfo(completed: $0) }
    #expect(account["limits"]?.object != nil)
    let made = try wait { api.createStream(Self.stream("orders"), completed: $0) }
    #expect(made["did_create"]?.bool == true)
    var changed = Self.stream("orders")
    changed["max_msgs"] = JSONValue(5)
    let updated = try wait { api.updateStream(changed, completed: $0) }
    #expect(updated["config"]?["max_msgs"]?.int64 == 5)
    let stream = try wait { api.streamInfo("orders", completed: $0) }
    #expect(stream["config"]?["max_msgs"]?.int64 == 5)

    var consumer: JSONObject = ["durable_name": "c", "filter_subject": "orders.*", "ack_policy": "explicit"]
    let first = try wait { api.createConsumer(stream: "orders", consumer, completed: $0) }
    #expect(first["config"]?["filter_subject"]?.string == "orders.*")
    consumer["description"] = "d"
    let existing = failure { api.createConsumer(stream: "orders", consumer, action: .create, completed: $0) }
    #expect(existing?.errorCode == 10148)
    let second = try wait { api.createConsumer(stream: "orders", consumer, action: .update, completed: $0) }
    #expect(second["config"]?["description"]?.string == "d")
    let info = try wait { api.consumerInfo(stream: "orders", "c", completed: $0) }
    #expect(info["name"]?.string == "c")
    let ephemeral = try wait {
      api.createConsumer(stream: "orders", ["ack_policy": "none"], action: .createOrUpdate, completed: $0)
    }
    #expect(ephemeral["name"]?.string?.isEmpty == false)
    let consumers = try wait { api.consumers(stream: "orders", completed: $0) }
    #expect(consumers.items.count == 2)
    let _: Void = try wait { api.deleteConsumer(stream: "orders", "c", completed: $0) }
    let deleted = failure { api.consumerInfo(stream: "orders", "c", completed: $0) }
    #expect(deleted?.errorCode == APIError.consumerNotFound)
    let _: Void = try wait { api.deleteStream("orders", completed: $0) }
    let gone = failure { api.streamInfo("orders", completed: $0) }
    #expect(gone?.errorCode == APIError.streamNotFound)
    api.client.closeAndWait()
  }

  @Test(arguments: programs) func errorsHaveTheServersNumbers(_ program: ServerFixture.Program) throws {
    let setup = try Setup(program)
    let missing = failure { setup.api.streamInfo("none", completed: $0) }
    #expect(missing == .api(APIError(code: 404, errorCode: 10059, description: "stream not found")))
    let dotted = failure { setup.api.streamInfo("a.b", completed: $0) }
    #expect(dotted == .invalidName("a.b"))
    let nameless = failure { setup.api.createStream([:], completed: $0) }
    #expect(nameless == .invalidName(""))
    setup.api.client.closeAndWait()
  }

  @Test(arguments: programs) func listsAreReadPageByPage(_ program: ServerFixture.Program) throws {
    let setup = try Setup(program)
    let api = setup.api
    let names = (0..<300).map { "s\(1000 + $0)" } + ["KV_config", "OBJ_files"]
    for name in names { _ = try wait { api.createStream(Self.stream(name), completed: $0) } }
    let infos = try wait { api.streams(completed: $0) }
    let infoNames = infos.items.compactMap { $0["config"]?["name"]?.string }
    #expect(infoNames.sorted() == names.sorted())
    let all = try wait { api.streamNames(completed: $0) }
    let allNames = all.items.compactMap(\.string)
    #expect(allNames.sorted() == names.sorted())
    let filtered = try wait { api.streamNames(subject: "s1007.x", completed: $0) }
    #expect(filtered.items == ["s1007"])
    let buckets = try wait { api.keyValueBuckets(completed: $0) }
    #expect(buckets == ["config"])
    let stores = try wait { api.objectStores(completed: $0) }
    #expect(stores == ["files"])
    for number in 0..<300 {
      let consumer: JSONObject = ["durable_name": .string("c\(number)"), "ack_policy": "explicit"]
      _ = try wait { api.createConsumer(stream: "s1000", consumer, completed: $0) }
    }
    let consumers = try wait { api.consumers(stream: "s1000", completed: $0) }
    #expect(consumers.items.count == 300)
    let consumerNames = try wait { api.consumerNames(stream: "s1000", completed: $0) }
    #expect(consumerNames.items.count == 300)
    api.client.closeAndWait()
  }

  @Test(arguments: programs) func aDomainHasItsOwnSubjects(_ program: ServerFixture.Program) throws {
    let setup = try Setup(program, domain: "edge")
    #expect(setup.api.prefix == "$JS.edge.API")
    let account = try wait { setup.api.accountInfo(completed: $0) }
    #expect(account["domain"]?.string == "edge")
    let other = JetStreamClient(setup.api.client, domain: "nowhere")
    let nowhere = failure { other.accountInfo(completed: $0) }
    #expect(nowhere == .client(.noResponders))
    setup.api.client.closeAndWait()
  }

  @Test(arguments: programs) func withoutJetStreamThereIsAnError(_ program: ServerFixture.Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client()
    try client.connectAndWait()
    let error = failure { JetStreamClient(client).accountInfo(completed: $0) }
    #expect(error == .client(.noResponders))
    client.closeAndWait()
  }
}
