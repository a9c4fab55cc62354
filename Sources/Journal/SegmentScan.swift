/// What the segment files say of themselves when a journal is opened.
struct SegmentScan {
  /// Those with a whole header.
  private(set) var headers: [JournalState.Segment] = []
  /// Those that were never begun.
  private(set) var free: [JournalState.FreeSegment] = []
  /// The rest.
  private(set) var unreadable: [Int] = []
  /// A slot above all that are there.
  private(set) var nextSlot = 0
  private var slots: Set<Int> = []
  /// Slots whose header the disk refused to read, at least in part.
  private var refused: Set<Int> = []

  mutating func readHeaders(_ storage: JournalStorage) throws {
    for slot in try storage.slots() {
      slots.insert(slot)
      nextSlot = max(nextSlot, slot + 1)
      let file = try storage.segment(slot)
      let size = try file.size()
      var bytes = [UInt8](repeating: 0, count: min(size, JournalFormat.segmentHeaderBytes))
      for start in stride(from: 0, to: bytes.count, by: JournalFormat.sectorBytes) {
        let end = min(start + JournalFormat.sectorBytes, bytes.count)
        let count = try? bytes.withUnsafeMutableBytes {
          try file.readAll(into: UnsafeMutableRawBufferPointer(rebasing: $0[start..<end]), at: start)
        }
        if count != end - start { refused.insert(slot) }
      }
      if let header = bytes.withUnsafeBytes({ SegmentHeader($0) }) {
        headers.append(JournalState.Segment(slot: slot, header: header))
      } else if !refused.contains(slot), bytes.allSatisfy({ $0 == 0 }) {
        free.append(JournalState.FreeSegment(slot: slot, capacity: size))
      } else {
        unreadable.append(slot)
      }
    }
  }

  /// This journal's segments, oldest first.
  func chain(salt: UInt64) -> [JournalState.Segment] {
    headers.filter { $0.header.salt == salt }.sorted { $0.header.isOlder(than: $1.header) }
  }

  /// Segments of another journal.
  func foreign(salt: UInt64) -> [Int] { headers.filter { $0.header.salt != salt }.map(\.slot) }

  /// Finds those segments without a header that others, or a checkpoint, foretold: their records tell what the header
  /// said. Returns the one that ought to follow the newest segment, when it may hold records but cannot be read: the
  /// file is gone, or the disk refuses to read it. One that reads well and has no records was never begun.
  mutating func findForetold(
    salt: UInt64, _ newest: ForetoldSegment?, _ storage: JournalStorage
  ) -> ForetoldSegment? {
    while true {
      let chain = chain(salt: salt)
      var foretold = chain.compactMap(\.header.foretold)
      if let newest { foretold.append(newest) }
      foretold.sort { ($0.epoch, $0.number) < ($1.epoch, $1.number) }
      let found = foretold.last { foretold in
        unreadable.contains(foretold.slot) && recover(foretold, salt: salt, storage)
      }
      if found != nil { continue }
      // Only the newest matters: records of older ones are followed by others, which show the gap.
      guard let next = foretold.last,
        !chain.contains(where: { ($0.header.epoch, $0.header.number) >= (next.epoch, next.number) })
      else { return nil }
      return !slots.contains(next.slot) || (refused.contains(next.slot) && unreadable.contains(next.slot)) ? next : nil
    }
  }

  /// Makes up the header of a segment whose own is lost; false when it holds no records of that use that
  /// matter.
  private mutating func recover(_ foretold: ForetoldSegment, salt: UInt64, _ storage: JournalStorage) -> Bool {
    guard let file = try? storage.segment(foretold.slot), let size = try? file.size() else { return false }
    var header = SegmentHeader(
      salt: salt, number: foretold.number, epoch: foretold.epoch, first: 0, durable: 0, capacity: UInt64(size))
    guard let reader = try? SegmentReader(file: file, header: header) else { return false }
    let result = reader.search(from: JournalFormat.segmentHeaderBytes, in: 1...(.max))
    if reader.readErrors > 0 { refused.insert(foretold.slot) }
    guard let found = result.found else { return false }
    header.first = found.sequence
    // Records that were written again later are looked for there.
    let isReplaced = headers.contains {
      $0.header.salt == salt && header.isOlder(than: $0.header) && $0.header.first <= header.first
    }
    if isReplaced { return false }
    header.durable = result.proven
    headers.append(JournalState.Segment(slot: foretold.slot, header: header, madeUpFrom: found.offset))
    unreadable.removeAll { $0 == foretold.slot }
    return true
  }
}
