import Glibc

/// The body of an answer, put together piece by piece.
///
/// Large ones grow by `realloc`, which moves pages instead of copying them, so that a body of 20 MB takes 20 MB.
/// Invariant: `base` holds `capacity` bytes, the first `count` of them written; used by one thread at a time.
final class AnswerBytes: @unchecked Sendable {
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var count = 0

  deinit { free(base) }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  func append(_ piece: [UInt8]) {
    guard !piece.isEmpty else { return }
    if count + piece.count > capacity {
      capacity = max(count + piece.count, capacity + capacity / 2, 4096)
      guard let grown = realloc(base, capacity) else { fatalError("no memory for an answer of \(capacity) bytes") }
      base = grown
    }
    piece.withUnsafeBytes { (base! + count).copyMemory(from: $0.baseAddress!, byteCount: piece.count) }
    count += piece.count
  }
}
