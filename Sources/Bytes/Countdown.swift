import Synchronization

/// Counts the threads that still have something to do; the last one carries on.
public final class Countdown: Sendable {
  private let left: Atomic<Int>

  /// - Parameter count: how often `arrive` is called, at least once.
  public init(_ count: Int) { left = Atomic(count) }

  /// One is done. Any thread.
  /// - Returns: whether it was the last one, which sees what all others did before.
  public func arrive() -> Bool { left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}
