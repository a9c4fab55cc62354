import Reactor

/// Reads one segment through a window. A record's bytes are valid until the next call.
///
/// Invariant: `window` is this object's own memory; one thread at a time uses it.
final class SegmentReader {
  static let windowBytes = 256 << 10

  enum Step {
    /// A valid record with the expected sequence; where it begins and where the next one may.
    case record(RecordHeader, payload: UnsafeRawBufferPointer, start: Int, end: Int)
    case nothing(Absence)
  }

  /// Why there is no record.
  struct Absence: Equatable {
    /// Nothing that looks like a part of it stands where it would, or the segment is full.
    var isBlank = true
    /// The disk refused to read where it would stand.
    var isUnreadable = false
    /// Where it would stand first: at or before the offset that was asked for.
    var from: Int
  }

  private let file: any DiskFile
  let header: SegmentHeader
  private let seal: RecordSeal
  /// Readable bytes of the file.
  private let size: Int
  private var window: UnsafeMutableRawPointer
  private var windowCapacity: Int
  private var windowStart = 0
  private var windowCount = 0
  /// Reads that the disk refused; their sectors count as damaged.
  private(set) var readErrors = 0
  private var unreadableSectors: Set<Int> = []
  /// The last damage that was stepped over because the next sector is an older copy of it: what follows may be there.
  private var skippedDamage: Absence?

  init(file: any DiskFile, header: SegmentHeader) throws {
    self.file = file
    self.header = header
    seal = header.seal
    size = min(try file.size(), Int(clamping: header.capacity))
    windowCapacity = Self.windowBytes
    window = .allocate(byteCount: windowCapacity, alignment: 8)
  }

  deinit { window.deallocate() }

  /// The bytes from `offset`, fewer at the end of the segment.
  private func bytes(at offset: Int, count: Int) -> UnsafeRawBufferPointer {
    let count = max(0, min(count, size - offset))
    if offset < windowStart || offset + count > windowStart + windowCount {
      if count > windowCapacity {
        window.deallocate()
        windowCapacity = count
        window = .allocate(byteCount: windowCapacity, alignment: 8)
      }
      windowStart = offset
      windowCount = max(0, min(windowCapacity, size - offset))
      load(windowStart, windowCount)
    }
    return UnsafeRawBufferPointer(start: window + (offset - windowStart), count: count)
  }

  private func load(_ offset: Int, _ count: Int) {
    let target = UnsafeMutableRawBufferPointer(start: window, count: count)
    // What cannot be read is neither zero nor a record.
    target.initializeMemory(as: UInt8.self, repeating: 0xFF)
    if count == 0 || (try? file.readAll(into: target, at: offset)) == count { return }
    readErrors += 1
    target.initializeMemory(as: UInt8.self, repeating: 0xFF)
    var position = 0
    while position < count {
      let next = min(count, JournalFormat.roundUp(offset + position + 1, to: JournalFormat.sectorBytes) - offset)
      let sector = UnsafeMutableRawBufferPointer(rebasing: target[position..<next])
      if (try? file.readAll(into: sector, at: offset + position)) != sector.count {
        sector.initializeMemory(as: UInt8.self, repeating: 0xFF)
        unreadableSectors.insert((offset + position) / JournalFormat.sectorBytes)
      }
      position = next
    }
  }

  private func record(at offset: Int) -> (RecordHeader, UnsafeRawBufferPointer)? {
    let head = bytes(at: offset, count: RecordHeader.byteCount)
    guard head.count == RecordHeader.byteCount, seal.mayOpen(head) else { return nil }
    let header = RecordHeader(unchecked: head)
    let total = RecordHeader.byteCount + Int(header.payloadBytes)
    guard total <= size - offset else { return nil }
    let whole = bytes(at: offset, count: total)
    guard seal.opens(whole) else { return nil }
    return (header, whole.slice(RecordHeader.byteCount..<total))
  }

