import Configuration
import Subjects

/// Allowed and denied subjects for publishing (FEATURES 4.017). A value that never changes.
final class SubjectFilter: Sendable {
  /// nil: no list, everything that is not denied.
  private let allow: [[UInt8]]?
  private let deny: [[UInt8]]

  init(_ permission: SubjectPermission) {
    allow = permission.allow?.map { Array($0.utf8) }
    deny = permission.deny.map { Array($0.utf8) }
  }

  /// Deny wins; without an allow list everything else is allowed.
  func allows(_ subject: UnsafeRawBufferPointer) -> Bool {
    if let allow, !matches(allow, subject) { return false }
    return !matches(deny, subject)
  }

  private func matches(_ patterns: [[UInt8]], _ subject: UnsafeRawBufferPointer) -> Bool {
    patterns.contains { $0.withUnsafeBytes { Subject.matches(pattern: $0, literal: subject) } }
  }
}

/// What a user's connections may subscribe to, and which replies they may send. A value that never changes.
final class ConnectionPermissions: Sendable {
  private let allow: [SubscribeRule]
  private let deny: [SubscribeRule]
  private let hasAllowList: Bool
  let responses: ResponsePermission?

  /// One entry: a subject, and the queue groups it speaks of (FEATURES 4.019).
  private struct SubscribeRule: Sendable {
    let subject: [UInt8]
    let rule: SubjectQueue
  }

  init(_ permissions: Permissions) {
    func rules(_ entries: [String]) -> [SubscribeRule] {
      entries.compactMap { entry in
        guard let rule = try? SubjectQueue(parsing: entry) else { return nil }
        return SubscribeRule(subject: Array(rule.subject.utf8), rule: rule)
      }
    }
    allow = rules(permissions.subscribe?.allow ?? [])
    deny = rules(permissions.subscribe?.deny ?? [])
    hasAllowList = !(permissions.subscribe?.allow ?? []).isEmpty
    responses = permissions.responses
  }

  /// Whether a SUB is accepted. A subscription wider than a denied subject is; see `deniesDelivery`.
  func maySubscribe(_ subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer?) -> Bool {
    if hasAllowList {
      let matching = allow.filter { covers($0, subject) }
      var allowed = matching.contains { $0.rule.queue == nil }
      let queueRules = matching.filter { $0.rule.queue != nil }
      if let queue, !queueRules.isEmpty { allowed = queueRules.contains { $0.rule.covers(queue: queue) } }
      if !allowed { return false }
    }
    return !isDenied(subject, queue: queue)
  }

  /// Whether messages to a subscription must be checked one subject at a time (FEATURES 4.018).
  func needsDeliveryFilter(_ subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer?) -> Bool {
    guard !deny.isEmpty, queue != nil || Subject.hasWildcard(subject) else { return false }
    return deny.contains { $0.subject.withUnsafeBytes { Subject.collide($0, subject) } }
  }

  /// Whether a message of this subject must not reach a subscription that is otherwise allowed.
  func isDenied(_ subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer?) -> Bool {
    deny.contains { entry in
      guard covers(entry, subject) else { return false }
      if entry.rule.queue == nil { return true }
      guard let queue else { return false }
      return entry.rule.covers(queue: queue)
    }
  }

  private func covers(_ entry: SubscribeRule, _ subject: UnsafeRawBufferPointer) -> Bool {
    entry.subject.withUnsafeBytes { Subject.matches(pattern: $0, literal: subject) }
  }
}

/// Replies a connection may publish because it received the requests (`allow_responses`, FEATURES 4.020).
struct ReplyPermissions {
  /// Replies remembered before those that are used up or too old are dropped.
  private static let pruneLimit = 4096
  private struct Grant {
    let since: Int64
    var used = 0
  }
  private var grants: [[UInt8]: Grant] = [:]
  private var sincePrune = 0

  /// A request with this reply subject was delivered.
  mutating func note(_ reply: UnsafeRawBufferPointer, at now: Int64, _ rule: ResponsePermission) {
    grants[Array(reply)] = Grant(since: now)
    sincePrune += 1
    if sincePrune > Self.pruneLimit { prune(at: now, rule) }
  }

  /// Uses a grant up by one; false when there is none left.
  mutating func use(_ subject: UnsafeRawBufferPointer, at now: Int64, _ rule: ResponsePermission) -> Bool {
    let key = Array(subject)
    guard var grant = grants[key] else { return false }
    grant.used += 1
    if rule.maxMessages > 0 && grant.used > rule.maxMessages
      || rule.expiresNanoseconds > 0 && now - grant.since > rule.expiresNanoseconds
    {
      grants[key] = nil
      return false
    }
    grants[key] = grant
    return true
  }

  private mutating func prune(at now: Int64, _ rule: ResponsePermission) {
    sincePrune = 0
    grants = grants.filter { _, grant in
      !(rule.maxMessages > 0 && grant.used >= rule.maxMessages
        || rule.expiresNanoseconds > 0 && now - grant.since > rule.expiresNanoseconds)
    }
  }
}

extension UnsafeMutablePointer where Pointee == ConnectionState {
  /// Whether the receiver's own permissions keep this subject from it. Any loop.
  func deniesDelivery(of subject: UnsafeRawBufferPointer, _ subscription: SubscriptionPointer) -> Bool {
    let object = pointee.object
    guard let permissions = object.permissionsForDelivery() else { return false }
    let queue = subscription.pointee.queue
    return permissions.isDenied(subject, queue: queue == 0 ? nil : object.server.records.queueName(queue))
  }
}
