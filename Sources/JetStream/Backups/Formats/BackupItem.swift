import JetStreamAPI

/// What a backup is made of, in the order in which it is read.
enum BackupItem {
  /// Backups of older servers say which stream they were taken from, and when that was made.
  case origin(name: String, created: Int64?)
  /// What the stream held; the first message is not before `firstSequence`.
  case state(BackupState)
  case consumer(BackupConsumer)
  case message(BackupMessage)
  /// Messages that came before and had been removed.
  case removed(ClosedRange<UInt64>)
  /// The stream has used sequences up to here.
  case reached(UInt64)
  /// So many bytes were decompressed and say nothing yet: a moment to let others have their turn.
  case nothing(Int)
}

struct BackupMessage {
  var sequence: UInt64
  /// Nanoseconds since 1970.
  var timestamp: Int64
  var subject: [UInt8]
  /// The header block, if there is one, and the payload behind it.
  var body: [UInt8]
  var headerLength: Int
}

/// What the reader of a backup refuses before it takes it into memory.
struct BackupLimits {
  /// Bytes of header and payload: `max_payload`.
  var payload = 1 << 20
  /// `max_msg_size` of the stream; negative: none.
  var messageSize = -1
  /// The state of a consumer.
  var consumer = 64 << 20
  /// Other descriptions.
  var description = 4 << 20
  /// Of a subject or the name of a file.
  var name = 1 << 16
  /// Decompressed bytes between two things that matter: a few bytes may stand for a great many.
  var silence = 1 << 30
}
