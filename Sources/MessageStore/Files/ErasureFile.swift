import CSystem
import Glibc
import Reactor

/// A record in a block's file that is to be overwritten.
struct Erasure: Equatable {
  var block: UInt64
  var offset: Int
  var sequence: UInt64
}

/// Overwriting records that were synced long ago. A power failure may destroy the sectors that are being written, and
/// with them the records beside: so the new contents of these sectors are made durable in a file of their own first, and
/// after a crash that file is carried out again.
enum ErasureFile {
  static let name = "erasures"
  private static let magic: UInt64 = 0x5341_5245_5354_414E
  /// Records handled with one file.
  private static let chunk = 256

  private struct Part {
    var block: UInt64
    var offset: Int
    var bytes: [UInt8]
  }

  /// - Parameter overwriting: told true before blocks are touched, false when that is durable.
  static func carryOut(_ erasures: [Erasure], _ folder: StoreFolder, overwriting: (Bool) -> Void) throws {
    var start = 0
    while start < erasures.count {
      let end = min(start + chunk, erasures.count)
      let parts = try prepare(erasures[start..<end].sorted { ($0.block, $0.offset) < ($1.block, $1.offset) }, folder)
      if !parts.isEmpty {
        let file = try folder.disk.open(folder.path(name), creating: 0o600)
        try file.resize(to: 0)
        try encode(parts).withUnsafeBytes { try file.writeAll($0, at: 0) }
        try file.synchronizeData()
        try folder.disk.synchronizeDirectory(folder.directory)
        overwriting(true)
        try overwrite(parts, folder)
        overwriting(false)
      }
      start = end
    }
    if !erasures.isEmpty {
      try folder.disk.removeIfThere(folder.path(name))
      try folder.disk.synchronizeDirectory(folder.directory)
    }
  }

  /// Erases the records of compressed blocks, and returns the erasures in other blocks.
  ///
  /// - Parameter replaced: told of every block whose file is a new one.
  static func carryOutCompressed(
    _ erasures: [Erasure], _ folder: StoreFolder, replaced: (UInt64) -> Void
  ) throws -> [Erasure] {
    var rest: [Erasure] = []
    for (block, erasures) in Dictionary(grouping: erasures, by: \.block).sorted(by: { $0.key < $1.key }) {
      if let file = try compressed(block, folder) {
        if try CompressedErasure.carryOut(erasures, in: file, folder) { replaced(block) }
      } else {
        rest += erasures
      }
    }
    return rest
  }

  private static func compressed(_ block: UInt64, _ folder: StoreFolder) throws -> CompressedBlockFile? {
    do {
      return try folder.openBlock(block) as? CompressedBlockFile
    } catch let error as SystemError where error.code == ENOENT || error.isBadPlace {
      return nil
    }
  }

  /// After a crash: what a whole file of erasures says. One that is not whole was never acted on.
  static func recover(_ folder: StoreFolder) throws {
    if let parts = decode(try folder.disk.read(folder.path(name))) { try overwrite(parts, folder) }
    try folder.disk.remove(folder.path(name))
    try folder.disk.synchronizeDirectory(folder.directory)
  }

  /// The sectors as they are to be, in ascending order; those that touch are one part.
  private static func prepare(_ erasures: [Erasure], _ folder: StoreFolder) throws -> [Part] {
    var parts: [Part] = []
    for erasure in erasures {
      // What the disk cannot give back is left as it is.
      do { try add(erasure, to: &parts, folder) } catch let error as SystemError where error.isBadPlace {}
    }
    return parts
  }

  private static func add(_ erasure: Erasure, to parts: inout [Part], _ folder: StoreFolder) throws {
    guard let file = try open(erasure.block, folder) else { return }
    let alignment = RecordFormat.alignment
    let start = erasure.offset / alignment * alignment
    let size = try file.size()
    var record = [UInt8](repeating: 0, count: RecordFormat.headerBytes)
    guard erasure.offset + record.count <= size,
      try record.withUnsafeMutableBytes({ try file.readAll(into: $0, at: erasure.offset) }) == record.count
    else { return }
    let length = record.withUnsafeBytes { header -> Int? in
      let record = Record(header.baseAddress!)
      guard record.sequence == erasure.sequence, record.fits(size - erasure.offset) else { return nil }
      return record.size
    }
    guard let length else { return }
    let end = min((erasure.offset + length + alignment - 1) / alignment * alignment, size)
    var continues = false
    if let last = parts.last, last.block == erasure.block, last.offset + last.bytes.count > start {
      continues = true
    }
    var part = continues ? parts[parts.count - 1] : Part(block: erasure.block, offset: start, bytes: [])
    let known = part.offset + part.bytes.count
    if end > known {
      var more = [UInt8](repeating: 0, count: end - known)
      let count = try more.withUnsafeMutableBytes { try file.readAll(into: $0, at: known) }
      part.bytes += more[..<count]
    }
    part.bytes.withUnsafeMutableBytes { bytes in
      let at = erasure.offset - part.offset
      guard at + length <= bytes.count else { return }
      let record = Record(bytes.baseAddress! + at)
      if record.isIntact, record.kind == RecordFormat.Kind.message { Record.erase(bytes.baseAddress! + at) }
    }
    if continues { parts.removeLast() }
    parts.append(part)
  }

  private static func overwrite(_ parts: [Part], _ folder: StoreFolder) throws {
    var current: (block: UInt64, file: any DiskFile)?
    for part in parts {
      if current?.block != part.block {
        try current?.file.synchronizeData()
        // A block that was compressed later has been through this.
        let isCompressed = try compressed(part.block, folder) != nil
        current = isCompressed ? nil : try open(part.block, folder).map { (part.block, $0) }
      }
      if let file = current?.file { try part.bytes.withUnsafeBytes { try file.writeAll($0, at: part.offset) } }
    }
    try current?.file.synchronizeData()
  }

  private static func open(_ block: UInt64, _ folder: StoreFolder) throws -> (any DiskFile)? {
    do { return try folder.disk.open(folder.path(StoreFiles.block(block)), creating: nil) } catch let error
      as SystemError
      where error.code == 2
    { return nil }
  }

  private static func encode(_ parts: [Part]) -> [UInt8] {
    var out = FileWriter()
    out.put(magic)
    out.put(UInt64(parts.count))
    for part in parts {
      for value in [part.block, UInt64(part.offset), UInt64(part.bytes.count)] { out.put(value) }
      out.bytes += part.bytes
    }
    out.put(UInt64(out.bytes.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, $0.count) }))
    return out.bytes
  }

  private static func decode(_ bytes: [UInt8]) -> [Part]? {
    guard bytes.count >= 24 else { return nil }
    let end = bytes.count - 8
    var reader = FileReader(bytes: bytes, end: bytes.count)
    guard reader.get() == magic else { return nil }
    let checksum = bytes.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, end) }
    guard bytes.withUnsafeBytes({ $0.loadUnaligned(fromByteOffset: end, as: UInt64.self) }) == UInt64(checksum),
      let count = reader.count(of: 24)
    else { return nil }
    var parts: [Part] = []
    for _ in 0..<count {
      let block = reader.get()
      let offset = reader.get()
      guard let length = reader.count(of: 1), offset < 1 << 40 else { return nil }
      parts.append(Part(block: block, offset: Int(offset), bytes: reader.take(length)))
    }
    return parts
  }
}
