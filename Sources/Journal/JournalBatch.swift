/// Records that are written together.
///
/// Invariant: `memory` is this object's own: room for a segment's header, `capacity` bytes for records, and a sector for
/// padding. One thread at a time uses it.
final class JournalBatch {
  private static let smallest = 64 << 10
  private static let headRoom = JournalFormat.segmentHeaderBytes
  private static let slack = JournalFormat.sectorBytes

  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var byteCount = 0
  private(set) var recordCount = 0
  /// The sequence of the first record.
  private(set) var first: LogSequence = 0
  /// A bit for each listener with a record in it.
  var listeners: UInt64 = 0

  init() {
    capacity = Self.smallest
    memory = Self.allocate(capacity)
  }

  deinit { memory.deallocate() }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    .allocate(byteCount: headRoom + capacity + slack, alignment: JournalFormat.sectorBytes)
  }

  private var records: UnsafeMutableRawPointer { memory + Self.headRoom }

  var isEmpty: Bool { recordCount == 0 }
  var last: LogSequence { first + LogSequence(recordCount) - 1 }

  /// Appends a record with room for a payload, which it returns. Sequences follow each other.
  @discardableResult
  func append(_ header: RecordHeader) -> UnsafeMutableRawBufferPointer {
    let count = JournalFormat.recordBytes(payload: Int(header.payloadBytes))
    if byteCount + count > capacity { grow(to: byteCount + count) }
    let payload = header.begin(at: records + byteCount)
    if isEmpty { first = header.sequence }
    recordCount += 1
    byteCount += count
    return payload
  }

  /// Appends records that begin with the sequence `first`.
  func append(_ added: JournalRecords, first: LogSequence) {
    if byteCount + added.byteCount > capacity { grow(to: byteCount + added.byteCount) }
    (records + byteCount).copyMemory(from: added.storage, byteCount: added.byteCount)
    if isEmpty { self.first = first }
    recordCount += added.count
    byteCount += added.byteCount
  }

  private func grow(to needed: Int) {
    var larger = capacity
    while larger < needed { larger *= 2 }
    let grown = Self.allocate(larger)
    (grown + Self.headRoom).copyMemory(from: records, byteCount: byteCount)
    memory.deallocate()
    memory = grown
    capacity = larger
  }

  /// Completes all records for their segment: sequences, proof of what is durable, checksums. Returns them, filled up
  /// with zeros to whole sectors.
  func close(seal: RecordSeal, durable: LogSequence) -> UnsafeRawBufferPointer {
    var offset = 0
    var sequence = first
    while offset < byteCount {
      let start = records + offset
      let payload = Int(
        UInt32(littleEndian: start.load(fromByteOffset: RecordHeader.payloadBytesOffset, as: UInt32.self)))
      let record = UnsafeMutableRawBufferPointer(start: start, count: RecordHeader.byteCount + payload)
      let distance = sequence - durable
      record.store(sequence, RecordHeader.sequenceOffset)
      record.store(UInt32(clamping: distance), RecordHeader.unsyncedOffset)
      seal.close(record)
      offset += JournalFormat.recordBytes(payload: payload)
      sequence += 1
    }
    (records + byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: sectorBytes - byteCount)
    return UnsafeRawBufferPointer(start: records, count: sectorBytes)
  }

  /// What `close` returned, with a segment's header before it.
  func closed(behind header: SegmentHeader) -> UnsafeRawBufferPointer {
    header.encoded().withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    return UnsafeRawBufferPointer(start: memory, count: Self.headRoom + sectorBytes)
  }

  /// The size on disk.
  var sectorBytes: Int { JournalFormat.roundUp(byteCount, to: JournalFormat.sectorBytes) }

  /// Empties it; memory beyond `limit`, left by a large record, is given back.
  func clear(keeping limit: Int) {
    byteCount = 0
    recordCount = 0
    listeners = 0
    if capacity > max(limit * 2, Self.smallest) {
      memory.deallocate()
      capacity = Self.smallest
      memory = Self.allocate(capacity)
    }
  }
}
