import CSystem

/// A record's place in the journal: 1, 2, 3, ... over all owners, without gaps.
public typealias LogSequence = UInt64

/// The bytes on disk; all numbers little-endian.
///
/// A journal is a directory of segments and two checkpoint files. A segment is a header, stored twice, and batches that
/// start at sector borders. A batch is records one after the other, each aligned to 8 bytes, then zeros up to the next
/// border. After the last batch stands what the file held before: zeros, or an earlier use, which no seal opens.
///
/// Small batches share sectors in pairs. The next small batch is written behind a copy of those before it, into the
/// *other* sector of the pair; the one with the newest acknowledged records is never the one being written. So a torn
/// write, even one after which the drive cannot read the sector at all, costs nothing acknowledged. Appending in place
/// would rely on what a drive promises about sectors smaller than its own (512 of 4096 bytes), and saves no time: the
/// file system writes whole pages anyway, and one of 4 KiB costs what one of 512 bytes costs. Replay meets records of
/// the pair twice, and skips the copies by their sequence.
enum JournalFormat {
  static let version: UInt32 = 1
  /// What a write may tear: batches start at multiples of it.
  static let sectorBytes = 4096
  /// The segment header's two copies, a sector each.
  static let segmentHeaderBytes = 2 * sectorBytes
  static let recordAlignment = 8
  static let checkpointHeaderBytes = 88
  static let checkpointOwnerBytes = 16

  static func roundUp(_ count: Int, to unit: Int) -> Int { (count + unit - 1) / unit * unit }

  /// What a record with `count` bytes of payload takes in a batch.
  static func recordBytes(payload count: Int) -> Int { roundUp(RecordHeader.byteCount + count, to: recordAlignment) }

  static func checksum(_ bytes: UnsafeRawBufferPointer, after seed: UInt32 = 0) -> UInt32 {
    csys_crc32c(seed, bytes.baseAddress, bytes.count)
  }
}

extension UnsafeRawBufferPointer {
  func number<T: FixedWidthInteger>(_ offset: Int, as type: T.Type) -> T {
    T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

  var isZero: Bool { allSatisfy { $0 == 0 } }
}

extension UnsafeMutableRawBufferPointer {
  func store<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }
}

/// What precedes each record's payload: checksum, payload length, sequence, owner, distance to the newest sequence known
/// to be durable when it was written, marker, kind, a zero.
struct RecordHeader: Equatable {
  static let byteCount = 32
  static let payloadBytesOffset = 4
  static let sequenceOffset = 8
  static let unsyncedOffset = 24

  var payloadBytes: UInt32
  var sequence: LogSequence
  var owner: UInt64
  /// `sequence` minus what was durable when this was written: its presence on disk proves that much was synced.
  /// At most `UInt32.max`, which proves nothing.
  var unsynced: UInt32
  var kind: UInt8

  /// What this record proves to have been synced.
  var provenDurable: LogSequence { unsynced == .max ? 0 : sequence - min(sequence, LogSequence(unsynced)) }

  /// Writes all but checksum and marker, which depend on the segment.
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    bytes.store(UInt32(0), 0)
    bytes.store(payloadBytes, 4)
    bytes.store(sequence, 8)
    bytes.store(owner, 16)
    bytes.store(unsynced, 24)
    bytes.store(UInt16(0), 28)
    bytes.store(kind, 30)
    bytes.store(UInt8(0), 31)
  }

  init(payloadBytes: UInt32, sequence: LogSequence, owner: UInt64, unsynced: UInt32, kind: UInt8) {
    self.payloadBytes = payloadBytes
    self.sequence = sequence
    self.owner = owner
    self.unsynced = unsynced
    self.kind = kind
  }

  /// The fields as they stand, unchecked.
  init(unchecked bytes: UnsafeRawBufferPointer) {
    payloadBytes = bytes.number(4, as: UInt32.self)
    sequence = bytes.number(8, as: UInt64.self)
    owner = bytes.number(16, as: UInt64.self)
    unsynced = bytes.number(24, as: UInt32.self)
    kind = bytes.number(30, as: UInt8.self)
  }
}

/// What ties records to one use of one segment: a record of an earlier use, or of another journal, is not valid.
struct RecordSeal: Equatable {
  private let seed: UInt32
  private let marker: UInt16

  init(salt: UInt64, epoch: UInt64, segment: UInt64) {
    var words = (salt.littleEndian, epoch.littleEndian, segment.littleEndian)
    seed = withUnsafeBytes(of: &words) { JournalFormat.checksum($0) }
    marker = UInt16(truncatingIfNeeded: segment) ^ 0x4A4E
  }

