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
}
