import Bytes
import JSON
import JetStreamAPI
import Testing

@testable import JetStream

/// FEATURES 5.048, 5.055, 5.056: what is asked of an origin, when, and what is made of what comes.
struct UpstreamTests {
  static let second: Int64 = 1_000_000_000
  static let identification = UpstreamIdentification(stream: "S", account: "A", domain: "")

  static func source(_ change: (inout StreamSource) -> Void = { _ in }) -> StreamSource {
    var source = StreamSource(name: "O")
    change(&source)
    return source
  }

  static func machine(
    _ role: Upstream.Role, _ source: StreamSource = source(), position: UInt64 = 0, identity: String = ""
  ) -> Upstream {
    Upstream(
      role, source, identification: identification, position: position, identity: identity, now: 0, random: 0)
  }

  static func request(_ effects: [UpstreamEffect]) throws -> (request: UpstreamRequest, number: UInt32) {
    for effect in effects { if case .request(let request, let number) = effect { return (request, number) } }
    throw Missing()
  }

  struct Missing: Error {}

  static func answer(delivered: UInt64 = 0, identity: String = "one") -> OriginAnswer {
    var answer = OriginAnswer()
    answer.consumer = "C"
    answer.deliverSubject = "deliver"
    answer.deliveredStream = delivered
    answer.identity = identity
    return answer
  }

  /// A machine that follows its origin.
  static func following(_ role: Upstream.Role, delivered: UInt64 = 0) throws -> Upstream {
    var machine = machine(role)
    let asked = try request(machine.tick(now: second, state: DownstreamState(), random: 0))
    _ = machine.answered(
      answer(delivered: delivered), number: asked.number, now: second, state: DownstreamState(), random: 0)
    return machine
  }

  static func message(_ stream: UInt64, _ consumer: UInt64, deliveries: UInt64 = 1) -> AckSubject {
    AckSubject(deliveries: deliveries, streamSequence: stream, consumerSequence: consumer, pending: 5)
  }

  @Test(
    "5.045 where a mirror asks to begin",
    arguments: [
      (DownstreamState(), source(), "all", nil as UInt64?),
      (DownstreamState(), source { $0.startSequence = 7 }, "by_start_sequence", 7),
      (DownstreamState(), source { $0.startTime = Timestamp(unixNanoseconds: 5) }, "by_start_time", nil),
      (DownstreamState(lastSequence: 9, messages: 3), source { $0.startSequence = 7 }, "by_start_sequence", 10),
      (DownstreamState(lastSequence: 9), source(), "by_start_sequence", 10),
    ])
  func mirrorStart(state: DownstreamState, source: StreamSource, policy: String, start: UInt64?) throws {
    var machine = Self.machine(.mirror, source)
    let asked = try Self.request(machine.tick(now: Self.second, state: state, random: 0)).request
    let configuration = try JSONValue(parsing: asked.payload)["config"]
    #expect(configuration?["deliver_policy"]?.string == policy)
    #expect(configuration?["opt_start_seq"]?.uint64 == start)
    #expect(configuration?["direct"]?.bool == true)
    #expect(configuration?["sourcing"]?.bool == true)
    #expect(configuration?["name"]?.string?.hasPrefix("JS_MIRROR_") == true)
    #expect(configuration?["metadata"]?["_nats.mirror.stream"]?.string == "S")
    #expect(asked.subject == "$JS.API.CONSUMER.CREATE.O")
  }

  @Test(
    "5.045 where a source asks to begin",
    arguments: [
      (UInt64(0), DownstreamState(), source(), "all", nil as UInt64?),
      (12, DownstreamState(), source { $0.startSequence = 7 }, "by_start_sequence", 13),
      (0, DownstreamState(lastSequence: 5, messages: 5), source { $0.startSequence = 7 }, "by_start_sequence", 7),
      (0, DownstreamState(lastSequence: 5, firstSequence: 6, lastTimestamp: 3), source(), "by_start_time", nil),
    ])
  func sourceStart(
    position: UInt64, state: DownstreamState, source: StreamSource, policy: String, start: UInt64?
  ) throws {
    var machine = Self.machine(.source, source, position: position)
    let asked = try Self.request(machine.tick(now: Self.second, state: state, random: 0)).request
    let configuration = try JSONValue(parsing: asked.payload)["config"]
    #expect(configuration?["deliver_policy"]?.string == policy)
    #expect(configuration?["opt_start_seq"]?.uint64 == start)
  }

