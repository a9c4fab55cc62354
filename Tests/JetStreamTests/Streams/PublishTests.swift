import JetStreamAPI
import MessageStore
import Testing

@testable import JetStream

struct PublishTests {
  @Test("5.058 a stored message is acknowledged with its sequence")
  func stored() throws {
    var stream = try TestStream()
    #expect(try stream.publish("s.a", "x") == #"{"stream":"S","seq":1}"#)
    #expect(try stream.publish("s.b", "y") == #"{"stream":"S","seq":2}"#)
    #expect(stream.messages == ["1 s.a x", "2 s.b y"])
  }

  @Test("5.060 a message identifier is taken once within the window")
  func duplicates() throws {
    var stream = try TestStream { $0.duplicateWindow = 1_000_000_000 }
    try stream.publish("s.a", "x", [("Nats-Msg-Id", "1")])
    try stream.publish("s.a", "y")
    #expect(try stream.publish("s.a", "z", [("Nats-Msg-Id", "1")]) == #"{"stream":"S","seq":1,"duplicate": true}"#)
    try stream.advance(seconds: 1.5)
    #expect(try stream.publish("s.a", "z", [("Nats-Msg-Id", "1")]) == #"{"stream":"S","seq":3}"#)
  }

  @Test("5.060 a duplicate of a message in flight is one as well")
  func duplicateInFlight() throws {
    var stream = try TestStream()
    #expect(stream.propose("s.a", "x", [("Nats-Msg-Id", "1")]) == .journal)
    #expect(stream.propose("s.a", "x", [("Nats-Msg-Id", "1")]) == .answer(.duplicate(of: 1)))
  }

  /// Header, value, error number after two messages on `s.a` and one on `s.b`, whose identifier is `last`.
  static let refusals: [(String, String, Int)] = [
    ("Nats-Expected-Stream", "S", 0), ("Nats-Expected-Stream", "T", 10060),
    ("Nats-Expected-Last-Msg-Id", "last", 0), ("Nats-Expected-Last-Msg-Id", "other", 10070),
    ("Nats-Expected-Last-Sequence", "3", 0), ("Nats-Expected-Last-Sequence", "2", 10071),
    ("Nats-Expected-Last-Sequence", "x", 10071), ("Nats-Expected-Last-Subject-Sequence", "2", 0),
    ("Nats-Expected-Last-Subject-Sequence", "1", 10071), ("Nats-Expected-Last-Subject-Sequence", "0", 10071),
    ("Nats-Expected-Last-Subject-Sequence-Subject", "s.b", 10193), ("Nats-Rollup", "sub", 10111),
    ("Nats-TTL", "1s", 10166), ("Nats-TTL", "x", 10165), ("Nats-Incr", "1", 10168), ("Nats-Incr", "x", 10171),
    ("Nats-Batch-Id", "b", 10174), ("Nats-Schedule", "@at 2030-01-01T00:00:00Z", 10188),
    ("Nats-Schedule", "x", 10188), ("Nats-Schedule-Next", "purge", 10212), ("Nats-Scheduler", "s.x", 10212),
    ("Nats-Stream-Source", "x", 10227),
  ]

  @Test("5.061 to 5.083 headers that are refused", arguments: refusals)
  func refused(name: String, value: String, number: Int) throws {
    var stream = try TestStream()
    try stream.publish("s.a", "1")
    try stream.publish("s.a", "2")
    try stream.publish("s.b", "3", [("Nats-Msg-Id", "last")])
    let answer = try stream.publish("s.a", "", [(name, value)])
    #expect(errorNumber(answer) == number, "\(answer)")
    #expect(stream.rules.store.lastSequence == (number == 0 ? 4 : 3))
  }

  @Test("5.063 to 5.065 expected sequences are cut to 64 bits")
  func largeExpectations() throws {
    var stream = try TestStream()
    let first = try stream.publish("s.a", "1", [("Nats-Expected-Last-Sequence", "18446744073709551616")])
    #expect(first == #"{"stream":"S","seq":1}"#)
    let answer = try stream.publish("s.a", "2", [("Nats-Expected-Last-Subject-Sequence", "18446744073709551617")])
    #expect(answer == #"{"stream":"S","seq":2}"#)
  }

