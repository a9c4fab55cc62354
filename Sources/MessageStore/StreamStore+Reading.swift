import CSystem
import Glibc
import Reactor

extension StreamStore {
  /// The message, or nil when the sequence holds none.
  public func load(_ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    guard let block = block(holding: sequence) else { return nil }
    return message(try record(block, sequence))
  }

  @inline(__always) func message(_ record: Record) -> StoredMessage {
    let header = record.header
    return StoredMessage(
      sequence: record.sequence, timestamp: record.timestamp, flags: record.flags, subject: record.subject,
      header: header, payload: record.payload,
      bytes: messageBytes(record: record.size, hasHeader: header.count > 0))
  }

  /// The record of a message that the block holds. One that cannot be read is counted as lost; it is gone then.
  func record(_ block: Block, _ sequence: UInt64) throws(StoreError) -> Record {
    if let data = block.data { return Record(data + Slot.offset(block.index!.slots[block.slot(sequence)])) }
    do throws(StoreError) {
      if let record = try quickRecord(block, sequence) { return record }
    } catch {
      try tolerate(error)
    }
    // Not where the short ways looked: by the whole index, which is checked or made again.
    let index = try self.index(of: block)
    guard block.holds(sequence) else { throw .damaged(sequence: sequence) }
    let slot = index.slots[block.slot(sequence)]
    do throws(StoreError) {
      if slot != Slot.empty, let record = try record(block, at: Slot.offset(slot), sequence) { return record }
    } catch {
      try tolerate(error)
      try countUnreadable(block, at: Slot.offset(slot), error)
    }
    try lose(block, sequence, index)
    throw .damaged(sequence: sequence)
  }

  /// Goes on after a bad place on the disk; throws every other error.
  func tolerate(_ error: StoreError) throws(StoreError) {
    if case .unreadable(let error) = error, error.isBadPlace { return }
    throw error
  }

  /// A bad place costs what lies there; a disk that fails altogether must not cost everything.
  private func countUnreadable(_ count: Int, _ error: StoreError) throws(StoreError) {
    if unreadableMessages + count > Self.mostUnreadable { throw error }
    unreadableMessages += count
  }

  /// In a compressed block a bad place costs all messages of a piece. They count as those of as large a place in a block
  /// that is not.
  private func countUnreadable(_ block: Block, at offset: Int, _ error: StoreError) throws(StoreError) {
    guard block.pieceBytes > 0 else { return try countUnreadable(1, error) }
    let place = UnreadablePiece(block: block.id, number: offset / block.pieceBytes)
    if place == unreadablePiece { return }
    try countUnreadable(Self.unreadableInPiece, error)
    unreadablePiece = place
  }

  private static let unreadableInPiece = 32

  /// Without loading the index: going on from the record before, or by one entry of the sidecar.
  private func quickRecord(_ block: Block, _ sequence: UInt64) throws(StoreError) -> Record? {
    if let index = block.index {
      let slot = index.slots[block.slot(sequence)]
      return slot == Slot.empty ? nil : try record(block, at: Slot.offset(slot), sequence)
    }
    if let entry = block.indexEntry, entry === pinnedIndex, let index = entry.index {
      let slot = index.slots[block.slot(sequence)]
      return slot == Slot.empty ? nil : try record(block, at: Slot.offset(slot), sequence)
    }
    if block.readEnd > 0, block.readSequence < sequence, sequence - block.readSequence <= 16 {
      var steps = 0
      while steps < 16, block.readEnd < block.end {
        guard let record = try bytes(block, at: block.readEnd) else { break }
        if record.sequence == sequence, record.kind == RecordFormat.Kind.message, record.isIntact {
          block.readEnd += record.size
          block.readSequence = sequence
          return record
        }
        if record.sequence > sequence || record.sequence <= block.readSequence { break }
        block.readEnd += record.size
        block.readSequence = record.sequence
        steps += 1
      }
    }
    guard let offset = try sidecarOffset(block, sequence), offset >= BlockHeader.bytes, offset < block.end else {
      return nil
    }
    return try record(block, at: offset, sequence)
  }

  /// One slot, straight from the sidecar, unchecked: the record itself tells whether it was right.
  private func sidecarOffset(_ block: Block, _ sequence: UInt64) throws(StoreError) -> Int? {
    guard let header = try sidecar(block) else { return nil }
    do {
      guard let file = try openSidecar(block) else { return nil }
      return try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { buffer in
        let at = header.slotsOffset + block.slot(sequence) * 8
        guard try file.readAll(into: buffer, at: at) == 8 else { return nil }
        let slot = buffer.load(as: UInt64.self)
        return slot == Slot.empty ? nil : Slot.offset(slot)
      }
    } catch {
      return nil
    }
  }

