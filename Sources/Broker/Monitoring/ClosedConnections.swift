import CSystem

/// The last connections that ended (`max_closed_clients`, FEATURES 11.023). Any thread; guarded by its lock.
final class ClosedConnections: @unchecked Sendable {
  /// Subscriptions remembered of one connection; its count is always whole.
  static let subscriptionLimit = 1024

  private let capacity: Int
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var ring: [ConnectionInfo] = []
  private var next = 0

  /// - Parameter capacity: nothing is remembered below 1.
  init(capacity: Int) {
    self.capacity = capacity
    lock.initialize(to: 0)
  }

  deinit { lock.deallocate() }

  /// Remembers a connection in place of the oldest one.
  func append(_ info: ConnectionInfo) {
    guard capacity > 0 else { return }
    csys_lock(lock)
    defer { csys_unlock(lock) }
    if ring.count < capacity {
      ring.append(info)
    } else {
      ring[next] = info
      next = (next + 1) % capacity
    }
  }

  /// Oldest first.
  var all: [ConnectionInfo] {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return Array(ring[next...] + ring[..<next])
  }
}
