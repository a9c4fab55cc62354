import JetStreamAPI
import Testing

@testable import JetStream

@Suite("FEATURES 9.026: consumers in backups") struct BackupConsumerTests {
  static func state() -> ConsumerState {
    var state = ConsumerState(policy: .explicit)
    state.start(at: 5)
    for sequence: UInt64 in 5...12 { state.deliver(sequence, at: 1000 + Int64(sequence)) }
    state.redeliver(7, at: 2000)
    state.redeliver(7, at: 2001)
    state.settle(5)
    state.settle(8)
    state.exhaust(9)
    return state
  }

  @Test func aStateIsWrittenAsNatsServerWritesIt() throws {
    var configuration = ConsumerConfiguration()
    configuration.durableName = "C"
    configuration.ackPolicy = .explicit
    let consumer = BackupConsumer(
      name: "C", configuration: configuration, created: nil,
      state: BackupConsumer.State(Self.state(), through: 10, maximumDeliveries: 3))
    let json = String(decoding: consumer.json(), as: UTF8.self)
    #expect(json.hasPrefix(#"{"config":{"durable_name":"C","name":"C","#))
    #expect(
      json.hasSuffix(
        #""state":{"delivered":{"consumer_seq":10,"stream_seq":10},"ack_floor":{"consumer_seq":1,"stream_seq":5},"#
          + #""pending":{"6":{"Sequence":2,"Timestamp":1006},"7":{"Sequence":3,"Timestamp":2001},"#
          + #""10":{"Sequence":6,"Timestamp":1010}},"redelivered":{"7":2,"9":3}}}"#))
    let read = try BackupConsumer(named: "C", consumer.json())
    #expect(read.state == consumer.state)
    #expect(read.configuration == consumer.configuration)
  }

  @Test func aStateComesBack() throws {
    let state = Self.state()
    let backup = BackupConsumer.State(state, through: 100, maximumDeliveries: 3)
    let found = try backup.state(policy: .explicit, maximumDeliveries: 3, now: 3000)
    #expect(found.encoded() == state.encoded())
    #expect(found.isStarted)
  }

  @Test func aConsumerThatHasDeliveredNothingBeginsWhereItWas() throws {
    let found = try BackupConsumer.State().state(policy: .explicit, maximumDeliveries: -1, now: 0)
    #expect(found.isStarted)
    #expect(found.delivered == ConsumerState.Position())
  }

  @Test func numbersThatCannotBeAreSetRightOrRefused() throws {
    var state = BackupConsumer.State()
    state.delivered = ConsumerState.Position(consumer: 5, stream: 9)
    state.ackFloor = ConsumerState.Position(consumer: 1, stream: 2)
    state.pending = [
      3: BackupConsumer.Pending(consumerSequence: 0, timestamp: .min),
      4: BackupConsumer.Pending(consumerSequence: 99, timestamp: .max),
      5: BackupConsumer.Pending(consumerSequence: 2, timestamp: 7),
    ]
    state.redelivered = [3: .max, 8: 1, 77: 99, 0: 5]
    let found = try state.state(policy: .explicit, maximumDeliveries: 1, now: 1000)
    var entries: [PendingEntry] = []
    found.pending.forEach { entries.append($0) }
    #expect(entries.map(\.sequence) == [3, 4, 5])
    #expect(entries.map(\.consumerSequence) == [1, 1, 2])
    #expect(entries[0].timestamp == 0)
    #expect(entries[1].timestamp < 400_000_000_000_000_000)
    #expect(found.exhausted.contains(8) && !found.exhausted.contains(77))

    func refuses(_ change: (inout BackupConsumer.State) -> Void, _ reason: String) {
      var other = state
      change(&other)
      let problem = #expect(throws: BackupProblem.self) {
        try other.state(policy: .explicit, maximumDeliveries: 1, now: 1000)
      }
      #expect(problem?.reason == reason)
    }
    refuses({ $0.ackFloor.consumer = 6 }, "bad ack floor for consumer")
    refuses({ $0.ackFloor.stream = 10 }, "bad ack floor for stream")
    refuses({ $0.pending[10] = BackupConsumer.Pending() }, "bad pending entry, sequence [10] out of range")
    refuses({ $0.pending[2] = BackupConsumer.Pending() }, "bad pending entry, sequence [2] out of range")
    refuses({ $0.delivered.stream = .max }, "bad delivered sequence for stream")
  }
}
