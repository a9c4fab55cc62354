import Glibc
import Reactor

extension StreamStore {
  /// The store in a directory, which is made when it is not there. See `recovery` for what was found.
  ///
  /// The last checkpoint says what there is; only the block that was the newest then, and later ones, are read. Of what
  /// was written after the checkpoint the part that is whole is kept and the rest cut off: the journal has it.
  public static func open(
    directory: String, disk: any Disk, options: StoreOptions = StoreOptions(), memory: StoreMemory
  ) throws(StoreError) -> StreamStore {
    let store = StreamStore(folder: StoreFolder(directory: directory, disk: disk, memory: memory), options: options)
    do { try store.recover() } catch {
      switch error {
      case let error as StoreError: throw error
      case let error as SystemError: throw .failed(error)
      default: throw .failed(SystemError("open \(directory)", code: EIO))
      }
    }
    return store
  }

  private func recover() throws {
    let files = files!
    try files.disk.makeDirectory(files.directory, mode: 0o700)
    let names = Set(try files.disk.list(files.directory))
    var checkpoint = CheckpointFile()
    var isComplete = true
    switch try readCheckpoint(names) {
    case .none: break
    case .whole(let found): checkpoint = found
    case .damaged:
      isComplete = false
      noteDamage("checkpoint is damaged: everything readable is taken over, removed messages too; consumers are lost")
    }
    if names.contains(ErasureFile.name) { try ErasureFile.recover(files) }
    take(checkpoint)
    let written = names.compactMap { StoreFiles.number($0, ".blk") }.sorted()
    nextBlock = max(checkpoint.nextBlock, (written.last ?? 0) + 1)
    if written.isEmpty, checkpoint.number == 0, isComplete { try writeFirstCheckpoint() }
    let known = Set(checkpoint.blocks.map(\.id))
    for block in blocks where !names.contains(StoreFiles.block(block.id)) {
      recovery.notes.append("block \(block.id) is missing: its messages are lost")
      try loseAll(block)
    }
    blocks.removeAll { $0.messages == 0 && $0.hasDamage && !names.contains(StoreFiles.block($0.id)) }
    try loadSubjects(checkpoint, isComplete: isComplete)
    if let block = blocks.last, !block.isSealed { try recoverNewest(block) }

    var later: [(BlockHeader, UInt64)] = []
    for id in written where !known.contains(id) {
      if id < checkpoint.nextBlock, isComplete {
        try removeFiles(of: id)
        continue
      }
      guard let header = try readHeader(id), header.id == id, isComplete ? !header.isCompacted : true else {
        if isComplete { try removeFiles(of: id) } else { recovery.notes.append("block \(id) has no header") }
        continue
      }
      later.append((header, id))
    }
    // A store has a checkpoint before it has blocks.
    if isComplete, checkpoint.number == 0, !later.isEmpty {
      isComplete = false
      noteDamage("checkpoint is missing: everything readable is taken over, removed messages too; consumers are lost")
    }
    if isComplete { try takeLater(later) } else { try salvage(later) }
    if counts.messages > 0, let (_, live) = nextLive(0) { counts.firstSequence = live }
    if !isComplete { subjectsAreUnsure = true }
    if subjectsAreUnsure { try remakeSubjects() }
    for name in names {
      let isOldIndex =
        name.hasPrefix("subjects.") && name != StoreFiles.subjects(checkpoint.subjectsNumber)
      let isOrphan = StoreFiles.number(name, ".idx").map { id in !blocks.contains { $0.id == id } } ?? false
      let isUnfinished = name == StoreFiles.newCheckpoint || name.hasSuffix(StoreFiles.newBlockEnding)
      if isUnfinished || isOldIndex || isOrphan {
        try files.disk.removeIfThere(files.path(name))
        removedFiles = true
      }
    }
    // A file that came back after the next crash would be taken for one of the blocks written from now on.
    if removedFiles { try files.disk.synchronizeDirectory(files.directory) }
    reportMemory()
  }

