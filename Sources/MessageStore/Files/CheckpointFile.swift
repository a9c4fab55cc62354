import CSystem

/// A store as it was at a checkpoint: totals, blocks, what the caller added. One file, one checksum.
struct CheckpointFile: Equatable {
  struct BlockSummary: Equatable {
    var id: UInt64
    var base: UInt64
    var last: UInt64
    var end: UInt64
    var messages: UInt64
    var bytes: UInt64
    var liveRecordBytes: UInt64
    var firstTimestamp: Int64
    var lastTimestamp: Int64
    var firstLive: UInt64
    var flags: UInt8
    var isCompacted: Bool
    var isSealed: Bool
    var hasDamage: Bool
    /// A hint, so that not every file has to be opened: the file itself says what it is.
    var isCompressed: Bool
    var dead: [UInt64]
  }

  static let magic: UInt64 = 0x5450_4B43_5354_414E
  static let version: UInt32 = 1

  var number: UInt64 = 0
  var appliedLog: UInt64 = 0
  var lastSequence: UInt64 = 0
  var lastTimestamp: Int64 = 0
  var nextBlock: UInt64 = 1
  var previousRecord: UInt64 = 0
  var lost = LostMessages()
  /// Which file has the index by subject.
  var subjectsNumber: UInt64 = 0
  var blocks: [BlockSummary] = []
  var attachment: [UInt8] = []

  func encode() -> [UInt8] {
    var out = FileWriter()
    out.put(Self.magic)
    out.put(UInt64(Self.version))
    for value in [number, appliedLog, lastSequence, UInt64(bitPattern: lastTimestamp), nextBlock, previousRecord] {
      out.put(value)
    }
    out.put(lost.count)
    out.put(lost.bytes)
    out.put(UInt64(lost.sequences.count))
    for sequence in lost.sequences { out.put(sequence) }
    out.put(subjectsNumber)
    out.put(UInt64(blocks.count))
    for block in blocks {
      for value in [
        block.id, block.base, block.last, block.end, block.messages, block.bytes, block.liveRecordBytes,
        UInt64(bitPattern: block.firstTimestamp), UInt64(bitPattern: block.lastTimestamp), block.firstLive,
      ] {
        out.put(value)
      }
      let bits =
        (block.isCompacted ? 1 : 0) | (block.isSealed ? 2 : 0) | (block.hasDamage ? 4 : 0)
        | (block.isCompressed ? 8 : 0)
      out.put(UInt64(block.flags) | UInt64(bits) << 8)
      out.put(UInt64(block.dead.count))
      for word in block.dead { out.put(word) }
    }
    out.put(UInt64(attachment.count))
    out.bytes += attachment
    let checksum = out.bytes.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, $0.count) }
    out.put(UInt64(checksum))
    return out.bytes
  }

  /// nil for anything that was not written by `encode`, as a whole.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= 24 else { return nil }
    let checksum = bytes.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, $0.count - 8) }
    var reader = FileReader(bytes: bytes, end: bytes.count - 8)
    guard reader.get() == Self.magic, reader.get() == UInt64(Self.version),
      bytes.withUnsafeBytes({ $0.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self) }) == UInt64(checksum)
    else { return nil }
    number = reader.get()
    appliedLog = reader.get()
    lastSequence = reader.get()
    lastTimestamp = Int64(bitPattern: reader.get())
    nextBlock = reader.get()
    previousRecord = reader.get()
    lost.count = reader.get()
    lost.bytes = reader.get()
    guard let listed = reader.count(of: 8) else { return nil }
    for _ in 0..<listed { lost.sequences.append(reader.get()) }
    subjectsNumber = reader.get()
    guard let blockCount = reader.count(of: 96) else { return nil }
    for _ in 0..<blockCount {
      var block = BlockSummary(
        id: reader.get(), base: reader.get(), last: reader.get(), end: reader.get(), messages: reader.get(),
        bytes: reader.get(), liveRecordBytes: reader.get(), firstTimestamp: Int64(bitPattern: reader.get()),
        lastTimestamp: Int64(bitPattern: reader.get()), firstLive: reader.get(), flags: 0, isCompacted: false,
        isSealed: false, hasDamage: false, isCompressed: false, dead: [])
      let bits = reader.get()
      block.flags = UInt8(truncatingIfNeeded: bits)
      block.isCompacted = bits & 0x100 != 0
      block.isSealed = bits & 0x200 != 0
      block.hasDamage = bits & 0x400 != 0
      block.isCompressed = bits & 0x800 != 0
      guard let words = reader.count(of: 8) else { return nil }
      block.dead = (0..<words).map { _ in reader.get() }
      guard block.isPlausible else { return nil }
      blocks.append(block)
    }
    guard let attached = reader.count(of: 1) else { return nil }
    attachment = Array(bytes[reader.offset..<reader.offset + attached])
    if reader.isShort { return nil }
  }

  init() {}
}

extension CheckpointFile.BlockSummary {
  var isPlausible: Bool {
    let slots = last &+ 1 &- base
    return slots <= StreamStore.maximumSlots + 1 && firstLive >= base && end <= UInt64(UInt32.max)
      && messages <= slots && dead.count <= Int(slots / 64 + 1) && liveRecordBytes <= end
      && messages == UInt64(DeadSet(words: dead).liveCount(Int(min(firstLive &- base, slots))..<Int(slots)))
  }
}

/// Puts numbers together, little-endian.
struct FileWriter {
  var bytes: [UInt8] = []
  mutating func put(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
}

/// Takes them apart. Past the end there are zeros, and `isShort`.
struct FileReader {
  let bytes: [UInt8]
  let end: Int
  private(set) var offset = 0
  private(set) var isShort = false

  init(bytes: [UInt8], end: Int) {
    self.bytes = bytes
    self.end = end
  }

  mutating func get() -> UInt64 {
    guard offset + 8 <= end else {
      isShort = true
      return 0
    }
    defer { offset += 8 }
    return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  /// Bytes that are known to be there.
  mutating func take(_ count: Int) -> [UInt8] {
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  /// A number of things of at least `size` bytes that follow; nil when there is no room for them.
  mutating func count(of size: Int) -> Int? {
    let count = get()
    guard !isShort, count <= UInt64((end - offset) / size) else { return nil }
    return Int(count)
  }
}