  /// The record at an offset, checked; nil when it is not that message, intact.
  func record(_ block: Block, at offset: Int, _ sequence: UInt64) throws(StoreError) -> Record? {
    guard let record = try bytes(block, at: offset), record.sequence == sequence,
      record.kind == RecordFormat.Kind.message
    else { return nil }
    if !isInTail(block, offset), !record.isIntact { return nil }
    block.readEnd = offset + record.size
    block.readSequence = sequence
    return record
  }

  @inline(__always) private func isInTail(_ block: Block, _ offset: Int) -> Bool {
    block === tail.block && tail.read(offset) != nil
  }

  /// A whole record in memory, by its own lengths, unchecked otherwise; nil when the block ends before it does.
  func bytes(_ block: Block, at offset: Int) throws(StoreError) -> Record? {
    let room = block.end - offset
    if room < RecordFormat.headerBytes { return nil }
    if block === tail.block, let bytes = tail.read(offset) {
      let record = Record(bytes.baseAddress!)
      return bytes.count >= RecordFormat.headerBytes && record.fits(bytes.count) ? record : nil
    }
    guard let start = try window(block, at: offset, RecordFormat.headerBytes) else { return nil }
    var record = Record(start)
    guard record.fits(room) else { return nil }
    guard let whole = try window(block, at: offset, record.size) else { return nil }
    record = Record(whole)
    return record
  }

  /// The first bytes of what may be a record, unchecked; nil when the block ends before.
  func recordHeader(_ block: Block, at offset: Int) throws(StoreError) -> Record? {
    if block.end - offset < RecordFormat.headerBytes { return nil }
    if block === tail.block, let bytes = tail.read(offset) {
      return bytes.count >= RecordFormat.headerBytes ? Record(bytes.baseAddress!) : nil
    }
    return try window(block, at: offset, RecordFormat.headerBytes).map { Record($0) }
  }

  /// `needed` bytes of a block's file from an offset on, in the cache and pinned; nil when the file ends before.
  private func window(_ block: Block, at offset: Int, _ needed: Int) throws(StoreError) -> UnsafeRawPointer? {
    if let pinned = pinnedWindow, let bytes = pinned.bytes, offset >= pinned.start,
      offset + needed <= pinned.start + pinned.count, pinned.block == block.id
    {
      return UnsafeRawPointer(bytes) + (offset - pinned.start)
    }
    guard let memory = files?.memory else { return nil }
    // The last one that begins at or before the offset.
    var position = block.windows.count
    while position > 0, block.windows[position - 1].start > offset { position -= 1 }
    if position > 0 {
      let candidate = block.windows[position - 1]
      if offset + needed <= candidate.start + candidate.count {
        if use(candidate, block), let bytes = candidate.bytes {
          return UnsafeRawPointer(bytes) + (offset - candidate.start)
        }
        block.windows.remove(at: position - 1)
        position -= 1
      }
    }
    // What is only in memory yet does not count.
    let limit = block === tail.block ? tail.start : block.end
    let goesOn = offset <= block.nextWindow && offset + needed > block.nextWindow
    if offset == block.readEnd || goesOn {
      block.readSize = min(max(block.readSize * 2, 16 << 10), 256 << 10)
    } else {
      block.readSize = 4096
    }
    if block.file == nil { _ = try? open(block) }
    // Pieces of a compressed block are read as a whole.
    let piece = max(block.pieceBytes, 1)
    let start = offset / piece * piece
    let end = (offset + max(needed, block.readSize) + piece - 1) / piece * piece
    let size = min(end, limit) - start
    let needed = offset - start + needed
    guard size >= needed else { return nil }
    let buffer = malloc(size)!
    let count: Int
    do throws(StoreError) {
      count = try read(block, into: UnsafeMutableRawBufferPointer(start: buffer, count: size), at: start, needed)
    } catch {
      free(buffer)
      if case .unreadable(let error) = error, error.code == ENOENT { return nil }
      throw error
    }
    guard count >= needed else {
      free(buffer)
      return nil
    }
    while position > 0, block.windows[position - 1].start > start { position -= 1 }
    if position > 0, block.windows[position - 1].start == start {
      memory.drop(block.windows.remove(at: position - 1))
      position -= 1
    }
    if block.windows.count >= 64 {
      // A whole block takes 32 of the largest; more of them are leftovers of single reads.
      for window in block.windows { memory.drop(window) }
      block.windows = []
      position = 0
    }
    let entry = CacheEntry(block: block.id, bytes: buffer, start: start, count: count)
    releaseWindow()
    memory.insert(entry)
    pinnedWindow = entry
    block.nextWindow = start + count
    block.windows.insert(entry, at: position)
    return UnsafeRawPointer(buffer) + (offset - start)
  }

