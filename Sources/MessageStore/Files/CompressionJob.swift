import Glibc
import Reactor

/// Puts a compressed file in the place of a sealed block's: written beside it, synced, renamed. At every point one of the
/// two is there, whole, and says itself which it is.
final class CompressionJob {
  let folder: StoreFolder
  let block: UInt64
  /// How long the block is. Its file may be longer: what was cut off needs no space.
  let blockBytes: Int
  let pieceBytes: Int
  /// The block's file is another one than before.
  private(set) var isReplaced = false

  init(folder: StoreFolder, block: UInt64, blockBytes: Int, pieceBytes: Int) {
    self.folder = folder
    self.block = block
    self.blockBytes = blockBytes
    self.pieceBytes = pieceBytes
  }

  /// Returns also when there is nothing to win. After an error nothing is left of it.
  func run() throws {
    let disk = folder.disk
    let path = folder.path(StoreFiles.block(block))
    let old = try disk.open(path, creating: nil)
    if try CompressedTable.read(old, of: block) != nil {
      // Before a crash, or before a sync that failed.
      isReplaced = true
      try disk.synchronizeDirectory(folder.directory)
      return
    }
    // A file that was cut short is damaged: kept as it is.
    guard try old.size() >= blockBytes else { return }
    let newPath = folder.path(StoreFiles.newBlock(block))
    do {
      guard try write(newPath, from: old) else {
        try disk.remove(newPath)
        return
      }
      try disk.rename(newPath, to: path)
    } catch {
      try? disk.removeIfThere(newPath)
      throw error
    }
    isReplaced = true
    try disk.synchronizeDirectory(folder.directory)
  }

  /// False when it would not be smaller by a sixteenth.
  private func write(_ path: String, from old: any DiskFile) throws -> Bool {
    var piece = [UInt8](repeating: 0, count: max(min(pieceBytes, blockBytes), BlockHeader.bytes))
    func read(_ count: Int, at offset: Int) throws {
      let found = try piece.withUnsafeMutableBytes {
        try old.readAll(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]), at: offset)
      }
      guard found == count else { throw SystemError("read block \(block)", code: EIO) }
    }
    try read(BlockHeader.bytes, at: 0)
    let table = CompressedTable(
      id: block, blockBytes: blockBytes, pieceBytes: pieceBytes, header: Array(piece[..<BlockHeader.bytes]))
    var writer = try CompressedBlockWriter(try folder.disk.open(path, creating: 0o600), table)
    for number in 0..<table.pieceCount {
      let length = table.length(ofPiece: number)
      try read(length, at: number * pieceBytes)
      try piece.withUnsafeBytes { try writer.append(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
      if writer.fileBytes > blockBytes { return false }
    }
    guard writer.fileBytes <= blockBytes - blockBytes / 16 else { return false }
    try writer.finish()
    return true
  }
}
