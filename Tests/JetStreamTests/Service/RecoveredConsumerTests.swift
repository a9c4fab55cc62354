import JetStreamAPI
import Testing

@testable import JetStream

struct RecoveredConsumerTests {
  static func consumer(_ number: UInt64, _ name: String, durable: Bool = true) -> RecoveredConsumer {
    var configuration = ConsumerConfiguration()
    if durable { configuration.durableName = name }
    configuration.ackPolicy = .explicit
    configuration.filterSubject = "a.*"
    return RecoveredConsumer(
      number: number, name: name, created: 5, configuration: configuration, state: ConsumerState(policy: .explicit))
  }

  @Test func anEntryKeepsTheNameThatTheServerGave() throws {
    let consumer = Self.consumer(3, "kX2", durable: false)
    let entry = RecoveredConsumer.entry(
      number: consumer.number, name: consumer.name, created: consumer.created, configuration: consumer.configuration)
    let read = try #require(entry.withUnsafeBytes { RecoveredConsumer(entry: $0) })
    #expect(read.number == 3)
    #expect(read.name == "kX2")
    #expect(read.created == 5)
    #expect(read.configuration == consumer.configuration)
  }

  @Test func entriesCutOffAreNone() {
    let consumer = Self.consumer(3, "kX2")
    let entry = RecoveredConsumer.entry(
      number: 3, name: "kX2", created: 5, configuration: consumer.configuration)
    for count in 0..<entry.count {
      #expect(Array(entry[..<count]).withUnsafeBytes { RecoveredConsumer(entry: $0) } == nil, "\(count) bytes")
    }
  }

  @Test func anAttachmentIsReadAsItWasWritten() throws {
    var attachment = RecoveredConsumer.Attachment()
    attachment.rules = [1, 2, 3]
    attachment.nextNumber = 9
    attachment.consumers = [Self.consumer(1, "a"), Self.consumer(8, "b")]
    let bytes = attachment.encoded()
    let read = try #require(bytes.withUnsafeBytes { RecoveredConsumer.Attachment($0) })
    #expect(read.rules == [1, 2, 3])
    #expect(read.nextNumber == 9)
    #expect(read.consumers.map(\.name) == ["a", "b"])
    for count in 0..<bytes.count {
      #expect(Array(bytes[..<count]).withUnsafeBytes { RecoveredConsumer.Attachment($0) } == nil, "\(count) bytes")
    }
  }
}
