import JetStreamAPI
import MessageStore
import Testing

@testable import JetStream

struct TimeTests {
  @Test("5.008, 5.067 messages expire by age and by their own time; never means never")
  func expiry() throws {
    var stream = try TestStream {
      $0.allowMessageTTL = true
      $0.maximumAge = 10_000_000_000
    }
    try stream.publish("s.a", "1", [("Nats-TTL", "1s")])
    try stream.publish("s.b", "2", [("Nats-TTL", "never")])
    try stream.publish("s.c", "3")
    try stream.advance(seconds: 1.5)
    #expect(stream.messages == ["2 s.b 2", "3 s.c 3"])
    try stream.advance(seconds: 10)
    #expect(stream.messages == ["2 s.b 2"])
    #expect(errorNumber(try stream.publish("s.a", "", [("Nats-TTL", "0")])) == 10165)
    // Cut to 64 bits, it is negative.
    #expect(errorNumber(try stream.publish("s.a", "", [("Nats-TTL", "9223372036854775808")])) == 10165)
  }

  @Test("5.068, 8.016 the last message of a subject leaves a marker, a marker leaves none")
  func markers() throws {
    var stream = try TestStream { $0.subjectDeleteMarkerTTL = 2_000_000_000 }
    try stream.publish("s.a", "1", [("Nats-TTL", "5s")])
    try stream.publish("s.a", "2", [("Nats-TTL", "5s")])
    try stream.publish("s.b", "3", [("Nats-TTL", "5s"), ("KV-Operation", "PURGE")])
    try stream.advance(seconds: 5.5)
    #expect(stream.messages == ["4 s.a "])
    #expect(
      stream.contents[0].header
        == "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 2s\r\nNats-Rollup: sub\r\n\r\n")
    try stream.advance(seconds: 2.5)
    #expect(stream.messages.isEmpty)
    try stream.advance(seconds: 2.5)
    #expect(stream.messages.isEmpty && stream.rules.store.lastSequence == 4)
  }

  @Test("5.069 counters of any size")
  func counters() throws {
    var stream = try TestStream { $0.allowMessageCounter = true }
    #expect(stream.propose("s.a", "", [("Nats-Incr", "+99999999999999999999")]) == .journal)
    #expect(stream.propose("s.a", "", [("Nats-Incr", "1")]) == .journal)
    try stream.commit()
    #expect(stream.answers.last == #"{"stream":"S","seq":2,"val":"100000000000000000000"}"#)
    try stream.publish("s.a", "", [("Nats-Incr", "-100000000000000000001")])
    #expect(stream.contents.last?.payload == #"{"val":"-1"}"#)
    #expect(errorNumber(try stream.publish("s.a", "", [])) == 10169)
    #expect(errorNumber(try stream.publish("s.a", "x", [("Nats-Incr", "1")])) == 10170)
  }

  @Test("5.071 to 5.074 a batch is stored as a whole or not at all")
  func atomicBatches() throws {
    var stream = try TestStream { $0.allowAtomicPublish = true }
    let batch = { (sequence: Int) in [("Nats-Batch-Id", "b"), ("Nats-Batch-Sequence", "\(sequence)")] }
    #expect(stream.propose("s.a", "1", batch(1)) == .answer(.staged))
    #expect(stream.propose("s.b", "2", batch(2) + [("Nats-Batch-Commit", "1")]) == .journal)
    try stream.commitOne()
    #expect(stream.messages.isEmpty)
    try stream.commit()
    #expect(stream.messages == ["1 s.a 1", "2 s.b 2"])
    #expect(stream.answers.last == #"{"stream":"S","seq":2,"batch":"b","count":2}"#)
    _ = stream.propose("s.a", "1", batch(1))
    #expect(errorNumber(try stream.publish("s.a", "1", batch(3))) == 10176)
    _ = stream.propose("s.a", "1", batch(1))
    try stream.advance(seconds: 11)
    #expect(stream.abandoned == ["b incomplete", "b timeout"])
    // Without its last entry a batch never happened.
    var replayed = TestStream(StreamSetup(stream.rules.configuration), store: StreamStore())
    try replayed.replay(stream.log[0])
    try replayed.rules.finishReplay(output: &replayed.output)
    #expect(replayed.messages.isEmpty && replayed.rules.proposedSequence == 0)
  }

  @Test("5.075 a fast batch")
  func fastBatch() throws {
    var stream = try TestStream { $0.allowBatchPublish = true }
    for (sequence, operation) in [(1, 0), (2, 1), (3, 1), (4, 2)] {
      _ = stream.propose("s.a", "\(sequence)", reply: "in.b.2.fail.\(sequence).\(operation).$FI")
    }
    try stream.commit()
    #expect(stream.replies == [#"{"type":"ack","seq":0,"msgs":2}"#, #"{"type":"ack","seq":2,"msgs":2}"#])
    #expect(stream.answers == [#"{"stream":"S","seq":4,"batch":"b","count":4}"#])
  }

  @Test("5.076 a message that came already is a gap, too, and ends a fast batch")
  func backwardGap() throws {
    var stream = try TestStream { $0.allowBatchPublish = true }
    for (sequence, operation) in [(1, 0), (2, 1), (2, 1)] {
      _ = stream.propose("s.a", "\(sequence)", reply: "in.b.9.ok.\(sequence).\(operation).$FI")
    }
    #expect(stream.replies == [#"{"type":"ack","seq":0,"msgs":9}"#, #"{"type":"gap","last_seq":3,"seq":2}"#])
    try stream.commit()
    #expect(stream.replies.last == #"{"stream":"S","seq":2,"batch":"b","count":2}"#)
    #expect(stream.replySubjects.last == "in.b.9.ok.2.1.$FI")
  }

  @Test("5.075 an end behind messages in flight is answered where it asks", arguments: [false, true])
  func commitEnd(isSilent: Bool) throws {
    var stream = try TestStream {
      $0.allowBatchPublish = true
      $0.noAcknowledgement = isSilent
    }
    for (sequence, operation) in [(1, 0), (2, 1), (3, 3)] {
      _ = stream.propose("s.a", "\(sequence)", reply: "in.b.1.fail.\(sequence).\(operation).$FI")
    }
    try stream.commit()
    #expect(stream.answers.isEmpty)
    #expect(
      stream.replies.suffix(3) == [
        #"{"type":"ack","seq":1,"msgs":1}"#, #"{"type":"ack","seq":2,"msgs":1}"#,
        #"{"stream":"S","seq":2,"batch":"b","count":2}"#,
      ])
    #expect(
      stream.replySubjects.suffix(3) == ["in.b.1.fail.1.0.$FI", "in.b.1.fail.2.1.$FI", "in.b.1.fail.3.3.$FI"])
    #expect(stream.messages.count == 2)
  }

  @Test("5.077 to 5.080 a schedule publishes and ends, or goes on")
  func schedules() throws {
    var stream = try TestStream { $0.allowMessageSchedules = true }
    try stream.publish("s.a", "x", [("Nats-Schedule", "@at 2023-11-14T22:13:22Z"), ("Nats-Schedule-Target", "s.t")])
    try stream.publish("s.b", "y", [("Nats-Schedule", "@every 5s"), ("Nats-Schedule-Target", "s.u")])
    try stream.advance(seconds: 1)
    #expect(stream.messages.count == 2)
    try stream.advance(seconds: 1.5)
    #expect(stream.messages == ["2 s.b y", "3 s.t x"])
    #expect(
      stream.contents[1].header == "NATS/1.0\r\nNats-Scheduler: s.a\r\nNats-Schedule-Next: purge\r\n\r\n")
    try stream.advance(seconds: 3)
    #expect(stream.messages.last == "4 s.u y")
    #expect(stream.contents.last?.header.contains("Nats-Schedule-Next: 2023-11-14T22:13:30Z") == true)
    try stream.advance(seconds: 5)
    #expect(stream.messages.last == "5 s.u y")
  }

  /// Pattern, zone, after, next: seconds since 1970.
  static let patterns: [(String, String, Int64, Int64?)] = [
    ("0 0 * * * *", "UTC", 1_700_000_000, 1_700_002_800), ("*/5 * * * * *", "UTC", 1_700_000_000, 1_700_000_005),
    ("0 30 8 * * MON-FRI", "UTC", 1_700_000_000, 1_700_037_000), ("0 0 0 29 2 *", "UTC", 1_700_000_000, 1_709_164_800),
    ("0 0 0 31 2 *", "UTC", 1_700_000_000, nil), ("@daily", "UTC", 1_700_000_000, 1_700_006_400),
    ("0 0 12 * * *", "Europe/Berlin", 1_700_000_000, 1_700_046_000),
    ("0 0 12 * * *", "Europe/Berlin", 1_720_000_000, 1_720_000_800),
    ("0 0 12 * * *", "America/New_York", 1_900_000_000, 1_900_080_000),
  ]

  @Test("5.077, 5.079 cron patterns in time zones", arguments: patterns)
  func cron(pattern: String, zone: String, after: Int64, next: Int64?) throws {
    guard let zone = TimeZoneFiles().zone(named: zone) else { return }
    let schedule = try #require(SchedulePattern(pattern, zone: zone))
    let time = after * 1_000_000_000
    #expect(schedule.next(after: time, now: time) == next.map { $0 * 1_000_000_000 })
  }
}
