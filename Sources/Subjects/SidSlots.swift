/// A part of a `SidTable`: an open-addressing table of subscription numbers, 4 bytes a slot. The hashes of the
/// subscription ids are not stored: they are computed again from the records.
struct SidSlots {
  private var slots: UnsafeMutablePointer<UInt32>?
  private var capacity: UInt32 = 0
  private(set) var count: UInt32 = 0

  private static let smallest = 4

  static func hash(_ sid: UnsafeRawBufferPointer) -> UInt64 {
    guard let start = sid.baseAddress else { return 0 }
    return subjectHash(start, sid.count)
  }

  func find(
    _ sid: UnsafeRawBufferPointer, _ hash: UInt64, _ records: SlabArena.Reader
  ) -> UnsafeMutablePointer<Subscription>? {
    guard let slots else { return nil }
    var position = home(hash)
    let packed = packedSid(sid)
    while slots[position] != 0 {
      let candidate = Self.subscription(slots[position], records)
      if candidate.pointee.sidLength == UInt32(truncatingIfNeeded: sid.count) {
        if sid.count <= 8 ? candidate.pointee.sid8 == packed : candidate.sid.equals(sid) { return candidate }
      }
      position = following(position)
    }
    return nil
  }

  mutating func insert(_ id: UInt32, _ hash: UInt64, _ records: SlabArena.Reader) {
    if (Int(count) + 1) * 5 > Int(capacity) * 4 {
      resize(max(Self.smallest, Int(capacity) + Int(capacity) / 2), records)
    }
    place(id, hash)
    count += 1
  }

  /// False if it is not there.
  mutating func remove(_ id: UInt32, _ hash: UInt64, _ records: SlabArena.Reader) -> Bool {
    guard let slots else { return false }
    var hole = home(hash)
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

  func forEach(
    _ records: SlabArena.Reader, _ body: (UnsafeMutablePointer<Subscription>) throws -> Void
  ) rethrows {
    guard let slots else { return }
    for position in 0..<Int(capacity) where slots[position] != 0 {
      try body(Self.subscription(slots[position], records))
    }
  }

  mutating func destroy() {
    if let slots { Pages.free(slots, Int(capacity) * 4) }
    slots = nil
    capacity = 0
    count = 0
  }

  var memoryBytes: Int { slots == nil ? 0 : Pages.cost(Int(capacity) * 4) }

  private static func subscription(_ id: UInt32, _ records: SlabArena.Reader) -> UnsafeMutablePointer<Subscription> {
    records.pointer(id).assumingMemoryBound(to: Subscription.self)
  }

  private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: ((hash &>> 32) &* UInt64(capacity)) &>> 32) }

  private func following(_ position: Int) -> Int { position &+ 1 == Int(capacity) ? 0 : position &+ 1 }

  private func place(_ id: UInt32, _ hash: UInt64) {
    let slots = slots!
    var position = home(hash)
    while slots[position] != 0 { position = following(position) }
    slots[position] = id
  }

  /// Moves later entries of the same run forward, so that no search stops too early.
  private func closeHole(_ start: Int, _ records: SlabArena.Reader) {
    let slots = slots!
    var hole = start
    var position = following(hole)
    while slots[position] != 0 {
      let wanted = home(Self.hash(Self.subscription(slots[position], records).sid))
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

  private mutating func resize(_ newCapacity: Int, _ records: SlabArena.Reader) {
    let old = slots
    let oldCapacity = Int(capacity)
    capacity = UInt32(newCapacity)
    slots = Pages.allocate(newCapacity * 4).bindMemory(to: UInt32.self, capacity: newCapacity)
    guard let old else { return }
    for position in 0..<oldCapacity where old[position] != 0 {
      place(old[position], Self.hash(Self.subscription(old[position], records).sid))
    }
    Pages.free(old, oldCapacity * 4)
  }
}
