// What a publisher is told (FEATURES 5.058), written byte by byte: one of these goes out for every message.

import Bytes
import JSON

/// The beginning of every acknowledgement of a stream: made once.
public struct PublishAnswerTemplate: Sendable {
  private let prefix: [UInt8]
  private let stream: String

  /// - Parameter domain: the server's domain, empty: none.
  public init(stream: String, domain: String = "") {
    var text = "{\"stream\":\(GoString.quote(stream)),"
    if !domain.isEmpty { text += "\"domain\":\(GoString.quote(domain))," }
    prefix = Array((text + "\"seq\":").utf8)
    self.stream = stream
  }

  /// The message is stored.
  public func append(stored sequence: UInt64, to bytes: inout [UInt8]) {
    begin(sequence, &bytes)
    bytes.append(UInt8(ascii: "}"))
  }

  /// It was stored before, under this sequence (FEATURES 5.060).
  public func append(duplicateOf sequence: UInt64, to bytes: inout [UInt8]) {
    begin(sequence, &bytes)
    bytes.append(contentsOf: ",\"duplicate\": true}".utf8)
  }

  /// The counter has this value now (FEATURES 5.069).
  public func append(counter value: String, sequence: UInt64, to bytes: inout [UInt8]) {
    begin(sequence, &bytes)
    bytes.append(contentsOf: ",\"val\":\(GoString.quote(value))}".utf8)
  }

  /// The batch is stored, its last message under this sequence (FEATURES 5.071).
  public func append(
    batch: String, count: UInt64, sequence: UInt64, isDuplicate: Bool = false, to bytes: inout [UInt8]
  ) {
    begin(sequence, &bytes)
    if isDuplicate { bytes.append(contentsOf: ",\"duplicate\": true".utf8) }
    bytes.append(contentsOf: ",\"batch\":\(GoString.quote(batch)),\"count\":\(count)}".utf8)
  }

  /// The publish is refused.
  public func append(refusing error: JetStreamError, to bytes: inout [UInt8]) {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("error", error)
    writer.field("stream", stream)
    writer.field("seq", 0)
    writer.endObject()
    bytes += writer.bytes
  }

  private func begin(_ sequence: UInt64, _ bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + prefix.count + 24)
    bytes.append(contentsOf: prefix)
    bytes.append(decimal: sequence)
  }
}

/// What tells a fast publisher how it is doing (FEATURES 5.075).
public enum BatchFlowMessage: Equatable, Sendable {
  /// Stored up to this message of the batch; the next acknowledgement comes after so many more.
  case acknowledgement(sequence: UInt64, messages: UInt16)
  /// Messages from `expected` up to and without `current` did not arrive.
  case gap(expected: UInt64, current: UInt64)
  /// This message of the batch was refused.
  case refused(sequence: UInt64, JetStreamError)
}

extension BatchFlowMessage: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    switch self {
    case .acknowledgement(let sequence, let messages):
      writer.field("type", "ack")
      writer.field("seq", sequence)
      writer.field("msgs", messages)
    case .gap(let expected, let current):
      writer.field("type", "gap")
      writer.field("last_seq", expected)
      writer.field("seq", current)
    case .refused(let sequence, let error):
      writer.field("type", "err")
      writer.field("seq", sequence)
      writer.field("error", error)
    }
    writer.endObject()
  }
}
