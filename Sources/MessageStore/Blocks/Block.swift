import CSystem
import Glibc
import Reactor

/// A run of sequences whose records lie together, in one piece of memory or in one file. Records are only ever added at
/// the end; what is removed is marked here until the block is compacted or dropped.
final class Block {
  /// The number in the file's name; larger than those of all blocks made before.
  let id: UInt64
  /// The sequence of slot 0.
  let base: UInt64
  let isCompacted: Bool
  /// The last sequence with a slot; `base - 1` in an empty block.
  var last: UInt64
  /// Messages there, and what they count in `state.bytes`.
  var messages: UInt64 = 0
  var bytes: UInt64 = 0
  /// Where the next record goes: header and records together.
  var end = BlockHeader.bytes
  /// Bytes of the records of `messages`.
  var liveRecordBytes = 0
  /// Of the first record, and the latest of all records.
  var firstTimestamp: Int64 = 0
  var lastTimestamp: Int64 = 0
  /// All flags that any record has, or had.
  var flags: UInt8 = 0
  /// No message is before this.
  var firstLive: UInt64
  var dead = DeadSet()
  /// A record could not be read: its block is never compacted.
  var hasDamage = false
  /// Attempts to rewrite or to compress it that could not be written or read.
  var failedCompactions = 0
  /// No more records.
  var isSealed = false
  /// A checkpoint that is durable has it as sealed, and as long as it is.
  var isSettled = false
  /// Compressed, or not worth it.
  var isCompressed = false

  /// In memory for good: of blocks in memory, of the newest block, and of one whose sidecar could not be written.
  var index: BlockIndex?
  /// A block in memory: its bytes.
  var data: UnsafeMutableRawPointer?
  var dataCapacity = 0

  // A block in a file.
  var file: (any DiskFile)?
  /// Of a compressed block, as far as is known: what is read together.
  var pieceBytes = 0
  /// Written since the last checkpoint.
  var needsSync = false
  var sidecarNeedsSync = false
  var indexEntry: CacheEntry?
  var sidecarFile: (any DiskFile)?
  var sidecar: BlockSidecar.Header?
  /// By start; may overlap.
  var windows: [CacheEntry] = []
  /// Where the record read last ended, and how much was read for it: reads that go on from there read more at once.
  var readEnd = 0
  var readSequence: UInt64 = 0
  var readSize = 0
  /// Where the part read last ended.
  var nextWindow = 0

  init(id: UInt64, base: UInt64, isCompacted: Bool = false) {
    self.id = id
    self.base = base
    self.isCompacted = isCompacted
    last = base &- 1
    firstLive = base
  }

  deinit { free(data) }

  @inline(__always) var slotCount: Int { Int(last &+ 1 &- base) }
  @inline(__always) func slot(_ sequence: UInt64) -> Int { Int(sequence &- base) }

  @inline(__always) func holds(_ sequence: UInt64) -> Bool {
    sequence >= firstLive && sequence <= last && slotCount > 0 && !dead.contains(slot(sequence))
  }

  func nextLive(_ sequence: UInt64) -> UInt64? {
    if messages == 0 { return nil }
    let start = max(sequence, firstLive)
    if start > last { return nil }
    return dead.nextLive(slot(start), below: slotCount).map { base + UInt64($0) }
  }

  func previousLive(_ sequence: UInt64) -> UInt64? {
    if messages == 0 || sequence < firstLive { return nil }
    return dead.previousLive(slot(min(sequence, last)), from: slot(firstLive)).map { base + UInt64($0) }
  }

  /// Messages at or after a sequence.
  func liveCount(from sequence: UInt64) -> UInt64 {
    if sequence <= firstLive { return messages }
    if sequence > last { return 0 }
    return UInt64(dead.liveCount(slot(sequence)..<slotCount))
  }

  /// Marks a message as gone.
  func markDead(_ sequence: UInt64) {
    if sequence == firstLive {
      firstLive += 1
      while firstLive <= last, dead.contains(slot(firstLive)) { firstLive += 1 }
    } else {
      dead.insert(slot(sequence))
    }
  }

