/// A connection's subscriptions by subscription id (the bytes that SUB and UNSUB carry). 16 bytes when empty, else
/// 4 bytes a slot; it grows and shrinks with its contents. Used by one thread, without a lock.
///
/// A raw value: copying it copies the reference. The holder calls `destroy` once.
@frozen public struct SidTable {
  @usableFromInline var slots: UnsafeMutablePointer<UInt32>?
  @usableFromInline var capacity: UInt32
  /// Subscriptions in the table.
  public private(set) var count: UInt32

  private static let smallest = 4

  public init() {
    slots = nil
    capacity = 0
    count = 0
  }

  /// The subscription with this id, or `nil`.
  public func find(
    _ sid: UnsafeRawBufferPointer, in records: SubscriptionRecords
  ) -> UnsafeMutablePointer<Subscription>? {
    guard let slots else { return nil }
    var position = home(Self.hash(sid))
    let packed = packedSid(sid)
    while slots[position] != 0 {
      let candidate = records.subscription(slots[position])
      if candidate.pointee.sidLength == UInt32(truncatingIfNeeded: sid.count) {
        if sid.count <= 8 ? candidate.pointee.sid8 == packed : candidate.sid.equals(sid) { return candidate }
      }
      position = following(position)
    }
    return nil
  }

  /// Adds a subscription, the id of which must not be in the table yet.
  public mutating func insert(_ subscription: UnsafeMutablePointer<Subscription>, in records: SubscriptionRecords) {
    if (Int(count) + 1) * 5 > Int(capacity) * 4 {
      resize(max(Self.smallest, Int(capacity) + Int(capacity) / 2), records)
    }
    place(subscription)
    count += 1
  }

  /// Takes a subscription out. False if it is not in the table.
  @discardableResult
  public mutating func remove(
    _ subscription: UnsafeMutablePointer<Subscription>, in records: SubscriptionRecords
  ) -> Bool {
    guard let slots else { return false }
    let id = subscription.pointee.id
    var hole = home(Self.hash(subscription.sid))
    while slots[hole] != id {
      if slots[hole] == 0 { return false }
      hole = following(hole)
    }
    closeHole(hole, records)
    count -= 1
    if count == 0 {
      destroy()
    } else if Int(capacity) > 16 && Int(count) * 4 < Int(capacity) {
      resize(Int(count) * 2, records)
    }
    return true
  }

  /// Every subscription, in no particular order. `body` must not change the table.
  public func forEach(
    in records: SubscriptionRecords, _ body: (UnsafeMutablePointer<Subscription>) throws -> Void
  ) rethrows {
    guard let slots else { return }
    for position in 0..<Int(capacity) where slots[position] != 0 {
      try body(records.subscription(slots[position]))
    }
  }

  /// Frees the table's memory and empties it; the subscriptions stay.
  public mutating func destroy() {
    if let slots { Pages.free(slots, Int(capacity) * 4) }
    slots = nil
    capacity = 0
    count = 0
  }

  /// Memory of the slots.
  public var memoryBytes: Int { slots == nil ? 0 : Pages.cost(Int(capacity) * 4) }

  private static func hash(_ sid: UnsafeRawBufferPointer) -> UInt32 {
    guard let start = sid.baseAddress else { return 0 }
    return UInt32(truncatingIfNeeded: subjectHash(start, sid.count) >> 32)
  }

  private func home(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: (UInt64(hash) &* UInt64(capacity)) &>> 32) }

  private func following(_ position: Int) -> Int { position &+ 1 == Int(capacity) ? 0 : position &+ 1 }

  private func place(_ subscription: UnsafeMutablePointer<Subscription>) {
    let slots = slots!
    var position = home(Self.hash(subscription.sid))
    while slots[position] != 0 { position = following(position) }
    slots[position] = subscription.pointee.id
  }

  /// Moves later entries of the same run forward, so that no search stops too early.
  private func closeHole(_ start: Int, _ records: SubscriptionRecords) {
    let slots = slots!
    var hole = start
    var position = following(hole)
    while slots[position] != 0 {
      let wanted = home(Self.hash(records.subscription(slots[position]).sid))
      let reach = position >= wanted ? position - wanted : position - wanted + Int(capacity)
      let distance = position >= hole ? position - hole : position - hole + Int(capacity)
      if reach >= distance {
        slots[hole] = slots[position]
        hole = position
      }
      position = following(position)
    }
    slots[hole] = 0
  }

  private mutating func resize(_ newCapacity: Int, _ records: SubscriptionRecords) {
    let old = slots
    let oldCapacity = Int(capacity)
    capacity = UInt32(newCapacity)
    slots = Pages.allocate(newCapacity * 4).bindMemory(to: UInt32.self, capacity: newCapacity)
    guard let old else { return }
    for position in 0..<oldCapacity where old[position] != 0 { place(records.subscription(old[position])) }
    Pages.free(old, oldCapacity * 4)
  }
}
