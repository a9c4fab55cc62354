import CSystem

/// Who listens to what: the subscriptions of one account, found by the subject of a message.
///
/// Invariant for `@unchecked Sendable`: `storage` and the lists through the records are touched only under `lock`;
/// generations are read without it. A change is seen by every match that starts after the change returned.
///
/// A removed subscription is found no more, but its record stays readable until `SubscriptionRecords.release`: other
/// threads may hold it in a cached result.
public final class SubscriptionIndex: @unchecked Sendable {
  /// Figures for monitoring (`/subsz`). Cache figures are the cache owner's.
  public struct Statistics: Equatable, Sendable {
    public var subscriptions = 0
    public var inserts: UInt64 = 0
    public var removes: UInt64 = 0
    /// Calls of `match`.
    public var matches: UInt64 = 0
    /// The largest number of plain subscriptions and queue groups that one match found.
    public var fanoutMaximum = 0
    /// The sum over all matches; divided by `matches` the average.
    public var fanoutTotal: UInt64 = 0
  }

  /// The memory of the records in this index.
  public let records: SubscriptionRecords
  /// Counters that validate cached results.
  public let generations: SubjectGenerations

  private struct State {
    var storage: IndexStorage
    var statistics = Statistics()
  }
  private static let blockBytes = 128 + 1024 * 8
  private let block: UnsafeMutableRawPointer
  private let lock: UnsafeMutablePointer<UInt32>
  private let state: UnsafeMutablePointer<State>

  public init(records: SubscriptionRecords) {
    self.records = records
    block = Pages.allocate(Self.blockBytes)
    lock = block.bindMemory(to: UInt32.self, capacity: 1)
    generations = SubjectGenerations(
      exact: (block + 128).bindMemory(to: UInt64.self, capacity: 1024),
      wildcard: (block + 64).bindMemory(to: UInt64.self, capacity: 1))
    state = .allocate(capacity: 1)
    state.initialize(to: State(storage: IndexStorage(records)))
  }

  /// Subscriptions still in the index become unreachable: remove and release them before.
  deinit {
    state.pointee.storage.destroy()
    state.deinitialize(count: 1)
    state.deallocate()
    Pages.free(block, Self.blockBytes)
  }

  // MARK: Changes

  /// Adds a subscription. `nil` if the subject has an empty token or a token after `>`.
  /// An empty `queue` means a plain subscription. All bytes are copied.
  public func insert(
    subject: UnsafeRawBufferPointer, queue: UnsafeRawBufferPointer, sid: UnsafeRawBufferPointer,
    owner: UnsafeMutableRawPointer?, context: UInt32 = 0, flags: UInt16 = 0
  ) -> UnsafeMutablePointer<Subscription>? {
    guard Subject.isWellFormed(subject) else { return nil }
    let subscription = records.make(owner: owner, sid: sid, queue: queue, context: context, flags: flags)
    if Subject.isLiteral(subject) {
      let hash = subjectHash(subject.baseAddress!, subject.count)
      csys_lock(lock)
      let place = state.pointee.storage.findOrAddExact(subject, UInt32(truncatingIfNeeded: hash &>> 32))
      state.pointee.storage.attach(subscription, place, SubjectPlace.exact)
      generations.exactChanged(hash)
    } else {
      csys_lock(lock)
      let place = state.pointee.storage.findOrAddPattern(subject)
      state.pointee.storage.attach(subscription, place.node, place.kind)
      generations.wildcardChanged()
    }
    state.pointee.statistics.inserts &+= 1
    csys_unlock(lock)
    return subscription
  }

  /// Takes a subscription out. False if it was removed before.
  @discardableResult
  public func remove(_ subscription: UnsafeMutablePointer<Subscription>) -> Bool {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    guard subscription.isLinked else { return false }
    if let hash = state.pointee.storage.detach(subscription) {
      generations.exactChanged(hash)
    } else {
      generations.wildcardChanged()
    }
    state.pointee.statistics.removes &+= 1
    return true
  }

