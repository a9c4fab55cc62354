import CSystem

/// Safe memory reclamation between loops (quiescent-state based).
///
/// A loop reads structures of other loops without a lock (subscriptions, connections reached through its
/// match cache). Whoever unlinks such a structure retires it here; it is released when every loop has been
/// between two batches, or asleep, since then. A loop holds no reference across that point except ones it
/// revalidates by generation before use.
///
/// Invariants: slot `i` is written by loop `i` only; limbo `i` is touched by loop `i` only.
public final class Epochs: @unchecked Sendable {
  private static let asleep = UInt64.max
  private static let stride = 8  // one cache line of UInt64 for each loop

  private struct Retired {
    let epoch: UInt64
    let release: () -> Void
  }

  private let count: Int
  private let slots: UnsafeMutablePointer<UInt64>
  private let global: UnsafeMutablePointer<UInt64>
  private let limbo: UnsafeMutablePointer<[Retired]>

  public init(loops: Int) {
    precondition(loops > 0)
    count = loops
    slots = .allocate(capacity: loops * Self.stride)
    slots.initialize(repeating: Self.asleep, count: loops * Self.stride)
    global = .allocate(capacity: Self.stride)
    global.initialize(repeating: 1, count: Self.stride)
    limbo = .allocate(capacity: loops)
    limbo.initialize(repeating: [], count: loops)
  }

  deinit {
    limbo.deinitialize(count: count)
    limbo.deallocate()
    slots.deallocate()
    global.deallocate()
  }

  /// Loop `index` starts a batch: from here it may read shared structures.
  public func enter(_ index: Int) {
    csys_store64_seq_cst(slots + index * Self.stride, csys_load64(global))
    csys_fence()
  }

  /// Loop `index` has ended its batch and holds no reference to what others may retire.
  public func leave(_ index: Int) {
    csys_store64(slots + index * Self.stride, Self.asleep)
  }

  /// Hands over something that no loop can find any more; `release` runs on loop `index`, later.
  public func retire(on index: Int, _ release: @escaping () -> Void) {
    let epoch = csys_add64(global, 1)
    limbo[index].append(Retired(epoch: epoch, release: release))
  }

  /// Releases what every loop has passed. Call on loop `index`, outside a batch. Returns how many wait on.
  @discardableResult
  public func reclaim(on index: Int) -> Int {
    if limbo[index].isEmpty { return 0 }
    csys_fence()
    var oldest = Self.asleep
    for loop in 0..<count { oldest = min(oldest, csys_load64(slots + loop * Self.stride)) }
    var ready = 0
    while ready < limbo[index].count, limbo[index][ready].epoch < oldest { ready += 1 }
    if ready > 0 {
      // Taken out first: a release may retire something else.
      let released = Array(limbo[index][..<ready])
      limbo[index].removeFirst(ready)
      for item in released { item.release() }
    }
    return limbo[index].count
  }
}
