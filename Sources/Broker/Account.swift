import CSystem
import Configuration
import Subjects

/// An isolated subject space with its limits (FEATURES 4.023 to 4.026).
///
/// Invariant: `index` locks itself; counts are changed atomically; the rest is set before the account is used, and
/// replaced as a whole by a reload.
final class Account: @unchecked Sendable {
  let name: String
  let isSystem: Bool
  let index: SubscriptionIndex
  let limits: AccountLimits
  /// Scope of connections without publish permissions.
  private(set) var openScope: PublishScope!
  private let mappings: AccountMappings
  private let counts: UnsafeMutablePointer<AccountCounts>

  init(options: AccountOptions, isSystem: Bool, records: SubscriptionRecords, clusterName: String) throws {
    name = options.name
    self.isSystem = isSystem
    index = SubscriptionIndex(records: records)
    limits = options.limits
    mappings = try AccountMappings(options.mappings, clusterName: clusterName)
    counts = .allocate(capacity: 1)
    counts.initialize(to: AccountCounts())
    openScope = PublishScope(account: self, permission: nil)
  }

  deinit { counts.deallocate() }

  // MARK: mappings

  func hasMapping(for subject: UnsafeRawBufferPointer) -> Bool { mappings.hasMapping(for: subject) }

  /// The subject that a mapping makes of `subject`; nil when its weights send this message nowhere.
  func mappedSubject(for subject: UnsafeRawBufferPointer, random: UInt64) -> [UInt8]? {
    mappings.map(subject, random: random)
  }

  // MARK: connections

  var connectionCount: Int { Int(csys_load64(UnsafePointer(counts.pointer(to: \.connections)!))) }

  /// Counts a connection in; false when the account is full (FEATURES 1.029).
  func admit() -> Bool {
    let before = csys_add64(counts.pointer(to: \.connections)!, 1)
    if limits.maxConnections >= 0, Int(before) >= limits.maxConnections {
      leave()
      return false
    }
    return true
  }

  func leave() { csys_sub64(counts.pointer(to: \.connections)!, 1) }

  // MARK: subscriptions

  var subscriptionCount: Int { index.count }

  /// A subscription of a connection has come.
  func didSubscribe(_ subscription: SubscriptionPointer, connection: Connection) {}

  /// A subscription of a connection is about to go.
  func willUnsubscribe(_ subscription: SubscriptionPointer, connection: Connection) {}
}

struct AccountCounts {
  var connections: UInt64 = 0
}

/// The mappings of an account in the order of their declaration.
struct AccountMappings: Sendable {

  init(_ options: [MappingOptions], clusterName: String) throws {}

  func hasMapping(for subject: UnsafeRawBufferPointer) -> Bool { false }
  func map(_ subject: UnsafeRawBufferPointer, random: UInt64) -> [UInt8]? { nil }
}