  private enum FoundCheckpoint {
    case none, damaged
    case whole(CheckpointFile)
  }

  /// The checkpoint, or else its copy, which takes its place.
  private func readCheckpoint(_ names: Set<String>) throws -> FoundCheckpoint {
    let files = files!
    var reason = "missing"
    if names.contains(StoreFiles.checkpoint) {
      do {
        let bytes = try files.disk.read(files.path(StoreFiles.checkpoint))
        if let found = CheckpointFile(decoding: bytes) { return .whole(found) }
        reason = "damaged"
      } catch let error as SystemError {
        // What may be whole is not given up for a copy that cannot be read either.
        if !names.contains(StoreFiles.checkpointCopy) { throw error }
        reason = "unreadable (\(error))"
      }
    }
    guard names.contains(StoreFiles.checkpointCopy) else { return reason == "missing" ? .none : .damaged }
    let bytes = try files.disk.read(files.path(StoreFiles.checkpointCopy))
    guard let found = CheckpointFile(decoding: bytes) else { return .damaged }
    recovery.notes.append("checkpoint is \(reason): its copy is used")
    let new = files.path(StoreFiles.newCheckpoint)
    let file = try files.disk.open(new, creating: 0o600)
    try file.resize(to: 0)
    try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
    try files.disk.synchronizeDirectory(files.directory)
    try files.disk.rename(new, to: files.path(StoreFiles.checkpoint))
    try files.disk.synchronizeDirectory(files.directory)
    return .whole(found)
  }

  private func noteDamage(_ text: String) {
    recovery.notes.append(text)
    if recovery.damage == nil { recovery.damage = text }
  }

  /// Of an empty store: blocks found without a checkpoint later mean that it was lost.
  private func writeFirstCheckpoint() throws {
    var first = CheckpointFile()
    first.number = 1
    try CheckpointJob(
      folder: files!, checkpoint: first, subjects: nil, unsynced: [], complete: [], doomed: [], oldSubjects: nil,
      erasures: []
    ).run()
    checkpointNumber = 1
  }

  private func take(_ checkpoint: CheckpointFile) {
    recovery.appliedLog = checkpoint.appliedLog
    recovery.attachment = checkpoint.attachment
    checkpointNumber = checkpoint.number
    subjectsNumber = checkpoint.subjectsNumber
    previousRecord = checkpoint.previousRecord
    counts.lastSequence = checkpoint.lastSequence
    counts.lastTimestamp = checkpoint.lastTimestamp
    lost = checkpoint.lost
    blocks = checkpoint.blocks.map { Block($0) }
    for block in blocks {
      block.isSettled = block.isSealed
      counts.messages += block.messages
      counts.bytes += block.bytes
    }
    counts.firstSequence = nextLive(0)?.1 ?? counts.lastSequence &+ 1
  }

  private func loadSubjects(_ checkpoint: CheckpointFile, isComplete: Bool) throws {
    guard isComplete, checkpoint.number > 0 else { return }
    if checkpoint.subjectsNumber == 0 { return }
    let path = files!.path(StoreFiles.subjects(checkpoint.subjectsNumber))
    var found: SubjectIndex?
    do { found = try SubjectSnapshot.load(try files!.disk.open(path, creating: nil)) } catch let error as SystemError
      where error.code == ENOENT || error.isBadPlace
    {}
    if let found {
      subjects = found
      subjectsChanged = false
    } else {
      recovery.notes.append("index by subject is missing or damaged, made again")
      subjectsAreUnsure = true
    }
  }

  private func loseAll(_ block: Block) throws {
    block.hasDamage = true
    lost.count += block.messages
    lost.bytes += block.bytes
    var current = block.nextLive(block.firstLive)
    while let live = current, lost.sequences.count < LostMessages.listedLimit {
      lost.sequences.append(live)
      current = block.nextLive(live + 1)
    }
    counts.messages -= block.messages
    counts.bytes -= min(counts.bytes, block.bytes)
    block.messages = 0
    subjectsAreUnsure = true
    counts.firstSequence = nextLive(0)?.1 ?? counts.lastSequence &+ 1
  }

