/// A part of a `SlotTable`: slots in order of their hash (position = hash scaled to the capacity, then the next free
/// place), so that a miss ends early and growing is one sequential pass.
struct SlotRun {
  private var slots: UnsafeMutablePointer<UInt64>?
  /// Range of home positions. Behind it lie `slack` slots for what is pushed past the end, the last always empty.
  private var capacity: UInt32 = 0
  private(set) var count: UInt32 = 0
  /// Leading bits in which all hashes of this run agree.
  private let ignoredBits: UInt32

  private static let slack = 64
  private static let smallest = 16

  init(ignoredBits: UInt32) { self.ignoredBits = ignoredBits }

  @inline(__always)
  private func home(_ hash: UInt32, _ capacity: Int) -> Int {
    Int(truncatingIfNeeded: (UInt64(hash &<< ignoredBits) &* UInt64(truncatingIfNeeded: capacity)) &>> 32)
  }

  private var total: Int { Int(capacity) + Self.slack }

  /// The first slot with this hash if there is one, else the slot where it would be; `nil` in an empty run.
  @inline(__always)
  func start(_ hash: UInt32) -> UnsafeMutablePointer<UInt64>? {
    guard let slots else { return nil }
    let wanted = UInt64(hash) &<< 32
    var slot = slots + home(hash, Int(capacity))
    while slot.pointee != 0 && slot.pointee < wanted { slot += 1 }
    return slot
  }

  mutating func insert(_ hash: UInt32, _ reference: UInt32) {
    if (Int(count) + 1) * 5 > Int(capacity) * 4 { resize(larger) }
    while !place(hash, reference) { resize(larger) }
    count += 1
  }

  /// False when the slots behind the last home position are used up.
  private func place(_ hash: UInt32, _ reference: UInt32) -> Bool {
    let position = start(hash)!
    var end = position
    while end.pointee != 0 { end += 1 }
    if end == slots! + (total - 1) { return false }
    while end > position {
      end.pointee = (end - 1).pointee
      end -= 1
    }
    position.pointee = UInt64(hash) &<< 32 | UInt64(reference)
    return true
  }

  /// Removes the entry with this hash and reference, which must be there.
  mutating func remove(_ hash: UInt32, _ reference: UInt32) {
    let wanted = UInt64(hash) &<< 32 | UInt64(reference)
    var slot = start(hash)!
    while slot.pointee != wanted { slot += 1 }
    while true {
      let next = (slot + 1).pointee
      if next == 0 || home(UInt32(truncatingIfNeeded: next &>> 32), Int(capacity)) > slot - slots! { break }
      slot.pointee = next
      slot += 1
    }
    slot.pointee = 0
    count -= 1
    if count == 0 {
      destroy()
    } else if Int(capacity) > Self.smallest && Int(count) * 4 < Int(capacity) {
      resize(max(Int(count) * 2, Self.smallest))
    }
  }

  func forEach(_ body: (_ hash: UInt32, _ reference: UInt32) -> Void) {
    guard let slots else { return }
    for position in 0..<total where slots[position] != 0 {
      body(UInt32(truncatingIfNeeded: slots[position] &>> 32), UInt32(truncatingIfNeeded: slots[position]))
    }
  }

  mutating func destroy() {
    if let slots { Pages.free(slots, total * 8) }
    slots = nil
    capacity = 0
    count = 0
  }

  var memoryBytes: Int { slots == nil ? 0 : Pages.cost(total * 8) }

  /// Large runs grow by a quarter: passes are cheap here, empty slots are not.
  private var larger: Int {
    capacity < 4096 ? max(Int(capacity) * 2, Self.smallest) : Int(capacity) + Int(capacity) / 4
  }

  private mutating func resize(_ newCapacity: Int) {
    var wanted = newCapacity
    while true {
      let newTotal = wanted + Self.slack
      let target = Pages.allocate(newTotal * 8).bindMemory(to: UInt64.self, capacity: newTotal)
      if copy(to: target, wanted) {
        if let slots { Pages.free(slots, total * 8) }
        slots = target
        capacity = UInt32(wanted)
        return
      }
      Pages.free(target, newTotal * 8)
      wanted += wanted / 4
    }
  }

  private func copy(to target: UnsafeMutablePointer<UInt64>, _ newCapacity: Int) -> Bool {
    guard let slots else { return true }
    var last = -1
    for position in 0..<total {
      let slot = slots[position]
      if slot == 0 { continue }
      last = max(home(UInt32(truncatingIfNeeded: slot &>> 32), newCapacity), last + 1)
      if last >= newCapacity + Self.slack - 1 { return false }
      target[last] = slot
    }
    return true
  }
}
