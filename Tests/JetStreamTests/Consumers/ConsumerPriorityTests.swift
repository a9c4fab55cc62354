import JetStreamAPI
import Testing

@testable import JetStream

@Suite("priority groups")
struct ConsumerPriorityTests {
  @Test func overflow() {  // FEATURES 6.077
    var bench = ConsumerBench {
      $0.priorityPolicy = .overflow; $0.priorityGroups = ["g"]
    }
    bench.pull(#"{"batch":10,"group":"g","min_pending":3}"#, "many")
    bench.publish(count: 2)
    bench.run()
    #expect(bench.messages().isEmpty)
    bench.publish(count: 2)
    bench.run()
    // Four, then three are there; then too few.
    #expect(bench.messages().map(\.target) == ["many", "many"])
    bench.pull(#"{"batch":1,"group":"g","min_ack_pending":2}"#, "late")
    #expect(bench.messages().map(\.target) == ["late"])
    bench.pull(#"{"batch":1,"group":"g"}"#, "any")
    #expect(bench.messages().map(\.target) == ["any"])
  }

  @Test func pinned() {  // FEATURES 6.078
    var bench = ConsumerBench {
      $0.priorityPolicy = .pinnedClient
      $0.priorityGroups = ["g"]
      $0.priorityTimeout = 5 * ConsumerBench.second
    }
    bench.pull(#"{"batch":2,"group":"g"}"#, "a")
    bench.pull(#"{"batch":9,"group":"g"}"#, "b")
    bench.publish("x", "x", "x", header: "NATS/1.0\r\nK: v\r\n\r\n")
    bench.run()
    let messages = bench.messages()
    #expect(messages.map(\.target) == ["a", "a"])
    #expect(messages[0].header == "NATS/1.0\r\nK: v\r\nNats-Pin-Id: PIN1\r\n\r\n")
    #expect(bench.advisories() == [.pinned(group: "g", pinID: "PIN1")])
    #expect(bench.info().priorityGroups[0].pinnedID == "PIN1")
    bench.pull(#"{"batch":1,"group":"g","id":"OLD"}"#, "c")
    #expect(bench.statuses() == ["c: 423 Nats-Pin-Id mismatch"])
    bench.advance(4)
    bench.pull(#"{"batch":1,"group":"g","id":"PIN1"}"#, "a")
    #expect(bench.messages().map(\.target) == ["a"])
    // Silent for too long: the next one gets it.
    bench.live(4.9)
    #expect(bench.advisories().isEmpty)
    bench.publish(count: 1)
    bench.live(0.2)
    #expect(bench.messages().map(\.target) == ["b"])
    #expect(bench.advisories() == [.unpinned(group: "g", reason: .timeout), .pinned(group: "g", pinID: "PIN2")])
    // By an administrator; a request with the old pin is refused when its turn comes.
    bench.machine.unpin(group: "g", port: bench.world)
    bench.pull(#"{"batch":1,"group":"g","id":"PIN2"}"#, "d")
    bench.publish(count: 2)
    bench.run()
    #expect(bench.advisories().first == .unpinned(group: "g", reason: .admin))
    #expect(bench.statuses().contains { $0.hasSuffix("423 Nats-Wrong-Pin-Id") })
  }

  @Test func prioritized() {  // FEATURES 6.079
    var bench = ConsumerBench {
      $0.priorityPolicy = .prioritized; $0.priorityGroups = ["g"]
    }
    bench.pull(#"{"batch":2,"group":"g","priority":5}"#, "five")
    bench.pull(#"{"batch":2,"group":"g","priority":1}"#, "one")
    bench.pull(#"{"batch":2,"group":"g","priority":1}"#, "uno")
    bench.pull("1", "last")
    bench.publish(count: 7)
    bench.run()
    #expect(bench.messages().map(\.target) == ["one", "uno", "one", "uno", "five", "five", "last"])
  }
}

@Suite("where consumers start")
struct ConsumerStartTests {
  private func world() -> ConsumerWorld {
    var bench = ConsumerBench { _ in }
    for subject in ["a", "b", "a", "c", "b"] {
      bench.now += ConsumerBench.second
      bench.publish(subject)
    }
    bench.world.messages[1] = nil
    return bench.world
  }

  @Test func policies() {  // FEATURES 6.003, 6.004
    let base = ConsumerBench.second * 1_000_000
    let rows: [(String, (inout ConsumerConfiguration) -> Void, [UInt64])] = [
      ("all", { _ in }, [2, 3, 4, 5]),
      ("new", { $0.deliverPolicy = .new }, []),
      ("last", { $0.deliverPolicy = .last }, [5]),
      (
        "last of a filter",
        {
          $0.deliverPolicy = .last; $0.filterSubject = "a"
        }, [3]
      ),
      (
        "sequence",
        {
          $0.deliverPolicy = .byStartSequence; $0.startSequence = 4
        }, [4, 5]
      ),
      (
        "sequence before the first",
        {
          $0.deliverPolicy = .byStartSequence; $0.startSequence = 1
        }, [2, 3, 4, 5]
      ),
      (
        "sequence of the future",
        {
          $0.deliverPolicy = .byStartSequence; $0.startSequence = 7
        }, []
      ),
      (
        "time",
        {
          $0.deliverPolicy = .byStartTime; $0.startTime = .init(unixNanoseconds: base + 3 * ConsumerBench.second)
        }, [3, 4, 5]
      ),
      (
        "time of the future",
        {
          $0.deliverPolicy = .byStartTime; $0.startTime = .init(unixNanoseconds: base + 9 * ConsumerBench.second)
        }, []
      ),
      (
        "last of each subject",
        {
          $0.deliverPolicy = .lastPerSubject; $0.filterSubject = ">"
        }, [3, 4, 5]
      ),
      (
        "last of some subjects",
        {
          $0.deliverPolicy = .lastPerSubject; $0.filterSubjects = ["a", "c"]
        }, [3, 4]
      ),
    ]
    for (name, configure, expected) in rows {
      var bench = ConsumerBench(world: world(), configure)
      #expect(bench.info().pendingCount == UInt64(expected.count), "\(name)")
      bench.pull("10")
      #expect(bench.sequences() == expected, "\(name)")
      bench.publish("a")
      bench.run()
      #expect(bench.sequences() == (name == "sequence of the future" ? [] : [6]), "\(name)")
    }
  }

  @Test func lastPerSubjectSurvivesARestart() {  // FEATURES 6.066
    var bench = ConsumerBench(world: world()) {
      $0.deliverPolicy = .lastPerSubject; $0.filterSubject = ">"
    }
    bench.pull("1")
    #expect(bench.sequences() == [3])
    bench.publish("z")
    bench.restart()
    #expect(bench.info().pendingCount == 3)
    bench.pull("9")
    #expect(bench.sequences() == [4, 5, 6])
  }

  @Test func removalsOfWhatIsLastOfItsSubject() {
    var bench = ConsumerBench(world: world()) {
      $0.deliverPolicy = .lastPerSubject
      $0.filterSubject = ">"
    }
    bench.remove(2)
    #expect(bench.info().pendingCount == 3)
    bench.remove(4)
    #expect(bench.info().pendingCount == 2)
    bench.publish("z")
    bench.remove(6)
    #expect(bench.info().pendingCount == 2)
    bench.remove(3)
    bench.remove(5)
    #expect(bench.info().pendingCount == 0)
    bench.publish("y")
    bench.pull("9")
    #expect(bench.sequences() == [7])
  }

  @Test func reset() throws {  // FEATURES 6.045
    var bench = ConsumerBench { _ in }
    bench.publish(count: 5)
    bench.pull("4")
    bench.ack(bench.messages()[0])
    #expect(try bench.machine.reset(to: 0, port: bench.world, now: bench.now) == 2)
    #expect(bench.info().pendingCount == 4)
    #expect(bench.info().delivered == ConsumerSequences(consumer: 0, stream: 1))
    bench.pull("9")
    #expect(bench.messages().map(\.ack.consumerSequence) == [1, 2, 3, 4])
    #expect(try bench.machine.reset(to: 1, port: bench.world, now: bench.now) == 1)

    var later = ConsumerBench(world: world()) {
      $0.deliverPolicy = .byStartSequence; $0.startSequence = 4
    }
    let (world, now) = (later.world, later.now)
    #expect(throws: JetStreamError.consumerInvalidReset("below start seq")) {
      try later.machine.reset(to: 3, port: world, now: now)
    }
    var new = ConsumerBench { $0.deliverPolicy = .new }
    let newWorld = new.world
    #expect(throws: JetStreamError.consumerInvalidReset("not allowed")) {
      try new.machine.reset(to: 3, port: newWorld, now: now)
    }
  }
}
