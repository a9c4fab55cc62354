/// A hash table of 32-bit references, the keys of which live elsewhere: each 8-byte slot holds 32 bits of hash and
/// the reference. Several entries may have one hash: the caller compares the key of each `candidate`. References
/// are never 0.
///
/// A large table is cut into parts by the first bits of the hash, which grow one by one: no insert waits for a
/// pass over the whole table.
struct SlotTable {
  typealias Cursor = UnsafeMutablePointer<UInt64>

  private var whole = SlotRun(ignoredBits: 0)
  private var parts: UnsafeMutablePointer<SlotRun>?
  private(set) var count = 0

  private static let partBits: UInt32 = 6
  private static let partCount = 1 << Int(partBits)
  private static let splitFrom = 32 << 10
  private static let mergeBelow = 8 << 10

  /// Where entries with this hash begin, if there are any.
  @inline(__always)
  func start(_ hash: UInt32) -> Cursor? {
    if let parts { return parts[Self.part(hash)].start(hash) }
    return whole.start(hash)
  }

  /// The reference at the cursor if its hash is this one, and the cursor moved on; otherwise 0.
  @inline(__always)
  func candidate(_ cursor: inout Cursor?, _ hash: UInt32) -> UInt32 {
    guard let slot = cursor, UInt32(truncatingIfNeeded: slot.pointee &>> 32) == hash else { return 0 }
    cursor = slot + 1
    return UInt32(truncatingIfNeeded: slot.pointee)
  }

  mutating func insert(_ hash: UInt32, _ reference: UInt32) {
    if parts == nil && count == Self.splitFrom { split() }
    if let parts {
      parts[Self.part(hash)].insert(hash, reference)
    } else {
      whole.insert(hash, reference)
    }
    count += 1
  }

  /// Removes the entry with this hash and reference, which must be there.
  mutating func remove(_ hash: UInt32, _ reference: UInt32) {
    count -= 1
    guard let parts else { return whole.remove(hash, reference) }
    parts[Self.part(hash)].remove(hash, reference)
    if count < Self.mergeBelow { merge() }
  }

  /// Every reference, in no particular order.
  func forEach(_ body: (UInt32) -> Void) {
    whole.forEach { body($1) }
    guard let parts else { return }
    for part in 0..<Self.partCount { parts[part].forEach { body($1) } }
  }

  mutating func destroy() {
    whole.destroy()
    count = 0
    guard let parts else { return }
    for part in 0..<Self.partCount { parts[part].destroy() }
    parts.deallocate()
    self.parts = nil
  }

  /// Memory of the slots.
  var memoryBytes: Int {
    guard let parts else { return whole.memoryBytes }
    return (0..<Self.partCount).reduce(Self.partCount * MemoryLayout<SlotRun>.stride) {
      $0 + parts[$1].memoryBytes
    }
  }

  private static func part(_ hash: UInt32) -> Int { Int(hash &>> (32 &- partBits)) }

  private mutating func split() {
    let parts = UnsafeMutablePointer<SlotRun>.allocate(capacity: Self.partCount)
    parts.initialize(repeating: SlotRun(ignoredBits: Self.partBits), count: Self.partCount)
    whole.forEach { hash, reference in parts[Self.part(hash)].insert(hash, reference) }
    whole.destroy()
    self.parts = parts
  }

  private mutating func merge() {
    guard let parts else { return }
    for part in 0..<Self.partCount {
      parts[part].forEach { hash, reference in whole.insert(hash, reference) }
      parts[part].destroy()
    }
    parts.deallocate()
    self.parts = nil
  }
}
