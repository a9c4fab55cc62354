import Glibc
import Reactor
import S2

/// Writes the file of a compressed block piece by piece. It is nobody's before it is synced and renamed.
struct CompressedBlockWriter {
  private let file: any DiskFile
  private(set) var table: CompressedTable
  /// Pieces that are not in the file yet, which begin there.
  private var waiting: [UInt8] = []
  private var end: Int

  private static let writeBytes = 256 << 10

  /// - Parameter table: without pieces.
  init(_ file: any DiskFile, _ table: CompressedTable) throws {
    self.file = file
    self.table = table
    end = table.tableBytes
    try file.resize(to: 0)
  }

  /// Bytes of the file so far, and of its end.
  var fileBytes: Int { end + waiting.count + table.tableBytes + CompressedTable.footerBytes }

  /// Adds the next piece: what it stands for.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(bytes.count == table.length(ofPiece: table.pieces.count))
    let start = waiting.count
    S2Block.encode(bytes, to: &waiting)
    // What cannot be brought back is not given away: the piece is read once more.
    if waiting.count - start >= bytes.count || !standsFor(bytes, start) {
      waiting.removeLast(waiting.count - start)
      waiting.append(contentsOf: bytes)
    }
    let checksum = waiting.withUnsafeBytes {
      table.checksum(UnsafeRawBufferPointer(rebasing: $0[start...]), ofPiece: table.pieces.count)
    }
    try added(waiting.count - start, checksum)
  }

  /// Adds the next piece as another file of the block has it, damaged or not.
  mutating func append(stored bytes: [UInt8], _ piece: CompressedTable.Piece) throws {
    precondition(bytes.count == Int(piece.count))
    waiting += bytes
    try added(bytes.count, piece.checksum)
  }

  private func standsFor(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 16) { decoded in
      waiting.withUnsafeBytes { waiting in
        S2Block.decode(UnsafeRawBufferPointer(rebasing: waiting[start...]), into: decoded)
      } && memcmp(decoded.baseAddress!, bytes.baseAddress!, bytes.count) == 0
    }
  }

  private mutating func added(_ count: Int, _ checksum: UInt32) throws {
    table.pieces.append(CompressedTable.Piece(count: UInt32(count), checksum: checksum))
    if waiting.count >= Self.writeBytes { try write() }
  }

  private mutating func write() throws {
    try waiting.withUnsafeBytes { try file.writeAll($0, at: end) }
    end += waiting.count
    waiting.removeAll(keepingCapacity: true)
  }

  /// Writes both tables when all pieces are there, and syncs the file.
  mutating func finish() throws {
    precondition(table.pieces.count == table.pieceCount)
    let bytes = table.encode()
    waiting += bytes
    waiting += table.footer
    try write()
    try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
  }
}