  private func removeFiles(of id: UInt64) throws {
    removedFiles = true
    try files!.disk.removeIfThere(files!.path(StoreFiles.block(id)))
    try files!.disk.removeIfThere(files!.path(StoreFiles.sidecar(id)))
  }

  private func readHeader(_ id: UInt64) throws -> BlockHeader? {
    var bytes = [UInt8](repeating: 0, count: BlockHeader.bytes)
    let file = try files!.openBlock(id)
    let count = try bytes.withUnsafeMutableBytes { try file.readAll(into: $0, at: 0) }
    guard count == bytes.count else { return nil }
    return bytes.withUnsafeBytes { BlockHeader(reading: $0) }
  }

  // MARK: the newest block of the checkpoint

  private func recoverNewest(_ block: Block) throws {
    let known = block.end
    let size = try open(block).size()
    // After a crash of the process alone the system may not have written everything yet.
    block.needsSync = true
    let index = BlockIndex(copiesNames: true)
    index.slots = [UInt64](repeating: Slot.empty, count: block.slotCount)
    var names: [[UInt8]: Int] = [:]
    var sizes = RecordSizes()
    var previous: Int?
    // The process may have ended, not the machine: what is read now may not be on the disk yet.
    block.needsSync = true
    // Below the checkpoint's mark everything was synced.
    block.end = size
    var scan = BlockScan(block: block, from: BlockHeader.bytes, to: min(known, size))
    while let (offset, record) = try scan.next(self) {
      let sequence = record.sequence
      if record.kind == RecordFormat.Kind.padding, let previous {
        index.slots[previous] = Slot.followedByGap(index.slots[previous])
      }
      guard record.kind != RecordFormat.Kind.padding, sequence >= block.base, sequence <= block.last,
        index.slots[block.slot(sequence)] == Slot.empty
      else { continue }
      previous = block.slot(sequence)
      let subject = Array(record.subject)
      let name = names[subject] ?? index.addName(record.subject, at: offset)
      names[subject] = name
      index.slots[block.slot(sequence)] = Slot.make(
        offset: offset, name: name, hasHeader: record.headerCount > 0, hasFlags: record.flags != 0)
      if record.kind == RecordFormat.Kind.erased, block.holds(sequence) {
        let counted = messageBytes(record: record.size, hasHeader: record.headerCount > 0)
        subject.withUnsafeBytes { _ = subjects.remove($0, sequence) }
        uncount(block, sequence, counted: UInt64(counted), size: record.size)
      } else if block.holds(sequence) {
        sizes.add(self, record)
      }
    }
    let missing = loseMissing(block, index, found: sizes)
    block.index = index
    block.end = max(known, scan.offset)
    if missing > 0 || scan.offset != known {
      recovery.notes.append("block \(block.id) is damaged: \(missing) messages are lost")
      block.hasDamage = true
      block.end = known
      try seal(block)
      return
    }
    if try !takeRecords(block, size) { wasCut = true }
  }

