import Bytes
import JetStreamAPI
import Testing

@testable import JetStream

@Suite("acknowledgements")
struct ConsumerAckTests {
  @Test func explicit() {  // FEATURES 6.049, 6.054, 6.055
    var bench = ConsumerBench { _ in }
    bench.publish(count: 5)
    bench.pull("5")
    let messages = bench.messages()
    bench.ack(messages[1], "", reply: "sync")
    #expect(bench.world.events == [.confirmed("sync")])
    #expect(bench.info().ackFloor.stream == 0)
    bench.ack(messages[0], "+OK")
    #expect(
      bench.info().ackFloor
        == ConsumerSequences(consumer: 2, stream: 2, lastActive: Timestamp(unixNanoseconds: bench.now)))
    bench.ack(messages[4])
    #expect(bench.info().ackPendingCount == 2)
    bench.ack(messages[3])
    bench.ack(messages[2])
    #expect(bench.info().ackFloor.stream == 5)
    #expect(bench.info().ackPendingCount == 0)
  }

  @Test func whatWasNotDeliveredIsNotAcknowledged() {
    var bench = ConsumerBench { _ in }
    bench.publish(count: 2)
    bench.pull("1")
    bench.acknowledge("$JS.ACK.S.C.1.2.2.0.0", "", reply: "sync")
    bench.acknowledge("$JS.ACK.S.C.1.x.2.0.0", "", reply: "sync")
    bench.acknowledge("$JS.ACK.S.C.1.2", "", reply: "sync")
    #expect(bench.messages().count == 1)
    #expect(bench.world.events.isEmpty)
    // A second acknowledgement, or one that is none, is confirmed all the same.
    bench.acknowledge("$JS.ACK.S.C.1.1.1.0.0", "", reply: "a")
    bench.acknowledge("$JS.ACK.S.C.1.1.1.0.0", "", reply: "b")
    bench.acknowledge("$JS.ACK.S.C.1.1.1.0.0", "what", reply: "c")
    #expect(bench.world.events == [.confirmed("a"), .confirmed("b"), .confirmed("c")])
  }

  @Test func bothFormsOfTheSubject() {  // FEATURES 6.048
    let rows: [(String, AckSubject?)] = [
      (
        "$JS.ACK.S.C.1.2.3.4.5",
        AckSubject(deliveries: 1, streamSequence: 2, consumerSequence: 3, timestamp: 4, pending: 5)
      ),
      (
        "$JS.ACK._.HASH.S.C.1.2.3.4.5",
        AckSubject(deliveries: 1, streamSequence: 2, consumerSequence: 3, timestamp: 4, pending: 5)
      ),
      (
        "$JS.ACK.d.HASH.S.C.1.2.3.4.5.more.tokens",
        AckSubject(deliveries: 1, streamSequence: 2, consumerSequence: 3, timestamp: 4, pending: 5)
      ),
      ("$JS.ACK.S.C.1.2.3.4", nil), ("$JS.ACK.x.S.C.1.2.3.4.5", nil), ("$JS.FC.S.C.1.2.3.4.5", nil), ("", nil),
      (
        "$JS.ACK.S.C.1.-2.3.4.5",
        AckSubject(deliveries: 1, streamSequence: .max, consumerSequence: 3, timestamp: 4, pending: 5)
      ),
    ]
    for (subject, expected) in rows {
      #expect(Array(subject.utf8).withUnsafeBytes { AckSubject(parsing: $0) } == expected, "\(subject)")
    }
    let format = AckSubjectFormat(stream: "S", consumer: "C", domain: "", accountHash: "H", isSecondForm: true)
    #expect(String(decoding: format.prefix, as: UTF8.self) == "$JS.ACK._.H.S.C.")
    #expect(format.ackFilters == ["$JS.ACK.S.C.*.*.*.*.*", "$JS.ACK._.H.S.C.*.*.*.*.>"])
  }

  @Test func ackAll() {  // FEATURES 6.056
    var bench = ConsumerBench(isWorkQueue: true) { $0.ackPolicy = .all }
    bench.publish(count: 6)
    bench.pull("5")
    let messages = bench.messages()
    bench.ack(messages[2])
    #expect(bench.world.events == [.finished(1), .finished(2), .finished(3)])
    #expect(bench.info().ackFloor.stream == 3)
    #expect(bench.info().ackPendingCount == 2)
    bench.ack(messages[1])
    #expect(bench.info().ackFloor.stream == 3)
  }

  @Test func ackNone() {  // FEATURES 6.057
    var bench = ConsumerBench(isWorkQueue: true) { $0.ackPolicy = .none }
    bench.publish(count: 3)
    bench.pull("2")
    #expect(bench.messages().count == 2)
    #expect(bench.world.events == [.finished(1), .finished(2)])
    #expect(bench.info().ackFloor.stream == 2)
    #expect(bench.info().ackPendingCount == 0)
    #expect(!bench.machine.listensForAcks)
  }

  @Test func notAcknowledgedInTime() {  // FEATURES 6.006, 6.060
    var bench = ConsumerBench { $0.ackWait = ConsumerBench.second }
    bench.publish(count: 4)
    bench.pull("2")
    #expect(bench.progress.wakeUp == bench.now + ConsumerBench.second)
    bench.advance(1)
    #expect(bench.sequences() == [1, 2])
    bench.pull("10")
    let messages = bench.messages()
    #expect(messages.map(\.sequence) == [1, 2, 3, 4])
    #expect(messages.map(\.ack.deliveries) == [2, 2, 1, 1])
    #expect(messages.map(\.ack.consumerSequence) == [3, 4, 5, 6])
    #expect(bench.info().redeliveredCount == 2)
    bench.ack(messages[0])
    #expect(bench.info().redeliveredCount == 1)
  }

  @Test func verbs() {  // FEATURES 6.050 to 6.053
    var bench = ConsumerBench { $0.ackWait = 10 * ConsumerBench.second }
    bench.publish(count: 6)
    bench.pull("10")
    let messages = bench.messages()
    bench.ack(messages[0], "-NAK")
    #expect(bench.sequences() == [1])
    bench.ack(messages[1], #"-NAK {"delay": 2000000000}"#, reply: "sync")
    bench.ack(messages[2], "-NAK 3s")
    bench.ack(messages[3], "+TERM  because ")
    #expect(
      bench.advisories() == [
        .naked(consumerSequence: 1, streamSequence: 1, deliveries: 1),
        .naked(consumerSequence: 2, streamSequence: 2, deliveries: 1),
        .naked(consumerSequence: 3, streamSequence: 3, deliveries: 1),
        .terminated(consumerSequence: 4, streamSequence: 4, deliveries: 1, reason: "because"),
      ])
    #expect(bench.world.events == [.confirmed("sync")])
    bench.advance(2)
    #expect(bench.sequences() == [2])
    bench.advance(1)
    #expect(bench.sequences() == [3])
    bench.advance(5)
    bench.ack(messages[4], "+WPI")
    bench.advance(2)
    // The fifth is in progress; the request takes one more, the next one the rest.
    #expect(bench.sequences() == [1])
    bench.pull("10")
    #expect(bench.sequences() == [6])
    bench.advance(7.9)
    #expect(bench.sequences() == [2, 3])
    bench.advance(0.1)
    #expect(bench.sequences() == [5])
    #expect(bench.info().ackPendingCount == 5)
  }

  @Test func ackAndNext() {  // FEATURES 6.052
    var bench = ConsumerBench { _ in }
    bench.publish(count: 4)
    bench.pull("1")
    let first = bench.messages()[0]
    bench.ack(first, "+NXT 2", reply: "n")
    #expect(bench.messages().map { "\($0.target)\($0.sequence)" } == ["n2", "n3"])
    #expect(bench.world.events.isEmpty)
    #expect(bench.info().ackFloor.stream == 1)
  }

  @Test func backoff() {  // FEATURES 6.008
    var bench = ConsumerBench {
      $0.backoff = [1, 2, 3].map { $0 * ConsumerBench.second }
      $0.maxDeliver = 5
    }
    bench.publish(count: 1)
    bench.pull("10")
    let start = bench.now
    var times: [Int64] = []
    for _ in 0..<12 {
      for _ in bench.messages() { times.append((bench.now - start) / ConsumerBench.second) }
      bench.live(1)
    }
    #expect(times == [0, 1, 3, 6, 9])
    #expect(bench.advisories() == [.maxDeliveries(streamSequence: 1, deliveries: 5)])
    #expect(bench.info().ackPendingCount == 0)
    #expect(bench.info().redeliveredCount == 1)
    #expect(bench.info().ackFloor.stream == 0)
    #expect(bench.machine.needs(1))
  }

  @Test("6.050, 9.005 after a restart everything comes again in its own time", arguments: [false, true])
  func restart(fromCheckpoint: Bool) {
    var bench = ConsumerBench { $0.ackWait = 10 * ConsumerBench.second }
    bench.publish(count: 6)
    bench.pull("4")
    let messages = bench.messages()
    bench.ack(messages[0], "-NAK 100s")
    bench.ack(messages[2], "-NAK {}")
    bench.advance(0)
    bench.pull("1")
    #expect(bench.sequences() == [3])
    bench.advance(1)
    bench.ack(messages[3], "-NAK 2s")
    bench.ack(messages[1], "+WPI")
    bench.pull("1")
    #expect(bench.sequences() == [5])
    bench.restart(fromCheckpoint: fromCheckpoint)
    bench.pull("100")
    #expect(bench.sequences() == [6])
    var times: [UInt64: Int] = [:]
    for second in 1...120 {
      bench.advance(1)
      for sequence in bench.sequences() where times[sequence] == nil { times[sequence] = second }
    }
    #expect(times == [1: 99, 2: 10, 3: 9, 4: 2, 5: 10, 6: 10])
  }

  @Test func maxDeliveriesByNak() {  // FEATURES 6.007, 6.059
    var bench = ConsumerBench(isWorkQueue: true) { $0.maxDeliver = 2 }
    bench.publish(count: 1)
    bench.pull("10")
    bench.ack(bench.messages()[0], "-NAK")
    let second = bench.messages()[0]
    bench.ack(second, "-NAK")
    #expect(bench.messages().isEmpty)
    #expect(bench.advisories().last == .maxDeliveries(streamSequence: 1, deliveries: 2))
    #expect(bench.world.events.isEmpty)
    // It stays in the stream until somebody acknowledges it after all.
    bench.ack(second)
    #expect(bench.world.events == [.finished(1)])
    #expect(!bench.machine.needs(1))
  }

  @Test func acknowledgedTwice() {
    var bench = ConsumerBench(isWorkQueue: true) { _ in }
    bench.publish(count: 3)
    bench.pull("2")
    let messages = bench.messages()
    bench.ack(messages[0], reply: "first")
    bench.ack(messages[0], reply: "again")
    bench.ack(messages[0], "+TERM", reply: "term")
    bench.ack(messages[0], "-NAK", reply: "nak")
    // It is finished once, whatever comes later; and each time somebody who wants to know is told.
    #expect(bench.world.events.filter { if case .finished = $0 { true } else { false } } == [.finished(1)])
    #expect(
      bench.world.events.filter { if case .confirmed = $0 { true } else { false } } == [
        .confirmed("first"), .confirmed("again"), .confirmed("term"), .confirmed("nak"),
      ])
    // Not delivered yet.
    bench.world.events = []
    bench.acknowledge("$JS.ACK.S.C.1.3.3.4.0", "+ACK", reply: "early")
    #expect(bench.world.events.isEmpty)
    #expect(bench.info().ackPendingCount == 1)
  }

  @Test func whatWasGivenUpHoldsTheAckFloor() {  // FEATURES 6.059
    var bench = ConsumerBench {
      $0.maxDeliver = 1; $0.ackWait = ConsumerBench.second
    }
    bench.publish(count: 5)
    bench.pull("2")
    _ = bench.messages()
    bench.advance(1)
    #expect(bench.machine.state.exhausted.count == 2)
    #expect(bench.info().ackFloor == ConsumerSequences())
    bench.pull("3")
    let messages = bench.messages()
    bench.ack(messages[0])
    #expect(bench.info().ackFloor.stream == 0)
    #expect(bench.machine.state.settledThrough == 3)
    bench.ack(messages[1])
    bench.ack(messages[2])
    #expect(bench.info().ackFloor.stream == 5)
    #expect(bench.info().ackFloor.consumer == 5)
  }

  @Test func maxAckPending() {  // FEATURES 6.014
    var bench = ConsumerBench {
      $0.maxAckPending = 3; $0.ackWait = ConsumerBench.second
    }
    bench.publish(count: 6)
    bench.pull("10")
    let messages = bench.messages()
    #expect(messages.map(\.sequence) == [1, 2, 3])
    bench.ack(messages[1])
    #expect(bench.sequences() == [4])
    // Redeliveries are not held back.
    bench.advance(1)
    #expect(bench.sequences() == [1, 3, 4])
  }

  @Test func sampling() {  // FEATURES 6.012, 6.065
    var bench = ConsumerBench { $0.sampleFrequency = "100%" }
    bench.publish(count: 2)
    bench.pull("2")
    let messages = bench.messages()
    bench.advance(0.5)
    bench.ack(messages[0])
    #expect(
      bench.advisories() == [
        .acknowledged(consumerSequence: 1, streamSequence: 1, delay: 500_000_000, deliveries: 1)
      ])
    bench.ack(messages[1], "+TERM")
    #expect(bench.advisories().count == 1)
  }

  @Test func removedMessages() {
    var bench = ConsumerBench {
      $0.maxDeliver = 1; $0.ackWait = 5 * ConsumerBench.second
    }
    bench.publish(count: 6)
    bench.pull("3")
    _ = bench.messages()
    bench.remove(1)
    bench.remove(5)
    #expect(
      bench.advisories() == [
        .terminated(
          consumerSequence: 1, streamSequence: 1, deliveries: 1, reason: "Unacknowledged message was deleted")
      ])
    #expect(bench.info().pendingCount == 2)
    #expect(bench.info().ackFloor.stream == 1)
    #expect(bench.info().ackFloor.lastActive == Timestamp(unixNanoseconds: bench.now))
    bench.advance(5)
    #expect(bench.machine.state.exhausted.count == 2)
    bench.remove(2)
    #expect(bench.machine.state.exhausted.count == 1)
    bench.pull("10")
    #expect(bench.sequences() == [4, 6])
  }

  @Test func purge() {
    var bench = ConsumerBench { _ in }
    bench.publish(count: 10)
    bench.pull("5")
    let messages = bench.messages()
    bench.ack(messages[2], "-NAK 1h")
    for sequence in 1...UInt64(3) { bench.world.messages[sequence] = nil }
    bench.machine.purged(port: bench.world, now: bench.now)
    #expect(bench.info().ackFloor.stream == 3)
    #expect(bench.info().ackPendingCount == 2)
    #expect(bench.info().pendingCount == 5)
    bench.world.messages = [:]
    bench.machine.purged(port: bench.world, now: bench.now)
    #expect(bench.info().ackPendingCount == 0)
    #expect(bench.info().delivered.stream == 10)
    #expect(
      bench.info().ackFloor
        == ConsumerSequences(consumer: 5, stream: 10, lastActive: Timestamp(unixNanoseconds: bench.now)))
    bench.publish(count: 1)
    bench.pull("1")
    #expect(bench.sequences() == [11])
  }
}
