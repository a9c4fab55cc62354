import Glibc
import Reactor

/// One stream's messages, in memory or in files.
///
/// Everything that changes a store may be repeated after a crash: what is already done is done again without effect.
/// Files are the redo log's business between checkpoints: after a crash the store is as it was at the last checkpoint, or
/// with some of what came after it, and the caller applies the journal's entries after `recovery.appliedLog` again.
public final class StreamStore: @unchecked Sendable {
  // Invariant: confined to one loop, or to whoever opens it before it is handed over.
  public enum Backing: Sendable { case memory, file }

  public let backing: Backing
  /// What `open` found; empty for memory.
  public internal(set) var recovery = StoreRecovery()
  /// The write error after which nothing more is taken.
  public internal(set) var failure: SystemError?
  /// Space is missing. What could not be written stays in memory and is written by the next checkpoint that succeeds,
  /// which ends this; who tries one now and then and stores nothing new meanwhile loses nothing.
  public internal(set) var shortage: SystemError?

  /// Blocks in files are compressed over time by maintenance, from now on (FEATURES 5.020, 9.014). Those that are
  /// compressed stay so.
  public var compresses: Bool

  /// Bytes of a block after which the next one is begun.
  let blockBytes: Int
  let writeBytes: Int
  let pieceBytes: Int
  /// nil: in memory.
  let files: StoreFolder?

  /// By base sequence. Only the last can take records, unless it is sealed.
  var blocks: [Block] = []
  var subjects = SubjectIndex()
  var counts = StoreCounts()
  var lost = LostMessages()
  var nextBlock: UInt64 = 1
  /// The record written last, or `BlockHeader.unconnected` (see there).
  var previousRecord: UInt64 = 0
  var tail = BlockTail()
  /// Copies of subjects that are handed out after their record is gone.
  var scratch = SubjectCopy()

  // What is being looked at in the cache.
  var pinnedWindow: CacheEntry?
  var pinnedIndex: CacheEntry?
  /// Blocks with an open file, oldest first.
  var openBlocks: [Block] = []
  var openSidecars: [Block] = []
  var reportedBytes = 0

  // Files that no longer count; gone with the next checkpoint.
  var doomed: [UInt64] = []
  var checkpointNumber: UInt64 = 0
  /// Which file has the index by subject; 0 for none.
  var subjectsNumber: UInt64 = 0
  var subjectsChanged = true
  /// A message was lost whose subject is not known.
  var subjectsAreUnsure = false
  var isRemakingSubjects = false
  /// Messages lost because of bad places on the disk, since the store was opened.
  var unreadableMessages = 0
  /// The last one that was counted.
  var unreadablePiece: UnreadablePiece?
  /// Recovery cut records off: what was written after them does not count.
  var wasCut = false
  var removedFiles = false
  /// Records in files that the next checkpoint overwrites.
  var erasures: [Erasure] = []
  var runningJob: StoreJob?
  /// Maintenance that failed, one time after the other, and how often it is not tried because of that.
  var maintenanceFailures = 0
  var maintenancePause = 0
  /// Sequences whose records were overwritten while a job may have been copying them.
  var erasedDuringJob: [UInt64] = []

  /// An empty store in memory.
  public init(memory options: StoreOptions = StoreOptions()) {
    backing = .memory
    blockBytes = Self.limited(options.blockBytes ?? 512 << 10)
    writeBytes = options.writeBytes
    pieceBytes = 0
    compresses = options.compresses
    files = nil
  }

  init(folder: StoreFolder, options: StoreOptions) {
    backing = .file
    blockBytes = Self.limited(options.blockBytes ?? 8 << 20)
    writeBytes = max(4096, options.writeBytes)
    pieceBytes = min(
      max(options.pieceBytes, CompressedTable.pieceSizes.lowerBound), CompressedTable.pieceSizes.upperBound)
    compresses = options.compresses
    files = folder
  }

  deinit {
    if files != nil {
      releaseWindow()
      releaseIndex()
    }
    for block in blocks { dropCached(block) }
    tail.deallocate()
    scratch.deallocate()
    files?.memory.adjustFixed(by: -reportedBytes)
  }

  private static func limited(_ bytes: Int) -> Int { min(max(bytes, 4096), 256 << 20) }

  /// Messages that bad places on the disk may cost before it counts as failing altogether: then nothing more is given up.
  public static let mostUnreadable = 1000

  // MARK: what it holds

  /// How many messages were lost so far.
  public var lostCount: UInt64 { lost.count }

  /// Costs a read when the first message changed since it was last asked.
  public var state: StoreState {
    var state = StoreState()
    state.messages = counts.messages
    state.bytes = counts.bytes
    state.firstTimestamp = firstTimestamp
    state.firstSequence = firstSequence
    state.lastSequence = counts.lastSequence
    state.lastTimestamp = counts.lastTimestamp
    state.subjectCount = subjects.count
    state.deletedCount = counts.lastSequence &+ 1 &- firstSequence &- counts.messages
    if lost.count > 0 { state.lost = lost }
    return state
  }

