import JetStreamAPI
import Testing

@testable import JetStream

/// Numbers that clients choose at will, and what follows from removals and changes (found by random histories).
struct ConsumerLimitTests {
  @Test("6.006, 6.008, 6.021, 6.061 durations as long as they can be never end, and break nothing")
  func longest() {
    var bench = ConsumerBench {
      $0.ackWait = .max
      $0.inactiveThreshold = .max
    }
    bench.publish(count: 2)
    bench.pull("1")
    let message = bench.messages()[0]
    bench.ack(message, "+WPI")
    bench.ack(message, "-NAK {\"delay\":9223372036854775807}")
    bench.live(100)
    #expect(bench.sequences() == [])
    #expect(bench.info().ackPendingCount == 1)

    var pushing = ConsumerBench {
      $0.deliverSubject = "d"
      $0.heartbeat = .max
      $0.backoff = [.max]
    }
    pushing.publish(count: 1)
    pushing.run()
    pushing.live(100)
    #expect(pushing.sequences() == [1])
    #expect(pushing.statuses() == [])
  }

  @Test("6.068 requests for more than can be counted")
  func largestRequests() {
    var bench = ConsumerBench { _ in }
    bench.publish(count: 1)
    for _ in 0..<3 {
      bench.pull("{\"batch\":9223372036854775807,\"max_bytes\":9223372036854775807}")
    }
    bench.pull("{\"batch\":1,\"expires\":1,\"idle_heartbeat\":9223372036854775807}")
    #expect(bench.info().waitingCount == 4)
    bench.publish(count: 1)
    bench.pull("{\"batch\":1,\"no_wait\":true}")
    #expect(bench.sequences() == [1, 2])
  }

  @Test("5.096 a purge of everything wanted moves the consumer, and lets what is queued wait")
  func purgedFrom() {
    var bench = ConsumerBench { $0.filterSubject = "a" }
    bench.publish("a", "b", "a", "b", "a")
    bench.pull("2")
    let messages = bench.messages()
    bench.ack(messages[1], "-NAK")
    for sequence: UInt64 in [1, 3] { bench.world.messages[sequence] = nil }
    bench.machine.purged(from: 4, port: bench.world, now: bench.now)
    bench.run()
    #expect(bench.info().ackPendingCount == 0)
    #expect(bench.info().ackFloor.consumer == 2)
    #expect(bench.info().ackFloor.stream == 3)
    #expect(bench.info().pendingCount == 1)
  }

  @Test("5.096 of a purge of other subjects, what was pending counts as acknowledged")
  func purgedAmong() {
    var bench = ConsumerBench { _ in }
    bench.publish("a", "b")
    bench.pull("3")
    bench.world.messages[2] = nil
    bench.machine.purged(port: bench.world, now: bench.now)
    #expect(bench.info().ackFloor.consumer == 2)
    #expect(bench.info().ackFloor.stream == 0)
    #expect(bench.info().ackPendingCount == 1)
  }

  @Test("6.003 what comes before the beginning counts until somebody asks")
  func beforeTheBeginning() {
    var bench = ConsumerBench {
      $0.deliverPolicy = .byStartSequence
      $0.startSequence = 4
    }
    bench.publish(count: 2)
    #expect(bench.machine.undelivered == 2)
    #expect(bench.info().pendingCount == 0)
    bench.publish(count: 3)
    #expect(bench.info().pendingCount == 2)
    bench.pull("5")
    #expect(bench.sequences() == [4, 5])
  }

  @Test("6.007 a lower max_deliver holds for what waits to be delivered again")
  func lowerLimit() {
    var bench = ConsumerBench { $0.ackWait = 5 * ConsumerBench.second }
    bench.publish(count: 1)
    bench.pull("1")
    bench.ack(bench.messages()[0], "-NAK")
    var changed = bench.machine.configuration
    changed.maxDeliver = 1
    bench.machine.update(changed, port: bench.world, now: bench.now)
    bench.pull("1")
    #expect(bench.sequences() == [])
    let advisories = bench.advisories()
    #expect(advisories.contains(.maxDeliveries(streamSequence: 1, deliveries: 1)))
  }

  @Test("6.012 an update without sampling leaves it as it was")
  func samplingStays() {
    var bench = ConsumerBench { $0.sampleFrequency = "100" }
    bench.publish(count: 1)
    bench.pull("1")
    var changed = bench.machine.configuration
    changed.sampleFrequency = ""
    bench.machine.update(changed, port: bench.world, now: bench.now)
    bench.ack(bench.messages()[0])
    #expect(bench.advisories().count == 1)
  }

  @Test("6.021 an ephemeral consumer has its threshold until an update names another")
  func thresholdOfUpdates() {
    var bench = ConsumerBench { _ in }
    var changed = bench.machine.configuration
    changed.durableName = ""
    bench.machine.update(changed, port: bench.world, now: bench.now)
    bench.machine.update(changed, port: bench.world, now: bench.now)
    #expect(bench.machine.configuration.inactiveThreshold == 0)
    changed.inactiveThreshold = -1
    bench.machine.update(changed, port: bench.world, now: bench.now)
    #expect(bench.machine.configuration.inactiveThreshold == ConsumerLimits.inactiveThreshold)
  }
}
