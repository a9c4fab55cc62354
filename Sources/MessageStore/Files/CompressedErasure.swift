import Reactor

/// Erasing records of a compressed block: its file is written anew without them, and takes the place of the old one.
/// Pieces that hold none of them are taken over as they are.
struct CompressedErasure {
  private let folder: StoreFolder
  private let file: CompressedBlockFile
  /// What the pieces that change are to stand for.
  private var changed: [Int: [UInt8]] = [:]

  private init(_ file: CompressedBlockFile, _ folder: StoreFolder) {
    self.file = file
    self.folder = folder
  }

  /// Whether the file was replaced; it is durable then. After an error the old one is there, or the new one.
  static func carryOut(
    _ erasures: [Erasure], in file: CompressedBlockFile, _ folder: StoreFolder
  ) throws -> Bool {
    var erasure = CompressedErasure(file, folder)
    do {
      for item in erasures { try erasure.add(item) }
      if erasure.changed.isEmpty { return false }
    } catch let error as SystemError where error.isBadPlace {
      // What the disk cannot give back is left as it is.
      return false
    }
    return try erasure.replace()
  }

  private mutating func add(_ erasure: Erasure) throws {
    guard erasure.offset >= 0, let head = try bytes(erasure.offset, RecordFormat.headerBytes) else { return }
    let room = file.table.blockBytes - erasure.offset
    let length = head.withUnsafeBytes { head -> Int? in
      let record = Record(head.baseAddress!)
      let isMeant = record.sequence == erasure.sequence && record.kind == RecordFormat.Kind.message
      return isMeant && record.fits(room) ? record.size : nil
    }
    guard let length, var record = try bytes(erasure.offset, length) else { return }
    let isErased = record.withUnsafeMutableBytes { bytes in
      guard Record(bytes.baseAddress!).isIntact else { return false }
      Record.erase(bytes.baseAddress!)
      return true
    }
    if isErased { try put(record, at: erasure.offset) }
  }

  private mutating func piece(_ number: Int) throws -> [UInt8]? {
    if let known = changed[number] { return known }
    return try file.piece(number)
  }

  /// Bytes of the block; nil when one of their pieces is damaged, or it ends before.
  private mutating func bytes(_ offset: Int, _ count: Int) throws -> [UInt8]? {
    guard offset + count <= file.table.blockBytes else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    while result.count < count {
      let at = offset + result.count
      guard let piece = try piece(at / file.table.pieceBytes) else { return nil }
      result += piece[(at % file.table.pieceBytes)...].prefix(count - result.count)
    }
    return result
  }

  private mutating func put(_ bytes: [UInt8], at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let number = (offset + done) / file.table.pieceBytes
      let start = (offset + done) % file.table.pieceBytes
      guard var piece = try piece(number) else { return }
      let part = min(piece.count - start, bytes.count - done)
      piece.replaceSubrange(start..<start + part, with: bytes[done..<done + part])
      changed[number] = piece
      done += part
    }
  }

  private func replace() throws -> Bool {
    let disk = folder.disk
    let newPath = folder.path(StoreFiles.newBlock(file.table.id))
    do {
      guard try write(newPath) else {
        try disk.remove(newPath)
        return false
      }
      try disk.rename(newPath, to: folder.path(StoreFiles.block(file.table.id)))
    } catch {
      try? disk.removeIfThere(newPath)
      throw error
    }
    try disk.synchronizeDirectory(folder.directory)
    return true
  }

  /// False when a piece to be taken over cannot be read.
  private func write(_ path: String) throws -> Bool {
    let old = file.table
    let table = CompressedTable(
      id: old.id, blockBytes: old.blockBytes, pieceBytes: old.pieceBytes, header: old.header)
    var writer = try CompressedBlockWriter(try folder.disk.open(path, creating: 0o600), table)
    for number in 0..<table.pieceCount {
      if let piece = changed[number] {
        try piece.withUnsafeBytes { try writer.append($0) }
        continue
      }
      do {
        // What the file does not have any more stays damaged.
        let stored = try file.stored(number) ?? [UInt8](repeating: 0, count: Int(old.pieces[number].count))
        try writer.append(stored: stored, old.pieces[number])
      } catch let error as SystemError where error.isBadPlace {
        return false
      }
    }
    try writer.finish()
    return true
  }
}