  /// Completes a written record: `bytes` is its header and payload.
  func close(_ bytes: UnsafeMutableRawBufferPointer) {
    bytes.store(marker, 28)
    bytes.store(JournalFormat.checksum(UnsafeRawBufferPointer(bytes).slice(4..<bytes.count), after: seed), 0)
  }

  /// False for most bytes that are no record of this segment; cheap.
  func mayOpen(_ header: UnsafeRawBufferPointer) -> Bool { header.number(28, as: UInt16.self) == marker }

  /// `bytes` is a header and its payload.
  func opens(_ bytes: UnsafeRawBufferPointer) -> Bool {
    mayOpen(bytes)
      && bytes.number(0, as: UInt32.self) == JournalFormat.checksum(bytes.slice(4..<bytes.count), after: seed)
  }
}

/// A use of a segment that is foretold before it begins: its file was made durable first. What is not there although it
/// was foretold is missing; without this, the loss of the newest segment would look like the end of the journal.
struct ForetoldSegment: Equatable {
  /// The number in the file's name.
  var slot: Int
  var epoch: UInt64
  var number: UInt64

  func seal(salt: UInt64) -> RecordSeal { RecordSeal(salt: salt, epoch: epoch, segment: number) }
}

/// The head of a segment: magic, version, checksum, salt, number, first sequence, durable sequence, capacity, epoch, the
/// slot of the segment that follows.
struct SegmentHeader: Equatable {
  private static let magic: UInt64 = 0x314C_4E52_554F_4A4E  // "NJOURNL1"
  private static let byteCount = 72

  /// The journal's own random number.
  var salt: UInt64
  /// Higher than that of every use of any segment before whose header is on disk. One whose header was lost may have
  /// had the same number, and its records may still be there: they differ by the epoch.
  var number: UInt64
  /// Higher each time the journal is opened.
  var epoch: UInt64
  var first: LogSequence
  /// What was durable when the segment was begun.
  var durable: LogSequence
  /// The file's size in bytes.
  var capacity: UInt64
  /// Where the next segment will be: a file that is there already. Nil where nobody knows: in a header made up.
  var successor: Int?

  /// What this header foretells.
  var foretold: ForetoldSegment? {
    successor.map { ForetoldSegment(slot: $0, epoch: epoch, number: number + 1) }
  }

  /// More records do not fit.
  var mostRecords: LogSequence { capacity / UInt64(RecordHeader.byteCount) }

  var seal: RecordSeal { RecordSeal(salt: salt, epoch: epoch, segment: number) }

  /// Both copies.
  func encoded() -> [UInt8] {
    var result = [UInt8](repeating: 0, count: JournalFormat.segmentHeaderBytes)
    result.withUnsafeMutableBytes { bytes in
      for start in [0, JournalFormat.sectorBytes] {
        let copy = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + Self.byteCount])
        copy.store(Self.magic, 0)
        copy.store(JournalFormat.version, 8)
        copy.store(salt, 16)
        copy.store(number, 24)
        copy.store(first, 32)
        copy.store(durable, 40)
        copy.store(capacity, 48)
        copy.store(epoch, 56)
        copy.store(UInt64((successor ?? -1) + 1), 64)
        copy.store(JournalFormat.checksum(UnsafeRawBufferPointer(copy).slice(16..<Self.byteCount)), 12)
      }
    }
    return result
  }

  /// The newest copy that is intact; nil when neither is.
  ///
  /// Power that fails while a segment is begun again can leave the old header in one copy and the new one in the other.
  /// The newer one must count from the first open on: were it passed over in favour of the older, later damage to that
  /// one would bring it to light, and with it records that replay had already found missing and others had replaced.
  init?(_ bytes: UnsafeRawBufferPointer) {
    var newest: SegmentHeader?
    for start in [0, JournalFormat.sectorBytes] where bytes.count >= start + Self.byteCount {
      let copy = bytes.slice(start..<start + Self.byteCount)
      guard copy.number(0, as: UInt64.self) == Self.magic,
        copy.number(8, as: UInt32.self) == JournalFormat.version,
        copy.number(12, as: UInt32.self) == JournalFormat.checksum(copy.slice(16..<Self.byteCount))
      else { continue }
      let header = SegmentHeader(
        salt: copy.number(16, as: UInt64.self), number: copy.number(24, as: UInt64.self),
        epoch: copy.number(56, as: UInt64.self), first: copy.number(32, as: UInt64.self),
        durable: copy.number(40, as: UInt64.self), capacity: copy.number(48, as: UInt64.self),
        successor: Int(clamping: copy.number(64, as: UInt64.self)) - 1)
      if let other = newest, !other.isOlder(than: header) { continue }
      newest = header
    }
    guard let newest else { return nil }
    self = newest
  }

  /// Whether this use of a segment was begun before that one, of the same journal.
  func isOlder(than other: SegmentHeader) -> Bool { (epoch, number) < (other.epoch, other.number) }

  init(
    salt: UInt64, number: UInt64, epoch: UInt64, first: LogSequence, durable: LogSequence, capacity: UInt64,
    successor: Int? = nil
  ) {
    self.salt = salt
    self.number = number
    self.epoch = epoch
    self.first = first
    self.durable = durable
    self.capacity = capacity
    self.successor = successor.flatMap { $0 < 0 ? nil : $0 }
  }
}

