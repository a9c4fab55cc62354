/// Records that are written together.
///
/// Invariant: `storage` is this object's own memory of `capacity` bytes plus slack for padding and a closing sector;
/// one thread at a time uses it.
final class JournalBatch {
  private static let smallest = 64 << 10
  /// A sector of padding, and a sector of zeros behind.
  private static let slack = 2 * JournalFormat.sectorBytes

  private var storage: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var byteCount = 0
  private(set) var recordCount = 0
  /// The sequence of the first record.
  private(set) var first: LogSequence = 0
  /// A bit for each listener with a record in it.
  var listeners: UInt64 = 0

  init() {
    capacity = Self.smallest
    storage = .allocate(byteCount: capacity + Self.slack, alignment: JournalFormat.sectorBytes)
  }

  deinit { storage.deallocate() }

  var isEmpty: Bool { recordCount == 0 }
  var last: LogSequence { first + LogSequence(recordCount) - 1 }

  /// Appends a record with room for a payload, which it returns.
  func append(_ header: RecordHeader) -> UnsafeMutableRawBufferPointer {
    let count = JournalFormat.recordBytes(payload: Int(header.payloadBytes))
    if byteCount + count > capacity { grow(to: byteCount + count) }
    let record = UnsafeMutableRawBufferPointer(start: storage + byteCount, count: count)
    let payload = UnsafeMutableRawBufferPointer(
      rebasing: record[RecordHeader.byteCount..<RecordHeader.byteCount + Int(header.payloadBytes)])
    (storage + byteCount + RecordHeader.byteCount + payload.count).initializeMemory(
      as: UInt8.self, repeating: 0, count: count - RecordHeader.byteCount - payload.count)
    header.write(to: record)
    if isEmpty { first = header.sequence }
    recordCount += 1
    byteCount += count
    return payload
  }

  private func grow(to needed: Int) {
    var larger = capacity
    while larger < needed { larger *= 2 }
    let grown = UnsafeMutableRawPointer.allocate(
      byteCount: larger + Self.slack, alignment: JournalFormat.sectorBytes)
    grown.copyMemory(from: storage, byteCount: byteCount)
    storage.deallocate()
    storage = grown
    capacity = larger
  }

  /// Completes all records for their segment and fills up with zeros: whole sectors, then one of zeros when asked for.
  func close(seal: RecordSeal, durable: LogSequence, endingInZeros: Bool) -> UnsafeRawBufferPointer {
    var offset = 0
    while offset < byteCount {
      let header = RecordHeader(unchecked: UnsafeRawBufferPointer(start: storage + offset, count: byteCount - offset))
      let record = UnsafeMutableRawBufferPointer(
        start: storage + offset, count: RecordHeader.byteCount + Int(header.payloadBytes))
      let distance = header.sequence - durable
      record.store(distance > LogSequence(UInt32.max) ? UInt32.max : UInt32(distance), 24)
      seal.close(record)
      offset += JournalFormat.recordBytes(payload: Int(header.payloadBytes))
    }
    let size = sectorBytes + (endingInZeros ? JournalFormat.sectorBytes : 0)
    (storage + byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: size - byteCount)
    return UnsafeRawBufferPointer(start: storage, count: size)
  }

  /// The size on disk, without the sector of zeros.
  var sectorBytes: Int { JournalFormat.roundUp(byteCount, to: JournalFormat.sectorBytes) }

  /// Empties it; memory beyond `limit`, left by a large record, is given back.
  func clear(keeping limit: Int) {
    byteCount = 0
    recordCount = 0
    listeners = 0
    if capacity > max(limit * 2, Self.smallest) {
      storage.deallocate()
      capacity = Self.smallest
      storage = .allocate(byteCount: capacity + Self.slack, alignment: JournalFormat.sectorBytes)
    }
  }
}