  /// Takes over the records from the block's end on, as long as they are whole. False when something was cut off.
  private func takeRecords(_ block: Block, _ size: Int) throws -> Bool {
    let start = block.end
    var end = start
    while end < size {
      // Reading goes up to the file's end; adding goes on from the block's.
      block.end = size
      let next: Record?
      do throws(StoreError) { next = try bytes(block, at: end) } catch {
        block.end = end
        try tolerate(error)
        // The journal has what a bad place hides from here on.
        recovery.notes.append("block \(block.id) cannot be read from byte \(end) on")
        break
      }
      block.end = end
      guard let record = next, end + record.size <= size, record.isIntact else { break }
      if record.kind == RecordFormat.Kind.padding {
        let index = block.index!
        if let last = index.slots.indices.last, index.slots[last] != Slot.empty {
          index.slots[last] = Slot.followedByGap(index.slots[last])
        }
        block.end += record.size
        end = block.end
        continue
      }
      guard record.sequence > counts.lastSequence,
        record.sequence != .max, UInt64(block.slotCount) + (record.sequence - block.last) <= Self.maximumSlots
      else { break }
      let sequence = record.sequence
      if record.kind == RecordFormat.Kind.erased {
        block.extend(through: sequence)
        let name = block.index!.addName(record.subject, at: end)
        block.index!.slots[block.slot(sequence)] = Slot.make(
          offset: end, name: name, hasHeader: record.headerCount > 0, hasFlags: record.flags != 0)
        block.end += record.size
        counts.lastSequence = sequence
        counts.lastTimestamp = record.timestamp
        previousRecord = sequence
      } else {
        enter(
          block, sequence: sequence, timestamp: record.timestamp, flags: record.flags, subject: record.subject,
          hasHeader: record.headerCount > 0, size: record.size)
      }
      end = block.end
    }
    block.end = end
    dropCached(block)
    tail.enter(block, at: end)
    if block.pieceBytes > 0 {
      // No record is ever added to a compressed file.
      try seal(block)
      return end == size
    }
    if end == size { return true }
    try open(block).resize(to: end)
    return false
  }

  // MARK: later blocks

  /// Each must go on where the one before ended; the first that does not, and what follows, is cut off.
  private func takeLater(_ later: [(BlockHeader, UInt64)]) throws {
    for (header, id) in later {
      guard !wasCut, header.previousRecord == previousRecord, header.previousRecord != BlockHeader.unconnected,
        header.base > counts.lastSequence
      else {
        wasCut = true
        try removeFiles(of: id)
        continue
      }
      if let last = blocks.last, !last.isSealed { try seal(last) }
      let block = Block(id: id, base: header.base)
      block.index = BlockIndex(copiesNames: true)
      block.needsSync = true
      blocks.append(block)
      if try !takeRecords(block, try open(block).size()) { wasCut = true }
      if block.slotCount == 0 {
        blocks.removeLast()
        discard(block)
        wasCut = true
      }
    }
  }

  /// Without a checkpoint: every block that can be read. Of two with the same messages, the newer one.
  private func salvage(_ found: [(BlockHeader, UInt64)]) throws {
    var chosen: [UInt64: (BlockHeader, UInt64)] = [:]
    for (header, id) in found { chosen[header.base] = (header, id) }
    previousRecord = 0
    for (header, id) in chosen.values.sorted(by: { $0.0.base < $1.0.base }) {
      if let last = blocks.last, !last.isSealed { try seal(last) }
      let block = Block(id: id, base: header.base, isCompacted: header.isCompacted)
      block.index = BlockIndex(copiesNames: true)
      block.needsSync = true
      let size = try open(block).size()
      block.end = size
      var scan = BlockScan(block: block, from: BlockHeader.bytes, to: size)
      blocks.append(block)
      block.end = BlockHeader.bytes
      while true {
        let end = block.end
        block.end = size
        let next = try scan.next(self)
        block.end = end
        guard let (offset, record) = next else { break }
        if record.kind == RecordFormat.Kind.padding { block.hasDamage = true }
        guard record.kind == RecordFormat.Kind.message, record.sequence > counts.lastSequence,
          record.sequence >= block.base, record.sequence - block.base < Self.maximumSlots
        else { continue }
        block.end = offset
        enter(
          block, sequence: record.sequence, timestamp: record.timestamp, flags: record.flags, subject: record.subject,
          hasHeader: record.headerCount > 0, size: record.size)
      }
      if scan.foundDamage { block.hasDamage = true }
      block.end = size
      if block.slotCount == 0 {
        dropCached(blocks.removeLast())
      } else {
        try seal(block)
      }
    }
    previousRecord = BlockHeader.unconnected
  }
}
