/// A connection's subscriptions by subscription id (the bytes that SUB and UNSUB carry): 24 bytes when empty, else
/// 4 bytes a slot. It grows and shrinks with its contents; a large one in parts, so that no insert waits for a pass
/// over all subscriptions. Used by one thread, without a lock.
///
/// A raw value: copying it copies the references. The holder calls `destroy` once.
public struct SidTable {
  private var whole = SidSlots()
  private var parts: UnsafeMutablePointer<SidSlots>?

  private static let partCount = 256
  private static let splitFrom: UInt32 = 4096
  private static let mergeBelow: UInt32 = 1024

  /// Subscriptions in the table.
  public private(set) var count: UInt32 = 0

  public init() {}

  /// The subscription with this id, or `nil`.
  public func find(
    _ sid: UnsafeRawBufferPointer, in records: SubscriptionRecords
  ) -> UnsafeMutablePointer<Subscription>? {
    let hash = SidSlots.hash(sid)
    if let parts { return parts[Self.part(hash)].find(sid, hash, records.subscriptions) }
    return whole.find(sid, hash, records.subscriptions)
  }

  /// Adds a subscription, the id of which must not be in the table yet.
  public mutating func insert(_ subscription: UnsafeMutablePointer<Subscription>, in records: SubscriptionRecords) {
    if parts == nil && count == Self.splitFrom { split(records.subscriptions) }
    let hash = SidSlots.hash(subscription.sid)
    if let parts {
      parts[Self.part(hash)].insert(subscription.pointee.id, hash, records.subscriptions)
    } else {
      whole.insert(subscription.pointee.id, hash, records.subscriptions)
    }
    count += 1
  }

  /// Takes a subscription out. False if it is not in the table.
  @discardableResult
  public mutating func remove(
    _ subscription: UnsafeMutablePointer<Subscription>, in records: SubscriptionRecords
  ) -> Bool {
    let hash = SidSlots.hash(subscription.sid)
    let id = subscription.pointee.id
    if let parts {
      guard parts[Self.part(hash)].remove(id, hash, records.subscriptions) else { return false }
      count -= 1
      if count < Self.mergeBelow { merge(records.subscriptions) }
    } else {
      guard whole.remove(id, hash, records.subscriptions) else { return false }
      count -= 1
    }
    return true
  }

  /// Every subscription, in no particular order. `body` must not change the table.
  public func forEach(
    in records: SubscriptionRecords, _ body: (UnsafeMutablePointer<Subscription>) throws -> Void
  ) rethrows {
    try whole.forEach(records.subscriptions, body)
    guard let parts else { return }
    for part in 0..<Self.partCount { try parts[part].forEach(records.subscriptions, body) }
  }

  /// Frees the table's memory and empties it; the subscriptions stay.
  public mutating func destroy() {
    whole.destroy()
    count = 0
    guard let parts else { return }
    for part in 0..<Self.partCount { parts[part].destroy() }
    parts.deallocate()
    self.parts = nil
  }

  /// Memory of the slots.
  public var memoryBytes: Int {
    guard let parts else { return whole.memoryBytes }
    return (0..<Self.partCount).reduce(Self.partCount * MemoryLayout<SidSlots>.stride) { $0 + parts[$1].memoryBytes }
  }

  private static func part(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash & 255) }

  private mutating func split(_ records: SlabArena.Reader) {
    let parts = UnsafeMutablePointer<SidSlots>.allocate(capacity: Self.partCount)
    parts.initialize(repeating: SidSlots(), count: Self.partCount)
    whole.forEach(records) { subscription in
      let hash = SidSlots.hash(subscription.sid)
      parts[Self.part(hash)].insert(subscription.pointee.id, hash, records)
    }
    whole.destroy()
    self.parts = parts
  }

  private mutating func merge(_ records: SlabArena.Reader) {
    guard let parts else { return }
    for part in 0..<Self.partCount {
      parts[part].forEach(records) { subscription in
        whole.insert(subscription.pointee.id, SidSlots.hash(subscription.sid), records)
      }
      parts[part].destroy()
    }
    parts.deallocate()
    self.parts = nil
  }
}
