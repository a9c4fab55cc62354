import CSystem

/// Where time comes from. Passed in at coarse grain so that a simulation can replace it.
public protocol Clock: Sendable {
  /// Nanoseconds since an arbitrary start; never goes back.
  func monotonicNanoseconds() -> Int64
  /// Nanoseconds since 1970-01-01T00:00:00Z.
  func wallNanoseconds() -> Int64
}

/// The machine's clocks.
public struct SystemClock: Clock {
  public init() {}
  public func monotonicNanoseconds() -> Int64 { csys_monotonic_ns() }
  public func wallNanoseconds() -> Int64 { csys_realtime_ns() }
}

/// A clock that moves only when told to.
public final class ManualClock: Clock, @unchecked Sendable {
  // Invariant: read and advanced under `lock`.
  private var lock: UInt32 = 0
  private var monotonic: Int64
  private var wall: Int64

  public init(monotonicNanoseconds: Int64 = 0, wallNanoseconds: Int64 = 0) {
    monotonic = monotonicNanoseconds
    wall = wallNanoseconds
  }

  public func monotonicNanoseconds() -> Int64 {
    csys_lock(&lock)
    defer { csys_unlock(&lock) }
    return monotonic
  }

  public func wallNanoseconds() -> Int64 {
    csys_lock(&lock)
    defer { csys_unlock(&lock) }
    return wall
  }

  /// Moves both clocks forward.
  public func advance(byNanoseconds nanoseconds: Int64) {
    precondition(nanoseconds >= 0, "a clock does not go back")
    csys_lock(&lock)
    defer { csys_unlock(&lock) }
    monotonic += nanoseconds
    wall += nanoseconds
  }
}
