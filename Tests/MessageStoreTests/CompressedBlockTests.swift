import CSystem
import Reactor
import StorageSimulation
import Testing

@testable import MessageStore

/// The file of a compressed block (FEATURES 9.014), with any bytes in it.
@Suite struct CompressedBlockTests {
  static let path = "s/7.blk"
  static let pieceBytes = 1024

  static func folder(_ disk: SimulatedDisk) -> StoreFolder {
    StoreFolder(directory: "s", disk: disk, memory: StoreMemory(budgetBytes: 0))
  }

  /// A block's bytes: a header, text, noise in the middle.
  static func block(_ count: Int) -> [UInt8] {
    var random = SeededGenerator(seed: 5)
    var bytes = [UInt8](repeating: 0, count: BlockHeader.bytes)
    bytes.withUnsafeMutableBytes {
      BlockHeader(id: 7, base: 1, isCompacted: false, previousRecord: 0).write(to: $0.baseAddress!)
    }
    while bytes.count < count {
      let isNoise = bytes.count > 3000 && bytes.count < 5000
      bytes.append(isNoise ? UInt8.random(in: 0...255, using: &random) : UInt8(bytes.count % 11 + 65))
    }
    return bytes
  }

  static func compressed(_ count: Int) throws -> (disk: SimulatedDisk, block: [UInt8]) {
    let disk = SimulatedDisk(seed: 1)
    let block = block(count)
    try disk.write(block, to: path, mode: 0o600)
    let job = CompressionJob(folder: folder(disk), block: 7, blockBytes: count, pieceBytes: pieceBytes)
    try job.run()
    #expect(job.isReplaced)
    return (disk, block)
  }

