/// What a journal record of a stream is about; the record's kind. Numbers are on disk: they never change.
public enum StreamEntryKind: UInt8, Sendable {
  /// A message.
  case put = 1
  /// A message is to be removed.
  case delete = 2
  /// Messages are to be removed by subject and sequence.
  case purge = 3
  /// A consumer was created or changed; the payload is the consumers' own.
  case consumer = 16
  case consumerDeleted = 17
  /// What consumers delivered, and what was acknowledged.
  case consumerDelta = 18
}

/// What is noted with a message in its entry. Numbers are on disk: they never change.
struct PutFlags: OptionSet {
  let rawValue: UInt16

  /// It has a `Nats-Msg-Id`.
  static let hasMessageID = PutFlags(rawValue: 1)
  /// It has a `Nats-TTL` of some seconds.
  static let hasTTL = PutFlags(rawValue: 1 << 1)
  /// Its `Nats-TTL` says never.
  static let neverExpires = PutFlags(rawValue: 1 << 2)
  static let rollsUpSubject = PutFlags(rawValue: 1 << 3)
  static let rollsUpAll = PutFlags(rawValue: 1 << 4)
  /// Nobody is interested in it: its sequence is used up, but it is not stored (FEATURES 5.090).
  static let isNotKept = PutFlags(rawValue: 1 << 5)
  /// More entries of the same atomic batch follow: it counts only with the last of them.
  static let batchContinues = PutFlags(rawValue: 1 << 6)
  /// The last of an atomic batch, which the acknowledgement is about.
  static let commitsBatch = PutFlags(rawValue: 1 << 7)
  /// It is a schedule.
  static let isSchedule = PutFlags(rawValue: 1 << 8)
  /// It ends the schedule that its `Nats-Scheduler` names.
  static let endsSchedule = PutFlags(rawValue: 1 << 9)
  /// A delete marker, or a purge marker of a key-value bucket: no marker follows it (FEATURES 8.016).
  static let isMarker = PutFlags(rawValue: 1 << 10)
  /// The payload is a counter's value.
  static let isCounter = PutFlags(rawValue: 1 << 11)
  /// Its `Nats-Schedule-Next` says when the schedule of its `Nats-Scheduler` goes off again.
  static let movesSchedule = PutFlags(rawValue: 1 << 12)
  /// It comes from a source, which its `Nats-Stream-Source` names.
  static let isSourced = PutFlags(rawValue: 1 << 13)
}

/// Flags of stored messages (`StoredMessage.flags`). Numbers are on disk: they never change.
enum StoredFlags {
  static let hasTTL: UInt8 = 1
  static let neverExpires: UInt8 = 2
  static let isSchedule: UInt8 = 4
  static let isMarker: UInt8 = 8
}

/// A message as it stands in an entry.
struct PutEntry {
  /// Bytes in front of the subject.
  static let headBytes = 24

  var sequence: UInt64
  var timestamp: Int64
  var flags: PutFlags
  var subject: UnsafeRawBufferPointer
  var header: UnsafeRawBufferPointer
  var payload: UnsafeRawBufferPointer

  var byteCount: Int { Self.headBytes + subject.count + header.count + payload.count }

  init(
    sequence: UInt64, timestamp: Int64, flags: PutFlags, subject: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) {
    self.sequence = sequence
    self.timestamp = timestamp
    self.flags = flags
    self.subject = subject
    self.header = header
    self.payload = payload
  }

  /// nil when the bytes are no entry.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.headBytes else { return nil }
    sequence = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    timestamp = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self))
    flags = PutFlags(rawValue: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self)))
    let subjectLength = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 18, as: UInt16.self)))
    let headerLength = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self)))
    let headerStart = Self.headBytes + subjectLength
    guard sequence > 0, headerStart + headerLength <= bytes.count else { return nil }
    subject = UnsafeRawBufferPointer(rebasing: bytes[Self.headBytes..<headerStart])
    header = UnsafeRawBufferPointer(rebasing: bytes[headerStart..<(headerStart + headerLength)])
    payload = UnsafeRawBufferPointer(rebasing: bytes[(headerStart + headerLength)...])
  }

  /// Writes what stands in front of the subject.
  func writeHead(to target: UnsafeMutableRawBufferPointer) {
    target.storeBytes(of: sequence.littleEndian, as: UInt64.self)
    target.storeBytes(of: timestamp.littleEndian, toByteOffset: 8, as: Int64.self)
    target.storeBytes(of: flags.rawValue.littleEndian, toByteOffset: 16, as: UInt16.self)
    target.storeBytes(of: UInt16(subject.count).littleEndian, toByteOffset: 18, as: UInt16.self)
    target.storeBytes(of: UInt32(header.count).littleEndian, toByteOffset: 20, as: UInt32.self)
  }
}

/// A removal as it stands in an entry.
struct DeleteEntry: Equatable {
  var sequence: UInt64
  /// Its bytes are overwritten on disk (FEATURES 5.097).
  var erases: Bool

  init(sequence: UInt64, erases: Bool) {
    self.sequence = sequence
    self.erases = erases
  }

  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 9 else { return nil }
    sequence = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    erases = bytes[8] != 0
  }

  var bytes: [UInt8] { withUnsafeBytes(of: sequence.littleEndian) { Array($0) } + [erases ? 1 : 0] }
}

/// A purge as it stands in an entry: what it may remove is fixed when it is proposed.
struct PurgeEntry: Equatable {
  /// Nothing behind it is removed.
  var through: UInt64
  /// The newest messages that stay. What stays is behind `through` today: not 0 only where nothing is removed, of a purge
  /// that was not for everything.
  var keep: UInt64
  /// The stream's last sequence is at least this afterwards.
  var lastSequence: UInt64
  /// Empty: all subjects.
  var subject: [UInt8]

  init(through: UInt64, keep: UInt64, lastSequence: UInt64, subject: [UInt8]) {
    self.through = through
    self.keep = keep
    self.lastSequence = lastSequence
    self.subject = subject
  }

  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 24 else { return nil }
    through = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    keep = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    lastSequence = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    subject = Array(bytes[24...])
  }

  var bytes: [UInt8] {
    var result: [UInt8] = []
    for value in [through, keep, lastSequence] {
      withUnsafeBytes(of: value.littleEndian) { result.append(contentsOf: $0) }
    }
    return result + subject
  }
}
