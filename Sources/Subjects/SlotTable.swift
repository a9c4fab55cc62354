/// A hash table of 32-bit references, the keys of which live elsewhere: each 8-byte slot holds 32 bits of hash and
/// the reference. Slots lie in order of their hash (position = hash scaled to the capacity, then the next free
/// place), so a miss ends early and growing is one sequential pass.
///
/// Several entries may have one hash: the caller compares keys of each `candidate`. References are never 0.
struct SlotTable {
  private var slots: UnsafeMutablePointer<UInt64>?
  /// Range of home positions. Behind it lie `slack` slots for what is pushed past the end, the last always empty.
  private var capacity = 0
  private(set) var count = 0

  private static let slack = 64
  private static let smallest = 16

  @inline(__always)
  private func home(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: (UInt64(hash) &* UInt64(capacity)) &>> 32) }

  /// Where entries with this hash begin, if there are any.
  @inline(__always)
  func start(_ hash: UInt32) -> Int {
    guard let slots else { return 0 }
    let wanted = UInt64(hash) &<< 32
    var position = home(hash)
    while slots[position] != 0 && slots[position] < wanted { position &+= 1 }
    return position
  }

  /// The reference at a position if its hash is this one, otherwise 0. Go on with the next position until 0.
  @inline(__always)
  func candidate(_ position: Int, _ hash: UInt32) -> UInt32 {
    guard let slots else { return 0 }
    let slot = slots[position]
    return UInt32(truncatingIfNeeded: slot &>> 32) == hash ? UInt32(truncatingIfNeeded: slot) : 0
  }

  mutating func insert(_ hash: UInt32, _ reference: UInt32) {
    if (count + 1) * 5 > capacity * 4 { resize(larger) }
    while !place(hash, reference) { resize(larger) }
    count += 1
  }

  /// False when the slots behind the last home position are used up.
  private func place(_ hash: UInt32, _ reference: UInt32) -> Bool {
    let slots = slots!
    let position = start(hash)
    var end = position
    while slots[end] != 0 { end &+= 1 }
    if end == capacity + Self.slack - 1 { return false }
    while end > position {
      slots[end] = slots[end &- 1]
      end &-= 1
    }
    slots[position] = UInt64(hash) &<< 32 | UInt64(reference)
    return true
  }

  /// Removes the entry with this hash and reference, which must be there.
  mutating func remove(_ hash: UInt32, _ reference: UInt32) {
    let slots = slots!
    let wanted = UInt64(hash) &<< 32 | UInt64(reference)
    var position = start(hash)
    while slots[position] != wanted { position &+= 1 }
    while true {
      let next = slots[position &+ 1]
      if next == 0 || home(UInt32(truncatingIfNeeded: next &>> 32)) > position { break }
      slots[position] = next
      position &+= 1
    }
    slots[position] = 0
    count -= 1
    if count == 0 {
      destroy()
    } else if capacity > Self.smallest && count * 4 < capacity {
      resize(max(count * 2, Self.smallest))
    }
  }

  /// Every reference, in no particular order.
  func forEach(_ body: (UInt32) -> Void) {
    guard let slots, count > 0 else { return }
    for position in 0..<(capacity + Self.slack) where slots[position] != 0 {
      body(UInt32(truncatingIfNeeded: slots[position]))
    }
  }

  mutating func destroy() {
    if let slots { Pages.free(slots, bytes) }
    slots = nil
    capacity = 0
    count = 0
  }

  /// Memory of the slots.
  var memoryBytes: Int { slots == nil ? 0 : Pages.cost(bytes) }

  private var bytes: Int { (capacity + Self.slack) * 8 }

  /// Large tables grow by a quarter: passes are cheap here, empty slots are not.
  private var larger: Int { capacity < 4096 ? max(capacity * 2, Self.smallest) : capacity + capacity / 4 }

  private mutating func resize(_ newCapacity: Int) {
    var wanted = newCapacity
    while true {
      let total = wanted + Self.slack
      let target = Pages.allocate(total * 8).bindMemory(to: UInt64.self, capacity: total)
      if copy(to: target, wanted) {
        if let slots { Pages.free(slots, bytes) }
        slots = target
        capacity = wanted
        return
      }
      Pages.free(target, total * 8)
      wanted += wanted / 4
    }
  }

  private func copy(to target: UnsafeMutablePointer<UInt64>, _ newCapacity: Int) -> Bool {
    guard let slots else { return true }
    var last = -1
    for position in 0..<(capacity + Self.slack) {
      let slot = slots[position]
      if slot == 0 { continue }
      let home = Int(truncatingIfNeeded: ((slot &>> 32) &* UInt64(newCapacity)) &>> 32)
      last = max(home, last + 1)
      if last >= newCapacity + Self.slack - 1 { return false }
      target[last] = slot
    }
    return true
  }
}