  static func read(_ disk: SimulatedDisk, _ range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: range.count)
    let file = try folder(disk).openBlock(7)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: range.lowerBound) }
    return Array(bytes[..<count])
  }

  /// Which pieces are not as they were; each of these must be zeros, but for the block's header.
  static func damaged(_ disk: SimulatedDisk, _ block: [UInt8]) throws -> Set<Int>? {
    let found = try read(disk, 0..<block.count)
    guard found.count == block.count else { return nil }
    var result: Set<Int> = []
    for (number, start) in stride(from: 0, to: block.count, by: pieceBytes).enumerated() {
      let piece = start..<min(start + pieceBytes, block.count)
      if found[piece] == block[piece] { continue }
      result.insert(number)
      let rest = number == 0 ? piece.dropFirst(BlockHeader.bytes) : piece
      #expect(found[rest].allSatisfy { $0 == 0 })
      if number == 0 { #expect(found[..<BlockHeader.bytes] == block[..<BlockHeader.bytes]) }
    }
    return result
  }

  @Test("a compressed block is read as it was written, from anywhere", arguments: [2000, 8192, 9000, 9217])
  func reads(count: Int) throws {
    let (disk, block) = try Self.compressed(count)
    #expect(disk.contents(Self.path).count < count * 3 / 4)
    #expect(try Self.folder(disk).openBlock(7).size() == count)
    var random = SeededGenerator(seed: 9)
    for _ in 0..<300 {
      let start = Int.random(in: 0...count, using: &random)
      let range = start..<Int.random(in: start...count + 100, using: &random)
      if range.isEmpty { continue }
      #expect(try Self.read(disk, range) == Array(block[range.clamped(to: 0..<count)]))
    }
  }

  @Test("noise stays as it is, and nothing is left of the attempt")
  func noise() throws {
    let disk = SimulatedDisk(seed: 1)
    var random = SeededGenerator(seed: 5)
    let block = Self.block(64) + (0..<8000).map { _ in UInt8.random(in: 0...255, using: &random) }
    try disk.write(block, to: Self.path, mode: 0o600)
    let job = CompressionJob(folder: Self.folder(disk), block: 7, blockBytes: block.count, pieceBytes: 1024)
    try job.run()
    #expect(!job.isReplaced)
    #expect(try disk.list("s") == ["7.blk"])
    #expect(disk.contents(Self.path) == block)
  }

  @Test("a changed bit costs one piece at most, wherever it is")
  func flips() throws {
    let (disk, block) = try Self.compressed(9000)
    let size = disk.contents(Self.path).count
    for byte in 0..<size {
      disk.flip(Self.path, byte: byte, bit: byte % 8)
      let damaged = try #require(try Self.damaged(disk, block))
      #expect(damaged.count <= 1, "byte \(byte)")
      disk.flip(Self.path, byte: byte, bit: byte % 8)
    }
    #expect(try Self.damaged(disk, block) == [])
  }

  @Test("of a file that was cut short the pieces before the cut are there")
  func cuts() throws {
    let (disk, block) = try Self.compressed(9000)
    let whole = disk.contents(Self.path)
    for size in stride(from: whole.count - 1, to: 0, by: -1) {
      disk.truncate(Self.path, to: size)
      guard let table = CompressedTable(decoding: Array(whole[..<CompressedTable.tableBytes(9)])) else {
        Issue.record("no table")
        return
      }
      if size < table.tableBytes {
        _ = try Self.read(disk, 0..<9000)
        continue
      }
      var end = table.tableBytes
      let whole = table.pieces.prefix {
        end += Int($0.count)
        return end <= size
      }
      #expect(try Self.damaged(disk, block) == Set(whole.count..<table.pieces.count), "size \(size)")
    }
  }

  /// A table's bytes with a right checksum, whatever they say.
  static func signed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let checksum = bytes.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, $0.count - 4) }
    for index in 0..<4 { bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
    return bytes
  }

  static let lies: [(name: String, offset: Int, bytes: [UInt8])] = [
    ("another version", 8, [2, 0, 0, 0]),
    ("pieces of no bytes", 12, [0, 0, 0, 0]),
    ("pieces that are too small", 12, [255, 1, 0, 0]),
    ("pieces that are too large", 12, [1, 0, 16, 0]),
    ("pieces larger than numbers", 12, [255, 255, 255, 255]),
    ("a block of no bytes", 24, [0, 0, 0, 0, 0, 0, 0, 0]),
    ("a block larger than blocks are", 24, [0, 0, 0, 0, 1, 0, 0, 0]),
    ("a block larger than numbers", 24, [255, 255, 255, 255, 255, 255, 255, 255]),
    ("fewer pieces", 32, [8, 0, 0, 0, 0, 0, 0, 0]),
    ("more pieces", 32, [10, 0, 0, 0, 0, 0, 0, 0]),
    ("pieces without end", 32, [255, 255, 255, 255, 255, 255, 255, 255]),
    ("an empty piece", 104, [0, 0, 0, 0]),
    ("a piece longer than what it stands for", 104, [1, 4, 0, 0]),
    ("a piece without end", 104, [255, 255, 255, 255]),
  ]

  @Test("a table that cannot be true is none, at either end", arguments: lies.indices)
  func refusesLies(index: Int) throws {
    let (disk, block) = try Self.compressed(9000)
    let file = disk.contents(Self.path)
    let count = CompressedTable.tableBytes(9)
    let (name, offset, lie) = Self.lies[index]
    var table = Array(file[..<count])
    #expect(CompressedTable(decoding: table) != nil)
    table.replaceSubrange(offset..<offset + lie.count, with: lie)
    table = Self.signed(table)
    #expect(CompressedTable(decoding: table) == nil, "\(name)")
    var changed = file
    changed.replaceSubrange(..<count, with: table)
    try disk.write(changed, to: Self.path, mode: 0o600)
    #expect(try Self.damaged(disk, block) == [], "\(name): the other end")
    let last = file.count - CompressedTable.footerBytes - count
    changed.replaceSubrange(last..<last + count, with: table)
    try disk.write(changed, to: Self.path, mode: 0o600)
    #expect(try Self.read(disk, 0..<file.count) == changed, "\(name): not compressed then")
  }

  @Test("a block of four gigabytes in a small file takes no memory")
  func largeTable() throws {
    let disk = SimulatedDisk(seed: 1)
    var bytes = CompressedTable(id: 7, blockBytes: Int(UInt32.max), pieceBytes: 512, header: Self.block(64)).encode()
    bytes += [UInt8](repeating: 1, count: 4000)
    try disk.write(bytes, to: Self.path, mode: 0o600)
    #expect(try Self.folder(disk).openBlock(7).size() == bytes.count)
  }

  @Test("the file of another block is not taken for this one")
  func otherBlock() throws {
    let (disk, _) = try Self.compressed(9000)
    try disk.rename(Self.path, to: "s/8.blk")
    #expect(try Self.folder(disk).openBlock(8).size() == disk.contents("s/8.blk").count)
  }

  @Test(
    "any bytes in a piece, with the right checksum, are the piece or zeros", arguments: 1...200 as ClosedRange<UInt64>)
  func hostilePieces(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let disk = SimulatedDisk(seed: 1)
    var table = CompressedTable(id: 7, blockBytes: 2000, pieceBytes: 1024, header: Self.block(64))
    var body: [UInt8] = []
    for number in 0..<2 {
      let length = table.length(ofPiece: number)
      var piece = (0..<Int.random(in: 1...length, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
      }
      // Many begin as a block of this length would.
      if random.chance(80), piece.count > 4, piece.count < length {
        piece[0] = UInt8(length & 0x7F | 0x80)
        piece[1] = UInt8(length >> 7)
        for index in piece.indices.dropFirst(2) where random.chance(70) {
          piece[index] = UInt8.random(in: 0...12, using: &random)
        }
      }
      let checksum = piece.withUnsafeBytes { table.checksum($0, ofPiece: number) }
      table.pieces.append(CompressedTable.Piece(count: UInt32(piece.count), checksum: checksum))
      body += piece
    }
    try disk.write(table.encode() + body + table.encode() + table.footer, to: Self.path, mode: 0o600)
    for range in [0..<2000, 0..<64, 30..<1500, 1024..<2000, 1999..<2000] {
      #expect(try Self.read(disk, range).count == range.count)
    }
    let file = try #require(try Self.folder(disk).openBlock(7) as? CompressedBlockFile)
    for number in 0..<2 { _ = try file.piece(number) }
  }

  @Test("with one end that cannot be read the other one is enough", arguments: [true, false])
  func unreadableEnd(isFirst: Bool) throws {
    let (disk, block) = try Self.compressed(64 << 10)
    let sectors = (disk.contents(Self.path).count - 1) / 4096
    #expect(sectors > 0)
    disk.unreadable[Self.path] = [isFirst ? 0 : sectors]
    #expect(try Self.folder(disk).openBlock(7) is CompressedBlockFile)
    // The noise in the middle is in the first sector.
    if !isFirst { #expect(try Self.read(disk, 4000..<4100) == Array(block[4000..<4100])) }
    disk.unreadable[Self.path] = [0, sectors]
    #expect(throws: SystemError.self) { try Self.folder(disk).openBlock(7) }
  }
}
