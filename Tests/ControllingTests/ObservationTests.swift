import JSON
import NATSClient
import Reconciliation
import Testing

@testable import Controlling

@Suite struct ObservationTests {
  /// Answers queries by a simulated server; counts them.
  private func run(_ observation: inout Observation, _ server: SimulatedServer) -> Int {
    var count = 0
    while let query = observation.next() {
      count += 1
      let answer = server.answer("$JS.API.\(query.subject)", query.body)
      observation.take(query, Self.read(answer))
    }
    #expect(observation.isDone)
    return count
  }

  private static func read(_ value: JSONValue) -> Result<JSONValue, JetStreamError> {
    guard let error = value["error"] else { return .success(value) }
    return .failure(
      .api(APIError(code: 404, errorCode: Int(error["err_code"]!.int64!), description: error["description"]!.string!)))
  }

  private func server(streams: Int, consumers: Int) -> SimulatedServer {
    let server = SimulatedServer()
    for stream in 0..<streams {
      server.state.configurations[.stream("S\(stream)")] = ["name": .string("S\(stream)")]
      for consumer in 0..<consumers {
        server.state.configurations[.consumer(stream: "S\(stream)", name: "c\(consumer)")] = ["name": .string("c")]
      }
    }
    return server
  }

  @Test(
    "as few requests as it takes",
    arguments: [
      // Streams there, consumers of each, streams wanted, consumers wanted of each, requests.
      (0, 0, 1, 0, 1), (1000, 0, 1, 0, 1), (1000, 0, 2, 0, 2), (1000, 0, 3, 0, 1 + 3), (1000, 0, 1000, 0, 4),
      (10, 0, 10, 0, 1), (10, 3, 10, 0, 1), (10, 3, 10, 1, 1 + 10), (10, 3, 10, 3, 1 + 10), (1, 1000, 1, 2, 1 + 2),
      (1, 1000, 1, 500, 1 + 4), (300, 1, 300, 1, 2 + 300),
    ])
  func requests(_ streams: Int, _ consumers: Int, _ wanted: Int, _ wantedConsumers: Int, _ expected: Int) {
    let server = server(streams: streams, consumers: consumers)
    var assets: Set<AssetIdentity> = []
    // From the end, where lists come last.
    for stream in (0..<max(wanted, streams)).suffix(wanted) {
      assets.insert(.stream("S\(stream)"))
      for consumer in 0..<wantedConsumers { assets.insert(.consumer(stream: "S\(stream)", name: "c\(consumer)")) }
    }
    var observation = Observation(assets)
    let count = run(&observation, server)
    // What happens to be on the first page of a list need not be asked for.
    #expect(count <= expected, "\(count)")
    for asset in assets { #expect((observation.state.configurations[asset] != nil) == (streams > 0), "\(asset)") }
    #expect(observation.failure == nil && observation.unknown.isEmpty)
  }

  @Test func everything() {
    let server = server(streams: 300, consumers: 2)
    var observation = Observation([], everything: true)
    #expect(run(&observation, server) == 2 + 300)
    #expect(observation.state.configurations.count == 900)
  }

  @Test func whatIsUnknownIsNotMissing() {
    var observation = Observation([.stream("A"), .stream("B"), .stream("C"), .consumer(stream: "B", name: "c")])
    let query = observation.next()!
    #expect(query == .streamPage(0) && observation.next() == nil)
    let page: JSONValue = .object([
      "total": JSONValue(3), "streams": .array([.object(["config": .object(["name": .string("A")])])]),
      "missing": .array([.string("B")]), "offline": .object(["C": .string("unsupported")]),
    ])
    observation.take(query, .success(page))
    while let next = observation.next() { observation.take(next, .failure(.client(.timedOut))) }
    #expect(observation.isDone && observation.failure == nil)
    #expect(observation.unknown[.stream("B")] == "its leader does not answer")
    #expect(observation.unknown[.stream("C")] == "it is offline: unsupported")
    #expect(observation.unknown[.consumer(stream: "B", name: "c")] != nil)
  }

  @Test(
    arguments: [
      (.client(.noResponders), true), (.client(.disconnected), true), (.client(.timedOut), false),
      (.api(APIError(code: 503, errorCode: 10039, description: "JetStream not enabled for account")), true),
      (.api(APIError(code: 503, errorCode: 10008, description: "JetStream system temporarily unavailable")), false),
      (.api(APIError(code: 404, errorCode: 10059, description: "stream not found")), false),
      // A name that is none is its own asset's trouble.
      (.client(.invalidSubject("$JS.API.STREAM.INFO.a b")), false),
    ] as [(JetStreamError, Bool)])
  func failures(_ error: JetStreamError, _ isFatal: Bool) {
    var observation = Observation([.stream("A")])
    observation.take(observation.next()!, .failure(error))
    #expect(observation.next() == nil && observation.isDone)
    #expect((observation.failure != nil) == isFatal)
    #expect(observation.unknown.isEmpty == (isFatal || error.errorCode == 10059))
  }

  @Test func numbersThatNoServerHasDoNoHarm() {
    var observation = Observation([.stream("A"), .stream("B"), .stream("C"), .consumer(stream: "A", name: "c")])
    let most = JSONValue(Int64.max)
    let stream: JSONValue = .object([
      "config": .object(["name": .string("A")]), "state": .object(["consumer_count": most]),
    ])
    while let query = observation.next() {
      switch query {
      case .streamPage(0):
        observation.take(
          query, .success(.object(["total": most, "limit": most, "streams": .array([stream])])))
      default: observation.take(query, .success(stream))
      }
    }
    #expect(observation.isDone && observation.state.configurations[.stream("A")] != nil)
  }

  @Test func aListOfConsumersThatChangesIsReadAnew() {
    let server = server(streams: 1, consumers: 600)
    var observation = Observation([], everything: true)
    var pages = 0
    while let query = observation.next() {
      let answer = server.answer("$JS.API.\(query.subject)", query.body)
      if case .consumerPage = query { pages += 1 }
      // The first consumer of the list goes: everything moves up.
      if pages == 1 { server.state.configurations[.consumer(stream: "S0", name: "c0")] = nil }
      observation.take(query, .success(answer))
    }
    let found = observation.state.configurations.keys.filter { !$0.isStream }
    #expect(Set(found).subtracting([.consumer(stream: "S0", name: "c0")]).count == 599)
  }

  @Test func aListThatChangesIsReadAnew() {
    let server = server(streams: 600, consumers: 0)
    var observation = Observation([], everything: true)
    var pages = 0
    while let query = observation.next() {
      pages += 1
      let answer = server.answer("$JS.API.\(query.subject)", query.body)
      // The first stream of the list goes: everything moves up.
      if pages == 1 { server.state.configurations[.stream("S0")] = nil }
      observation.take(query, .success(answer))
    }
    #expect(observation.state.configurations.keys.filter { $0 != .stream("S0") }.count == 599)
  }
}
