import CSystem
import Glibc
import Reactor

/// What stands at both ends of a compressed block's file: which block it is, its own first bytes (`BlockHeader`), and of
/// every piece how long it is in the file and its checksum. One end is enough to read the file.
///
/// The file: table, pieces one after the other, the same table, a footer that says how long it is. A piece stands for
/// `pieceBytes` of the block (the last one for what is left) and is an S2 block, or, when it is as long as what it
/// stands for, those bytes themselves. Everything is little-endian.
struct CompressedTable: Equatable {
  /// "NATSDCBL", and "NATSDCBE" at the end.
  static let magic: UInt64 = 0x4C42_4344_5354_414E
  static let footerMagic: UInt64 = 0x4542_4344_5354_414E
  static let version: UInt32 = 1
  /// Before the pieces' entries.
  static let fixedBytes = 40 + BlockHeader.bytes
  static let footerBytes = 16
  static let pieceSizes = 512...1 << 20

  struct Piece: Equatable {
    /// Bytes in the file.
    var count: UInt32
    /// Of these bytes, which block they belong to, and which piece of it they are.
    var checksum: UInt32
  }

  let id: UInt64
  /// How long the block is.
  let blockBytes: Int
  let pieceBytes: Int
  /// The first bytes of the block.
  let header: [UInt8]
  /// Without gaps, in their order.
  var pieces: [Piece] = []

  var pieceCount: Int { Self.pieceCount(blockBytes, pieceBytes) }
  var tableBytes: Int { Self.tableBytes(pieceCount) }
  var fileBytes: Int {
    pieces.reduce(2 * tableBytes + Self.footerBytes) { $0 + Int($1.count) }
  }

  static func pieceCount(_ blockBytes: Int, _ pieceBytes: Int) -> Int { (blockBytes + pieceBytes - 1) / pieceBytes }
  static func tableBytes(_ pieces: Int) -> Int { fixedBytes + 8 * pieces + 4 }

  /// How many bytes of the block a piece stands for.
  func length(ofPiece number: Int) -> Int { min(pieceBytes, blockBytes - number * pieceBytes) }

  /// - Parameter header: 64 bytes.
  init(id: UInt64, blockBytes: Int, pieceBytes: Int, header: [UInt8]) {
    self.id = id
    self.blockBytes = blockBytes
    self.pieceBytes = pieceBytes
    self.header = header
  }

  func checksum(_ bytes: UnsafeRawBufferPointer, ofPiece number: Int) -> UInt32 {
    let place = (id.littleEndian, UInt64(number).littleEndian)
    let seed = withUnsafeBytes(of: place) { csys_crc32c(0, $0.baseAddress!, $0.count) }
    return csys_crc32c(seed, bytes.baseAddress, bytes.count)
  }

  // MARK: bytes

  func encode() -> [UInt8] {
    var out = FileWriter()
    out.put(Self.magic)
    out.put(UInt64(Self.version) | UInt64(pieceBytes) << 32)
    out.put(id)
    out.put(UInt64(blockBytes))
    out.put(UInt64(pieceCount))
    out.bytes += header
    for piece in pieces { out.put(UInt64(piece.count) | UInt64(piece.checksum) << 32) }
    out.put(checksumOf: out.bytes[...])
    return out.bytes
  }

  /// What stands after the second table.
  var footer: [UInt8] {
    var out = FileWriter()
    out.put(Self.footerMagic)
    out.put32(UInt32(tableBytes))
    out.put(checksumOf: out.bytes[...])
    return out.bytes
  }

