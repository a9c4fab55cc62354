// Requests and answers of backups (FEATURES 7.009, 7.010, 9.023, 9.027).

import Bytes
import JSON

/// STREAM.SNAPSHOT.
public struct StreamSnapshotRequest: RequestReadable, Equatable, Sendable {
  /// Where the chunks go.
  public var deliverSubject = ""
  public var noConsumers = false
  /// Bytes of a chunk, before `chunkBytes` limits them.
  public var chunkSize = 0
  /// Bytes on their way that were not answered, before `chunksInFlight` limits them.
  public var windowSize = 0
  /// A message that cannot be read ends the snapshot.
  public var checksMessages = false

  public init() {}

  public static var typeName: StaticString { "JSApiStreamSnapshotRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "deliver_subject": reader.read(&deliverSubject)
    case "no_consumers": reader.read(&noConsumers)
    case "chunk_size": reader.read(&chunkSize, "int")
    case "window_size": reader.read(&windowSize, "int")
    case "jsck": reader.read(&checksMessages)
    default: return false
    }
    return true
  }

  /// 128 KiB where nothing is asked for; from 1 KiB to 1 MiB.
  public var chunkBytes: Int { min(max(chunkSize == 0 ? 128 << 10 : chunkSize, 1 << 10), 1 << 20) }

  /// Chunks that may be on their way: of 8 MiB where nothing is asked for, of 32 MiB at most, always one.
  public var chunksInFlight: Int {
    let window = min(max(windowSize == 0 ? 8 << 20 : windowSize, 1 << 10), 32 << 20)
    return max(window, chunkBytes) / chunkBytes
  }
}

public struct StreamSnapshotAnswer: APIAnswer {
  public var configuration: StreamConfiguration
  public var state: StreamState

  public init(_ configuration: StreamConfiguration, _ state: StreamState) {
    self.configuration = configuration
    self.state = state
  }

  public static var type: StaticString { "stream_snapshot_response" }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.field("config", configuration)
    writer.field("state", state)
  }
}

/// What a backup says about the stream it was taken from: what a restore looks at.
public struct BackupState: RequestReadable, Equatable, Sendable {
  public var messages: UInt64 = 0
  public var bytes: UInt64 = 0
  public var firstSequence: UInt64 = 0
  public var lastSequence: UInt64 = 0
  public var consumerCount = 0
  private var firstTime: Timestamp?
  private var lastTime: Timestamp?
  private var subjectCount = 0
  private var deletedCount = 0

  public init() {}

  public static var typeName: StaticString { "StreamState" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "messages": reader.read(&messages, "uint64")
    case "bytes": reader.read(&bytes, "uint64")
    case "first_seq": reader.read(&firstSequence, "uint64")
    case "first_ts": try reader.read(&firstTime)
    case "last_seq": reader.read(&lastSequence, "uint64")
    case "last_ts": try reader.read(&lastTime)
    case "num_subjects": reader.read(&subjectCount, "int")
    case "num_deleted": reader.read(&deletedCount, "int")
    case "consumer_count": reader.read(&consumerCount, "int")
    case "subjects", "deleted", "lost": _ = reader.readRaw()
    default: return false
    }
    return true
  }
}

/// STREAM.RESTORE.
public struct StreamRestoreRequest: RequestReadable, Equatable, Sendable {
  public var configuration = StreamConfiguration()
  /// Read, so that what is wrong with it is refused; the backup itself says what it holds.
  public var state = BackupState()

  public init() {}

  public static var typeName: StaticString { "JSApiStreamRestoreRequest" }

  public mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
    switch name {
    case "config": try reader.read(&configuration)
    case "state": try reader.read(&state)
    default: return false
    }
    return true
  }

  /// The configuration of the stream to be restored, before any of its data has come; checked in the order of
  /// nats-server.
  public func restoration(of name: String, in surroundings: StreamSurroundings) throws(JetStreamError)
    -> StreamConfiguration
  {
    var wanted = configuration
    if wanted.name.isEmpty { wanted.name = name }
    if wanted.name != name { throw .streamMismatch }
    if AssetName.hasPathSeparator(name) { throw .streamNameContainsPathSeparators }
    let complete = try wanted.validated(in: surroundings)
    guard let limits = surroundings.limits else { throw .noLimits }
    let others = surroundings.streamCount - (surroundings.stream(name) == nil ? 0 : 1)
    if limits.maximumStreams > 0, others >= limits.maximumStreams { throw .maximumStreamsLimit }
    try complete.checkLimits(in: surroundings)
    if surroundings.stream(name) != nil { throw .streamNameExistRestoreFailed }
    return complete
  }
}

extension StreamConfiguration {
  /// Whether a restored stream may come into being now; what has happened since `restoration` counts.
  ///
  /// - Parameter bytes: what its messages take.
  public func checkRestored(bytes: UInt64, in surroundings: StreamSurroundings) throws(JetStreamError) {
    if surroundings.stream(name) != nil { throw .streamNameExistRestoreFailed }
    var needed = self
    needed.maximumBytes = max(maximumBytes, Int64(clamping: bytes))
    try needed.checkLimits(in: surroundings)
    guard let limits = surroundings.limits else { throw .noLimits }
    do throws(JetStreamError) {
      if surroundings.isSingleServer, replicas > 1 { throw .streamReplicasNotSupported }
      if limits.maximumStreams > 0, surroundings.streamCount >= limits.maximumStreams { throw .maximumStreamsLimit }
      try checkFilters()
      if surroundings.overlaps(subjects, name) { throw .streamSubjectOverlap }
    } catch {
      throw .streamRestore("error adding stream: \(error.description) (\(error.number))")
    }
  }
}

public struct StreamRestoreAnswer: APIAnswer {
  /// Where the chunks are expected.
  public var deliverSubject: String

  public init(deliverSubject: String) { self.deliverSubject = deliverSubject }

  public static var type: StaticString { "stream_restore_response" }

  public func writeMembers(to writer: inout JSONWriter) { writer.field("deliver_subject", deliverSubject) }

  public static func writeErrorMembers(to writer: inout JSONWriter) { writer.field("deliver_subject", "") }
}
