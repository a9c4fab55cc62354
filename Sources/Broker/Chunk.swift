import CSystem

/// A pooled output buffer: a header followed by `Chunk.capacity` bytes and slack for over-copying.
///
/// Invariant: owned by exactly one of a pool, a stage, or a connection's backlog.
struct Chunk {
  var next: UnsafeMutablePointer<Chunk>?
  /// First byte that is not yet written.
  var start: Int
  /// End of the data.
  var end: Int
  /// Bytes that fit; larger than `Chunk.capacity` only in chunks made for one large message.
  var size: Int

  /// Bytes of payload in a pooled chunk (64 KiB: 16 KiB costs a quarter more CPU in system calls).
  static let capacity = 65536
  /// Readable and writable bytes behind every buffer, so that copies may run over by a vector.
  static let slack = 64
  static let headerSize = MemoryLayout<Chunk>.stride

  static func allocate(size: Int) -> ChunkPointer {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: headerSize + size + slack, alignment: 16)
    let chunk = memory.bindMemory(to: Chunk.self, capacity: 1)
    chunk.initialize(to: Chunk(next: nil, start: 0, end: 0, size: size))
    return chunk
  }

  static func free(_ chunk: ChunkPointer) { UnsafeMutableRawPointer(chunk).deallocate() }
}

typealias ChunkPointer = UnsafeMutablePointer<Chunk>

extension UnsafeMutablePointer where Pointee == Chunk {
  @inline(__always) var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self) + Chunk.headerSize }
}

/// Chunks a loop keeps for reuse. Confined to its loop; chunks may come from another loop's pool.
struct ChunkPool {
  /// Chunks kept; more are given back to the system (64 x 64 KiB = 4 MiB a loop).
  private static let kept = 64
  private var free: ChunkPointer?
  private var count = 0

  mutating func take() -> ChunkPointer {
    guard let chunk = free else { return Chunk.allocate(size: Chunk.capacity) }
    free = chunk.pointee.next
    count -= 1
    chunk.pointee.next = nil
    chunk.pointee.start = 0
    chunk.pointee.end = 0
    return chunk
  }

  mutating func give(_ chunk: ChunkPointer) {
    if count >= Self.kept || chunk.pointee.size != Chunk.capacity {
      Chunk.free(chunk)
      return
    }
    chunk.pointee.next = free
    free = chunk
    count += 1
  }

  /// Gives unused chunks back to the system, all but `keep`.
  mutating func shrink(keep: Int) {
    while count > keep, let chunk = free {
      free = chunk.pointee.next
      count -= 1
      Chunk.free(chunk)
    }
  }
}
