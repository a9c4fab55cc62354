import CSystem
import Glibc
import Reactor

/// Memory that all stores of a server share for what can be read from disk again: parts of blocks and their indexes,
/// the least recently used given up first. Any thread.
///
/// What stores cannot give up (indexes by subject, newest blocks) is taken from the same budget; a sixteenth of it is
/// always left for the cache. It does not become larger than it needs to be for many readers at a time: behind it stands
/// the system's own.
public final class StoreMemory: @unchecked Sendable {
  // Invariant: everything that varies, also in the entries (except the contents of pinned ones, which their store
  // reads), is guarded by `lock`. An entry in the list is kept alive by its block.
  public let budgetBytes: Int
  static let mostCachedBytes = 32 << 20
  private let lock: UnsafeMutablePointer<UInt32>
  private var cached = 0
  private var fixed = 0
  /// Files that are on disk and still in the system's cache, in the order in which they were written.
  private var written: [WrittenFile] = []
  private var writtenBytes = 0
  private unowned(unsafe) var newest: CacheEntry?
  private unowned(unsafe) var oldest: CacheEntry?

  public init(budgetBytes: Int) {
    self.budgetBytes = max(0, budgetBytes)
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
  }

  deinit { lock.deallocate() }

  /// A third of what the process may use.
  public static func ofProcess() -> StoreMemory {
    StoreMemory(budgetBytes: Int(clamping: MemoryLimit.current.budgetBytes / 3))
  }

  /// Gives up what can be read again and is not being read just now.
  public func releaseCache() {
    locked { shrink(to: 0) }
  }

  /// What the cache holds now.
  public var cachedBytes: Int { locked { cached } }
  /// What stores hold besides the cache.
  public var fixedBytes: Int { locked { fixed } }

  private func locked<Result>(_ body: () -> Result) -> Result {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return body()
  }

  /// A store's own memory grew or shrank.
  func adjustFixed(by bytes: Int) {
    locked {
      fixed += bytes
      shrink()
    }
  }

  /// Takes an entry in, pinned.
  func insert(_ entry: CacheEntry) {
    locked {
      entry.isPinned = true
      entry.isHeld = true
      entry.memory = self
      cached += entry.cost
      pushNewest(entry)
      shrink()
    }
  }

  /// Keeps an entry where it is until `unpin`; false when it was given up before.
  func pin(_ entry: CacheEntry) -> Bool {
    locked {
      guard entry.isHeld else { return false }
      entry.isPinned = true
      unlink(entry)
      pushNewest(entry)
      return true
    }
  }

  func unpin(_ entry: CacheEntry) {
    locked {
      entry.isPinned = false
      shrink()
    }
  }

  /// Gives an entry up, pinned or not.
  func drop(_ entry: CacheEntry) {
    locked { if entry.isHeld { evict(entry) } }
  }

  /// What stores keep of their newest files in the system's cache, which counts against the container's limit too.
  static let mostWrittenBytes = 64 << 20

  /// A file was written to its end and synced. Returns files that the system's cache need not keep for this one: who
  /// reads far behind the writers reads the disk, and what is written finds memory that was used a moment ago, which
  /// costs a fifth of what fresh memory does.
  func noteWritten(_ path: String, bytes: Int) -> [String] {
    locked {
      written.append(WrittenFile(path: path, bytes: bytes))
      writtenBytes += bytes
      var leaving = 0
      while writtenBytes > min(Self.mostWrittenBytes, budgetBytes / 2), leaving < written.count - 1 {
        writtenBytes -= written[leaving].bytes
        leaving += 1
      }
      defer { written.removeFirst(leaving) }
      return written[..<leaving].map(\.path)
    }
  }

  private func shrink() {
    shrink(to: min(max(budgetBytes - fixed, budgetBytes / 16), Self.mostCachedBytes))
  }

  private func shrink(to limit: Int) {
    var candidate = oldest
    while cached > limit, let entry = candidate {
      candidate = entry.newer
      if !entry.isPinned { evict(entry) }
    }
  }

  private func evict(_ entry: CacheEntry) {
    unlink(entry)
    cached -= entry.cost
    entry.isHeld = false
    entry.isPinned = false
    entry.release()
  }

  private func pushNewest(_ entry: CacheEntry) {
    entry.older = newest
    entry.newer = nil
    newest?.newer = entry
    newest = entry
    if oldest == nil { oldest = entry }
  }

  private func unlink(_ entry: CacheEntry) {
    if let newer = entry.newer { newer.older = entry.older } else { newest = entry.older }
    if let older = entry.older { older.newer = entry.newer } else { oldest = entry.newer }
    entry.newer = nil
    entry.older = nil
  }
}

private struct WrittenFile {
  let path: String
  let bytes: Int
}

/// Something cached: a part of a block's file, or a block's index.
final class CacheEntry {
  /// Whose it is, of the blocks of its store.
  let block: UInt64
  let start: Int
  let count: Int
  let cost: Int
  fileprivate(set) var bytes: UnsafeMutableRawPointer?
  fileprivate(set) var index: BlockIndex?
  fileprivate var isPinned = false
  fileprivate var isHeld = false
  /// Where it is held, or was. Never taken back: whoever ends the entry has to wait for a thread that gives it up.
  fileprivate var memory: StoreMemory?
  fileprivate unowned(unsafe) var newer: CacheEntry?
  fileprivate unowned(unsafe) var older: CacheEntry?

  /// Takes over memory made by malloc: bytes of a block's file from `start` on.
  init(block: UInt64, bytes: UnsafeMutableRawPointer, start: Int, count: Int) {
    self.block = block
    self.bytes = bytes
    self.start = start
    self.count = count
    cost = count + 128
  }

  init(block: UInt64, index: BlockIndex) {
    self.block = block
    self.index = index
    start = 0
    count = 0
    cost = index.bytes
  }

  /// A block that goes takes its entries with it.
  deinit {
    memory?.drop(self)
    free(bytes)
  }

  fileprivate func release() {
    free(bytes)
    bytes = nil
    index = nil
  }
}
