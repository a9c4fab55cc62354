/// Where the records of a block are, by sequence, and which subject each has.
///
/// Held in memory for blocks in memory and for the newest block of a file store; of other blocks a sidecar file has it,
/// and it is loaded when needed.
final class BlockIndex {
  /// One a sequence from the block's base on; `Slot.empty` where there is no record.
  var slots: [UInt64] = []
  /// Where each subject's name starts: in `names`, with one more at the end, or (memory) the offset of a record.
  var nameStarts: [UInt32] = []
  /// nil: names stand in records.
  var names: [UInt8]?

  /// What a filter said about each subject so far: 0 not asked, 1 wanted, 2 not wanted.
  private var verdicts: [UInt8] = []
  private var verdictsOf: CompiledFilters?

  /// - Parameter copiesNames: whether names are kept here; otherwise they are read from records in memory.
  init(copiesNames: Bool) {
    if copiesNames {
      names = []
      nameStarts = [0]
    }
  }

  var nameCount: Int { names == nil ? nameStarts.count : nameStarts.count - 1 }

  /// What it takes in memory, roughly.
  var bytes: Int { slots.capacity * 8 + nameStarts.capacity * 4 + (names?.capacity ?? 0) + verdicts.capacity + 128 }

  /// A new subject; `offset` is that of its record. Returns its number.
  func addName(_ subject: UnsafeRawBufferPointer, at offset: Int) -> Int {
    if names == nil {
      nameStarts.append(UInt32(offset))
      return nameStarts.count - 1
    }
    names!.append(contentsOf: subject)
    nameStarts.append(UInt32(names!.count))
    return nameStarts.count - 2
  }

  /// Calls `body` with the name of a subject. `records`: the block's bytes, for a block in memory.
  @inline(__always)
  func withName<Result>(
    _ number: Int, records: UnsafeRawPointer?, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    if let records, names == nil { return body(Record(records + Int(nameStarts[number])).subject) }
    let start = Int(nameStarts[number])
    let end = Int(nameStarts[number + 1])
    return names!.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
  }

  /// Whether a filter wants a subject; remembered for the filter that asked last.
  @inline(__always)
  func wants(_ filters: CompiledFilters, _ number: Int, records: UnsafeRawPointer?) -> Bool {
    if verdictsOf !== filters {
      verdictsOf = filters
      verdicts = [UInt8](repeating: 0, count: nameCount)
    } else if verdicts.count <= number {
      verdicts.append(contentsOf: repeatElement(0, count: nameCount - verdicts.count))
    }
    let known = verdicts[number]
    if known != 0 { return known == 1 }
    let wanted = withName(number, records: records) { filters.matches($0) }
    verdicts[number] = wanted ? 1 : 2
    return wanted
  }
}

/// A record's place: its offset (32 bits), the number of its subject in the block (29), whether other bytes than a record
/// follow, whether it has a header, whether it has flags.
enum Slot {
  static let empty: UInt64 = 0
  private static let gapBit: UInt64 = 1 << 61
  private static let headerBit: UInt64 = 1 << 62
  private static let flagBit: UInt64 = 1 << 63

  @inline(__always) static func make(offset: Int, name: Int, hasHeader: Bool, hasFlags: Bool) -> UInt64 {
    UInt64(offset) | UInt64(name) << 32 | (hasHeader ? headerBit : 0) | (hasFlags ? flagBit : 0)
  }
  @inline(__always) static func offset(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) }
  @inline(__always) static func name(_ slot: UInt64) -> Int { Int(slot >> 32 & 0x1FFF_FFFF) }
  /// The next record does not begin where this one ends.
  @inline(__always) static func isFollowedByGap(_ slot: UInt64) -> Bool { slot & gapBit != 0 }
  @inline(__always) static func followedByGap(_ slot: UInt64) -> UInt64 { slot | gapBit }
  @inline(__always) static func hasHeader(_ slot: UInt64) -> Bool { slot & headerBit != 0 }
  @inline(__always) static func hasFlags(_ slot: UInt64) -> Bool { slot & flagBit != 0 }
}
