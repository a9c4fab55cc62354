import CSystem
import Subjects

typealias SubscriptionPointer = UnsafeMutablePointer<Subscription>

/// What the Broker notes in `Subscription.flags`.
struct SubscriptionFlags: OptionSet {
  let rawValue: UInt16
  /// The owner is an `InternalSubscriber`, not a connection.
  static let `internal` = SubscriptionFlags(rawValue: 1 << 0)
  /// The owner's permissions deny some subjects inside a wider subscription.
  static let filtered = SubscriptionFlags(rawValue: 1 << 1)
  /// A maximum is set (UNSUB sid max).
  static let limited = SubscriptionFlags(rawValue: 1 << 2)
  /// The owner is a `Shadow`: it delivers to a connection of an account that imports the stream.
  static let shadow = SubscriptionFlags(rawValue: 1 << 3)
}

extension UnsafeMutablePointer where Pointee == Subscription {
  var deliveredPointer: UnsafeMutablePointer<UInt64> {
    (UnsafeMutableRawPointer(self) + MemoryLayout<Subscription>.offset(of: \.delivered)!)
      .assumingMemoryBound(to: UInt64.self)
  }

  /// Counts deliveries; returns the new count. Any loop.
  @discardableResult
  func addDelivered(_ count: UInt64) -> UInt64 { csys_add64_relaxed(deliveredPointer, count) &+ count }

  /// Bytes of a subscription identifier of more than eight bytes.
  var longSid: UnsafeRawPointer { UnsafeRawPointer(bitPattern: UInt(pointee.sid8)).unsafelyUnwrapped }
}