  /// Sequences without a record move the end on.
  func extend(through sequence: UInt64) {
    if sequence <= last { return }
    dead.insert(slotCount..<Int(sequence &+ 1 &- base))
    if let index {
      index.slots.append(contentsOf: repeatElement(Slot.empty, count: Int(sequence &- last)))
    }
    last = sequence
  }

  /// How long the record of a slot is, by where the next one begins.
  func recordBytes(_ slot: Int, _ index: BlockIndex) -> Int {
    let offset = Slot.offset(index.slots[slot])
    var next = slot + 1
    while next < index.slots.count {
      let entry = index.slots[next]
      if entry != Slot.empty { return Slot.offset(entry) - offset }
      next += 1
    }
    return end - offset
  }
}

/// The first bytes of a block: magic, version, whether it came from compaction, number, base sequence, the sequence of
/// the record written before its first one, CRC-32C.
struct BlockHeader: Equatable {
  static let bytes = 64
  static let version: UInt32 = 1
  /// "NATSDBLK"
  static let magic: UInt64 = 0x4B4C_4244_5354_414E
  /// After a block with this nothing is taken over that no checkpoint names.
  static let unconnected = UInt64.max

  var id: UInt64
  var base: UInt64
  var isCompacted: Bool
  /// `unconnected` when recovery cut the store off, or it was emptied, before.
  var previousRecord: UInt64

  func write(to target: UnsafeMutableRawPointer) {
    memset(target, 0, Self.bytes)
    target.storeBytes(of: Self.magic, as: UInt64.self)
    target.storeBytes(of: Self.version, toByteOffset: 8, as: UInt32.self)
    target.storeBytes(of: isCompacted ? 1 : 0, toByteOffset: 12, as: UInt32.self)
    target.storeBytes(of: id, toByteOffset: 16, as: UInt64.self)
    target.storeBytes(of: base, toByteOffset: 24, as: UInt64.self)
    target.storeBytes(of: previousRecord, toByteOffset: 32, as: UInt64.self)
    target.storeBytes(of: csys_crc32c(0, target, 40), toByteOffset: 40, as: UInt32.self)
  }

  init(id: UInt64, base: UInt64, isCompacted: Bool, previousRecord: UInt64) {
    self.id = id
    self.base = base
    self.isCompacted = isCompacted
    self.previousRecord = previousRecord
  }

  /// nil for bytes that are no header.
  init?(reading source: UnsafeRawBufferPointer) {
    guard source.count >= Self.bytes, let base = source.baseAddress,
      base.loadUnaligned(as: UInt64.self) == Self.magic,
      base.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == Self.version,
      base.loadUnaligned(fromByteOffset: 40, as: UInt32.self) == csys_crc32c(0, base, 40)
    else { return nil }
    isCompacted = base.loadUnaligned(fromByteOffset: 12, as: UInt32.self) == 1
    id = base.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    self.base = base.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    if self.base == 0 || self.base > .max - 2 * StreamStore.maximumSlots { return nil }
    previousRecord = base.loadUnaligned(fromByteOffset: 32, as: UInt64.self)
  }
}

/// Names of a store's files.
enum StoreFiles {
  static let checkpoint = "checkpoint"
  static let newCheckpoint = "checkpoint.new"
  static let checkpointCopy = "checkpoint.copy"
  static func block(_ id: UInt64) -> String { "\(id).blk" }
  /// A block's file that is to take the place of the one it has.
  static func newBlock(_ id: UInt64) -> String { "\(id)\(newBlockEnding)" }
  static let newBlockEnding = ".blk.new"
  static func sidecar(_ id: UInt64) -> String { "\(id).idx" }
  static func subjects(_ number: UInt64) -> String { "subjects.\(number)" }

  /// The number in the name of a block's or a sidecar's file; nil for names that a store does not give.
  static func number(_ name: String, _ ending: String) -> UInt64? {
    guard name.hasSuffix(ending), let number = UInt64(name.dropLast(ending.count)), number < 1 << 62,
      name == "\(number)\(ending)"
    else { return nil }
    return number
  }
}
