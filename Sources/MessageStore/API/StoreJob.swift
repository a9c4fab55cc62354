import Reactor

/// Work on a store's files that would hold its loop up. Made on the loop by `prepareCheckpoint` or
/// `prepareMaintenance`; `run` once on any other thread; then `StreamStore.finish` on the loop. At most one at a time.
public final class StoreJob: @unchecked Sendable {
  // Invariant: one thread at a time, handed over by the caller's queue.
  enum Kind {
    case checkpoint(CheckpointJob)
    case compaction(CompactionJob)
    case compression(CompressionJob)
  }

  let kind: Kind
  /// Why it did not come to its end; set by `run`.
  public private(set) var failure: SystemError?

  init(_ kind: Kind) { self.kind = kind }

  /// The journal's sequence that a checkpoint covers; nil for maintenance.
  public var appliedLog: UInt64? {
    if case .checkpoint(let job) = kind { return job.checkpoint.appliedLog }
    return nil
  }

  /// It makes a block smaller of which everything is left.
  public var isCompression: Bool {
    if case .compression = kind { true } else { false }
  }

  public func run() {
    do {
      switch kind {
      case .checkpoint(let job): try job.run()
      case .compaction(let job): try job.run()
      case .compression(let job): try job.run()
      }
    } catch let error as SystemError {
      failure = error
    } catch StoreError.unreadable(let error) {
      failure = error
    } catch {
      failure = SystemError("checkpoint", code: 5)
    }
  }
}
