import CSystem
import Glibc

/// What one loop has for one receiver in the current batch: bytes in a chunk, and large payloads that stay where
/// they are in the read buffer until the flush.
///
/// Invariant: reachable only through its receiver's slot of this loop and the loop's list of dirty stages;
/// both are cleared at the end of the batch.
struct Stage {
  var connection: ConnectionPointer
  var chunk: ChunkPointer
  /// Bytes used in `chunk`.
  var length = 0
  /// Start of the part of `chunk` that no segment covers yet.
  var segmentStart = 0
  var segments: UnsafeMutablePointer<iovec>
  var segmentCount = 0
  /// Bytes in all segments that are closed.
  var segmentBytes = 0
  var messages: UInt64 = 0
  var payloadBytes: UInt64 = 0

  /// Segments of a stage (the kernel's limit for one writev is 1024).
  static let maxSegments = 512
  /// From this size on a payload is written from the read buffer instead of being copied.
  static let zeroCopyThreshold = 4096

  init(connection: ConnectionPointer, chunk: ChunkPointer, segments: UnsafeMutablePointer<iovec>) {
    self.connection = connection
    self.chunk = chunk
    self.segments = segments
  }
}

extension UnsafeMutablePointer where Pointee == Stage {
  /// Where the next bytes go. The caller has made sure that they fit.
  @inline(__always) var cursor: UnsafeMutableRawPointer { pointee.chunk.bytes + pointee.length }

  @inline(__always) var isEmpty: Bool { pointee.length == 0 && pointee.segmentCount == 0 }

  /// Ends the segment of chunk bytes in progress.
  @inline(__always) func closeSegment() {
    let count = pointee.length &- pointee.segmentStart
    if count == 0 { return }
    pointee.segments[pointee.segmentCount] = iovec(
      iov_base: pointee.chunk.bytes + pointee.segmentStart, iov_len: count)
    pointee.segmentCount &+= 1
    pointee.segmentBytes &+= count
    pointee.segmentStart = pointee.length
  }

  /// Adds bytes that stay in place until the flush.
  @inline(__always) func addExternal(_ bytes: UnsafeRawPointer, _ count: Int) {
    closeSegment()
    pointee.segments[pointee.segmentCount] = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes), iov_len: count)
    pointee.segmentCount &+= 1
    pointee.segmentBytes &+= count
  }

  func reset() {
    pointee.length = 0
    pointee.segmentStart = 0
    pointee.segmentCount = 0
    pointee.segmentBytes = 0
    pointee.messages = 0
    pointee.payloadBytes = 0
  }
}
