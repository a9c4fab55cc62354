import CSystem
import Glibc
import Reactor

/// The index by subject in a file: its arena as it is in memory, checked before it is used.
enum SubjectSnapshot {
  static let magic: UInt64 = 0x4A42_5553_5354_414E
  static let version: UInt64 = 1
  static let headerBytes = 64 + SubjectArena.sizeClasses * 4

  /// A copy of an index. It is made on the index's loop piece by piece, each piece at the latest before it changes; then
  /// another thread can write it.
  final class Copy: @unchecked Sendable {
    // Invariant: confined to the loop until it is complete, immutable from then on.
    private static let pieceBytes = 64 << 10

    fileprivate let header: [UInt8]
    fileprivate let arena: UnsafeMutableRawBufferPointer
    private var isCopied: [Bool]
    private var position = 0
    /// Memory that the index has given up meanwhile.
    private var inherited: UnsafeMutableRawPointer?

    init(_ arena: SubjectArena, root: SubjectArena.Link, count: Int) {
      self.arena = .allocate(byteCount: arena.usedUnits * 4, alignment: 8)
      isCopied = [Bool](
        repeating: false, count: (arena.usedUnits * 4 + Self.pieceBytes - 1) / Self.pieceBytes)
      var out = FileWriter()
      for value in [
        SubjectSnapshot.magic, SubjectSnapshot.version, UInt64(root), UInt64(count), UInt64(arena.usedUnits),
      ] {
        out.put(value)
      }
      out.bytes += [UInt8](repeating: 0, count: 64 - out.bytes.count)
      for link in arena.freeLists { withUnsafeBytes(of: link.littleEndian) { out.bytes.append(contentsOf: $0) } }
      header = out.bytes
    }

    deinit {
      arena.deallocate()
      free(inherited)
    }

    /// The index has another arena from now on; this memory is the copy's.
    func takeOver(_ base: UnsafeMutableRawPointer) { inherited = base }

    /// Copies about so many bytes more; true when nothing is left.
    func advance(_ base: UnsafeMutableRawPointer, bytes: Int) -> Bool {
      var left = bytes
      while position < isCopied.count, left > 0 {
        copy(position, inherited ?? base)
        position += 1
        left -= Self.pieceBytes
      }
      guard position == isCopied.count else { return false }
      free(inherited)
      inherited = nil
      return true
    }

    /// Copies what is about to change.
    func keep(_ base: UnsafeMutableRawPointer, from start: Int, count: Int) {
      let end = min(start + count, arena.count)
      if start >= end { return }
      for piece in start / Self.pieceBytes...(end - 1) / Self.pieceBytes { copy(piece, base) }
    }

    private func copy(_ piece: Int, _ base: UnsafeMutableRawPointer) {
      if isCopied[piece] { return }
      isCopied[piece] = true
      let start = piece * Self.pieceBytes
      memcpy(arena.baseAddress! + start, base + start, min(Self.pieceBytes, arena.count - start))
    }
  }

  /// Header, arena, checksum.
  static func write(_ copy: Copy, to file: any DiskFile) throws {
    var checksum: UInt32 = 0
    try copy.header.withUnsafeBytes {
      try file.writeAll($0, at: 0)
      checksum = csys_crc32c(0, $0.baseAddress!, $0.count)
    }
    try file.writeAll(UnsafeRawBufferPointer(copy.arena), at: headerBytes)
    checksum = csys_crc32c(checksum, copy.arena.baseAddress!, copy.arena.count)
    try withUnsafeBytes(of: checksum.littleEndian) { try file.writeAll($0, at: headerBytes + copy.arena.count) }
  }

  /// nil when the file is not what was written.
  static func load(_ file: any DiskFile) throws -> SubjectIndex? {
    var header = [UInt8](repeating: 0, count: headerBytes)
    guard try header.withUnsafeMutableBytes({ try file.readAll(into: $0, at: 0) }) == headerBytes else { return nil }
    var reader = FileReader(bytes: header, end: headerBytes)
    guard reader.get() == magic, reader.get() == version else { return nil }
    let root = reader.get()
    let count = reader.get()
    let units = reader.get()
    let size = try file.size()
    guard units >= 1, units < UInt64(UInt32.max), root < units, size >= headerBytes + Int(units) * 4 + 4 else {
      return nil
    }
    let bytes = malloc(Int(units) * 4 + 4)!
    var isAdopted = false
    defer { if !isAdopted { free(bytes) } }
    let target = UnsafeMutableRawBufferPointer(start: bytes, count: Int(units) * 4 + 4)
    guard try file.readAll(into: target, at: headerBytes) == target.count else { return nil }
    let checksum = csys_crc32c(
      header.withUnsafeBytes { csys_crc32c(0, $0.baseAddress!, $0.count) }, bytes, Int(units) * 4)
    guard bytes.loadUnaligned(fromByteOffset: Int(units) * 4, as: UInt32.self) == checksum else { return nil }
    let links = header.withUnsafeBytes { header in
      (0..<SubjectArena.sizeClasses).map { header.loadUnaligned(fromByteOffset: 64 + $0 * 4, as: UInt32.self) }
    }
    let arena = SubjectArena(adopting: bytes, usedUnits: Int(units), freeLists: links)
    guard isConsistent(arena, root: UInt32(root), count: Int(count)) else { return nil }
    isAdopted = true
    return SubjectIndex(arena: arena, root: UInt32(root), count: Int(count))
  }

  /// Whether every link leads to a whole node, none twice: a checksum does not vouch for who wrote the file.
  private static func isConsistent(_ arena: SubjectArena, root: SubjectArena.Link, count: Int) -> Bool {
    var seenUnits = 1
    var values = 0
    var waiting = root == SubjectArena.none ? [] : [root]
    func size(_ link: SubjectArena.Link) -> Int? {
      guard link != SubjectArena.none, Int(link) < arena.usedUnits else { return nil }
      let node = SubjectNode(arena.at(link))
      guard node.childCount <= 256, node.form & SubjectArena.Form.valueMask != 3 else { return nil }
      let units = SubjectArena.units(form: node.form, prefix: node.prefixCount, children: node.childCount)
      return Int(link) + units <= arena.usedUnits ? units : nil
    }
    while let link = waiting.popLast() {
      guard let units = size(link) else { return false }
      seenUnits += units
      if seenUnits > arena.usedUnits { return false }
      let node = SubjectNode(arena.at(link))
      if node.hasValue { values += 1 }
      for child in 0..<node.childCount { waiting.append(node.links[child]) }
    }
    if values != count { return false }
    for (units, head) in arena.freeLists.enumerated() {
      var link = head
      while link != SubjectArena.none {
        guard Int(link) + units <= arena.usedUnits, units > 0 else { return false }
        seenUnits += units
        if seenUnits > arena.usedUnits { return false }
        link = arena.at(link).load(as: UInt32.self)
      }
    }
    return true
  }
}
