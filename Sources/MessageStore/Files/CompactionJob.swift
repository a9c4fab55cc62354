import CSystem
import Glibc
import Reactor

/// Copies what is left of a sealed block into a new file, with a sidecar, both synced. The old file stays until the next
/// checkpoint speaks of the new one.
final class CompactionJob {
  let folder: StoreFolder
  let old: CheckpointFile.BlockSummary
  let newID: UInt64
  /// The result, for the loop; nil: the block is damaged and better left as it is.
  private(set) var new: Block?
  /// Where the records are in the new block.
  let index = BlockIndex(copiesNames: true)

  init(folder: StoreFolder, old: CheckpointFile.BlockSummary, newID: UInt64) {
    self.folder = folder
    self.old = old
    self.newID = newID
  }

  /// After an error nothing is left of it.
  func run() throws {
    do { try rewrite() } catch {
      new = nil
      try? folder.disk.remove(folder.path(StoreFiles.block(newID)))
      try? folder.disk.remove(folder.path(StoreFiles.sidecar(newID)))
      throw error
    }
  }

  private func rewrite() throws {
    // A store of its own for reading: nothing is shared with the loop.
    let reader = StreamStore(
      folder: StoreFolder(directory: folder.directory, disk: folder.disk, memory: StoreMemory(budgetBytes: 1 << 20)),
      options: StoreOptions())
    let source = Block(old)
    reader.blocks = [source]
    let file = try folder.disk.open(folder.path(StoreFiles.block(newID)), creating: 0o600)
    let block = Block(id: newID, base: old.base, isCompacted: true)
    index.slots = [UInt64](repeating: Slot.empty, count: source.slotCount)
    var names: [[UInt8]: Int] = [:]
    var buffer = [UInt8](repeating: 0, count: BlockHeader.bytes)
    buffer.withUnsafeMutableBytes {
      BlockHeader(id: newID, base: old.base, isCompacted: true, previousRecord: 0).write(to: $0.baseAddress!)
    }
    var written = 0
    block.end = BlockHeader.bytes
    var scan = BlockScan(block: source, from: BlockHeader.bytes, to: source.end)
    var copied: UInt64 = 0
    while let (_, record) = try scan.next(reader) {
      let sequence = record.sequence
      guard record.kind == RecordFormat.Kind.message, source.holds(sequence),
        index.slots[source.slot(sequence)] == Slot.empty
      else { continue }
      let subject = Array(record.subject)
      let name = names[subject] ?? index.addName(record.subject, at: 0)
      names[subject] = name
      index.slots[source.slot(sequence)] = Slot.make(
        offset: block.end, name: name, hasHeader: record.headerCount > 0, hasFlags: record.flags != 0)
      if copied == 0 { block.firstTimestamp = record.timestamp }
      block.flags |= record.flags
      buffer.append(contentsOf: UnsafeRawBufferPointer(start: record.base, count: record.size))
      block.end += record.size
      copied += 1
      if buffer.count >= 256 << 10 {
        try buffer.withUnsafeBytes { try file.writeAll($0, at: written) }
        written += buffer.count
        buffer.removeAll(keepingCapacity: true)
      }
    }
    guard copied == source.messages, !scan.foundDamage else { return }
    try buffer.withUnsafeBytes { try file.writeAll($0, at: written) }
    try file.synchronizeData()
    block.last = old.last
    block.lastTimestamp = old.lastTimestamp
    block.isSealed = true
    let sidecar = try folder.disk.open(folder.path(StoreFiles.sidecar(newID)), creating: 0o600)
    try BlockSidecar.encode(block, index).withUnsafeBytes { try sidecar.writeAll($0, at: 0) }
    try sidecar.synchronizeData()
    try folder.disk.synchronizeDirectory(folder.directory)
    new = block
  }
}
