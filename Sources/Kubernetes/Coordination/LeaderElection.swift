import Bytes

/// Who holds a Lease (coordination.k8s.io/v1).
public struct LeaseRecord: Sendable, Equatable {
  /// Empty for nobody.
  public var holder = ""
  public var durationSeconds: Int64 = 0
  public var acquired = Timestamp.zero
  public var renewed = Timestamp.zero
  /// How often the holder has changed.
  public var transitions: Int64 = 0

  public init() {}
}

/// The rules by which replicas agree on one of them that works, as controllers in Go do it. Value without I/O and
/// clock: results go in, actions come out.
///
/// Clocks of replicas are never compared: a candidate takes a Lease over when it has seen no change of it for its
/// duration. A leader that could not renew for the deadline, which is shorter, ends its work before that.
public struct LeaderElection: Sendable {
  public struct Settings: Sendable, Equatable {
    /// Unique to the process.
    public var identity: String
    /// A Lease without a change for so long is anybody's.
    public var leaseNanoseconds: Int64 = 15_000_000_000
    /// A leader that did not get through for so long leads no more.
    public var renewDeadlineNanoseconds: Int64 = 10_000_000_000
    /// Between two attempts.
    public var retryNanoseconds: Int64 = 2_000_000_000

    public init(identity: String) {
      self.identity = identity
    }
  }

  public enum Action: Sendable, Equatable {
    case get
    case create(LeaseRecord)
    /// Of that version only.
    case update(LeaseRecord, resourceVersion: String)
    /// Call `timerFired` after that time.
    case wait(nanoseconds: Int64)
    case began
    /// Leads without a Lease, since we may not have one.
    case beganUnguarded(KubernetesError)
    /// Leads no more.
    case ended
    /// Another leads now.
    case follows(String)
  }

  private enum State {
    case stopped
    case candidate
    /// - Parameter renewed: when the last request was sent that got through.
    case leader(renewed: Int64)
    case unguarded
    /// - Parameter isSent: the Lease is being given up; before that, a renewal is on its way still.
    case releasing(isSent: Bool)
  }

  /// Between two looks at a Lease that we may not have.
  private static let unguardedRetryNanoseconds: Int64 = 60_000_000_000

  private let settings: Settings
  private var state = State.stopped
  /// The Lease as it was seen last, and when it was seen to change.
  private var observed: (record: LeaseRecord, resourceVersion: String, at: Int64)?
  /// The version above is the last one, as far as we know.
  private var isVersionKnown = false
  private var leader = ""
  /// When the request that is on its way was sent.
  private var sent: Int64 = 0
  private var wanted: LeaseRecord?
  private var forbiddenSince: Int64?

  public init(_ settings: Settings) {
    self.settings = settings
  }

  public var isLeader: Bool {
    switch state {
    case .leader, .unguarded: true
    case .stopped, .candidate, .releasing: false
    }
  }

  /// When the leadership ends unless it is renewed; nil while there is none to lose.
  public var deadline: Int64? {
    if case .leader(let renewed) = state { renewed + settings.renewDeadlineNanoseconds } else { nil }
  }

  /// - Parameter now: monotonic nanoseconds, here and below.
  public mutating func start(now: Int64) -> [Action] {
    state = .candidate
    sent = now
    return [.get]
  }

  public mutating func timerFired(now: Int64, wall: Timestamp) -> [Action] {
    switch state {
    case .stopped, .releasing: return []
    case .candidate, .unguarded:
      sent = now
      return [.get]
    case .leader:
      // The version is known: one request instead of two.
      guard isVersionKnown, let observed, observed.record.holder == settings.identity else {
        sent = now
        return [.get]
      }
      return write(renewal(of: observed.record, wall), now: now)
    }
  }

  /// The deadline has come.
  public mutating func deadlineReached(now: Int64) -> [Action] {
    guard let deadline, now >= deadline else { return [] }
    state = .candidate
    return [.ended]
  }

  // MARK: - Results

  public mutating func got(_ record: LeaseRecord, resourceVersion: String, now: Int64, wall: Timestamp) -> [Action] {
    guard isActive else { return [] }
    forbiddenSince = nil
    var actions = observe(record, resourceVersion, now)
    let isOurs = record.holder == settings.identity
    if !isOurs, !record.holder.isEmpty, let observed, !isExpired(observed.record, seen: observed.at, now) {
      switch state {
      case .leader, .unguarded:
        state = .candidate
        actions.append(.ended)
      default: break
      }
      return actions + retry()
    }
    var next = renewal(of: record, wall)
    if !isOurs {
      next.acquired = wall
      // The API has 32 bits for it.
      next.transitions = min(record.transitions, Int64(Int32.max) - 1) + 1
    }
    return actions + write(next, now: now)
  }