  @Test("5.010, 5.069 a counter without an increment that is too large is too large")
  func largeCounter() throws {
    var stream = try TestStream {
      $0.allowMessageCounter = true
      $0.maximumMessageSize = 5
    }
    let large = try stream.publish("s.a", "123456")
    #expect(errorNumber(large) == 10054)
    let small = try stream.publish("s.a", "1")
    #expect(errorNumber(small) == 10169)
  }

  @Test("5.096 a stream that was purged shows where it begins, also after a restart")
  func purgedWhileEmpty() throws {
    var stream = try TestStream()
    _ = try stream.purge { $0.keep = 3 }
    _ = try stream.purge { $0.sequence = 1 }
    _ = try stream.purge { $0.subject = "s.x" }
    #expect(!stream.rules.hasBegun)
    _ = try stream.purge()
    #expect(stream.rules.hasBegun)
    var again = try TestStream()
    let isRestored = again.rules.restore(stream.rules.checkpointState())
    #expect(isRestored)
    #expect(again.rules.hasBegun)
  }

  @Test("5.060 a checkpoint keeps message identifiers; one that is cut off within them is none")
  func identifiersInCheckpoints() throws {
    var stream = try TestStream()
    let identifiers = ["first", "x", String(repeating: "long", count: 100)]
    for identifier in identifiers { _ = try stream.publish("s.a", "1", [("Nats-Msg-Id", identifier)]) }
    let state = stream.rules.checkpointState()
    // They are its end, each with its length, its sequence and its time.
    var ends = [state.count]
    for identifier in identifiers.reversed() { ends.append(ends.last! - 24 - identifier.utf8.count) }
    for length in ends.min()!..<state.count {
      var other = try TestStream()
      let isRestored = other.rules.restore(Array(state.prefix(length)))
      if isRestored != ends.contains(length) { Issue.record("\(length) of \(state.count) bytes: \(isRestored)") }
    }
    var again = try TestStream()
    let isRestored = again.rules.restore(state)
    #expect(isRestored)
    for (number, identifier) in identifiers.enumerated() {
      let proposal = again.propose("s.a", "2", [("Nats-Msg-Id", identifier)])
      #expect(proposal == .answer(.duplicate(of: UInt64(number) + 1)))
    }
  }