  /// Reads ahead; when that fails, only what is needed, three times.
  private func read(
    _ block: Block, into buffer: UnsafeMutableRawBufferPointer, at offset: Int, _ needed: Int
  ) throws(StoreError) -> Int {
    var failure = SystemError("read", code: EIO)
    for attempt in 0...3 {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(attempt == 0 ? buffer.count : needed)])
      do { return try open(block).readAll(into: part, at: offset) } catch {
        failure = error as? SystemError ?? failure
        if !failure.isBadPlace { break }
      }
    }
    throw .unreadable(failure)
  }

  private func use(_ entry: CacheEntry, _ block: Block) -> Bool {
    if entry === pinnedWindow { return true }
    releaseWindow()
    guard files!.memory.pin(entry) else { return false }
    pinnedWindow = entry
    return true
  }

  func releaseWindow() {
    if let pinnedWindow { files!.memory.unpin(pinnedWindow) }
    pinnedWindow = nil
  }

  func releaseIndex() {
    if let pinnedIndex { files!.memory.unpin(pinnedIndex) }
    pinnedIndex = nil
  }

  // MARK: indexes

  /// Where everything is in a block: from memory, from its sidecar, or made again from its records.
  func index(of block: Block) throws(StoreError) -> BlockIndex {
    if let index = block.index { return index }
    if let entry = block.indexEntry {
      if entry === pinnedIndex, let index = entry.index { return index }
      releaseIndex()
      if files!.memory.pin(entry) {
        pinnedIndex = entry
        if let index = entry.index { return index }
      }
      block.indexEntry = nil
    }
    var found: BlockIndex?
    do {
      if let file = try openSidecar(block) { found = try BlockSidecar.load(file, of: block) }
    } catch {
      try tolerate(.unreadable(error as? SystemError ?? SystemError("read", code: EIO)))
    }
    if found == nil {
      found = try remakeIndex(block)
      if let index = block.index { return index }
    }
    if block.indexEntry?.index !== found { cache(found!, of: block) }
    return found!
  }

  /// Hands a sealed block's index to the cache, pinned.
  func cache(_ index: BlockIndex, of block: Block) {
    releaseIndex()
    // An entry must not go while the cache has it.
    if let old = block.indexEntry { files!.memory.drop(old) }
    let entry = CacheEntry(block: block.id, index: index)
    files!.memory.insert(entry)
    block.indexEntry = entry
    pinnedIndex = entry
  }

  func openSidecar(_ block: Block) throws -> (any DiskFile)? {
    if let file = block.sidecarFile { return file }
    guard let files else { return nil }
    do {
      let file = try files.disk.open(files.path(StoreFiles.sidecar(block.id)), creating: nil)
      if openSidecars.count >= 16 { openSidecars.removeFirst().sidecarFile = nil }
      openSidecars.append(block)
      block.sidecarFile = file
      return file
    } catch let error as SystemError where error.code == ENOENT {
      return nil
    }
  }

  /// The header of a sealed block's sidecar; nil when there is none to rely on.
  func sidecar(_ block: Block) throws(StoreError) -> BlockSidecar.Header? {
    if let header = block.sidecar { return header }
    do {
      guard let file = try openSidecar(block) else { return nil }
      block.sidecar = try BlockSidecar.readHeader(file, of: block)
      return block.sidecar
    } catch {
      try tolerate(.unreadable(error as? SystemError ?? SystemError("read", code: EIO)))
      return nil
    }
  }

  /// An index from the records themselves; messages whose records are not found are lost.
  private func remakeIndex(_ block: Block) throws(StoreError) -> BlockIndex {
    recovery.notes.append("index of block \(block.id) is missing or damaged, made again")
    let index = BlockIndex(copiesNames: true)
    index.slots = [UInt64](repeating: Slot.empty, count: block.slotCount)
    var names: [[UInt8]: Int] = [:]
    var sizes = RecordSizes()
    var scan = BlockScan(block: block, from: BlockHeader.bytes, to: block.end)
    var previous: Int?
    while let (offset, record) = try scan.next(self) {
      let sequence = record.sequence
      if record.kind == RecordFormat.Kind.padding, let previous {
        index.slots[previous] = Slot.followedByGap(index.slots[previous])
      }
      guard record.kind != RecordFormat.Kind.padding, sequence >= block.base, sequence <= block.last,
        index.slots[block.slot(sequence)] == Slot.empty
      else { continue }
      if block.holds(sequence) { sizes.add(self, record) }
      previous = block.slot(sequence)
      let subject = Array(record.subject)
      let name = names[subject] ?? record.subjectNumber(index, offset)
      names[subject] = name
      index.slots[block.slot(sequence)] = Slot.make(
        offset: offset, name: name, hasHeader: record.headerCount > 0, hasFlags: record.flags != 0)
    }
    if let error = scan.unreadable {
      var missing = Int(clamping: block.messages) - sizes.count
      if block.pieceBytes > 0 {
        // A piece is gone through in steps of the alignment.
        let steps = max(1, block.pieceBytes / RecordFormat.alignment)
        missing = min(missing, (scan.unreadablePlaces / steps + 1) * Self.unreadableInPiece)
      }
      if missing > 0 { try countUnreadable(missing, .unreadable(error)) }
    }
    loseMissing(block, index, found: sizes)
    defer { remakeSubjectsIfUnsure() }
    if failure == nil, block.isSealed {
      block.index = index
      block.sidecar = nil
      block.sidecarFile = nil
      openSidecars.removeAll { $0 === block }
      do throws(StoreError) { try writeSidecar(block) } catch { return index }
      return index
    }
    block.index = index
    return index
  }

  // MARK: damage

  /// A message whose record is not what was written: gone, and counted as lost.
  func lose(_ block: Block, _ sequence: UInt64, _ index: BlockIndex) throws(StoreError) {
    let slot = index.slots[block.slot(sequence)]
    if slot == Slot.empty {
      loseWithoutSubject(block, sequence)
      return
    }
    let size = try recordBytes(block, sequence, index)
    index.withName(Slot.name(slot), records: nil) { _ = subjects.remove($0, sequence) }
    addLost(
      block, sequence, counted: UInt64(messageBytes(record: size, hasHeader: Slot.hasHeader(slot))), size: size)
  }

  /// Loses the messages of a block that an index just made of its records does not have. Returns how many. What they
  /// counted together is known: what the others leave.
  @discardableResult
  func loseMissing(_ block: Block, _ index: BlockIndex, found: RecordSizes) -> Int {
    var missing: [UInt64] = []
    var current = block.nextLive(block.firstLive)
    while let live = current {
      if index.slots[block.slot(live)] == Slot.empty { missing.append(live) }
      current = block.nextLive(live + 1)
    }
    var counted = block.bytes - min(found.counted, block.bytes)
    var size = block.liveRecordBytes - min(found.records, block.liveRecordBytes)
    for (number, sequence) in missing.enumerated() {
      let share = (counted / UInt64(missing.count - number), size / (missing.count - number))
      addLost(block, sequence, counted: share.0, size: share.1)
      counted -= share.0
      size -= share.1
      subjectsAreUnsure = true
    }
    return missing.count
  }

  /// How long a message's record is. In a damaged block the next one may not begin where it ends.
  func recordBytes(_ block: Block, _ sequence: UInt64, _ index: BlockIndex) throws(StoreError) -> Int {
    let slot = block.slot(sequence)
    if block.hasDamage || Slot.isFollowedByGap(index.slots[slot]),
      // Also one that was erased already, before a crash undid its removal.
      let record = try? bytes(block, at: Slot.offset(index.slots[slot])), record.sequence == sequence, record.isIntact
    {
      return record.size
    }
    return block.recordBytes(slot, index)
  }

  /// The same when nobody knows its subject any more: the index by subject is made again.
  func loseWithoutSubject(_ block: Block, _ sequence: UInt64) {
    let size = block.messages == 0 ? 0 : block.liveRecordBytes / Int(block.messages)
    let counted = messageBytes(record: max(size, RecordFormat.headerBytes), hasHeader: false)
    addLost(block, sequence, counted: UInt64(counted), size: size)
    subjectsAreUnsure = true
  }

  private func addLost(_ block: Block, _ sequence: UInt64, counted: UInt64, size: Int) {
    let counted = min(counted, block.bytes)
    block.hasDamage = true
    uncount(block, sequence, counted: counted, size: size)
    lost.count += 1
    lost.bytes += counted
    if lost.sequences.count < LostMessages.listedLimit {
      let position = lost.sequences.firstIndex { $0 > sequence } ?? lost.sequences.count
      lost.sequences.insert(sequence, at: position)
    }
  }
}

/// A piece of a compressed block that the disk did not give back.
struct UnreadablePiece: Equatable {
  var block: UInt64
  var number: Int
}

/// What the messages found in a block take.
struct RecordSizes {
  var count = 0
  var records = 0
  /// In `state.bytes`.
  var counted: UInt64 = 0

  mutating func add(_ store: StreamStore, _ record: Record) {
    count += 1
    records += record.size
    counted += UInt64(store.messageBytes(record: record.size, hasHeader: record.headerCount > 0))
  }
}

extension Record {
  /// Adds the record's subject to an index.
  fileprivate func subjectNumber(_ index: BlockIndex, _ offset: Int) -> Int { index.addName(subject, at: offset) }
}