  /// There is no such Lease.
  public mutating func gotNone(now: Int64, wall: Timestamp) -> [Action] {
    guard isActive else { return [] }
    var record = renewal(of: LeaseRecord(), wall)
    record.acquired = wall
    sent = now
    wanted = record
    return [.create(record)]
  }

  /// What `create` or `update` asked for is done.
  public mutating func wrote(resourceVersion: String, now: Int64) -> [Action] {
    guard let record = wanted else { return [] }
    wanted = nil
    if case .releasing(let isSent) = state {
      state = .stopped
      return isSent ? [] : release(record, resourceVersion)
    }
    guard isActive else { return [] }
    forbiddenSince = nil
    let actions = observe(record, resourceVersion, now)
    let wasLeader = isLeader
    // Slower than the deadline: others may have taken it meanwhile.
    guard now - sent < settings.renewDeadlineNanoseconds else { return actions + retry() }
    state = .leader(renewed: sent)
    return actions + (wasLeader ? [] : [.began]) + [.wait(nanoseconds: settings.retryNanoseconds)]
  }

  /// The request on its way failed.
  public mutating func failed(_ error: KubernetesError, now: Int64) -> [Action] {
    wanted = nil
    if case .releasing = state { state = .stopped }
    guard isActive else { return [] }
    if error.isConflict || error.isAlreadyExists || error.isNotFound {
      // Somebody was first: look again.
      isVersionKnown = false
      return retry()
    }
    guard error.isForbidden, observed == nil else { return retry() }
    let since = forbiddenSince ?? now
    forbiddenSince = since
    if case .unguarded = state { return [.wait(nanoseconds: Self.unguardedRetryNanoseconds)] }
    // A server that has just started may not know its rules yet.
    guard now - since >= settings.leaseNanoseconds else { return retry() }
    state = .unguarded
    return [.beganUnguarded(error), .wait(nanoseconds: Self.unguardedRetryNanoseconds)]
  }

  /// Gives the Lease up, so that another need not wait for its end: now, or when the renewal that is on its way has
  /// made the version that can be given up. `isStopped` tells when that is through.
  public mutating func stop() -> [Action] {
    guard case .leader = state, let observed, observed.record.holder == settings.identity, isVersionKnown else {
      state = .stopped
      return []
    }
    guard wanted == nil else {
      state = .releasing(isSent: false)
      return []
    }
    return release(observed.record, observed.resourceVersion)
  }

  /// Nothing more is asked for.
  public var isStopped: Bool { if case .stopped = state { true } else { false } }

  private mutating func release(_ held: LeaseRecord, _ resourceVersion: String) -> [Action] {
    var record = held
    record.holder = ""
    record.durationSeconds = 1
    state = .releasing(isSent: true)
    wanted = record
    return [.update(record, resourceVersion: resourceVersion)]
  }

  // MARK: - Parts

  private var isActive: Bool {
    switch state {
    case .candidate, .leader, .unguarded: true
    case .stopped, .releasing: false
    }
  }

  private mutating func observe(_ record: LeaseRecord, _ resourceVersion: String, _ now: Int64) -> [Action] {
    let isChanged = observed?.record != record
    observed = (record, resourceVersion, isChanged ? now : observed?.at ?? now)
    isVersionKnown = true
    guard record.holder != leader else { return [] }
    leader = record.holder
    return leader.isEmpty || leader == settings.identity ? [] : [.follows(leader)]
  }

  private func isExpired(_ record: LeaseRecord, seen: Int64, _ now: Int64) -> Bool {
    let seconds = record.durationSeconds > 0 ? record.durationSeconds : settings.leaseNanoseconds / 1_000_000_000
    return now - seen >= min(seconds, 3600) * 1_000_000_000
  }

  private func renewal(of record: LeaseRecord, _ wall: Timestamp) -> LeaseRecord {
    var next = record
    next.holder = settings.identity
    next.durationSeconds = max(1, settings.leaseNanoseconds / 1_000_000_000)
    next.renewed = wall
    return next
  }

  private mutating func write(_ record: LeaseRecord, now: Int64) -> [Action] {
    sent = now
    wanted = record
    return [.update(record, resourceVersion: observed?.resourceVersion ?? "")]
  }

  private func retry() -> [Action] {
    [.wait(nanoseconds: settings.retryNanoseconds)]
  }
}
