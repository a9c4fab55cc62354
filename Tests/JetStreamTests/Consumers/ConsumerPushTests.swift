import Bytes
import JetStreamAPI
import Testing

@testable import JetStream

@Suite("push consumers")
struct ConsumerPushTests {
  @Test func messagesGoToTheDeliverSubject() {  // FEATURES 6.018
    var bench = ConsumerBench { $0.deliverSubject = "d" }
    bench.publish(count: 3)
    bench.run()
    #expect(bench.messages().map { "\($0.target) \($0.subject) \($0.sequence)" } == ["d a 1", "d a 2", "d a 3"])
  }

  @Test func nothingWithoutInterest() {  // FEATURES 6.064
    let world = ConsumerWorld()
    world.deaf = ["d"]
    var bench = ConsumerBench(world: world) { $0.deliverSubject = "d" }
    bench.publish(count: 3)
    bench.run()
    #expect(bench.messages().isEmpty)
    #expect(!bench.info().isPushBound)
    world.deaf = []
    bench.machine.setActive(true, now: bench.now)
    bench.run()
    #expect(bench.sequences() == [1, 2, 3])
    #expect(bench.info().isPushBound)
    // A subscriber that is gone is noticed by the delivery too, and the message is not lost.
    world.deaf = ["d"]
    bench.publish(count: 1)
    bench.run()
    #expect(bench.info().delivered.stream == 3)
    #expect(!bench.machine.isActive)
    world.deaf = []
    bench.machine.setActive(true, now: bench.now)
    bench.run()
    #expect(bench.sequences() == [4])
  }