  @Test("5.063 to 5.065 what is in flight counts as stored for expectations")
  func expectationsInFlight() throws {
    var stream = try TestStream()
    #expect(stream.propose("s.a", "1", [("Nats-Expected-Last-Subject-Sequence", "0")]) == .journal)
    #expect(stream.propose("s.a", "2", [("Nats-Expected-Last-Subject-Sequence", "1")]) == .journal)
    #expect(
      stream.propose("s.a", "3", [("Nats-Expected-Last-Subject-Sequence", "1")])
        == .answer(.refused(.streamWrongLastSequence(2))))
    #expect(stream.propose("s.b", "4", [("Nats-Expected-Last-Sequence", "2")]) == .journal)
    #expect(
      stream.propose(
        "s.c", "5",
        [
          ("Nats-Expected-Last-Subject-Sequence", "3"), ("Nats-Expected-Last-Subject-Sequence-Subject", "s.*"),
        ]) == .journal)
    try stream.commit()
    #expect(stream.messages == ["1 s.a 1", "2 s.a 2", "3 s.b 4", "4 s.c 5"])
  }

  @Test("5.064 an expectation waits for a purge in flight")
  func expectationBehindPurge() throws {
    var stream = try TestStream()
    try stream.publish("s.a", "1")
    _ = try stream.rules.proposePurge(
      StreamPurgeRequest(), through: stream.rules.proposedSequence, output: &stream.output)
    #expect(stream.propose("s.a", "2", [("Nats-Expected-Last-Subject-Sequence", "1")]) == .wait)
  }

  @Test("5.066 rollups")
  func rollups() throws {
    var stream = try TestStream { $0.allowRollup = true }
    for subject in ["s.a", "s.b", "s.a", "s.b"] { try stream.publish(subject) }
    try stream.publish("s.a", "r", [("Nats-Rollup", "SUB")])
    #expect(stream.messages == ["2 s.b ", "4 s.b ", "5 s.a r"])
    try stream.publish("s.c", "all", [("Nats-Rollup", "all")])
    #expect(stream.messages == ["6 s.c all"])
    #expect(errorNumber(try stream.publish("s.c", "", [("Nats-Rollup", "x")])) == 10111)
  }

  @Test("5.006, 5.007, 5.009 old messages make room")
  func discardOld() throws {
    var stream = try TestStream {
      $0.maximumMessages = 3
      $0.maximumMessagesPerSubject = 2
    }
    for index in 1...3 { try stream.publish("s.a", "\(index)") }
    #expect(stream.messages == ["2 s.a 2", "3 s.a 3"])
    for index in 4...5 { try stream.publish("s.b", "\(index)") }
    #expect(stream.messages == ["3 s.a 3", "4 s.b 4", "5 s.b 5"])
  }

  @Test("5.011, 5.012 a full stream that discards new messages refuses them")
  func discardNew() throws {
    var stream = try TestStream {
      $0.discard = .new
      $0.maximumMessages = 2
      $0.maximumMessagesPerSubject = 1
    }
    try stream.publish("s.a", "1")
    try stream.publish("s.b", "2")
    let answer = try stream.publish("s.c", "3")
    #expect(
      answer
        == #"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"S","seq":0}"#)
    // A message that takes the place of another is accepted.
    try stream.publish("s.a", "4")
    #expect(stream.messages == ["2 s.b 2", "3 s.a 4"])
    var keyed = try TestStream {
      $0.discard = .new
      $0.discardNewPerSubject = true
      $0.maximumMessagesPerSubject = 1
    }
    try keyed.publish("s.a", "1")
    #expect(try keyed.publish("s.a", "2").contains("maximum messages per subject exceeded"))
  }

  @Test("5.010, 5.086 sizes")
  func sizes() throws {
    var stream = try TestStream { $0.maximumMessageSize = 10 }
    #expect(errorNumber(try stream.publish("s.a", "12345678901")) == 10054)
    #expect(errorNumber(try stream.publish("s.a", "1234567890")) == 0)
    var other = try TestStream()
    #expect(errorNumber(try other.publish("s.a", "", [("X", String(repeating: "x", count: 70_000))])) == 10097)
  }

  @Test("5.015, 5.059 nobody is told when nobody asks")
  func silence() throws {
    var stream = try TestStream { $0.noAcknowledgement = true }
    try stream.publish("s.a", "x")
    try stream.publish("s.a", "x", [("Nats-Expected-Last-Sequence", "7")])
    #expect(stream.answers.isEmpty)
    var asked = try TestStream()
    #expect(asked.propose("s.a", "x", [("Nats-Expected-Last-Sequence", "7")], reply: "") == .answer(.none))
  }

  @Test("5.096 purges")
  func purges() throws {
    var stream = try TestStream()
    for index in 1...6 { try stream.publish(index % 2 == 0 ? "s.a" : "s.b", "\(index)") }
    #expect(
      try stream.purge {
        $0.subject = "s.a"; $0.keep = 1
      } == "purged 2")
    #expect(stream.messages == ["1 s.b 1", "3 s.b 3", "5 s.b 5", "6 s.a 6"])
    #expect(try stream.purge { $0.sequence = 5 } == "purged 2")
    #expect(try stream.purge { $0.sequence = 1 } == "purged 0")
    #expect(try stream.purge() == "purged 2")
    #expect(stream.rules.store.state.firstSequence == 7)
    #expect(try stream.publish("s.a") == #"{"stream":"S","seq":7}"#)
    #expect(try stream.purge { $0.sequence = 100 } == "purged 1")
    #expect(try stream.publish("s.a") == #"{"stream":"S","seq":100}"#)
  }

  @Test("5.097 removals")
  func removals() throws {
    var stream = try TestStream()
    try stream.publish("s.a", "1")
    try stream.publish("s.a", "2")
    #expect(try stream.delete(1) == "deleted true")
    #expect(try stream.delete(1) == "deleted false")
    #expect(stream.messages == ["2 s.a 2"])
  }

  @Test("5.026, 5.027 sealed streams and denied removals")
  func denied() throws {
    var stream = try TestStream {
      $0.denyDelete = true
      $0.denyPurge = true
    }
    #expect(throws: JetStreamError.streamPurgeFailed("stream purge not permitted")) { try stream.purge() }
    #expect(throws: JetStreamError.streamMsgDeleteFailed("message delete not permitted")) { try stream.delete(1) }
    var configuration = stream.rules.configuration
    configuration.isSealed = true
    try stream.rules.update(configuration, now: stream.now, output: &stream.output)
    #expect(errorNumber(try stream.publish("s.a")) == 10109)
    #expect(throws: JetStreamError.streamSealed) { try stream.purge() }
  }

  @Test("5.090 what nobody is interested in is not kept")
  func interest() throws {
    var stream = try TestStream { $0.retention = .interest }
    stream.rules.hasInterest = { $0.elementsEqual("s.a".utf8) }
    #expect(try stream.publish("s.b", "1") == #"{"stream":"S","seq":1}"#)
    #expect(try stream.publish("s.a", "2") == #"{"stream":"S","seq":2}"#)
    #expect(stream.messages == ["2 s.a 2"])
    #expect(try stream.rules.release(2) != nil)
    #expect(stream.messages.isEmpty)
  }

  @Test("5.022, 5.023, 5.085 transformed and republished")
  func transforms() throws {
    var stream = try TestStream {
      $0.subjectTransform = SubjectTransformConfiguration(source: "s.*", destination: "t.$1")
      var republish = Republish()
      republish.source = "t.>"
      republish.destination = "out.>"
      $0.republish = republish
    }
    try stream.publish("s.a", "1", [("A", "b")])
    try stream.publish("s.a", "2")
    #expect(stream.messages == ["1 t.a 1", "2 t.a 2"])
    #expect(stream.republished.map { String(decoding: $0.subject, as: UTF8.self) } == ["out.a", "out.a"])
    let header = String(decoding: stream.republished[1].header, as: UTF8.self)
    #expect(
      header == "NATS/1.0\r\nNats-Stream: S\r\nNats-Subject: t.a\r\nNats-Sequence: 2\r\n"
        + "Nats-Time-Stamp: 2023-11-14T22:13:20Z\r\nNats-Last-Sequence: 1\r\n\r\n")
    #expect(stream.republished[0].header.starts(with: "NATS/1.0\r\nA: b\r\nNats-Stream".utf8))
  }

  @Test("5.087 no room on the server or in the account")
  func resources() throws {
    var stream = try TestStream()
    stream.rules.resources.accountBytesLeft = 10
    #expect(errorNumber(try stream.publish("s.a", "1")) == 10002)
    stream.rules.resources.isServerExhausted = true
    #expect(errorNumber(try stream.publish("s.a", "1")) == 10023)
  }

  /// A stream whose last message has the sequence so far below the largest.
  private func nearlyFull(
    _ left: UInt64, _ configure: (inout StreamConfiguration) -> Void = { _ in }
  ) throws -> TestStream {
    let store = StreamStore()
    try store.skip(through: StreamRules.maximumSequence - left)
    return try TestStream(configure, store: store)
  }

  @Test("a stream refuses messages when its sequences are used up, and goes on with all else")
  func lastSequence() throws {
    var stream = try nearlyFull(2)
    // One behind the other, before any of them is durable.
    #expect(stream.propose("s.a", "x") == .journal)
    #expect(stream.propose("s.b", "y", [("A", "b")]) == .journal)
    for headers in [[], [("A", "b")], [("Nats-Msg-Id", "1")]] {
      guard case .answer(.refused(let error)) = stream.propose("s.c", "z", headers) else {
        Issue.record("taken with \(headers)")
        continue
      }
      #expect(error.number == 10077)
      #expect(error.description == "no sequences are left")
    }
    try stream.commit()
    #expect(stream.messages == ["18446744073709551613 s.a x", "18446744073709551614 s.b y"])
    #expect(try stream.delete(18446744073709551613) == "deleted true")
    #expect(try stream.purge() == "purged 1")
    #expect(errorNumber(try stream.publish("s.a", "1")) == 10077)
    #expect(stream.rules.store.firstSequence == .max)
  }

  @Test("a batch needs a sequence for each of its messages", arguments: [1, 2] as [UInt64])
  func lastSequenceOfABatch(left: UInt64) throws {
    var stream = try nearlyFull(left) { $0.allowAtomicPublish = true }
    let batch = { (sequence: Int) in [("Nats-Batch-Id", "b"), ("Nats-Batch-Sequence", "\(sequence)")] }
    _ = stream.propose("s.a", "1", batch(1))
    let answer = try stream.publish("s.b", "2", batch(2) + [("Nats-Batch-Commit", "1")])
    #expect(errorNumber(answer) == (left == 1 ? 10077 : 0), "\(answer)")
    #expect(stream.messages.count == (left == 1 ? 0 : 2))
  }
}
