import CSystem
import Glibc
import Reactor
import Subjects

/// A sealed block's index in a file: header, a Bloom filter of the block's subjects in lines that can be read one by one,
/// the slots, the names' starts, the names. Every part has its checksum. What is wrong with it is found out by reading
/// it; the block's records have everything to make it again.
enum BlockSidecar {
  static let headerBytes = 128
  static let magic: UInt64 = 0x5844_4942_5354_414E
  static let version: UInt32 = 1
  /// 60 bytes of bits and a checksum.
  static let lineBytes = 64
  static let lineBits: UInt64 = 480
  static let bitsPerSubject = 12

  struct Header {
    var id: UInt64
    var base: UInt64
    var blockEnd: UInt64
    var slotCount: UInt32
    var nameCount: UInt32
    var nameBytes: UInt32
    var lines: UInt32
    var slotsChecksum: UInt32
    var namesChecksum: UInt32

    var slotsOffset: Int { headerBytes + Int(lines) * lineBytes }
    var startsOffset: Int { slotsOffset + Int(slotCount) * 8 }
    var namesOffset: Int { startsOffset + (Int(nameCount) + 1) * 4 }
    var fileBytes: Int { namesOffset + Int(nameBytes) }

    /// nil: not a header, or not this block's.
    init?(reading base: UnsafeRawPointer, id: UInt64) {
      guard base.loadUnaligned(as: UInt64.self) == magic,
        base.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == version,
        base.loadUnaligned(fromByteOffset: 124, as: UInt32.self) == csys_crc32c(0, base, 124),
        base.loadUnaligned(fromByteOffset: 16, as: UInt64.self) == id
      else { return nil }
      self.id = id
      self.base = base.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
      blockEnd = base.loadUnaligned(fromByteOffset: 32, as: UInt64.self)
      slotCount = base.loadUnaligned(fromByteOffset: 40, as: UInt32.self)
      nameCount = base.loadUnaligned(fromByteOffset: 44, as: UInt32.self)
      nameBytes = base.loadUnaligned(fromByteOffset: 48, as: UInt32.self)
      lines = base.loadUnaligned(fromByteOffset: 52, as: UInt32.self)
      slotsChecksum = base.loadUnaligned(fromByteOffset: 56, as: UInt32.self)
      namesChecksum = base.loadUnaligned(fromByteOffset: 60, as: UInt32.self)
    }

    init(block: Block, index: BlockIndex) {
      id = block.id
      base = block.base
      blockEnd = UInt64(block.end)
      slotCount = UInt32(index.slots.count)
      nameCount = UInt32(index.nameCount)
      nameBytes = UInt32(index.names!.count)
      lines = UInt32((index.nameCount * bitsPerSubject) / Int(lineBits) + 1)
      slotsChecksum = 0
      namesChecksum = 0
    }

    func write(to target: UnsafeMutableRawPointer) {
      memset(target, 0, headerBytes)
      target.storeBytes(of: magic, as: UInt64.self)
      target.storeBytes(of: version, toByteOffset: 8, as: UInt32.self)
      target.storeBytes(of: id, toByteOffset: 16, as: UInt64.self)
      target.storeBytes(of: base, toByteOffset: 24, as: UInt64.self)
      target.storeBytes(of: blockEnd, toByteOffset: 32, as: UInt64.self)
      target.storeBytes(of: slotCount, toByteOffset: 40, as: UInt32.self)
      target.storeBytes(of: nameCount, toByteOffset: 44, as: UInt32.self)
      target.storeBytes(of: nameBytes, toByteOffset: 48, as: UInt32.self)
      target.storeBytes(of: lines, toByteOffset: 52, as: UInt32.self)
      target.storeBytes(of: slotsChecksum, toByteOffset: 56, as: UInt32.self)
      target.storeBytes(of: namesChecksum, toByteOffset: 60, as: UInt32.self)
      target.storeBytes(of: csys_crc32c(0, target, 124), toByteOffset: 124, as: UInt32.self)
    }
  }

  /// The file's bytes.
  static func encode(_ block: Block, _ index: BlockIndex) -> [UInt8] {
    var header = Header(block: block, index: index)
    var result = [UInt8](repeating: 0, count: header.fileBytes)
    result.withUnsafeMutableBytes { target in
      let base = target.baseAddress!
      let lines = base + headerBytes
      for number in 0..<index.nameCount {
        index.withName(number, records: nil) { name in
          let hash = fingerprint(name)
          setBits(lines + line(hash, header.lines) * lineBytes, hash)
        }
      }
      for line in 0..<Int(header.lines) {
        let at = lines + line * lineBytes
        at.storeBytes(of: csys_crc32c(UInt32(truncatingIfNeeded: line), at, 60), toByteOffset: 60, as: UInt32.self)
      }
      func copy(_ bytes: UnsafeRawBufferPointer, to offset: Int) {
        if let source = bytes.baseAddress { memcpy(base + offset, source, bytes.count) }
      }
      index.slots.withUnsafeBytes { copy($0, to: header.slotsOffset) }
      index.nameStarts.withUnsafeBytes { copy($0, to: header.startsOffset) }
      index.names!.withUnsafeBytes { copy($0, to: header.namesOffset) }
      header.slotsChecksum = csys_crc32c(0, base + header.slotsOffset, Int(header.slotCount) * 8)
      header.namesChecksum = csys_crc32c(0, base + header.startsOffset, header.fileBytes - header.startsOffset)
      header.write(to: base)
    }
    return result
  }

