import Reactor

/// Reads one segment through a window. A record's bytes are valid until the next call.
///
/// Invariant: `window` is this object's own memory; one thread at a time uses it.
final class SegmentReader {
  static let windowBytes = 256 << 10

  enum Step {
    /// A valid record with the expected sequence; where it begins and where the next one may.
    case record(RecordHeader, payload: UnsafeRawBufferPointer, start: Int, end: Int)
    /// None. `isBlank`: zeros stand there, or the segment is full.
    case nothing(isBlank: Bool)
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
      windowCount = min(windowCapacity, size - offset)
      load(windowStart, windowCount)
    }
    return UnsafeRawBufferPointer(start: window + (offset - windowStart), count: count)
  }

  private func load(_ offset: Int, _ count: Int) {
    let target = UnsafeMutableRawBufferPointer(start: window, count: count)
    // What cannot be read is neither zero nor a record.
    target.initializeMemory(as: UInt8.self, repeating: 0xFF)
    if (try? file.readAll(into: target, at: offset)) == count { return }
    readErrors += 1
    target.initializeMemory(as: UInt8.self, repeating: 0xFF)
    var position = 0
    while position < count {
      let next = min(count, JournalFormat.roundUp(offset + position + 1, to: JournalFormat.sectorBytes) - offset)
      let sector = UnsafeMutableRawBufferPointer(rebasing: target[position..<next])
      if (try? file.readAll(into: sector, at: offset + position)) != sector.count {
        sector.initializeMemory(as: UInt8.self, repeating: 0xFF)
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

  /// The record with the expected sequence at `offset`, or at the next sector when the batch ends here.
  func step(at offset: Int, expecting sequence: LogSequence) -> Step {
    if let (header, payload) = record(at: offset), header.sequence == sequence {
      let end = offset + JournalFormat.recordBytes(payload: payload.count)
      return .record(header, payload: payload, start: offset, end: end)
    }
    let border = JournalFormat.roundUp(offset, to: JournalFormat.sectorBytes)
    if border > offset {
      let rest = bytes(at: offset, count: min(RecordHeader.byteCount, border - offset))
      return rest.isZero ? step(at: border, expecting: sequence) : .nothing(isBlank: false)
    }
    return .nothing(isBlank: bytes(at: offset, count: RecordHeader.byteCount).isZero)
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