  @Test func idleHeartbeats() {  // FEATURES 6.020, 6.061
    var bench = ConsumerBench {
      $0.deliverSubject = "d"; $0.heartbeat = ConsumerBench.second
    }
    bench.publish(count: 2)
    bench.run()
    _ = bench.messages()
    bench.live(0.9)
    bench.publish(count: 1)
    bench.run()
    #expect(bench.messages().count == 1)
    bench.live(0.9)
    #expect(bench.world.events.isEmpty)
    bench.live(0.2)
    #expect(
      bench.world.events == [
        .status("100 Idle Heartbeat", to: "d", fields: ["Nats-Last-Consumer": "3", "Nats-Last-Stream": "3"], reply: "")
      ])
  }

  @Test func flowControl() {  // FEATURES 6.062
    var bench = ConsumerBench {
      $0.deliverSubject = "d"
      $0.heartbeat = ConsumerBench.second
      $0.flowControl = true
      $0.ackPolicy = .none
    }
    let payload = String(repeating: "p", count: 100_000)
    for _ in 0..<100 { bench.publish("a", payload: payload) }
    bench.run()
    // 2 MiB at first: the message that goes beyond is the last.
    #expect(bench.messages().count == 21)
    let requests = bench.world.events.compactMap { event -> String? in
      guard case .status("100 FlowControl Request", "d", _, let reply) = event else { return nil }
      return reply
    }
    #expect(requests.count == 1)
    #expect(requests[0].hasPrefix("$JS.FC.S.C.") && requests[0].utf8.count == "$JS.FC.S.C.".utf8.count + 4)
    bench.world.events = []
    bench.live(1)
    var stalled: String?
    if case .status(_, _, let fields, _) = bench.world.events[0] { stalled = fields["Nats-Consumer-Stalled"] }
    #expect(stalled == requests[0])
    answer(&bench, "$JS.FC.S.C.nope")
    #expect(bench.messages().isEmpty)
    answer(&bench, requests[0])
    // The window is doubled; what the request did not stand for is still under way.
    #expect(bench.machine.flow.size == 4 << 20)
    #expect(bench.messages().count > 25)
  }

  private func answer(_ bench: inout ConsumerBench, _ subject: String, consumer: UInt64 = 0, stream: UInt64 = 0) {
    let (world, now) = (bench.world, bench.now)
    Array(subject.utf8).withUnsafeBytes {
      bench.machine.answerFlowControl(
        subject: $0, lastConsumer: consumer, lastStream: stream, port: world, now: now)
    }
    bench.run()
  }

  @Test func acknowledgementByFlowControl() {  // FEATURES 6.058
    var bench = ConsumerBench {
      $0.deliverSubject = "d"
      $0.ackPolicy = .flowControl
      $0.maxAckPending = 4
    }
    #expect(bench.machine.configuration.flowControl && bench.machine.configuration.heartbeat == ConsumerBench.second)
    bench.publish(count: 6)
    bench.run()
    #expect(bench.sequences() == [1, 2, 3, 4])
    let request = bench.world.events.compactMap { event -> String? in
      guard case .status("100 FlowControl Request", _, _, let reply) = event else { return nil }
      return reply
    }
    #expect(request.count == 1)
    answer(&bench, request[0], consumer: 3, stream: 3)
    #expect(bench.sequences() == [5, 6])
    #expect(bench.info().ackFloor.stream == 3)
    #expect(bench.info().ackPendingCount == 3)
    // Never delivered again.
    bench.world.events = []
    bench.live(100)
    #expect(bench.messages().isEmpty)
  }

  @Test func rateLimit() {  // FEATURES 6.011
    var bench = ConsumerBench(starts: false) {
      $0.deliverSubject = "d"; $0.rateLimit = 8 * 1000
    }
    bench.machine.identity.largestMessage = 500
    bench.machine.start(port: bench.world, now: bench.now)
    for _ in 0..<6 { bench.publish("a", payload: String(repeating: "p", count: 450)) }
    bench.run()
    #expect(bench.messages().count == 1)
    bench.live(1.0)
    #expect(bench.messages().count == 2)
    bench.live(1.0)
    #expect(bench.messages().count == 2)
  }

  @Test func aMessageThatWaitsForItsTimeIsTaken() {  // FEATURES 6.010
    var bench = ConsumerBench(starts: false) {
      $0.ackPolicy = .none; $0.replayPolicy = .original
    }
    for _ in 0..<3 {
      bench.now += 2 * ConsumerBench.second
      bench.publish(count: 1)
    }
    bench.machine.start(port: bench.world, now: bench.now)
    bench.pull("2")
    #expect(bench.sequences() == [1])
    #expect(bench.info().pendingCount == 1)
    #expect(bench.info().waitingCount == 0)
    bench.live(2)
    #expect(bench.sequences() == [2])
    #expect(bench.info().pendingCount == 1)
    #expect(bench.info().waitingCount == 0)
  }

  @Test func anEphemeralConsumerKeepsItsThresholdWhenItBecomesDurable() {  // FEATURES 6.021
    var bench = ConsumerBench {
      $0.durableName = ""; $0.name = "C"
    }
    var durable = bench.machine.configuration
    durable.durableName = "C"
    durable.inactiveThreshold = 0
    bench.machine.update(durable, port: bench.world, now: bench.now)
    #expect(bench.machine.configuration.inactiveThreshold == ConsumerLimits.inactiveThreshold)
    durable.inactiveThreshold = 0
    bench.machine.update(durable, port: bench.world, now: bench.now)
    #expect(bench.machine.configuration.inactiveThreshold == 0)
  }

  @Test func replayAtTheOriginalSpeed() {  // FEATURES 6.010
    var bench = ConsumerBench(starts: false) {
      $0.deliverSubject = "d"; $0.replayPolicy = .original
    }
    for pause in [0.0, 2, 0, 3] {
      bench.now += Int64(pause * 1e9)
      bench.publish(count: 1)
    }
    bench.now += 100 * ConsumerBench.second
    bench.machine.start(port: bench.world, now: bench.now)
    bench.run()
    #expect(bench.sequences() == [1])
    bench.live(1.9)
    #expect(bench.sequences() == [])
    bench.live(0.1)
    #expect(bench.sequences() == [2, 3])
    bench.live(3)
    #expect(bench.sequences() == [4])
    bench.now += 10 * ConsumerBench.second
    bench.publish(count: 1)
    bench.now += 10 * ConsumerBench.second
    bench.publish(count: 1)
    bench.run()
    #expect(bench.sequences() == [5, 6])
  }

  @Test func anotherDeliverSubjectGetsEverythingAgain() {  // FEATURES 6.018
    var bench = ConsumerBench { $0.deliverSubject = "d" }
    bench.publish(count: 3)
    bench.run()
    bench.ack(bench.messages()[1])
    var new = bench.machine.configuration
    new.deliverSubject = "e"
    bench.machine.update(new, port: bench.world, now: bench.now)
    bench.run()
    #expect(bench.messages().map { "\($0.target)\($0.sequence)" } == ["e1", "e3"])
  }

  @Test func pauseAndResume() {  // FEATURES 6.025, 6.043
    var bench = ConsumerBench {
      $0.deliverSubject = "d"; $0.heartbeat = 3 * ConsumerBench.second
    }
    var new = bench.machine.configuration
    let end = Timestamp(unixNanoseconds: bench.now + 5 * ConsumerBench.second)
    new.pauseUntil = end
    bench.machine.update(new, port: bench.world, now: bench.now)
    bench.publish(count: 1)
    bench.run()
    #expect(bench.messages().isEmpty)
    #expect(bench.info().isPaused && bench.info().pauseRemaining == 5 * ConsumerBench.second)
    bench.live(4)
    #expect(bench.statuses() == ["d: 100 Idle Heartbeat"])
    bench.live(1)
    #expect(bench.sequences() == [1])
    #expect(bench.advisories() == [.paused(until: end, isPaused: true), .paused(until: end, isPaused: false)])
  }

  @Test func inactivity() {  // FEATURES 6.021, 6.064
    let world = ConsumerWorld()
    world.deaf = ["d"]
    var push = ConsumerBench(world: world) {
      $0.durableName = ""
      $0.deliverSubject = "d"
      $0.inactiveThreshold = 10 * ConsumerBench.second
    }
    push.run()
    push.advance(9.9)
    #expect(!push.progress.isInactive)
    push.machine.setActive(true, now: push.now)
    push.advance(100)
    #expect(!push.progress.isInactive)
    push.machine.setActive(false, now: push.now)
    push.advance(10)
    #expect(push.progress.isInactive)

    var pull = ConsumerBench { $0.durableName = "" }
    #expect(pull.machine.configuration.inactiveThreshold == 5 * ConsumerBench.second)
    pull.pull(#"{"batch":1,"expires":20000000000}"#)
    pull.live(19)
    #expect(!pull.progress.isInactive)
    pull.publish(count: 1)
    pull.run()
    let message = pull.messages()[0]
    // At most the ack wait and the threshold.
    pull.live(30)
    #expect(!pull.progress.isInactive)
    pull.ack(message)
    pull.live(5)
    #expect(!pull.progress.isInactive)
    pull.live(1.01)
    #expect(pull.progress.isInactive)

    var durable = ConsumerBench { _ in }
    durable.live(1e6)
    #expect(!durable.progress.isInactive)
  }
}
