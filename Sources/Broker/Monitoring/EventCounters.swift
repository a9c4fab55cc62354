import CSystem

/// What happened to connections since the start. Any thread; counted atomically.
final class EventCounters: @unchecked Sendable {
  struct Counts {
    var slowConsumers: UInt64 = 0
    var staleConnections: UInt64 = 0
  }

  private let counts = UnsafeMutablePointer<Counts>.allocate(capacity: 1)

  init() { counts.initialize(to: Counts()) }

  deinit { counts.deallocate() }

  func add(_ field: WritableKeyPath<Counts, UInt64>) { csys_add64_relaxed(counts.pointer(to: field)!, 1) }

  subscript(field: WritableKeyPath<Counts, UInt64>) -> UInt64 { csys_load64_relaxed(counts.pointer(to: field)!) }
}

/// How often each monitoring path was asked for (FEATURES 11.024). Any thread; guarded by its lock.
final class RequestCounts: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var counts: [String: UInt64] = [:]

  init() { lock.initialize(to: 0) }

  deinit { lock.deallocate() }

  func add(_ path: String) {
    csys_lock(lock)
    counts[path, default: 0] += 1
    csys_unlock(lock)
  }

  /// Sorted by path.
  var all: [(path: String, count: UInt64)] {
    csys_lock(lock)
    let copy = counts
    csys_unlock(lock)
    return copy.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
