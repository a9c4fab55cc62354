import Foundation
import JSON
import JetStreamAPI
import Testing

/// Consumers of streams as a server keeps them, as far as requests for consumers look at them.
private struct RecordingServer {
  var contexts: [String: ConsumerContext] = [:]
  var consumers: [String: [ConsumerNeighbour]] = [:]

  init(hasLimits: Bool) {
    var streams = [
      ConsumerContext(stream: "S", subjects: ["s.>"]),
      ConsumerContext(stream: "W", subjects: ["w.>"], retention: .workQueue),
      ConsumerContext(stream: "I", subjects: ["i.*", "i2"], retention: .interest),
      ConsumerContext(stream: "L", subjects: ["l"]),
      ConsumerContext(stream: "M", subjects: ["m"]),
    ]
    streams[3].streamInactiveThreshold = 10_000_000_000
    streams[3].streamMaxAckPending = 50
    streams[4].streamMaxConsumers = 2
    for var stream in streams {
      if hasLimits {
        stream.serverMaxAckPending = 500
        stream.serverMaxRequestBatch = 100
      }
      contexts[stream.stream] = stream
    }
  }

  mutating func answer(_ subject: String, _ payload: String) -> String {
    do throws(JetStreamError) {
      var request = try ConsumerCreateRequest.decode(Array(payload.utf8))
      try request.bind(to: "$JS.API.CONSUMER." + subject)
      guard let context = contexts[request.stream] else { throw .streamNotFound }
      let all = consumers[request.stream] ?? []
      let existing = all.first { $0.name == request.configuration.name }
      var stored: ConsumerConfiguration
      switch try request.plan(context, existing: existing, others: all, isBound: { $0 == "bound.x" }) {
      case .create(let configuration):
        stored = configuration
      case .update(let configuration):
        stored = configuration
        consumers[request.stream]!.removeAll { $0.name == existing!.name }
      }
      stored.setEphemeralThreshold()
      let name = stored.isDurable ? stored.durableName : stored.name.isEmpty ? "?" : stored.name
      consumers[request.stream, default: []].append(ConsumerNeighbour(name: name, configuration: stored))
      let answered = stored.withAnsweredMetadata(serverVersion: "2.15.1")
      return "=" + String(decoding: answered.json(), as: UTF8.self)
    } catch {
      return "!\(error.code) \(error.number) \(error.description)"
    }
  }

  mutating func delete(_ names: String) {
    for name in names.split(separator: ",") {
      let parts = name.split(separator: ".")
      consumers[String(parts[0])]?.removeAll { $0.name == parts[1] }
    }
  }
}

@Suite("requests for consumers")
struct ConsumerRequestTests {
  private static let nothingSaid =
    "\"metadata\":{\"_nats.level\":\"5\",\"_nats.req.level\":\"0\",\"_nats.ver\":\"2.15.1\"}"

  private static func expanded(_ text: String) -> String {
    text.replacingOccurrences(of: "@M", with: nothingSaid)
      .replacingOccurrences(of: "@D", with: String(repeating: "d", count: 4097))
      .replacingOccurrences(of: "@N", with: String(repeating: "n", count: 256))
  }

  /// FEATURES 6.001 to 6.040, 6.081: decoding, defaults, checks and their order, updates.
  @Test func areAnsweredAsByNatsServer() throws {
    var servers = [RecordingServer(hasLimits: false), RecordingServer(hasLimits: true)]
    var count = 0
    for line in RecordedConsumerRequests.lines.split(separator: "\n") {
      let parts = line.components(separatedBy: "|T|")
      let server = Int(parts[0])!
      let request = Self.expanded(parts[2])
      let answer = servers[server].answer(Self.expanded(parts[1]), request)
      let expected = Self.expanded(parts[3])
      let isSame =
        try expected.hasPrefix("!") || answer.hasPrefix("!")
        ? answer == expected
        : JSONValue(parsing: String(answer.dropFirst())) == JSONValue(parsing: String(expected.dropFirst()))
      #expect(
        isSame, "\(parts[1]) \(request.prefix(400))\n  ours \(answer.prefix(900))\nwanted \(expected.prefix(900))")
      servers[server].delete(parts[4])
      count += 1
    }
    #expect(count > 1000)
  }
}
