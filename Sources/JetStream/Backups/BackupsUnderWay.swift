import CSystem

/// How many backups are taken and restored now. Any thread.
///
/// Invariant: the counts are atomic.
final class BackupsUnderWay: @unchecked Sendable {
  /// Each takes some megabytes.
  static let mostSnapshots: UInt64 = 256
  static let mostRestores: UInt64 = 64

  private let counts: UnsafeMutablePointer<UInt64>

  init() {
    counts = .allocate(capacity: 3)
    counts.initialize(repeating: 0, count: 3)
  }

  deinit { counts.deallocate() }

  private func begin(_ place: Int, most: UInt64) -> Bool {
    if csys_add64(counts + place, 1) < most { return true }
    csys_sub64(counts + place, 1)
    return false
  }

  /// False when there are too many.
  func beginSnapshot() -> Bool { begin(0, most: Self.mostSnapshots) }
  func endSnapshot() { csys_sub64(counts, 1) }

  func beginRestore() -> Bool { begin(1, most: Self.mostRestores) }
  func endRestore() { csys_sub64(counts + 1, 1) }

  /// The server stops: nothing is put in place any more.
  func stop() { csys_store64(counts + 2, 1) }
  var isStopped: Bool { csys_load64(counts + 2) != 0 }
}
