import CSystem

/// The last connections that ended (`max_closed_clients`, FEATURES 11.023). Any thread; guarded by its lock.
final class ClosedConnections: @unchecked Sendable {
  /// Subscriptions remembered of one connection; its count is always whole.
  static let subscriptionLimit = 1024
  /// Subscriptions remembered of all connections together: the oldest lists go first.
  static let totalLimit = 100_000

  private let capacity: Int
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var ring: [ConnectionInfo] = []
  private var next = 0
  private var listed = 0
  /// So many of the oldest connections have lost their lists.
  private var trimmed = 0

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
    listed += info.subscriptions.count
    if ring.count < capacity {
      ring.append(info)
    } else {
      listed -= ring[next].subscriptions.count
      ring[next] = info
      next = (next + 1) % capacity
      trimmed = max(0, trimmed - 1)
    }
    while listed > Self.totalLimit, trimmed < ring.count {
      let oldest = (next + trimmed) % ring.count
      listed -= ring[oldest].subscriptions.count
      ring[oldest].subscriptions = []
      trimmed += 1
    }
  }

  /// Oldest first.
  var all: [ConnectionInfo] {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return Array(ring[next...] + ring[..<next])
  }
}
