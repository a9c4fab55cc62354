import CSystem
import Configuration
import Subjects

/// What the configuration says of an account; replaced as a whole by a reload.
final class AccountRules: Sendable {
  let limits: AccountLimits
  let mappings: AccountMappings
  /// Where messages with a sampled `traceparent` are traced to (FEATURES 2.035).
  let messageTrace: MessageTraceOptions?

  /// Throws what is wrong with a mapping.
  init(_ options: AccountOptions, clusterName: String) throws {
    limits = options.limits
    messageTrace = options.messageTrace
    var mappings = AccountMappings()
    for mapping in options.mappings {
      mappings.set(
        try AccountMapping(
          source: mapping.source,
          destinations: mapping.destinations.map { .init(subject: $0.subject, weight: $0.weight, cluster: $0.cluster) })
      )
    }
    mappings.select(cluster: clusterName)
    self.mappings = mappings
  }
}

/// An isolated subject space with its limits (FEATURES 4.023 to 4.026). It outlives reloads that keep its name.
///
/// Invariant: `index` locks itself; counts are changed atomically; `rules`, `links` and `listeners`
/// are replaced and read under `lock`.
public final class Account: @unchecked Sendable {
  public let name: String
  public let isSystem: Bool
  let index: SubscriptionIndex
  /// Scope of connections without publish permissions.
  private(set) var openScope: PublishScope!
  private let counts: UnsafeMutablePointer<AccountCounts>
  private var currentRules: AccountRules
  private var currentLinks = AccountLinks.none
  private var listeners: [ObjectIdentifier: Listener] = [:]
  /// Guarded by the lock.
  var interestObserver: (any InterestObserver)?
  var observedFlag: UnsafeMutablePointer<UInt32> { counts.pointer(to: \.isObserved)! }
  /// Answers to requests that cross the account's border.
  let replies = ServiceReplies()
  /// What connections did here that have left.
  let traffic = AccountTraffic()

  init(name: String, isSystem: Bool, records: SubscriptionRecords, rules: AccountRules) {
    self.name = name
    self.isSystem = isSystem
    index = SubscriptionIndex(records: records)
    counts = .allocate(capacity: 1)
    counts.initialize(to: AccountCounts())
    currentRules = rules
    counts.pointee.tracesByHeader = rules.messageTrace == nil ? 0 : 1
    openScope = PublishScope(account: self, permission: nil)
  }

  deinit {
    for listener in listeners.values {
      index.remove(listener.record)
      index.records.release(listener.record)
    }
    counts.deallocate()
  }

  // MARK: rules

  var rules: AccountRules {
    csys_lock(counts.pointer(to: \.lock)!)
    defer { csys_unlock(counts.pointer(to: \.lock)!) }
    return currentRules
  }

  var limits: AccountLimits { rules.limits }

  /// Not zero when messages may be traced without naming a destination. Atomic; valid while the account lives.
  var traceFlag: UnsafePointer<UInt32> { UnsafePointer(counts.pointer(to: \.tracesByHeader)!) }

  /// Takes new rules; matches that mappings decided are forgotten.
  func install(_ rules: AccountRules) {
    csys_lock(counts.pointer(to: \.lock)!)
    currentRules = rules
    csys_unlock(counts.pointer(to: \.lock)!)
    csys_store32(counts.pointer(to: \.tracesByHeader)!, rules.messageTrace == nil ? 0 : 1)
    index.invalidate()
  }

  func hasMapping(for subject: UnsafeRawBufferPointer) -> Bool {
    let mappings = rules.mappings
    return !mappings.isEmpty && mappings.mappings.contains { $0.matches(subject) }
  }

  // MARK: links

  /// What is shared with other accounts. Any thread.
  var links: AccountLinks {
    csys_lock(counts.pointer(to: \.lock)!)
    defer { csys_unlock(counts.pointer(to: \.lock)!) }
    return currentLinks
  }

  /// Takes new links. Imported services are heard at once; connections follow with `refreshShadows` on their loops.
  ///
  /// - Parameter retire: runs its argument when no loop can use what it releases any more.
  func install(_ links: AccountLinks, retire: (@escaping @Sendable () -> Void) -> Void) {
    csys_lock(counts.pointer(to: \.lock)!)
    let old = currentLinks
    currentLinks = links
    csys_unlock(counts.pointer(to: \.lock)!)
    let before = Set(old.serviceImports.map(ObjectIdentifier.init))
    let after = Set(links.serviceImports.map(ObjectIdentifier.init))
    for item in links.serviceImports where !before.contains(ObjectIdentifier(item)) {
      listen(to: Array(item.plan.from.utf8), with: item)
    }
    for item in old.serviceImports where !after.contains(ObjectIdentifier(item)) { unlisten(item, retire: retire) }
  }

  func withListeners<Result>(_ body: (inout [ObjectIdentifier: Listener]) -> Result) -> Result {
    csys_lock(counts.pointer(to: \.lock)!)
    defer { csys_unlock(counts.pointer(to: \.lock)!) }
    return body(&listeners)
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
  func didSubscribe(_ subscription: SubscriptionPointer, connection: Connection) {
    let imports = links.streamImports
    if !imports.isEmpty { connection.addShadows(for: subscription, imports) }
    if isObserved { tellObserver(index.subject(of: subscription)) }
  }

  /// A subscription of a connection is about to go. The subject that is returned is to be passed to `didUnsubscribe`.
  func willUnsubscribe(_ subscription: SubscriptionPointer, connection: Connection) -> [UInt8]? {
    connection.removeShadows(of: subscription)
    return replies.isAwaiting || isObserved ? index.subject(of: subscription) : nil
  }

  /// The subscription has gone: who asked a service of another account may not wait for the answer any more.
  func didUnsubscribe(_ subject: [UInt8], on worker: Worker) {
    if replies.isAwaiting { replies.lostInterest(in: subject, of: self, on: worker) }
    if isObserved { tellObserver(subject) }
  }
}

struct AccountCounts {
  var lock: UInt32 = 0
  var tracesByHeader: UInt32 = 0
  var isObserved: UInt32 = 0
  var connections: UInt64 = 0
}