  @Test(
    "5.047 5.048 requests for other accounts, filters and consumers that are there",
    arguments: [
      (source { $0.filterSubject = "a.b" }, "$JS.API.CONSUMER.CREATE.O.JS_SRC_", ".a.b"),
      (source { $0.external = external("A.API.", "") }, "A.API.CONSUMER.CREATE.O", "CREATE.O"),
      (source { $0.consumer = consumer("c", "d") }, "$JS.API.CONSUMER.RESET.O.c", "RESET.O.c"),
    ])
  func subjects(source: StreamSource, begin: String, end: String) throws {
    var machine = Self.machine(.source, source)
    let subject = try Self.request(machine.tick(now: Self.second, state: DownstreamState(), random: 0)).request.subject
    #expect(subject.hasPrefix(begin))
    #expect(subject.hasSuffix(end))
  }

  static func external(_ api: String, _ deliver: String) -> ExternalStream {
    var external = ExternalStream()
    external.apiPrefix = api
    external.deliverPrefix = deliver
    return external
  }

  static func consumer(_ name: String, _ subject: String) -> SourceConsumer {
    var consumer = SourceConsumer()
    consumer.name = name
    consumer.deliverSubject = subject
    return consumer
  }

  @Test(
    "what becomes of messages",
    arguments: [
      (Upstream.Role.mirror, [message(1, 1), message(2, 2)], [Upstream.Verdict.take, .take]),
      (.mirror, [message(1, 1), message(5, 2)], [.take, .take]),
      (.mirror, [message(1, 1), message(5, 3)], [.take, .restart]),
      (.mirror, [message(3, 1), message(2, 2), message(4, 3)], [.take, .ignore, .take]),
      (.source, [message(1, 1), message(9, 2)], [.take, .take]),
      (.source, [message(1, 1), message(9, 3)], [.take, .restart]),
      (.source, [message(1, 1), message(9, 1)], [.take, .ignore]),
      (.source, [message(1, 1, deliveries: 2)], [.ignore]),
    ])
  func messages(role: Upstream.Role, arrivals: [AckSubject], verdicts: [Upstream.Verdict]) throws {
    var machine = try Self.following(role)
    var found: [Upstream.Verdict] = []
    for arrival in arrivals { found.append(machine.message(arrival, now: Self.second)) }
    #expect(found == verdicts)
  }

  @Test("a heartbeat tells that messages are missing")
  func heartbeats() throws {
    var machine = try Self.following(.source)
    _ = machine.message(Self.message(1, 1), now: Self.second)
    let (nothing, something) = (
      machine.heartbeat(lastConsumer: 1, now: Self.second), machine.heartbeat(lastConsumer: 2, now: Self.second)
    )
    #expect(!nothing)
    #expect(something)
  }

  @Test("5.055 an origin that refuses is asked again after 2 s, then 10 s later each time, 2 minutes at most")
  func backoff() throws {
    var machine = Self.machine(.mirror)
    var now = Self.second
    var waits: [Int64] = []
    for _ in 0..<15 {
      let asked = try Self.request(machine.tick(now: now, state: DownstreamState(), random: 0))
      var answer = OriginAnswer()
      answer.error = .streamNotFound
      _ = machine.answered(answer, number: asked.number, now: now, state: DownstreamState(), random: 0)
      #expect(machine.error == .streamNotFound)
      let due = try #require(machine.due)
      waits.append((due - now) / Self.second)
      now = due
    }
    #expect(waits == [12, 22, 32, 42, 52, 62, 72, 82, 92, 102, 112, 122, 122, 122, 122])
  }

  @Test("5.055 nothing for 10 s: the origin is asked again; no answer for 30 s: later")
  func silence() throws {
    var machine = try Self.following(.source)
    #expect(machine.due == 11 * Self.second)
    let stalled = machine.tick(now: 11 * Self.second, state: DownstreamState(), random: 0)
    #expect(stalled == [.stopListening])
    let due = try #require(machine.due)
    _ = try Self.request(machine.tick(now: due, state: DownstreamState(), random: 0))
    #expect(machine.due == due + 30 * Self.second)
    let late = due + 30 * Self.second
    let unanswered = machine.tick(now: late, state: DownstreamState(), random: 0)
    #expect(unanswered == [.stopListening])
    #expect(try #require(machine.due) == late + 10 * Self.second + 100_000_000)
  }

