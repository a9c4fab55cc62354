import Glibc
import Reactor

/// The end of the newest block of a file store, before it is written, and the piece written before that: who reads just
/// behind the writer reads memory.
struct BlockTail {
  private(set) unowned(unsafe) var block: Block?
  private(set) var bytes: UnsafeMutableRawPointer?
  private(set) var capacity = 0
  /// Where in the block's file the unwritten bytes belong, and how many there are.
  private(set) var start = 0
  private(set) var count = 0
  private var previous: UnsafeMutableRawPointer?
  private(set) var previousCapacity = 0
  private var previousStart = 0
  private var previousCount = 0

  mutating func enter(_ block: Block, at start: Int) {
    self.block = block
    self.start = start
    count = 0
    previousCount = 0
  }

  /// The block is sealed or gone.
  mutating func leave() {
    block = nil
    count = 0
    previousCount = 0
  }

  /// Room for `size` more bytes; the pointer is valid until the next call.
  mutating func room(_ size: Int) -> UnsafeMutableRawPointer {
    if count + size > capacity {
      // More than 64 KiB only wait for want of space.
      let more = capacity < 64 << 10 ? min(capacity * 2, 64 << 10) : count > 64 << 10 ? capacity + capacity / 4 : 0
      capacity = max(count + size, more, 4096)
      bytes = realloc(bytes, capacity)!
    }
    return bytes! + count
  }

  mutating func advance(_ size: Int) { count += size }

  /// The unwritten bytes are in the file now.
  mutating func written(keeping limit: Int) {
    swap(&bytes, &previous)
    swap(&capacity, &previousCapacity)
    previousStart = start
    previousCount = count
    start += count
    count = 0
    if previousCapacity > 2 * limit {
      free(previous)
      previous = nil
      previousCapacity = 0
      previousCount = 0
    }
  }

  /// The bytes from `offset` on, with at least one of them, when they are here.
  @inline(__always)
  func read(_ offset: Int) -> UnsafeMutableRawBufferPointer? {
    if offset >= start {
      guard offset < start + count else { return nil }
      return UnsafeMutableRawBufferPointer(start: bytes! + (offset - start), count: start + count - offset)
    }
    guard offset >= previousStart, offset < previousStart + previousCount else { return nil }
    return UnsafeMutableRawBufferPointer(
      start: previous! + (offset - previousStart), count: previousStart + previousCount - offset)
  }

  /// The file changed behind the piece that is kept.
  mutating func forgetPrevious() { previousCount = 0 }

  mutating func deallocate() {
    free(bytes)
    free(previous)
    bytes = nil
    previous = nil
    capacity = 0
    previousCapacity = 0
    leave()
  }
}
