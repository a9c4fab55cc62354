import CSystem
import Glibc

/// A pooled output buffer: a header followed by `Chunk.capacity` bytes and slack for over-copying.
///
/// Invariant: owned by exactly one of a pool, a stage, or a connection's backlog.
struct Chunk {
  var next: UnsafeMutablePointer<Chunk>?
  /// First byte that is not yet written.
  var start: Int
  /// End of the data.
  var end: Int

  /// Memory of a chunk: 64 KiB (16 KiB costs a quarter more CPU in system calls), whole pages of its own, so that a
  /// backlog that is gone leaves no holes in the heap.
  static let memory = 65536
  /// Bytes of payload that fit.
  static let capacity = memory - headerSize - slack
  /// Readable and writable bytes behind every buffer, so that copies may run over by a vector.
  static let slack = 64
  static let headerSize = MemoryLayout<Chunk>.stride

  /// Bytes of all chunks of the process (atomic).
  private nonisolated(unsafe) static let allocated = {
    let pointer = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    pointer.initialize(to: 0)
    return pointer
  }()

  /// Memory that output buffers take now, pooled ones included.
  static var bytesInUse: Int { Int(csys_load64_relaxed(allocated)) }

  static func allocate() -> ChunkPointer {
    csys_add64_relaxed(allocated, UInt64(memory))
    let pages = mmap(nil, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pages, pages != MAP_FAILED else { fatalError("out of memory for output buffers") }
    let chunk = pages.bindMemory(to: Chunk.self, capacity: 1)
    chunk.initialize(to: Chunk(next: nil, start: 0, end: 0))
    return chunk
  }

  static func free(_ chunk: ChunkPointer) {
    munmap(chunk, memory)
    csys_sub64(allocated, UInt64(memory))
  }
}

typealias ChunkPointer = UnsafeMutablePointer<Chunk>

extension UnsafeMutablePointer where Pointee == Chunk {
  @inline(__always) var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + Chunk.headerSize }
}

/// Chunks a loop keeps for reuse. Confined to its loop; chunks may come from another loop's pool.
struct ChunkPool {
  /// Chunks kept; more are given back to the system (64 x 64 KiB = 4 MiB a loop).
  private static let kept = 64
  private static let keptAtRest = 4
  private var free: ChunkPointer?
  private var count = 0

  mutating func take() -> ChunkPointer {
    guard let chunk = free else { return Chunk.allocate() }
    free = chunk.pointee.next
    count -= 1
    chunk.pointee.next = nil
    chunk.pointee.start = 0
    chunk.pointee.end = 0
    return chunk
  }

  /// Gives most of the spare ones back.
  mutating func releaseSpare() {
    while count > Self.keptAtRest, let chunk = free {
      free = chunk.pointee.next
      count -= 1
      Chunk.free(chunk)
    }
  }

  mutating func give(_ chunk: ChunkPointer) {
    if count >= Self.kept {
      Chunk.free(chunk)
      return
    }
    chunk.pointee.next = free
    free = chunk
    count += 1
  }
}
