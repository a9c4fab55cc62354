import Configuration
import JSON
import Testing

@testable import Broker

@Suite("Values of monitoring") struct MonitoringValueTests {
  private func connection(_ identifier: UInt64, _ change: (inout ConnectionInfo) -> Void = { _ in }) -> ConnectionInfo {
    var info = ConnectionInfo(
      identifier: identifier, host: "127.0.0.1", port: 1, start: Int64(identifier) * 100, lastActivity: 0,
      roundTripNanoseconds: 0)
    change(&info)
    return info
  }

  @Test("Connections are sorted upwards by number, downwards by amounts, equals by number (FEATURES 11.007)")
  func orders() throws {
    let list = [
      connection(7) {
        $0.outMessages = 1; $0.lastActivity = 30; $0.reason = .kicked
      },
      connection(5) {
        $0.outMessages = 9; $0.lastActivity = 10; $0.reason = .writeError
      },
      connection(6) {
        $0.outMessages = 1; $0.lastActivity = 20; $0.reason = .clientClosed
      },
    ]
    let expected: [(String, [UInt64])] = [
      ("", [5, 6, 7]), ("cid", [5, 6, 7]), ("start", [5, 6, 7]), ("msgs_to", [5, 6, 7]), ("last", [7, 6, 5]),
      ("idle", [5, 6, 7]), ("uptime", [7, 6, 5]), ("reason", [6, 7, 5]), ("pending", [5, 6, 7]),
    ]
    for (name, numbers) in expected {
      var sorted = list
      try #require(ConnectionOrder(name: name)).sort(&sorted, now: 1000)
      #expect(sorted.map(\.identifier) == numbers, "\(name)")
    }
    #expect(ConnectionOrder(name: "nonsense") == nil)
  }

  @Test("The oldest closed connection makes room (FEATURES 11.023)")
  func ring() {
    let ring = ClosedConnections(capacity: 3)
    for identifier in 1...5 as ClosedRange<UInt64> { ring.append(connection(identifier)) }
    #expect(ring.all.map(\.identifier) == [3, 4, 5])
    let none = ClosedConnections(capacity: 0)
    none.append(connection(1))
    #expect(none.all.isEmpty)
  }

  @Test("Lists of subscriptions of closed connections are bounded together")
  func ringLists() {
    let lists = ClosedConnections.totalLimit / ClosedConnections.subscriptionLimit
    let detail = SubscriptionDetail(subject: "a", queue: "", identifier: "1", messages: 0, maximum: 0, connection: 1)
    let list = [SubscriptionDetail](repeating: detail, count: ClosedConnections.subscriptionLimit)
    for capacity in [lists * 4, lists + 5] {
      let ring = ClosedConnections(capacity: capacity)
      for identifier in 1...UInt64(lists * 3) { ring.append(connection(identifier) { $0.subscriptions = list }) }
      let kept = ring.all
      #expect(kept.suffix(lists).allSatisfy { $0.subscriptions.count == list.count })
      #expect(kept.dropLast(lists).allSatisfy { $0.subscriptions.isEmpty })
      #expect(kept.count == min(capacity, lists * 3))
    }
  }

  @Test("Weights of a mapping are added up, and the rest stays with the source")
  func mappings() {
    func shown(_ source: String, _ destinations: [MappingDestination]) -> [String] {
      MappingSummary(MappingOptions(source: source, destinations: destinations)).destinations
        .map { "\($0.subject) \($0.weight) \($0.cluster)" }
    }
    #expect(shown("a", [.init(subject: "b")]) == ["b 100 "])
    #expect(shown("a", [.init(subject: "b", weight: 60), .init(subject: "c", weight: 40)]) == ["c 40 ", "b 100 "])
    #expect(shown("a", [.init(subject: "b", weight: 30)]) == ["b 30 ", "a 100 "])
    #expect(shown("a", [.init(subject: "a", weight: 30)]) == ["a 30 "])
  }

  @Test(
    "Health checks look at arguments before anything else (FEATURES 11.017)",
    arguments: [
      ("", true, 200, #"{"status":"ok"}"#),
      ("stream", true, 400, #"{"status":"error","error":"\"account\" must not be empty when checking stream health"}"#),
      (
        "consumer", false, 400,
        #"{"status":"error","error":"\"stream\" must not be empty when checking consumer health"}"#
      ),
      ("", false, 500, #"{"status":"error","error":"failed to be ready for connections after 1ms: server"}"#),
    ])
  func health(argument: String, isListening: Bool, code: Int, body: String) {
    var options = HealthzOptions()
    if argument == "stream" { options.stream = "S" }
    if argument == "consumer" { options.consumer = "C" }
    let health = HealthStatus.check(options, isListening: isListening)
    #expect(health.code == code)
    #expect(String(decoding: health.json(), as: UTF8.self) == body)
  }

  @Test("With details a problem has its kind (FEATURES 11.085)")
  func healthDetails() {
    var options = HealthzOptions()
    options.hasDetails = true
    options.stream = "S"
    let text = String(decoding: HealthStatus.check(options, isListening: true).json(), as: UTF8.self)
    #expect(text.hasPrefix(#"{"status":"error","errors":[{"type":"BAD_REQUEST","error":"#))
  }

  @Test(
    "A request is for the servers that its filter fits (FEATURES 11.101)",
    arguments: [
      ("{}", true), (#"{"server_name":"ne"}"#, true), (#"{"server_name":"ne","exact_match":true}"#, false),
      (#"{"server_name":"one","exact_match":true}"#, true), (#"{"host":"9"}"#, false), (#"{"tags":["A"]}"#, true),
      (#"{"tags":["a","b"]}"#, false), (#"{"domain":"d"}"#, false), (#"{"cluster":"c"}"#, false),
    ])
  func filters(body: String, expected: Bool) throws {
    var options = ServerOptions()
    options.serverTags = ["a"]
    let filter = try JSONCoding.decode(EventFilterOptions.self, from: Array(body.utf8))
    #expect(filter.includes(name: "one", host: "127.0.0.1", options) == expected)
  }

  @Test(
    "A member of the wrong type is named as nats-server names it (FEATURES 11.123)",
    arguments: [
      (#"{"limit":"x"}"#, "json: cannot unmarshal string into Go struct field ConnzEventOptions.limit of type int"),
      (
        #"{"sort":5}"#,
        "json: cannot unmarshal number into Go struct field ConnzEventOptions.sort of type server.SortOpt"
      ),
      ("x", "invalid character 'x' looking for beginning of value"),
    ])
  func wrongTypes(body: String, text: String) {
    do {
      _ = try JSONCoding.decode(ConnzEventOptions.self, from: Array(body.utf8))
      Issue.record("decoded")
    } catch { #expect(error.description == text) }
  }

  @Test("Answers are packed as asked, snappy before gzip")
  func encodings() {
    #expect(ContentEncoding(accepting: "") == nil)
    #expect(ContentEncoding(accepting: "gzip, S2") == .snappy)
    #expect(ContentEncoding(accepting: "GZIP") == .gzip)
    #expect(ContentEncoding(accepting: "br") == .identity)
    let block = Array("NATS/1.0\r\nAccept-Encodings: no\r\nAccept-Encoding:  gzip \r\nEmpty:\r\n\r\n".utf8)
    func value(_ name: StaticString) -> String? { block.withUnsafeBytes { HeaderBlock.value(of: name, in: $0) } }
    #expect(value("Accept-Encoding") == "gzip" && value("Empty") == "" && value("Missing") == nil)
  }
}
