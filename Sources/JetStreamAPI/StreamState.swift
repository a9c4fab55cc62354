import Bytes
import JSON

/// What a stream holds, as answers show it (FEATURES 5.092).
public struct StreamState: Equatable, Sendable {
  public var messages: UInt64 = 0
  public var bytes: UInt64 = 0
  public var firstSequence: UInt64 = 0
  public var firstTime = Timestamp.zero
  public var lastSequence: UInt64 = 0
  public var lastTime = Timestamp.zero
  public var subjectCount = 0
  /// Messages by subject, when asked for.
  public var subjects: [String: UInt64] = [:]
  public var deletedCount = 0
  /// Sequences that were deleted, when asked for.
  public var deleted: [UInt64] = []
  public var lost: LostData?
  public var consumerCount = 0

  public init() {}
}

/// Messages that were stored and cannot be read any more.
public struct LostData: Equatable, Sendable {
  public var sequences: [UInt64] = []
  public var bytes: UInt64 = 0

  public init(sequences: [UInt64] = [], bytes: UInt64 = 0) {
    self.sequences = sequences
    self.bytes = bytes
  }
}

extension StreamState: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("messages", messages)
    writer.field("bytes", bytes)
    writer.field("first_seq", firstSequence)
    writer.field("first_ts", firstTime)
    writer.field("last_seq", lastSequence)
    writer.field("last_ts", lastTime)
    writer.field("num_subjects", subjectCount, omitEmpty: true)
    if !subjects.isEmpty {
      writer.key("subjects")
      writer.beginObject()
      for (subject, count) in subjects.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
        writer.key(subject)
        writer.value(count)
      }
      writer.endObject()
    }
    writer.field("num_deleted", deletedCount, omitEmpty: true)
    writer.field("deleted", deleted, omitEmpty: true)
    writer.field("lost", ifPresent: lost)
    writer.field("consumer_count", consumerCount)
    writer.endObject()
  }
}

extension LostData: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    // Go writes a list that was never made as null.
    if sequences.isEmpty {
      writer.key("msgs")
      writer.null()
    } else {
      writer.field("msgs", sequences)
    }
    writer.field("bytes", bytes)
    writer.endObject()
  }
}

extension JSONWriter {
  mutating func field(_ name: StaticString, _ values: [UInt64], omitEmpty: Bool = false) {
    if omitEmpty, values.isEmpty { return }
    key(name)
    beginArray()
    for value in values { self.value(value) }
    endArray()
  }
}

/// A stream as STREAM.INFO, STREAM.CREATE and others answer it (FEATURES 5.092).
public struct StreamInfo: Equatable, Sendable {
  /// With the metadata that answers show: `withAnsweredMetadata`.
  public var configuration: StreamConfiguration
  public var created: Timestamp
  public var state: StreamState
  public var domain = ""
  /// The server that leads the stream; empty where it is not told.
  public var leader = ""
  public var mirror: StreamSourceInfo?
  public var sources: [StreamSourceInfo] = []
  /// When this was gathered.
  public var time: Timestamp

  public init(configuration: StreamConfiguration, created: Timestamp, state: StreamState, time: Timestamp) {
    self.configuration = configuration
    self.created = created
    self.state = state
    self.time = time
  }
}

extension StreamInfo: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(to: &writer)
    writer.endObject()
  }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.field("config", configuration)
    writer.field("created", created)
    writer.field("state", state)
    writer.field("domain", domain, omitEmpty: true)
    if !leader.isEmpty {
      writer.key("cluster")
      writer.beginObject()
      writer.field("leader", leader)
      writer.endObject()
    }
    writer.field("mirror", ifPresent: mirror)
    writer.field("sources", sources, omitEmpty: true)
    writer.field("ts", time)
  }
}

/// How far a stream is with copying from another (FEATURES 5.054).
public struct StreamSourceInfo: Equatable, Sendable {
  public var name = ""
  public var external: ExternalStream?
  public var lag: UInt64 = 0
  /// Of a source: the last message that was taken, by the origin's sequence.
  public var sequence: UInt64 = 0
  /// Nanoseconds since something arrived; -1: never.
  public var active: Int64 = -1
  public var error: JetStreamError?
  public var filterSubject = ""
  public var subjectTransforms: [SubjectTransformConfiguration] = []

  public init() {}
}

extension StreamSourceInfo: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("external", ifPresent: external)
    writer.field("lag", lag)
    writer.field("seq", sequence, omitEmpty: true)
    writer.field("active", active)
    writer.field("error", ifPresent: error)
    writer.field("filter_subject", filterSubject, omitEmpty: true)
    writer.field("subject_transforms", subjectTransforms, omitEmpty: true)
    writer.endObject()
  }
}
