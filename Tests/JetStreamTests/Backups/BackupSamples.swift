import Foundation
import JetStreamAPI
import S2

@testable import JetStream

/// Backups for the tests, and what was read of them.
enum BackupSamples {
  static let time: Int64 = 1_700_000_000_123_456_789

  static func state(
    messages: Int = 1, bytes: UInt64 = 34, first: UInt64 = 1, last: UInt64 = 1, consumers: Int = 0
  ) -> [UInt8] {
    let json = """
      {"messages":\(messages),"bytes":\(bytes),"first_seq":\(first),"last_seq":\(last),"consumer_count":\(consumers)}
      """
    return Archive.entry(Archive.stateName, timestamp: time, Array(json.utf8))
  }

  static func message(
    _ sequence: UInt64, _ payload: String = "x", subject: String = "a", header: String = ""
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    Array(subject.utf8).withUnsafeBytes {
      Archive.head(
        name: $0, timestamp: time, sequence: sequence, headerSize: header.utf8.count, payloadSize: payload.utf8.count,
        to: &bytes)
    }
    return bytes + Array(header.utf8) + Array(payload.utf8)
  }

  static func compressed(_ parts: [UInt8]...) -> [UInt8] {
    let writer = S2Writer(blockBytes: 100)
    for part in parts { writer.append(part) }
    writer.flush()
    return writer.take(.max)
  }

  static func recorded(_ name: String) throws -> [UInt8] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Recordings/backups/\(name).s2")
    return [UInt8](try Data(contentsOf: path))
  }

  /// Reads a backup in chunks of `step` bytes.
  static func read(_ backup: [UInt8], step: Int = 1000, limits: BackupLimits = BackupLimits()) throws -> [BackupItem] {
    var reader = BackupReader(limits)
    var items: [BackupItem] = []
    var place = 0
    while place < backup.count {
      let end = min(backup.count, place + step)
      reader.append(Array(backup[place..<end]))
      place = end
      while let item = try reader.next() {
        if case .nothing = item { continue }
        items.append(item)
      }
    }
    return items + (try reader.finish())
  }

  /// What a restore makes of the items.
  struct Content: Equatable {
    var name = ""
    var messages: [UInt64: String] = [:]
    var lastSequence: UInt64 = 0
    var consumers: [String: BackupConsumer.State] = [:]
    var order: [UInt64] = []

    init(_ items: [BackupItem]) {
      for item in items {
        switch item {
        case .origin(let name, _): self.name = name
        case .state, .nothing: break
        case .consumer(let consumer): consumers[consumer.name] = consumer.state
        case .message(let message):
          let header = String(decoding: message.body[..<message.headerLength], as: UTF8.self)
          let payload = String(decoding: message.body[message.headerLength...], as: UTF8.self)
          messages[message.sequence] = "\(String(decoding: message.subject, as: UTF8.self)) \(header)\(payload)"
          order.append(message.sequence)
        case .removed(let range): messages = messages.filter { !range.contains($0.key) }
        case .reached(let sequence): lastSequence = sequence
        }
      }
    }
  }
}
