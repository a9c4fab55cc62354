import JetStreamAPI
import Testing

@testable import JetStream

@Suite("pull consumers")
struct ConsumerPullTests {
  @Test func aRequestGetsItsBatchAndTheAckSubjectSaysEverything() {  // FEATURES 6.048, 6.067
    var bench = ConsumerBench { _ in }
    bench.publish(count: 5)
    bench.pull("3")
    let messages = bench.messages()
    #expect(messages.map(\.sequence) == [1, 2, 3])
    #expect(messages[0].reply == "$JS.ACK.S.C.1.1.1.\(bench.now).4")
    #expect(
      messages[2].ack
        == AckSubject(deliveries: 1, streamSequence: 3, consumerSequence: 3, timestamp: bench.now, pending: 2))
    #expect(messages.allSatisfy { $0.target == "r" && $0.subject == "a" && $0.payload == "x" })
    #expect(bench.machine.waiting.isEmpty)
  }

  @Test(arguments: [("", 1), ("4", 4), ("what", 1), (#"{"batch":2}"#, 2), (#"{}"#, 1), (" 3 ", 3), ("-1", 1)])
  func payloads(payload: String, count: Int) {  // FEATURES 6.067
    var bench = ConsumerBench { _ in }
    bench.publish(count: 6)
    bench.pull(payload)
    #expect(bench.messages().count == count)
  }

  @Test func requestsAreServedInTurn() {  // FEATURES 6.076
    var bench = ConsumerBench { _ in }
    bench.pull("2", "a")
    bench.pull("3", "b")
    bench.pull("1", "c")
    bench.publish(count: 7)
    bench.run()
    #expect(bench.messages().map(\.target) == ["a", "b", "c", "a", "b", "b"])
  }

  @Test func statuses() {  // FEATURES 6.068 to 6.074
    let rows: [(String, (inout ConsumerConfiguration) -> Void, Int, String, [String])] = [
      ("nothing there", { _ in }, 0, #"{"no_wait":true}"#, ["r: 404 No Messages"]),
      (
        "heartbeat too large", { _ in }, 0, #"{"expires":10,"idle_heartbeat":6}"#,
        ["r: 400 Bad Request - heartbeat value too large"]
      ),
      ("batch", { $0.maxRequestBatch = 5 }, 0, "6", ["r: 409 Exceeded MaxRequestBatch of 5"]),
      (
        "expires", { $0.maxRequestExpires = 1_500_000_000 }, 0, #"{"expires":2000000000}"#,
        ["r: 409 Exceeded MaxRequestExpires of 1.5s"]
      ),
      (
        "max bytes", { $0.maxRequestMaxBytes = 10 }, 0, #"{"batch":1,"max_bytes":11}"#,
        ["r: 409 Exceeded MaxRequestMaxBytes of 10"]
      ),
      ("push", { $0.deliverSubject = "d" }, 0, "1", ["r: 409 Consumer is push based"]),
      (
        "wrong type", { _ in }, 0, #"{"batch":"x"}"#,
        ["r: 400 Bad Request - json: cannot unmarshal string into Go struct field .batch of type int"]
      ),
      ("not JSON", { _ in }, 0, #"{"batch":"#, ["r: 400 Bad Request - unexpected end of JSON input"]),
      ("too large", { _ in }, 1, #"{"batch":1,"max_bytes":10}"#, ["r: 409 Message Size Exceeds MaxBytes"]),
      ("bytes left", { _ in }, 1, #"{"batch":1,"max_bytes":1000}"#, ["r: 409 Batch Completed"]),
      (
        "group missing",
        {
          $0.priorityPolicy = .overflow; $0.priorityGroups = ["g"]
        }, 0, "{}", ["r: 400 Bad Request - Priority Group missing"]
      ),
      (
        "unknown group",
        {
          $0.priorityPolicy = .overflow; $0.priorityGroups = ["g"]
        }, 0, #"{"group":"h"}"#, ["r: 400 Bad Request - Invalid Priority Group"]
      ),
      ("no overflow", { _ in }, 0, #"{"min_pending":1}"#, ["r: 400 Bad Request - Not a Overflow Priority consumer"]),
      ("no pin", { _ in }, 0, #"{"id":"x"}"#, ["r: 400 Bad Request - Not a Pinned Client Priority consumer"]),
      (
        "priority",
        {
          $0.priorityPolicy = .prioritized; $0.priorityGroups = ["g"]
        }, 0, #"{"group":"g","priority":10}"#, ["r: 400 Bad Request - Priority must be between 0 and 9"]
      ),
    ]
    for (name, configure, stored, payload, expected) in rows {
      var bench = ConsumerBench(configure)
      bench.publish(count: stored)
      bench.pull(payload)
      #expect(bench.statuses() == expected, "\(name)")
    }
  }

  @Test func expiryTellsWhatIsMissing() {  // FEATURES 6.069
    var bench = ConsumerBench { _ in }
    bench.publish(count: 1)
    bench.pull(#"{"batch":3,"expires":1000000000,"max_bytes":1000}"#)
    let size = bench.messages().reduce(0) { $0 + $1.subject.utf8.count + $1.reply.utf8.count + $1.payload.utf8.count }
    #expect(bench.progress.wakeUp == bench.now + ConsumerBench.second)
    bench.advance(1)
    #expect(
      bench.world.events == [
        .status(
          "408 Request Timeout", to: "r",
          fields: ["Nats-Pending-Messages": "2", "Nats-Pending-Bytes": String(1000 - size)], reply: "")
      ])
  }

  @Test func noWaitWithExpiryWaitsForTheFirstMessages() {  // FEATURES 6.068
    var bench = ConsumerBench { _ in }
    bench.pull(#"{"batch":5,"no_wait":true,"expires":1000000000}"#)
    #expect(bench.statuses().isEmpty)
    bench.publish(count: 2)
    bench.run()
    #expect(bench.sequences() == [1, 2])
    #expect(bench.statuses() == ["r: 404 No Messages"])
  }

  @Test func noWaitGivesWayToThoseWhoWait() {  // FEATURES 6.068
    var bench = ConsumerBench { $0.maxAckPending = 1 }
    bench.publish(count: 2)
    bench.pull("5", "a")
    #expect(bench.sequences() == [1])
    bench.pull(#"{"no_wait":true}"#, "b")
    #expect(bench.statuses() == ["b: 408 Requests Pending"])
  }

  @Test func heartbeatsOfRequests() {  // FEATURES 6.070
    var bench = ConsumerBench { _ in }
    bench.pull(#"{"batch":1,"expires":1000000000,"idle_heartbeat":300000000}"#)
    bench.live(0.95)
    #expect(bench.statuses() == Array(repeating: "r: 100 Idle Heartbeat", count: 3))
    bench.live(0.1)
    #expect(bench.statuses() == ["r: 408 Request Timeout"])
  }

  @Test func tooManyRequests() {  // FEATURES 6.074
    var bench = ConsumerBench { $0.maxWaiting = 2 }
    bench.pull("1", "a")
    bench.pull("1", "b")
    bench.pull("1", "c")
    #expect(bench.statuses() == ["c: 409 Exceeded MaxWaiting"])
    bench.pull(#"{"batch":1,"expires":1000000000,"idle_heartbeat":100000000}"#, "d")
    #expect(bench.statuses().isEmpty)
    // Those whose client is gone make room.
    bench.world.deaf = ["a"]
    bench.advance(2)
    bench.pull("1", "e")
    #expect(bench.statuses().isEmpty)
    #expect(bench.info().waitingCount == 2)
  }

  @Test func aMessageGoesToTheNextWhenAClientIsGone() {  // FEATURES 6.075
    var bench = ConsumerBench { _ in }
    bench.pull("1", "a")
    bench.pull("1", "b")
    bench.world.deaf = ["a"]
    bench.publish(count: 1)
    bench.run()
    #expect(bench.messages().map(\.target) == ["b"])
    #expect(bench.machine.waiting.isEmpty)
    bench.pull("1", "a")
    bench.publish(count: 1)
    bench.run()
    #expect(bench.messages().isEmpty)
    #expect(bench.info().pendingCount == 1)
    #expect(bench.info().delivered.consumer == 1)
  }

  @Test func maxBytesIsSpentExactly() {  // FEATURES 6.073
    var bench = ConsumerBench { _ in }
    bench.publish(count: 3)
    let size = "a".count + "$JS.ACK.S.C.1.1.1.\(bench.now).2".count + 1
    bench.pull("{\"batch\":10,\"max_bytes\":\(size * 2)}")
    #expect(bench.sequences() == [1, 2])
    // Nothing is left: no status says so.
    #expect(bench.statuses().isEmpty)
    #expect(bench.machine.waiting.isEmpty)
  }

  @Test func deletionDismissesAll() {  // FEATURES 6.047
    var bench = ConsumerBench { _ in }
    bench.pull("1", "a")
    bench.pull("1", "b")
    bench.machine.dismissWaiting(.consumerDeleted, port: bench.world)
    #expect(bench.statuses() == ["a: 409 Consumer Deleted", "b: 409 Consumer Deleted"])
  }

  @Test func headersOnly() {  // FEATURES 6.016
    var bench = ConsumerBench { $0.headersOnly = true }
    bench.publish("a", payload: "12345")
    bench.publish("a", payload: "", header: "NATS/1.0\r\nA: b\r\n\r\n")
    bench.pull("2")
    #expect(
      bench.messages().map { [$0.header, $0.payload] } == [
        ["NATS/1.0\r\nNats-Msg-Size: 5\r\n\r\n", ""], ["NATS/1.0\r\nA: b\r\nNats-Msg-Size: 0\r\n\r\n", ""],
      ])
  }

  @Test func filtersAndCounts() {  // FEATURES 6.009
    var bench = ConsumerBench { $0.filterSubjects = ["a.*", "b"] }
    bench.publish("a.1", "c", "b", "c", "a.2", "c")
    #expect(bench.info().pendingCount == 3)
    bench.pull("10")
    #expect(bench.messages().map(\.subject) == ["a.1", "b", "a.2"])
    #expect(bench.info().pendingCount == 0)
    let calls = bench.world.nextCalls
    bench.publish("c", "c")
    bench.run()
    // What does not match does not make it look.
    #expect(bench.world.nextCalls == calls)
    bench.remove(7)
    bench.publish("b")
    bench.run()
    #expect(bench.sequences() == [9])
  }

  @Test func aBudgetIsKept() {
    var bench = ConsumerBench { _ in }
    bench.publish(count: 10)
    Array("10".utf8).withUnsafeBytes { bench.machine.pull($0, reply: $0, port: bench.world, now: bench.now) }
    bench.run(budget: 4)
    #expect(bench.sequences() == [1, 2, 3, 4])
    #expect(bench.progress.hasMore)
    bench.world.isCongested = true
    bench.run(budget: 4)
    #expect(bench.sequences().isEmpty)
    bench.world.isCongested = false
    bench.run(budget: 100)
    #expect(bench.sequences() == [5, 6, 7, 8, 9, 10])
    #expect(!bench.progress.hasMore)
  }
}
