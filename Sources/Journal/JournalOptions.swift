import Reactor

/// Sizes and bounds of a journal.
public struct JournalOptions: Sendable {
  /// Size of a segment file. A record that does not fit gets a segment of its own size.
  public var segmentBytes = 16 << 20
  /// Size of the segment that a start makes when no file is left over: it waits until that is filled with zeros.
  public var firstSegmentBytes = 1 << 20
  /// Segments at a time, at least 3, one or two of them ready for what comes; when the others are in use, and
  /// the reserve too, nothing is written until a checkpoint frees one, and appends are refused once the forming batch is
  /// full.
  public var maximumSegments = 128
  /// Segments beyond the maximum for what is on its way when all are in use: a checkpoint may have to wait for that. They
  /// go as soon as they are free.
  public var reserveSegments = 0
  /// Segments in use from which on checkpoints are asked for, so that a journal stays as small as it can be; half of
  /// `maximumSegments` if that is less.
  public var eagerSegments = 16
  /// The forming batch takes records up to this size; then appends are refused until it is being written.
  public var maximumBatchBytes = 1 << 20
  /// The largest payload of a record. One that is larger than a batch is taken into an empty one.
  public var maximumRecordBytes = (64 << 20) + (64 << 10)
  /// Owners with records that are not yet recycled; then appends of further owners are refused.
  public var maximumOwners = 262_144
  /// Nil: every batch is synced before it is acknowledged. Else batches are acknowledged when they are written, and
  /// synced at least this often: a power failure loses what was acknowledged since.
  public var syncIntervalNanoseconds: Int64?
  /// With a thread of its own the journal writes by itself; without, it does when `runTurn` is called (simulation).
  public var hasOwnThread = true
  /// Marks the segments of a new journal; random when nil.
  public var salt: UInt64?

  public init() {}

  /// The part of a segment that holds batches.
  var segmentRoom: Int { segmentBytes - JournalFormat.segmentHeaderBytes }
}

/// Why a journal takes no more records, or refuses one.
public enum JournalFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// A write or a sync failed with this error number; nothing more is accepted until the journal is opened again.
  case disk(code: Int32, action: String)
  /// It was closed.
  case closed
  /// The payload is larger than `maximumRecordBytes`; the journal goes on.
  case recordTooLarge(bytes: Int, limit: Int)
  /// One more owner than `maximumOwners`; the journal goes on.
  case tooManyOwners(limit: Int)
  /// Opening met damage that was not skipped explicitly.
  case damaged(JournalEnding)
  /// Records were not all replayed before the start.
  case replayUnfinished
  /// This recovery has started a journal before.
  case alreadyStarted

  public var description: String {
    switch self {
    case .disk(let code, let action): "\(action): \(SystemError.text(of: code))"
    case .closed: "journal is closed"
    case .recordTooLarge(let bytes, let limit): "record of \(bytes) bytes exceeds the journal's limit of \(limit)"
    case .tooManyOwners(let limit): "more than \(limit) owners have records in the journal"
    case .damaged(let ending): "journal is damaged: \(ending)"
    case .replayUnfinished: "journal was not replayed to its end"
    case .alreadyStarted: "journal was started already"
    }
  }

  init(_ error: any Error, _ action: String) {
    if let error = error as? SystemError {
      self = .disk(code: error.code, action: error.action)
    } else if let failure = error as? JournalFailure {
      self = failure
    } else {
      self = .disk(code: 0, action: action)
    }
  }
}

/// Why replay stopped.
public enum JournalEnding: Equatable, Sendable {
  /// After the last record nothing was written.
  case clean(next: LogSequence)
  /// The batch from `next` on is not whole, and nothing proves that it was ever synced: a crash during a write.
  /// `laterRecords`: parts of it behind the first missing one are on disk; they are not replayed.
  case tornTail(next: LogSequence, laterRecords: Bool)
  /// Records that were synced cannot be read. Where the disk refuses to read, or the newest segment is missing, nothing
  /// says how many: then it is as many as would fit, and `last` an upper bound. Those sequences are not used again.
  case damaged(first: LogSequence, last: LogSequence)
}

/// What a listener is told, on the journal's thread.
public enum JournalNotice: Equatable, Sendable {
  /// Records up to here are on disk (with a sync interval: written).
  case durable(through: LogSequence)
  /// An append of this listener was refused as `full`; there is room again.
  case room
  /// Many segments are in use: release records up to here, if possible.
  case checkpointWanted(through: LogSequence)
  /// Space is missing on the disk: what was appended waits and is tried again every second; nil: it is over.
  case shortage(JournalFailure?)
  /// Nothing that was not yet reported durable will be.
  case failed(JournalFailure)
}

/// Numbers for monitoring, since the start.
public struct JournalStatistics: Equatable, Sendable {
  public var records: UInt64 = 0
  public var batches: UInt64 = 0
  public var syncs: UInt64 = 0
  public var bytesWritten: UInt64 = 0
  public var checkpoints: UInt64 = 0
  public var segmentsCreated: UInt64 = 0
  public var segmentsRecycled: UInt64 = 0
}
