import Bytes
import JSON

/// What a consumer has done so far (FEATURES 6.041).
public struct ConsumerInfo: Sendable {
  public var stream: String
  public var name: String
  public var created: Timestamp
  public var configuration: ConsumerConfiguration
  public var delivered = ConsumerSequences()
  public var ackFloor = ConsumerSequences()
  public var ackPendingCount = 0
  public var redeliveredCount = 0
  public var waitingCount = 0
  public var pendingCount: UInt64 = 0
  /// The value of `cluster` as JSON; nil on a single server.
  public var cluster: [UInt8]?
  public var isPushBound = false
  public var isPaused = false
  /// Nanoseconds.
  public var pauseRemaining: Int64 = 0
  /// When this was gathered.
  public var gathered: Timestamp
  public var priorityGroups: [PriorityGroup] = []

  /// The state of one priority group.
  public struct PriorityGroup: Equatable, Sendable {
    public var group: String
    public var pinnedID: String
    /// Zero when nobody is pinned.
    public var pinned: Timestamp
    public init(group: String, pinnedID: String = "", pinned: Timestamp = .zero) {
      self.group = group
      self.pinnedID = pinnedID
      self.pinned = pinned
    }
  }

  public init(
    stream: String, name: String, created: Timestamp, configuration: ConsumerConfiguration, gathered: Timestamp
  ) {
    self.stream = stream
    self.name = name
    self.created = created
    self.configuration = configuration
    self.gathered = gathered
  }
}

/// A position in the order of deliveries and in the stream.
public struct ConsumerSequences: Equatable, Sendable {
  public var consumer: UInt64
  public var stream: UInt64
  /// nil when nothing has happened since the server started.
  public var lastActive: Timestamp?

  public init(consumer: UInt64 = 0, stream: UInt64 = 0, lastActive: Timestamp? = nil) {
    self.consumer = consumer
    self.stream = stream
    self.lastActive = lastActive
  }
}

extension ConsumerSequences: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("consumer_seq", consumer)
    writer.field("stream_seq", stream)
    if let lastActive { writer.field("last_active", lastActive) }
    writer.endObject()
  }
}

extension ConsumerInfo: JSONWritable {
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(to: &writer)
    writer.endObject()
  }

  /// The members alone, for answers that spread them beside `type`.
  ///
  /// - Parameter showsConfiguration: monitoring leaves it out unless it is asked for.
  public func writeMembers(to writer: inout JSONWriter, showsConfiguration: Bool = true) {
    writer.field("stream_name", stream)
    writer.field("name", name)
    writer.field("created", created)
    if showsConfiguration { writer.field("config", configuration) }
    writer.field("delivered", delivered)
    writer.field("ack_floor", ackFloor)
    writer.field("num_ack_pending", ackPendingCount)
    writer.field("num_redelivered", redeliveredCount)
    writer.field("num_waiting", waitingCount)
    writer.field("num_pending", pendingCount)
    if let cluster {
      writer.key("cluster")
      writer.raw(cluster)
    }
    writer.field("push_bound", isPushBound, omitEmpty: true)
    writer.field("paused", isPaused, omitEmpty: true)
    writer.field("pause_remaining", pauseRemaining, omitEmpty: true)
    writer.field("ts", gathered)
    if !priorityGroups.isEmpty {
      writer.key("priority_groups")
      writer.beginArray()
      for group in priorityGroups {
        writer.beginObject()
        writer.field("group", group.group)
        writer.field("pinned_client_id", group.pinnedID, omitEmpty: true)
        // Go's omitempty does not leave out times.
        writer.field("pinned_ts", group.pinned)
        writer.endObject()
      }
      writer.endArray()
    }
  }
}