  /// nil for bytes that are not a whole table, or one that cannot be true.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= Self.fixedBytes + 4, let (fixed, count) = Self.fixedPart(bytes),
      bytes.count == Self.tableBytes(count), bytes.checksum(upTo: bytes.count - 4) == bytes.number32(bytes.count - 4)
    else { return nil }
    self = fixed
    pieces.reserveCapacity(count)
    for number in 0..<count {
      let at = Self.fixedBytes + 8 * number
      let piece = Piece(count: bytes.number32(at), checksum: bytes.number32(at + 4))
      guard piece.count > 0, Int(piece.count) <= length(ofPiece: number) else { return nil }
      pieces.append(piece)
    }
  }

  /// What stands before the pieces' entries, and how many they are.
  private static func fixedPart(_ bytes: [UInt8]) -> (CompressedTable, Int)? {
    guard bytes.count >= fixedBytes, bytes.number64(0) == magic, bytes.number32(8) == version else { return nil }
    let pieceBytes = Int(bytes.number32(12))
    let blockBytes = bytes.number64(24)
    guard pieceSizes.contains(pieceBytes), blockBytes >= UInt64(BlockHeader.bytes), blockBytes <= UInt64(UInt32.max),
      bytes.number64(32) == UInt64(pieceCount(Int(blockBytes), pieceBytes))
    else { return nil }
    let table = CompressedTable(
      id: bytes.number64(16), blockBytes: Int(blockBytes), pieceBytes: pieceBytes,
      header: Array(bytes[40..<fixedBytes]))
    return (table, table.pieceCount)
  }

  // MARK: files

  /// The table of a compressed block; nil for the file of a block as it was written, or of another block. Reads both ends
  /// where it must.
  static func read(_ file: any DiskFile, of id: UInt64) throws -> CompressedTable? {
    var unreadable: SystemError?
    do {
      let head = try read(file, 0, fixedBytes)
      if head.count >= 8, head.number64(0) == BlockHeader.magic { return nil }
      if let (_, count) = fixedPart(head), let table = CompressedTable(decoding: try read(file, 0, tableBytes(count))) {
        return table.id == id ? table : nil
      }
    } catch let error as SystemError where error.isBadPlace {
      unreadable = error
    }
    do {
      return try readEnd(file, of: id)
    } catch let error as SystemError where error.isBadPlace {
      // Whether it is compressed cannot be told when neither end can be read.
      if let unreadable { throw unreadable }
      return nil
    }
  }

  private static func readEnd(_ file: any DiskFile, of id: UInt64) throws -> CompressedTable? {
    let size = try file.size()
    guard size >= 2 * tableBytes(1) + footerBytes else { return nil }
    let footer = try read(file, size - footerBytes, footerBytes)
    guard footer.count == footerBytes, footer.number64(0) == footerMagic,
      footer.checksum(upTo: 12) == footer.number32(12)
    else { return nil }
    let count = Int(footer.number32(8))
    guard count <= (size - footerBytes) / 2,
      let table = CompressedTable(decoding: try read(file, size - footerBytes - count, count)),
      table.id == id, table.fileBytes == size
    else { return nil }
    return table
  }

  /// Fewer bytes at the file's end.
  private static func read(_ file: any DiskFile, _ offset: Int, _ count: Int) throws -> [UInt8] {
    let count = min(count, max(0, try file.size() - offset))
    var bytes = [UInt8](repeating: 0, count: count)
    let found = try bytes.withUnsafeMutableBytes { try file.readAll(into: $0, at: offset) }
    return found == count ? bytes : Array(bytes[..<found])
  }
}

extension [UInt8] {
  fileprivate func number64(_ at: Int) -> UInt64 {
    withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
  }
  fileprivate func number32(_ at: Int) -> UInt32 {
    withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt32.self)) }
  }
  fileprivate func checksum(upTo end: Int) -> UInt32 {
    withUnsafeBytes { csys_crc32c(0, $0.baseAddress, end) }
  }
}

extension FileWriter {
  fileprivate mutating func put32(_ value: UInt32) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  fileprivate mutating func put(checksumOf part: ArraySlice<UInt8>) {
    put32(part.withUnsafeBytes { csys_crc32c(0, $0.baseAddress, $0.count) })
  }
}
