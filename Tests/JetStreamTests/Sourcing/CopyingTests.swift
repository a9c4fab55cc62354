import JetStreamAPI
import MessageStore
import Testing

@testable import JetStream

/// FEATURES 5.052, 5.053: what a stream makes of messages from other streams.
struct CopyingTests {
  /// Proposes a copied message, makes it durable and applies it.
  private func copy(
    _ stream: inout TestStream, _ subject: String, _ header: String, _ payload: String = "x",
    at place: MirroredPlace? = nil
  ) throws -> CopyOutcome {
    let block = header.isEmpty ? [] : Array("NATS/1.0\r\n\(header)\r\n\r\n".utf8)
    let outcome = Array(subject.utf8).withUnsafeBytes { subject in
      block.withUnsafeBytes { header in
        Array(payload.utf8).withUnsafeBytes { payload in
          stream.output.removeAll()
          return stream.rules.proposeCopy(
            InboundMessage(
              subject: subject, reply: UnsafeRawBufferPointer(start: nil, count: 0), header: header, payload: payload),
            at: place, now: stream.now, output: &stream.output)
        }
      }
    }
    try apply(&stream)
    return outcome
  }

  private func apply(_ stream: inout TestStream) throws {
    let entries = stream.output.entries
    for index in 0..<entries.count {
      let bytes = entries.withEntry(index) { Array($0) }
      stream.log.append((entries.kind(index), bytes))
      try bytes.withUnsafeBytes {
        var output = StreamOutput()
        _ = try stream.rules.apply(entries.kind(index), $0, output: &output)
      }
    }
  }

  private func source(_ sequence: UInt64, _ name: String = "O", identity: String = "id") -> String {
    "Nats-Stream-Source: \(name) \(sequence) > > o.1 \(identity)"
  }

  private let origin = SourceName(StreamSource(name: "O"))

  @Test("5.053 a mirror keeps sequences and times, and what the origin does not have is missing")
  func mirror() throws {
    var stream = try TestStream()
    for (sequence, time) in [(3, 100), (4, 50), (9, 200)] as [(UInt64, Int64)] {
      let outcome = try copy(&stream, "o.1", "", at: MirroredPlace(sequence: sequence, timestamp: time))
      #expect(outcome == .journal)
    }
    #expect(try copy(&stream, "o.1", "", at: MirroredPlace(sequence: 9, timestamp: 300)) == .skipped)
    let store = stream.rules.store
    #expect(store.messages == 3)
    #expect(store.firstSequence == 3)
    #expect(store.lastSequence == 9)
    #expect(try store.load(4)?.timestamp == 50)
    #expect(try store.load(5) == nil)
  }

  @Test("a mirror takes no sequence that has none behind it")
  func lastSequence() throws {
    var stream = try TestStream()
    let largest = StreamRules.maximumSequence
    let outcome = try copy(&stream, "o.1", "", at: MirroredPlace(sequence: largest + 1, timestamp: 1))
    #expect(outcome == .refused(.streamStoreFailed("no sequences are left")))
    let skips = stream.rules.proposeSkip(through: largest + 1, output: &stream.output)
    #expect(!skips)
    #expect(try copy(&stream, "o.1", "", at: MirroredPlace(sequence: largest, timestamp: 1)) == .journal)
    #expect(stream.rules.store.lastSequence == largest)
    #expect(try copy(&stream, "s.1", source(1)) == .refused(.streamStoreFailed("no sequences are left")))
  }

  @Test("a mirror follows its origin past what is gone there, also when that is applied again")
  func skipping() throws {
    var stream = try TestStream()
    let skips = stream.rules.proposeSkip(through: 7, output: &stream.output)
    #expect(skips)
    try apply(&stream)
    #expect(stream.rules.store.lastSequence == 7)
    let skipsAgain = stream.rules.proposeSkip(through: 7, output: &stream.output)
    #expect(!skipsAgain)
    #expect(stream.rules.isSettled)
    var again = TestStream(StreamSetup(stream.rules.configuration), store: StreamStore())
    for _ in 0..<2 {
      for (kind, bytes) in stream.log {
        _ = try bytes.withUnsafeBytes { try again.rules.apply(kind, $0, output: &again.output) }
      }
    }
    #expect(again.rules.store.lastSequence == 7)
  }

