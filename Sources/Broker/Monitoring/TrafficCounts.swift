import CSystem
import JSON

/// Messages and bytes in both directions, as their receivers and senders count them.
struct TrafficCounts: Sendable, Equatable {
  var inMessages: UInt64 = 0
  var inBytes: UInt64 = 0
  var outMessages: UInt64 = 0
  var outBytes: UInt64 = 0

  static func + (left: TrafficCounts, right: TrafficCounts) -> TrafficCounts {
    TrafficCounts(
      inMessages: left.inMessages &+ right.inMessages, inBytes: left.inBytes &+ right.inBytes,
      outMessages: left.outMessages &+ right.outMessages, outBytes: left.outBytes &+ right.outBytes)
  }

  static func - (left: TrafficCounts, right: TrafficCounts) -> TrafficCounts {
    TrafficCounts(
      inMessages: left.inMessages &- right.inMessages, inBytes: left.inBytes &- right.inBytes,
      outMessages: left.outMessages &- right.outMessages, outBytes: left.outBytes &- right.outBytes)
  }
}

/// What connections that have left an account did there, so that messages need not be counted by account.
/// Any thread; guarded by its lock.
final class AccountTraffic: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var left = TrafficCounts()
  private var slow: UInt64 = 0

  init() { lock.initialize(to: 0) }

  deinit { lock.deallocate() }

  /// A connection leaves the account.
  func add(_ counts: TrafficCounts) {
    csys_lock(lock)
    left = left + counts
    csys_unlock(lock)
  }

  func addSlowConsumer() {
    csys_lock(lock)
    slow += 1
    csys_unlock(lock)
  }

  var past: TrafficCounts {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return left
  }

  var slowConsumers: UInt64 {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return slow
  }
}

extension Connection {
  /// Everything since the connection began. Owner loop.
  var traffic: TrafficCounts {
    csys_lock(state.lockPointer)
    defer { csys_unlock(state.lockPointer) }
    return TrafficCounts(
      inMessages: state.input.pointee.inMessages, inBytes: state.input.pointee.inBytes,
      outMessages: state.output.pointee.outMessages,
      outBytes: state.output.pointee.outBytes)
  }

  /// The part that belongs to the account it is in now. Owner loop.
  var accountTraffic: TrafficCounts { traffic - trafficBeforeAccount }
}

extension JSONWriter {
  /// `{"msgs":…,"bytes":…}`, with the same for each kind of peer where wanted (FEATURES 11.091).
  mutating func data(_ name: StaticString, _ messages: UInt64, _ bytes: UInt64, withPeers: Bool = false) {
    key(name)
    beginObject()
    field("msgs", messages)
    field("bytes", bytes)
    if withPeers {
      data("gateways", 0, 0)
      data("routes", 0, 0)
      data("leafs", 0, 0)
    }
    endObject()
  }
}
