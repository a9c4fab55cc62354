/// What `SubscriptionIndex.match` found. The buffers are kept and reused from match to match.
///
/// A raw value: copying it copies the references. The holder calls `destroy` once. The subscriptions in it stay
/// readable until their `release`.
@frozen public struct MatchResult {
  /// Members of one queue group: `queued[start..<start + count]`.
  @frozen public struct Group {
    /// See `SubscriptionRecords.queueName`.
    public let queue: UInt32
    public let start: UInt32
    public let count: UInt32
  }

  /// Subscriptions without a queue group: each gets the message.
  public private(set) var plain: UnsafeMutablePointer<UnsafeMutablePointer<Subscription>>
  public private(set) var plainCount = 0
  /// Members of queue groups, group by group. A group's members from several matching patterns stand together.
  public private(set) var queued: UnsafeMutablePointer<UnsafeMutablePointer<Subscription>>
  public private(set) var queuedCount = 0
  /// The queue groups: one member of each gets the message.
  public private(set) var groups: UnsafeMutablePointer<Group>
  public private(set) var groupCount = 0

  @usableFromInline var plainCapacity: Int
  @usableFromInline var queuedCapacity: Int
  @usableFromInline var groupCapacity: Int

  public init() {
    plainCapacity = 16
    queuedCapacity = 16
    groupCapacity = 4
    plain = .allocate(capacity: plainCapacity)
    queued = .allocate(capacity: queuedCapacity)
    groups = .allocate(capacity: groupCapacity)
  }

  /// Nothing matched.
  @inlinable public var isEmpty: Bool { plainCount == 0 && groupCount == 0 }

  /// Plain subscriptions and queue groups: the copies a message needs at most.
  @inlinable public var fanout: Int { plainCount &+ groupCount }

  public mutating func removeAll() {
    plainCount = 0
    queuedCount = 0
    groupCount = 0
  }

  /// Frees the buffers; the value must not be used afterwards.
  public func destroy() {
    plain.deallocate()
    queued.deallocate()
    groups.deallocate()
  }

  mutating func appendPlain(_ subscription: UnsafeMutablePointer<Subscription>) {
    if plainCount == plainCapacity { Self.grow(&plain, &plainCapacity) }
    plain[plainCount] = subscription
    plainCount &+= 1
  }

  mutating func appendQueued(_ subscription: UnsafeMutablePointer<Subscription>) {
    if queuedCount == queuedCapacity { Self.grow(&queued, &queuedCapacity) }
    queued[queuedCount] = subscription
    queuedCount &+= 1
  }

  /// Everything queued from `start` on is one group.
  mutating func closeGroup(_ queue: UInt32, from start: Int) {
    if groupCount == groupCapacity { Self.grow(&groups, &groupCapacity) }
    groups[groupCount] = Group(queue: queue, start: UInt32(start), count: UInt32(queuedCount - start))
    groupCount &+= 1
  }

  static func grow<Element>(_ buffer: inout UnsafeMutablePointer<Element>, _ capacity: inout Int) {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: buffer, count: capacity)
    buffer.deallocate()
    buffer = larger
    capacity *= 2
  }
}