  /// The index of a block; nil when the file does not hold it intact.
  static func load(_ file: any DiskFile, of block: Block) throws -> BlockIndex? {
    guard let header = try readHeader(file, of: block) else { return nil }
    let index = BlockIndex(copiesNames: true)
    var complete = true
    index.slots = try [UInt64](unsafeUninitializedCapacity: Int(header.slotCount)) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: Int(header.slotCount) * 8)
      complete = try fill(file, bytes, header.slotsOffset)
      if complete, let base = bytes.baseAddress {
        complete = csys_crc32c(0, base, bytes.count) == header.slotsChecksum
      }
      count = complete ? Int(header.slotCount) : 0
    }
    guard complete else { return nil }
    let startBytes = (Int(header.nameCount) + 1) * 4
    var checksum: UInt32 = 0
    index.nameStarts = try [UInt32](unsafeUninitializedCapacity: Int(header.nameCount) + 1) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: startBytes)
      complete = try fill(file, bytes, header.startsOffset)
      if complete { checksum = csys_crc32c(0, bytes.baseAddress!, bytes.count) }
      count = complete ? Int(header.nameCount) + 1 : 0
    }
    guard complete else { return nil }
    index.names = try [UInt8](unsafeUninitializedCapacity: Int(header.nameBytes)) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      let part = UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: Int(header.nameBytes))
      complete = try fill(file, part, header.namesOffset)
      if complete, part.count > 0 { checksum = csys_crc32c(checksum, part.baseAddress!, part.count) }
      count = complete ? Int(header.nameBytes) : 0
    }
    guard complete, checksum == header.namesChecksum, isConsistent(index, block) else { return nil }
    return index
  }

  /// Whether every number in it leads somewhere: checksums do not vouch for who wrote it.
  private static func isConsistent(_ index: BlockIndex, _ block: Block) -> Bool {
    var previous: UInt32 = 0
    for start in index.nameStarts {
      if start < previous { return false }
      previous = start
    }
    guard index.nameStarts.first == 0, Int(previous) == index.names!.count else { return false }
    var end = BlockHeader.bytes
    for slot in index.slots where slot != Slot.empty {
      let offset = Slot.offset(slot)
      if offset < end || offset + RecordFormat.headerBytes > block.end || Slot.name(slot) >= index.nameCount {
        return false
      }
      end = offset + RecordFormat.headerBytes
    }
    return true
  }

  static func readHeader(_ file: any DiskFile, of block: Block) throws -> Header? {
    var bytes = [UInt8](repeating: 0, count: headerBytes)
    let isWhole = try bytes.withUnsafeMutableBytes { try fill(file, $0, 0) }
    guard isWhole, let header = bytes.withUnsafeBytes({ Header(reading: $0.baseAddress!, id: block.id) }),
      header.base == block.base, Int(header.slotCount) == block.slotCount, header.blockEnd == UInt64(block.end),
      header.nameCount <= header.slotCount, header.lines > 0, try file.size() >= header.fileBytes
    else { return nil }
    return header
  }

  private static func fill(_ file: any DiskFile, _ bytes: UnsafeMutableRawBufferPointer, _ offset: Int) throws -> Bool {
    try file.readAll(into: bytes, at: offset) == bytes.count
  }

  // MARK: which subjects are in the block

  /// The same in every process.
  static func fingerprint(_ subject: UnsafeRawBufferPointer) -> UInt64 {
    guard let base = subject.baseAddress else { return 0 }
    let low = UInt64(csys_crc32c(0, base, subject.count))
    let high = UInt64(csys_crc32c(0x5BD1_E995, base, subject.count))
    return (low | high << 32) &* 0x9E37_79B9_7F4A_7C15
  }

  private static func line(_ hash: UInt64, _ lines: UInt32) -> Int {
    Int((hash >> 32) &* UInt64(lines) >> 32)
  }

  /// Six bits of a line.
  @inline(__always) private static func forEachBit(_ hash: UInt64, _ body: (Int, UInt8) -> Void) {
    var value = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
    for _ in 0..<6 {
      value = value &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
      let bit = Int((value >> 40) % lineBits)
      body(bit >> 3, 1 << UInt8(bit & 7))
    }
  }

  private static func setBits(_ line: UnsafeMutableRawPointer, _ hash: UInt64) {
    forEachBit(hash) { byte, mask in
      line.storeBytes(of: line.load(fromByteOffset: byte, as: UInt8.self) | mask, toByteOffset: byte, as: UInt8.self)
    }
  }

  /// Whether the block may hold messages of a subject with this fingerprint. True when in doubt.
  static func mayContain(_ file: any DiskFile, _ header: Header, _ hash: UInt64) throws -> Bool {
    let number = line(hash, header.lines)
    return try withUnsafeTemporaryAllocation(byteCount: lineBytes, alignment: 8) { buffer in
      guard try fill(file, buffer, headerBytes + number * lineBytes) else { return true }
      let line = UnsafeRawPointer(buffer.baseAddress!)
      guard line.load(fromByteOffset: 60, as: UInt32.self) == csys_crc32c(UInt32(truncatingIfNeeded: number), line, 60)
      else { return true }
      var isThere = true
      forEachBit(hash) { byte, mask in
        if line.load(fromByteOffset: byte, as: UInt8.self) & mask == 0 { isThere = false }
      }
      return isThere
    }
  }
}
