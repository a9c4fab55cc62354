import Bytes
import JSON
import JetStreamAPI

/// A consumer in a backup: what it is, what it has delivered, what waits for its acknowledgement.
struct BackupConsumer {
  struct Pending: Equatable {
    /// Of the first delivery.
    var consumerSequence: UInt64 = 0
    /// Of the last delivery, nanoseconds since 1970.
    var timestamp: Int64 = 0
  }

  /// As nats-server writes it.
  struct State: Equatable {
    var delivered = ConsumerState.Position()
    var ackFloor = ConsumerState.Position()
    /// By sequence in the stream.
    var pending: [UInt64: Pending] = [:]
    /// How often again, by sequence in the stream.
    var redelivered: [UInt64: UInt64] = [:]
  }

  var name: String
  /// What the backup calls it.
  var entry: String
  var configuration: ConsumerConfiguration
  /// nil: the moment of the restore.
  var created: Int64?
  var state: State

  init(name: String, entry: String? = nil, configuration: ConsumerConfiguration, created: Int64?, state: State) {
    self.name = name
    self.entry = entry ?? name
    self.configuration = configuration
    self.created = created
    self.state = state
    if self.configuration.name.isEmpty { self.configuration.name = name }
  }

  // MARK: archives

  /// Reads the entry of an archive.
  init(named entry: String, _ body: [UInt8]) throws(BackupProblem) {
    func fail(_ reason: String) -> BackupProblem {
      BackupProblem("failed to decode consumer \(GoString.quote(entry)) state: \(reason)")
    }
    let document: Document
    do throws(JetStreamError) {
      document = try Document.decode(body, isStrict: false)
    } catch {
      throw fail(BackupProblem.reason(error))
    }
    guard let configuration = document.configuration else {
      throw BackupProblem("consumer \(GoString.quote(entry)) is missing config")
    }
    guard let raw = document.state else { throw BackupProblem("consumer \(GoString.quote(entry)) is missing state") }
    let state: State
    do throws(JSONError) {
      state = try Self.readState(raw)
    } catch {
      throw fail(error.description)
    }
    let own = configuration.isDurable ? configuration.durableName : configuration.name
    self.init(name: own.isEmpty ? entry : own, entry: entry, configuration: configuration, created: nil, state: state)
  }

  private struct Document: RequestReadable {
    var configuration: ConsumerConfiguration?
    var state: [UInt8]?

    static var typeName: StaticString { "SnapshotConsumerState" }

    mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
      switch name {
      case "config": try reader.read(&configuration)
      case "state":
        let raw = Array(reader.readRaw())
        state = raw.elementsEqual("null".utf8) ? nil : raw
      default: return false
      }
      return true
    }
  }

  private static func readState(_ bytes: [UInt8]) throws(JSONError) -> State {
    let result: Result<State, JSONError> = bytes.withUnsafeBytes { bytes in
      var reader = JSONReader(bytes)
      do throws(JSONError) {
        return .success(try read(&reader))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func read(_ reader: inout JSONReader) throws(JSONError) -> State {
    var state = State()
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("delivered") {
        state.delivered = try readPosition(&reader)
      } else if reader.keyIs("ack_floor") {
        state.ackFloor = try readPosition(&reader)
      } else if reader.keyIs("pending") {
        if reader.readNull() { continue }
        try reader.beginObject()
        while try reader.nextKey() {
          guard let sequence = UInt64(reader.key) else {
            try reader.skipValue()
            continue
          }
          state.pending[sequence] = try readPending(&reader)
        }
      } else if reader.keyIs("redelivered") {
        if reader.readNull() { continue }
        try reader.beginObject()
        while try reader.nextKey() {
          let sequence = UInt64(reader.key)
          let count = try reader.readUInt64()
          if let sequence { state.redelivered[sequence] = count }
        }
      } else {
        try reader.skipValue()
      }
    }
    return state
  }

  private static func readPosition(_ reader: inout JSONReader) throws(JSONError) -> ConsumerState.Position {
    var position = ConsumerState.Position()
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("consumer_seq") {
        position.consumer = try reader.readUInt64()
      } else if reader.keyIs("stream_seq") {
        position.stream = try reader.readUInt64()
      } else {
        try reader.skipValue()
      }
    }
    return position
  }

  private static func readPending(_ reader: inout JSONReader) throws(JSONError) -> Pending {
    var pending = Pending()
    if reader.readNull() { return pending }
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("Sequence") {
        pending.consumerSequence = try reader.readUInt64()
      } else if reader.keyIs("Timestamp") {
        pending.timestamp = try reader.readInt64()
      } else {
        try reader.skipValue()
      }
    }
    return pending
  }

  /// The entry's body.
  func json() -> [UInt8] {
    var writer = JSONWriter(capacity: 512 + state.pending.count * 64)
    writer.beginObject()
    writer.field("config", configuration)
    writer.key("state")
    writer.beginObject()
    Self.write("delivered", state.delivered, to: &writer)
    Self.write("ack_floor", state.ackFloor, to: &writer)
    if !state.pending.isEmpty {
      writer.key("pending")
      writer.beginObject()
      for (sequence, pending) in state.pending.sorted(by: { $0.key < $1.key }) {
        writer.key(String(sequence))
        writer.beginObject()
        writer.field("Sequence", pending.consumerSequence)
        writer.field("Timestamp", pending.timestamp)
        writer.endObject()
      }
      writer.endObject()
    }
    if !state.redelivered.isEmpty {
      writer.key("redelivered")
      writer.beginObject()
      for (sequence, count) in state.redelivered.sorted(by: { $0.key < $1.key }) {
        writer.key(String(sequence))
        writer.value(count)
      }
      writer.endObject()
    }
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }

  private static func write(
    _ name: StaticString, _ position: ConsumerState.Position, to writer: inout JSONWriter
  ) {
    writer.key(name)
    writer.beginObject()
    writer.field("consumer_seq", position.consumer)
    writer.field("stream_seq", position.stream)
    writer.endObject()
  }
}