  @Test("5.048 a consumer that did not answer and shows a sign of life is asked again at once")
  func probing() throws {
    var machine = Self.machine(.source, Self.source { $0.consumer = Self.consumer("c", "d") })
    _ = try Self.request(machine.tick(now: Self.second, state: DownstreamState(), random: 0))
    let late = try #require(machine.due)
    #expect(late == 6 * Self.second)
    let unanswered = machine.tick(now: late, state: DownstreamState(), random: 0)
    #expect(unanswered == [.stopListening, .listen("d")])
    _ = machine.probed(now: late + 1, random: 0)
    #expect(try #require(machine.due) < late + Self.second)
  }

  @Test("5.102 a source that was made anew is read from its beginning")
  func recreation() throws {
    var machine = Self.machine(.source, position: 40, identity: "old")
    let first = try Self.request(machine.tick(now: Self.second, state: DownstreamState(), random: 0))
    #expect(String(decoding: first.request.header, as: UTF8.self).contains("Nats-Stream-Identity: old\r\n"))
    var answer = OriginAnswer()
    answer.error = .consumerStreamIdentityMismatch("new")
    _ = machine.answered(answer, number: first.number, now: Self.second, state: DownstreamState(), random: 0)
    let due = try #require(machine.due)
    let second = try Self.request(machine.tick(now: due, state: DownstreamState(), random: 0))
    #expect(try JSONValue(parsing: second.request.payload)["config"]?["deliver_policy"]?.string == "all")
    let effects = machine.answered(
      Self.answer(identity: "new"), number: second.number, now: due, state: DownstreamState(), random: 0)
    #expect(effects.contains { if case .warn = $0 { true } else { false } })
    #expect(machine.position == 0)
    #expect(machine.identity == "new")
  }

  @Test("an origin of an older server is asked for less")
  func levels() throws {
    var machine = Self.machine(.source)
    var asked = try Self.request(machine.tick(now: Self.second, state: DownstreamState(), random: 0))
    var refusal = OriginAnswer()
    refusal.error = .requiredApiLevel
    for level in ["4", nil] {
      let effects = machine.answered(
        refusal, number: asked.number, now: Self.second, state: DownstreamState(), random: 0)
      asked = try Self.request(effects)
      let header = String(decoding: asked.request.header, as: UTF8.self)
      #expect(header == (level.map { "NATS/1.0\r\nNats-Required-Api-Level: \($0)\r\n\r\n" } ?? ""))
    }
    #expect(try JSONValue(parsing: asked.request.payload)["config"]?["sourcing"] == nil)
  }

  @Test(
    "5.052 headers of sourced messages are written and read",
    arguments: [
      (source(), "O 5 > > o.1 id"),
      (source { $0.filterSubject = "o.*" }, "O 5 o.* > o.1 id"),
      (
        source { $0.subjectTransforms = [SubjectTransformConfiguration(source: "", destination: "x")] },
        "O 5 > x o.1 id"
      ),
    ])
  func headers(source: StreamSource, value: String) throws {
    var block: [UInt8] = []
    Array("o.1".utf8).withUnsafeBytes {
      SourceMarkWriter(SourceName(source)).append(sequence: 5, subject: $0, identity: Array("id".utf8), to: &block)
    }
    #expect(String(decoding: block, as: UTF8.self) == "Nats-Stream-Source: \(value)")
    var positions = SourcePositions()
    Array(value.utf8).withUnsafeBytes { positions.note(SourceMark($0)!) }
    #expect(positions[SourceName(source)]?.sequence == 5)
    #expect(positions[SourceName(source)]?.identity == Array("id".utf8))
    #expect(positions[SourceName(StreamSource(name: "P"))] == nil)
  }

  @Test(
    "5.052 headers that older servers wrote, and others",
    arguments: [
      ("O 7", UInt64(7) as UInt64?), ("O 8 > >", 8), ("O 8 >", nil), ("O", nil), ("O x > > a", nil), ("", nil),
    ])
  func oldHeaders(value: String, sequence: UInt64?) {
    let mark = Array(value.utf8).withUnsafeBytes { SourceMark($0)?.sequence }
    #expect(mark == sequence)
    guard sequence != nil else { return }
    var positions = SourcePositions()
    Array(value.utf8).withUnsafeBytes { positions.note(SourceMark($0)!) }
    #expect(positions[SourceName(StreamSource(name: "O"))]?.sequence == sequence)
  }
}
