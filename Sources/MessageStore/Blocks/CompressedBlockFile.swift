import Glibc
import Reactor
import S2

/// A compressed block as if it were as it was written: reads at the block's offsets, a piece or more at a time. Where a
/// piece is damaged there are zeros, which are no record.
final class CompressedBlockFile: DiskFile, @unchecked Sendable {
  // Invariant: nothing varies.
  let raw: any DiskFile
  let table: CompressedTable
  /// Where each piece is in the file, and where the last one ends.
  private let starts: [Int]

  init(_ raw: any DiskFile, _ table: CompressedTable) {
    self.raw = raw
    self.table = table
    var starts: [Int] = []
    starts.reserveCapacity(table.pieces.count + 1)
    var start = table.tableBytes
    for piece in table.pieces {
      starts.append(start)
      start += Int(piece.count)
    }
    starts.append(start)
    self.starts = starts
  }

  /// Bytes of the file that are read at once, unless one piece is larger.
  private static let readBytes = 64 << 10

  func size() throws -> Int { table.blockBytes }

  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    let end = min(offset + bytes.count, table.blockBytes)
    guard offset >= 0, offset < end else { return 0 }
    var first = offset / table.pieceBytes
    let last = (end - 1) / table.pieceBytes
    while first <= last {
      var next = first + 1
      while next <= last, starts[next + 1] - starts[first] <= Self.readBytes { next += 1 }
      try read(first..<next) { number, stored in
        let start = number * table.pieceBytes
        let part = max(start, offset)..<min(start + table.length(ofPiece: number), end)
        let target = UnsafeMutableRawBufferPointer(
          rebasing: bytes[(part.lowerBound - offset)..<(part.upperBound - offset)])
        put(number, stored, part.lowerBound - start, into: target)
      }
      first = next
    }
    return end - offset
  }

  /// Calls `body` with each of these pieces as it is in the file; nil where the file has ended.
  private func read(_ pieces: Range<Int>, _ body: (Int, UnsafeRawBufferPointer?) -> Void) throws {
    let start = starts[pieces.lowerBound]
    let size = starts[pieces.upperBound] - start
    let buffer = UnsafeMutableRawBufferPointer(start: malloc(size)!, count: size)
    defer { free(buffer.baseAddress) }
    let found = try raw.readAll(into: buffer, at: start)
    for number in pieces {
      let place = (starts[number] - start)..<(starts[number + 1] - start)
      body(number, place.upperBound <= found ? UnsafeRawBufferPointer(rebasing: buffer[place]) : nil)
    }
  }

  /// Writes what a piece stands for, from an offset in it on.
  private func put(
    _ number: Int, _ stored: UnsafeRawBufferPointer?, _ skipped: Int, into target: UnsafeMutableRawBufferPointer
  ) {
    if let stored, isIntact(stored, number) {
      let length = table.length(ofPiece: number)
      if stored.count == length {
        memcpy(target.baseAddress!, stored.baseAddress! + skipped, target.count)
        return
      }
      if target.count == length {
        if S2Block.decode(stored, into: target) { return }
      } else {
        let whole = UnsafeMutableRawBufferPointer(start: malloc(length)!, count: length)
        defer { free(whole.baseAddress) }
        if S2Block.decode(stored, into: whole) {
          memcpy(target.baseAddress!, whole.baseAddress! + skipped, target.count)
          return
        }
      }
    }
    memset(target.baseAddress!, 0, target.count)
    if number == 0, skipped < BlockHeader.bytes {
      for index in 0..<min(BlockHeader.bytes - skipped, target.count) { target[index] = table.header[skipped + index] }
    }
  }

  private func isIntact(_ stored: UnsafeRawBufferPointer, _ number: Int) -> Bool {
    table.checksum(stored, ofPiece: number) == table.pieces[number].checksum
  }

  /// A piece as it is in the file, for another file; nil where the file has ended.
  func stored(_ number: Int) throws -> [UInt8]? {
    var result: [UInt8]?
    try read(number..<number + 1) { result = $1.map { Array($0) } }
    return result
  }

  /// What a piece stands for; nil when it is damaged.
  func piece(_ number: Int) throws -> [UInt8]? {
    let length = table.length(ofPiece: number)
    guard let stored = try stored(number), stored.withUnsafeBytes({ isIntact($0, number) }) else { return nil }
    if stored.count == length { return stored }
    var bytes = [UInt8](repeating: 0, count: length)
    let isWhole = bytes.withUnsafeMutableBytes { bytes in
      stored.withUnsafeBytes { S2Block.decode($0, into: bytes) }
    }
    return isWhole ? bytes : nil
  }

  // MARK: a compressed block is never changed in its place

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws -> Int {
    throw SystemError("write compressed block \(table.id)", code: EROFS)
  }

  func resize(to size: Int) throws { throw SystemError("resize compressed block \(table.id)", code: EROFS) }
  func synchronizeData() throws { try raw.synchronizeData() }
  func bypassCache() {}
  func leaveCache() { raw.leaveCache() }
}

extension StoreFolder {
  /// A block's file, whose offsets are those of the block, compressed or not.
  ///
  /// - Parameter isSealed: it may be compressed; when that cannot be found out, it is not taken for what it is not.
  func openBlock(_ id: UInt64, isSealed: Bool = true) throws -> any DiskFile {
    let file = try disk.open(path(StoreFiles.block(id)), creating: nil)
    do {
      return try CompressedTable.read(file, of: id).map { CompressedBlockFile(file, $0) } ?? file
    } catch let error as SystemError where error.isBadPlace && !isSealed {
      return file
    }
  }
}
