import Bytes
import JSON
import JetStreamAPI

/// A consumer as checkpoints and entries of the journal have it, before it runs.
struct RecoveredConsumer {
  var number: UInt64
  /// The server's choice, if the configuration has none.
  var name: String
  var created: Int64
  var configuration: ConsumerConfiguration
  var state: ConsumerState

  // MARK: entries

  /// The entry of a consumer that was created or changed: its number, when it was made, its name, its configuration.
  static func entry(number: UInt64, name: String, created: Int64, configuration: ConsumerConfiguration) -> [UInt8] {
    var bytes: [UInt8] = []
    append(number, to: &bytes)
    append(UInt64(bitPattern: created), to: &bytes)
    append(UInt64(name.utf8.count), to: &bytes)
    return bytes + Array(name.utf8) + configuration.json()
  }

  init(number: UInt64, name: String, created: Int64, configuration: ConsumerConfiguration, state: ConsumerState) {
    self.number = number
    self.name = name
    self.created = created
    self.configuration = configuration
    self.state = state
  }

  /// Reads such an entry; nil when it is none.
  init?(entry: UnsafeRawBufferPointer) {
    guard entry.count > 24, Self.number(entry, at: 16) < UInt64(entry.count - 24) else { return nil }
    number = Self.number(entry, at: 0)
    created = Int64(bitPattern: Self.number(entry, at: 8))
    let start = 24 + Int(Self.number(entry, at: 16))
    name = String(decoding: entry[24..<start], as: UTF8.self)
    guard
      let configuration = try? ConsumerConfiguration.decode(
        UnsafeRawBufferPointer(rebasing: entry[start...]), isStrict: false)
    else { return nil }
    self.configuration = configuration
    state = ConsumerState(policy: configuration.ackPolicy)
  }

  /// The consumer's number at the beginning of an entry.
  static func number(of entry: UnsafeRawBufferPointer) -> UInt64? {
    entry.count >= 8 ? number(entry, at: 0) : nil
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  // MARK: checkpoints

  /// What a stream's checkpoint holds besides its messages.
  struct Attachment {
    var rules: [UInt8] = []
    var nextNumber: UInt64 = 1
    var consumers: [RecoveredConsumer] = []

    private static var version: UInt64 { 1 }

    func encoded() -> [UInt8] {
      var bytes: [UInt8] = []
      func append(_ part: [UInt8]) {
        RecoveredConsumer.append(UInt64(part.count), to: &bytes)
        bytes += part
      }
      RecoveredConsumer.append(Self.version, to: &bytes)
      RecoveredConsumer.append(nextNumber, to: &bytes)
      append(rules)
      RecoveredConsumer.append(UInt64(consumers.count), to: &bytes)
      for consumer in consumers {
        append(
          RecoveredConsumer.entry(
            number: consumer.number, name: consumer.name, created: consumer.created,
            configuration: consumer.configuration))
        append(consumer.state.encoded())
      }
      return bytes
    }

    init() {}

    /// nil when the bytes are no attachment.
    init?(_ bytes: UnsafeRawBufferPointer) {
      var offset = 0
      func number() -> UInt64? {
        guard offset + 8 <= bytes.count else { return nil }
        defer { offset += 8 }
        return RecoveredConsumer.number(bytes, at: offset)
      }
      func part() -> UnsafeRawBufferPointer? {
        guard let count = number(), count <= UInt64(bytes.count - offset) else { return nil }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(count))])
      }
      guard number() == Self.version, let next = number(), let rules = part(), let count = number() else { return nil }
      nextNumber = next
      self.rules = Array(rules)
      for _ in 0..<count {
        guard let entry = part(), var consumer = RecoveredConsumer(entry: entry), let state = part(),
          let decoded = try? ConsumerState(policy: consumer.configuration.ackPolicy, encoded: state)
        else { return nil }
        consumer.state = decoded
        consumers.append(consumer)
      }
    }
  }
}