  @Test("5.052 how far it has come is known after a replay, from a checkpoint, and from the messages")
  func positions() throws {
    var stream = try TestStream()
    for sequence in [4, 6, 9] as [UInt64] {
      #expect(try copy(&stream, "s.1", source(sequence)) == .journal)
    }
    #expect(try copy(&stream, "s.1", source(2, "P")) == .journal)
    #expect(stream.rules.sourcePositions[origin]?.sequence == 9)

    var replayed = TestStream(StreamSetup(stream.rules.configuration), store: StreamStore())
    for (kind, bytes) in stream.log {
      _ = try bytes.withUnsafeBytes { try replayed.rules.apply(kind, $0, output: &replayed.output) }
    }
    #expect(replayed.rules.sourcePositions[origin] == stream.rules.sourcePositions[origin])

    var restored = StreamRules(StreamSetup(stream.rules.configuration), store: stream.rules.store)
    let isRestored = restored.restore(stream.rules.checkpointState())
    #expect(isRestored)
    #expect(restored.sourcePositions[origin] == stream.rules.sourcePositions[origin])
    #expect(restored.sourcePositions.isComplete)

    var damaged = StreamRules(StreamSetup(stream.rules.configuration), store: stream.rules.store)
    #expect(damaged.sourcePositions[origin] == nil)
    try damaged.findPositions(of: [origin])
    #expect(damaged.sourcePositions[origin]?.sequence == 9)
    #expect(damaged.sourcePositions[origin]?.identity == Array("id".utf8))
    #expect(!damaged.sourcePositions.isComplete, "it has not looked at the oldest messages")
    let others = ["P", "Q"].map { SourceName(StreamSource(name: $0)) }
    try damaged.findPositions(of: [others[1]])
    #expect(damaged.sourcePositions.isComplete, "there is nothing more to find")
    #expect(damaged.sourcePositions[others[0]]?.sequence == 2, "also of one that was not asked for")
    #expect(damaged.sourcePositions[others[1]] == nil)
    #expect(damaged.sourcePositions[origin]?.sequence == 9, "the newest message counts")
  }

  @Test("positions outlive the messages")
  func purged() throws {
    var stream = try TestStream()
    #expect(try copy(&stream, "s.1", source(4)) == .journal)
    _ = try stream.rules.store.purge(.everything, through: 1, keep: 0)
    var restored = StreamRules(StreamSetup(stream.rules.configuration), store: stream.rules.store)
    let isRestored = restored.restore(stream.rules.checkpointState())
    #expect(isRestored)
    #expect(restored.sourcePositions[origin]?.sequence == 4)
  }

  @Test("5.060 message identifiers: a source's are looked at, a mirror's are not")
  func identifiers() throws {
    var stream = try TestStream()
    #expect(try copy(&stream, "s.1", "Nats-Msg-Id: one\r\n" + source(1)) == .journal)
    #expect(try copy(&stream, "s.1", "Nats-Msg-Id: one\r\n" + source(1, "P")) == .skipped)
    var mirror = try TestStream()
    for sequence in [1, 2] as [UInt64] {
      let place = MirroredPlace(sequence: sequence, timestamp: 1)
      #expect(try copy(&mirror, "s.1", "Nats-Msg-Id: one", at: place) == .journal)
    }
  }

  @Test(
    "what is refused, and what is stored as it is",
    arguments: [
      ("Nats-Rollup: sub", nil as UInt16?), ("Nats-Rollup: what", 10111), ("Nats-TTL: 5", nil), ("Nats-TTL: x", 10165),
      ("Nats-Incr: 5", nil), ("Nats-Incr: x", 10171), ("Nats-Schedule: @every 1s", nil),
    ])
  func headers(header: String, number: UInt16?) throws {
    var stream = try TestStream()
    let outcome = try copy(&stream, "s.1", header + "\r\n" + source(1))
    guard let number else {
      #expect(outcome == .journal)
      return
    }
    guard case .refused(let error) = outcome else { throw Stored() }
    #expect(error.number == number)
  }

  struct Stored: Error {}

  @Test("5.070 counters of several sources add up, whatever comes twice")
  func counters() throws {
    var stream = try TestStream { $0.allowMessageCounter = true }
    let arrivals = [("O", 5, 5), ("P", 7, 12), ("O", 5, 12), ("O", 3, 10), ("P", 100, 103)]
    for (number, (name, value, sum)) in arrivals.enumerated() {
      let header = "Nats-Incr: 1\r\n" + source(UInt64(number + 1), name)
      #expect(try copy(&stream, "s.1", header, "{\"val\":\"\(value)\"}") == .journal)
      let stored = try stream.rules.store.load(stream.rules.store.lastSequence)
      #expect(stored.map { String(decoding: $0.payload, as: UTF8.self) } == "{\"val\":\"\(sum)\"}")
    }
    let stored = try stream.rules.store.load(stream.rules.store.lastSequence)
    let header = stored.map { String(decoding: $0.header, as: UTF8.self) } ?? ""
    #expect(header.contains("Nats-Counter-Sources: {\"O\":{\"o.1\":\"3\"},\"P\":{\"o.1\":\"100\"}}\r\n"))
    #expect(header.contains("Nats-Incr: 93\r\n"))
  }
}