  public var messages: UInt64 { counts.messages }
  /// FEATURES 5.089.
  public var bytes: UInt64 { counts.bytes }
  /// Of the first message; `lastSequence + 1` when there is none.
  public var firstSequence: UInt64 { counts.messages == 0 ? counts.lastSequence &+ 1 : counts.firstSequence }
  public var lastSequence: UInt64 { counts.lastSequence }
  public var lastTimestamp: Int64 { counts.lastTimestamp }
  public var subjectCount: Int { subjects.count }
  /// What the index by subject takes, in memory and about as much in a checkpoint.
  public var subjectBytes: Int { subjects.bytes }

  /// Of the first message; 0 when there is none, or it cannot be read now.
  public var firstTimestamp: Int64 {
    while counts.messages > 0 {
      let first = counts.firstSequence
      if counts.timestampOf == first { return counts.firstTimestamp }
      do throws(StoreError) {
        guard let message = try load(first) else { return 0 }
        counts.timestampOf = first
        counts.firstTimestamp = message.timestamp
        return message.timestamp
      } catch {
        guard case .damaged = error else { return 0 }
      }
    }
    return 0
  }

  /// What a message of these lengths counts in `bytes` (FEATURES 5.089).
  @inline(__always)
  public static func messageBytes(backing: Backing, subject: Int, header: Int, payload: Int) -> Int {
    switch backing {
    case .memory: subject &+ header &+ payload &+ 16
    case .file: subject &+ payload &+ 30 &+ (header > 0 ? header &+ 4 : 0)
    }
  }

  /// The same, from a record's length.
  @inline(__always) func messageBytes(record: Int, hasHeader: Bool) -> Int {
    record &- RecordFormat.headerBytes &+ (backing == .memory ? 16 : hasHeader ? 34 : 30)
  }

  // MARK: blocks

  /// The block that a sequence lies in, or else the next one.
  func blockIndex(atOrAfter sequence: UInt64) -> Int {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].last < sequence || blocks[middle].slotCount == 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The block that holds a message.
  @inline(__always) func block(holding sequence: UInt64) -> Block? {
    if let last = blocks.last, sequence >= last.base { return last.holds(sequence) ? last : nil }
    let position = blockIndex(atOrAfter: sequence)
    guard position < blocks.count, sequence >= blocks[position].base else { return nil }
    return blocks[position].holds(sequence) ? blocks[position] : nil
  }

  func nextLive(_ sequence: UInt64) -> (Block, UInt64)? {
    var position = blockIndex(atOrAfter: sequence)
    while position < blocks.count {
      if let live = blocks[position].nextLive(sequence) { return (blocks[position], live) }
      position += 1
    }
    return nil
  }

  /// Whether a sequence holds a message, without reading it.
  public func contains(_ sequence: UInt64) -> Bool { block(holding: sequence) != nil }

  /// Takes a block off the list. Its files go with the next checkpoint.
  func drop(at position: Int) {
    let block = blocks.remove(at: position)
    discard(block)
  }

  func discard(_ block: Block) {
    dropCached(block)
    openBlocks.removeAll { $0 === block }
    openSidecars.removeAll { $0 === block }
    if backing == .file { doomed.append(block.id) }
    if tail.block === block { tail.leave() }
    erasures.removeAll { $0.block == block.id }
  }

  func dropCached(_ block: Block) {
    guard let memory = files?.memory else { return }
    if let pinnedWindow, pinnedWindow.block == block.id { releaseWindow() }
    if pinnedIndex != nil, pinnedIndex === block.indexEntry { releaseIndex() }
    for window in block.windows { memory.drop(window) }
    block.windows = []
    if let entry = block.indexEntry { memory.drop(entry) }
    block.indexEntry = nil
  }

  /// Tells the shared memory what this store holds besides the cache.
  func reportMemory() {
    guard let memory = files?.memory else { return }
    var now = subjects.bytes + tail.capacity + tail.previousCapacity + blocks.count * 320
    if let block = blocks.last { now += (block.index?.bytes ?? 0) + block.dead.words.count * 8 }
    if abs(now - reportedBytes) >= 16 << 10 {
      memory.adjustFixed(by: now - reportedBytes)
      reportedBytes = now
    }
  }
}

/// The running totals of a store.
struct StoreCounts: Equatable {
  var messages: UInt64 = 0
  var bytes: UInt64 = 0
  /// Only with messages.
  var firstSequence: UInt64 = 1
  var lastSequence: UInt64 = 0
  var lastTimestamp: Int64 = 0
  /// Which message `firstTimestamp` is of; 0 for none.
  var timestampOf: UInt64 = 0
  var firstTimestamp: Int64 = 0
}

/// Memory for one subject.
struct SubjectCopy {
  private var bytes: UnsafeMutableRawPointer?
  private var capacity = 0

  mutating func copy(_ subject: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    if subject.count > capacity {
      capacity = max(64, subject.count)
      bytes = realloc(bytes, capacity)!
    }
    if let base = subject.baseAddress, let bytes { memcpy(bytes, base, subject.count) }
    return UnsafeRawBufferPointer(start: bytes, count: subject.count)
  }

  mutating func deallocate() {
    free(bytes)
    bytes = nil
    capacity = 0
  }
}

/// Where the files of a store are.
struct StoreFolder {
  let directory: String
  let disk: any Disk
  let memory: StoreMemory
  func path(_ name: String) -> String { directory + "/" + name }
}
