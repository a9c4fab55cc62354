import CSystem

/// A value that threads take turns with: every use holds a 4-byte lock, and has to be quick.
///
/// Unlike `Mutex` of the standard library it is compiled with its user: it costs no call, and ThreadSanitizer sees it.
public final class Guarded<Value>: @unchecked Sendable {
  // Invariant: `value` is touched under `lock` only.
  private let lock: UnsafeMutablePointer<UInt32>
  private var value: Value

  public init(_ value: Value) {
    self.value = value
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
  }

  deinit { lock.deallocate() }

  public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return try body(&value)
  }
}