  /// The record with the expected sequence at `offset` or, when its sector holds no more, behind it: copies of earlier
  /// records are skipped, and so is one sector that holds nothing valid, for the other one of its pair may be older. All
  /// records with this segment's seal and that sequence are the same, so it does not matter which one is found.
  func step(at start: Int, expecting sequence: LogSequence) -> Step {
    var offset = start
    var absence: Absence?
    var hasSkipped = false
    while offset < size {
      if let (header, payload) = record(at: offset), header.sequence <= sequence {
        if hasSkipped { skippedDamage = absence }
        let end = offset + JournalFormat.recordBytes(payload: payload.count)
        if header.sequence == sequence { return .record(header, payload: payload, start: offset, end: end) }
        offset = end
        hasSkipped = false
        continue
      }
      let border = JournalFormat.roundUp(offset, to: JournalFormat.sectorBytes)
      let head = bytes(at: offset, count: min(RecordHeader.byteCount, size - offset))
      let isBorder = border == offset
      if !isBorder, head.slice(0..<min(head.count, border - offset)).isZero {
        offset = border
        continue
      }
      let isUnreadable = hasUnreadable(at: offset, head)
      if absence == nil {
        let isBlank = isBorder && !isUnreadable && looksUnused(head, sequence)
        absence = Absence(isBlank: isBlank, isUnreadable: isUnreadable, from: offset)
      } else if isUnreadable, !absence!.isBlank {
        absence!.isUnreadable = true
      }
      if isBorder, hasSkipped { break }
      hasSkipped = true
      offset = isBorder ? offset + JournalFormat.sectorBytes : border
    }
    var result = absence ?? Absence(from: min(start, size))
    if let damage = skippedDamage, damage.from >= start - 2 * JournalFormat.sectorBytes {
      result.isBlank = false
      result.isUnreadable = result.isUnreadable || damage.isUnreadable
      result.from = min(result.from, damage.from)
    }
    return .nothing(result)
  }

  /// Whether this is not what damage of a bit or two would make of the record.
  private func looksUnused(_ head: UnsafeRawBufferPointer, _ sequence: LogSequence) -> Bool {
    head.count < RecordHeader.byteCount || head.isZero
      || (!seal.mayOpen(head) && head.number(RecordHeader.sequenceOffset, as: UInt64.self) != sequence)
  }

  /// Whether the disk refused to read anything of the record that begins at `offset`.
  private func hasUnreadable(at offset: Int, _ head: UnsafeRawBufferPointer) -> Bool {
    if unreadableSectors.isEmpty { return false }
    var count = RecordHeader.byteCount
    if head.count == count, seal.mayOpen(head) {
      count += Int(RecordHeader(unchecked: head).payloadBytes)
    }
    let last = (min(offset + count, size) - 1) / JournalFormat.sectorBytes
    return (offset / JournalFormat.sectorBytes...last).contains { unreadableSectors.contains($0) }
  }

  /// The most records that can follow from `offset` on.
  func mostRecords(from offset: Int) -> LogSequence {
    LogSequence(max(1, (size - min(offset, size)) / RecordHeader.byteCount))
  }

  /// Where the first valid record from `offset` on with a sequence in `range` stands, and the most that any valid
  /// record from there to the end of the segment proves to have been durable.
  func search(from offset: Int, in range: ClosedRange<LogSequence>) -> (
    found: (offset: Int, sequence: LogSequence)?, proven: LogSequence
  ) {
    var found: (offset: Int, sequence: LogSequence)?
    var proven: LogSequence = 0
    var position = JournalFormat.roundUp(offset, to: JournalFormat.recordAlignment)
    while position + RecordHeader.byteCount <= size {
      let head = bytes(at: position, count: RecordHeader.byteCount)
      if seal.mayOpen(head), range.contains(head.number(8, as: UInt64.self)),
        let (header, payload) = record(at: position)
      {
        if found == nil { found = (position, header.sequence) }
        proven = max(proven, header.provenDurable)
        position += JournalFormat.recordBytes(payload: payload.count)
      } else {
        position += JournalFormat.recordAlignment
      }
    }
    return (found, proven)
  }
}