/// What is no longer needed. Written to two files in turn: one of them is always whole.
struct Checkpoint: Equatable {
  private static let magic: UInt64 = 0x3154_504B_4843_4A4E  // "NJCHKPT1"

  var number: UInt64
  var salt: UInt64
  /// Nobody needs records below.
  var replayFrom: LogSequence
  /// What was durable when this was written.
  var durable: LogSequence
  /// The segment that will be begun next.
  var foretold: ForetoldSegment
  /// Owners that need no records up to a sequence at or above `replayFrom`.
  var released: [UInt64: LogSequence]

  init(
    number: UInt64, salt: UInt64, replayFrom: LogSequence, durable: LogSequence, foretold: ForetoldSegment,
    released: [UInt64: LogSequence]
  ) {
    self.number = number
    self.salt = salt
    self.replayFrom = replayFrom
    self.durable = durable
    self.foretold = foretold
    self.released = released
  }

  func encoded() -> [UInt8] {
    let size = JournalFormat.checkpointHeaderBytes + released.count * JournalFormat.checkpointOwnerBytes
    var result = [UInt8](repeating: 0, count: size)
    result.withUnsafeMutableBytes { bytes in
      bytes.store(Self.magic, 0)
      bytes.store(JournalFormat.version, 8)
      bytes.store(UInt64(released.count), 16)
      bytes.store(number, 24)
      bytes.store(salt, 32)
      bytes.store(replayFrom, 40)
      bytes.store(durable, 48)
      bytes.store(UInt64(foretold.slot), 56)
      bytes.store(foretold.epoch, 64)
      bytes.store(foretold.number, 72)
      var offset = JournalFormat.checkpointHeaderBytes
      for (owner, sequence) in released.sorted(by: { $0.key < $1.key }) {
        bytes.store(owner, offset)
        bytes.store(sequence, offset + 8)
        offset += JournalFormat.checkpointOwnerBytes
      }
      bytes.store(JournalFormat.checksum(UnsafeRawBufferPointer(bytes).slice(16..<size)), 12)
    }
    return result
  }

  /// Nil when it is not whole. Bytes after its end, of an earlier and longer one, do not matter.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= JournalFormat.checkpointHeaderBytes, bytes.number(0, as: UInt64.self) == Self.magic,
      bytes.number(8, as: UInt32.self) == JournalFormat.version
    else { return nil }
    let count = bytes.number(16, as: UInt64.self)
    let room = (bytes.count - JournalFormat.checkpointHeaderBytes) / JournalFormat.checkpointOwnerBytes
    guard count <= UInt64(room) else { return nil }
    let size = JournalFormat.checkpointHeaderBytes + Int(count) * JournalFormat.checkpointOwnerBytes
    guard bytes.number(12, as: UInt32.self) == JournalFormat.checksum(bytes.slice(16..<size)) else { return nil }
    number = bytes.number(24, as: UInt64.self)
    salt = bytes.number(32, as: UInt64.self)
    replayFrom = bytes.number(40, as: UInt64.self)
    durable = bytes.number(48, as: UInt64.self)
    foretold = ForetoldSegment(
      slot: Int(clamping: bytes.number(56, as: UInt64.self)), epoch: bytes.number(64, as: UInt64.self),
      number: bytes.number(72, as: UInt64.self))
    released = [:]
    for index in 0..<Int(count) {
      let offset = JournalFormat.checkpointHeaderBytes + index * JournalFormat.checkpointOwnerBytes
      released[bytes.number(offset, as: UInt64.self)] = bytes.number(offset + 8, as: UInt64.self)
    }
  }
}
