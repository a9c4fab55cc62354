/// Work on a store's files that would hold its loop up. Made on the loop by `prepareCheckpoint` or
/// `prepareMaintenance`; `run` once on any other thread; then `StreamStore.finish` on the loop. At most one at a time.
public final class StoreJob: @unchecked Sendable {
  // Invariant: one thread at a time, handed over by the caller's queue.
  let work: () throws -> Void
  var failure: (any Error)?
  /// The journal's sequence that a checkpoint covers; nil for maintenance.
  public let appliedLog: UInt64?

  init(appliedLog: UInt64?, work: @escaping () throws -> Void) {
    self.appliedLog = appliedLog
    self.work = work
  }

  public func run() {
    do { try work() } catch { failure = error }
  }
}