  /// Makes cached results that hold this subscription stale, after its owner changed what deliverers need to see.
  public func touch(_ subscription: UnsafeMutablePointer<Subscription>) {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    guard subscription.isLinked else { return }
    if let hash = state.pointee.storage.literalHash(of: subscription) {
      generations.exactChanged(hash)
    } else {
      generations.wildcardChanged()
    }
  }

  /// Makes every cached result stale, after something else that decided it has changed.
  public func invalidate() {
    csys_lock(lock)
    generations.wildcardChanged()
    csys_unlock(lock)
  }

  // MARK: Questions

  /// Finds the subscriptions that receive a message published to `subject`. `hash` is its `subjectHash`.
  /// Wildcards in `subject` are ordinary tokens; a subject with an empty token reaches nobody.
  public func match(_ subject: UnsafeRawBufferPointer, hash: UInt64, into result: inout MatchResult) {
    csys_lock(lock)
    state.pointee.storage.match(subject, hash, &result)
    let fanout = result.fanout
    state.pointee.statistics.matches &+= 1
    state.pointee.statistics.fanoutTotal &+= UInt64(truncatingIfNeeded: fanout)
    if fanout > state.pointee.statistics.fanoutMaximum { state.pointee.statistics.fanoutMaximum = fanout }
    csys_unlock(lock)
  }

  /// Finds the subscriptions that receive a message published to `subject`.
  public func match(_ subject: UnsafeRawBufferPointer, into result: inout MatchResult) {
    guard let start = subject.baseAddress else { return result.removeAll() }
    match(subject, hash: subjectHash(start, subject.count), into: &result)
  }

  /// Whether `match` would find anything.
  public func hasInterest(_ subject: UnsafeRawBufferPointer) -> Bool {
    guard let start = subject.baseAddress else { return false }
    let hash = subjectHash(start, subject.count)
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return state.pointee.storage.hasInterest(subject, hash)
  }

  /// Finds the subscriptions that could receive some message which `pattern` receives, too: `foo.bar`, `*.bar` and
  /// `foo.>` for `foo.*`. Visits every subject of the index, so it is not for the message path.
  public func reverseMatch(_ pattern: UnsafeRawBufferPointer, into result: inout MatchResult) {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    state.pointee.storage.reverseMatch(pattern, &result)
  }

  /// The subject of a subscription; empty once it is removed.
  public func subject(of subscription: UnsafeMutablePointer<Subscription>) -> [UInt8] {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return state.pointee.storage.subject(of: subscription)
  }

  /// The queue name of a subscription; empty for a plain one.
  public func queueName(of subscription: UnsafeMutablePointer<Subscription>) -> UnsafeRawBufferPointer {
    let queue = subscription.pointee.queue
    return queue == 0 ? UnsafeRawBufferPointer(start: nil, count: 0) : records.queueName(queue)
  }

  /// Every subscription with its subject, in no particular order. The index is locked meanwhile: `body` must not
  /// call it, and must be quick.
  public func forEach(_ body: (UnsafeMutablePointer<Subscription>, UnsafeRawBufferPointer) -> Void) {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    state.pointee.storage.forEach(body)
  }

  /// Subscriptions in the index.
  public var count: Int {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return state.pointee.storage.count
  }

  /// See `SubjectGenerations.generation`.
  @inlinable @inline(__always)
  public func generation(forHash hash: UInt64) -> UInt64 { generations.generation(forHash: hash) }

  public var statistics: Statistics {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    var statistics = state.pointee.statistics
    statistics.subscriptions = state.pointee.storage.count
    return statistics
  }

  /// Memory of this index without its records, in bytes.
  public var memoryBytes: Int {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return Self.blockBytes + MemoryLayout<State>.size + state.pointee.storage.memoryBytes
  }
}
