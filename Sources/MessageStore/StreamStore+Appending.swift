import Bytes
import Glibc
import Reactor

extension StreamStore {
  /// Sequences without a record that a block bridges, and slots it may have.
  static let maximumGap: UInt64 = 65_536
  static let maximumSlots: UInt64 = 1 << 20
  /// What may wait in memory for space; then the store has failed.
  static let maximumHeld = 64 << 20

  /// Stores a message under a sequence above the last; sequences left out hold nothing. `flags` come back with the
  /// message and can be searched for (`next(from:flagged:)`). After an error nothing has changed.
  public func append(
    sequence: UInt64, timestamp: Int64, flags: UInt8 = 0, subject: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(StoreError) {
    if let failure { throw .failed(failure) }
    if sequence <= counts.lastSequence || sequence == .max {
      throw .outOfOrder(sequence: sequence, last: counts.lastSequence)
    }
    if subject.count > RecordFormat.maximumSubject || header.count > RecordFormat.maximumHeader
      || payload.count > RecordFormat.maximumPayload
    {
      throw .tooLarge
    }
    let size = RecordFormat.headerBytes &+ subject.count &+ header.count &+ payload.count
    try prepareBlock(sequence, size)
    let target = try room(size)
    RecordFormat.write(
      to: target, sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, header: header,
      payload: payload)
    if backing == .file { tail.advance(size) }
    withoutCounting(blocks[blocks.count - 1]) { block in
      enter(
        block, sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, hasHeader: !header.isEmpty,
        size: size)
    }
  }

  /// Counts a record that now lies at the block's end.
  func enter(
    _ block: Block, sequence: UInt64, timestamp: Int64, flags: UInt8, subject: UnsafeRawBufferPointer,
    hasHeader: Bool, size: Int
  ) {
    let offset = block.end
    if sequence != block.last &+ 1 { block.extend(through: sequence &- 1) }
    let earlier = subjects.add(subject, sequence)
    withoutCounting(block.index.unsafelyUnwrapped) { index in
      let name: Int
      if let earlier, earlier >= block.base, earlier <= block.last, index.slots[block.slot(earlier)] != Slot.empty {
        name = Slot.name(index.slots[block.slot(earlier)])
      } else {
        name = index.addName(subject, at: offset)
      }
      index.slots.append(Slot.make(offset: offset, name: name, hasHeader: hasHeader, hasFlags: flags != 0))
    }
    if block.end == BlockHeader.bytes { block.firstTimestamp = timestamp }
    block.last = sequence
    block.end = offset &+ size
    block.liveRecordBytes &+= size
    block.messages &+= 1
    let counted = messageBytes(record: size, hasHeader: hasHeader)
    block.bytes &+= UInt64(counted)
    block.lastTimestamp = max(block.lastTimestamp, timestamp)
    block.flags |= flags
    if counts.messages == 0 { counts.firstSequence = sequence }
    counts.messages &+= 1
    counts.bytes &+= UInt64(counted)
    counts.lastSequence = sequence
    counts.lastTimestamp = timestamp
    previousRecord = sequence
    subjectsChanged = true
  }

  /// The last sequence moves on to `sequence`, if it is behind; nothing is stored.
  /// - Parameter timestamp: when there was a message that is not kept; nil when there was none.
  public func skip(through sequence: UInt64, at timestamp: Int64? = nil) throws(StoreError) {
    guard sequence > counts.lastSequence, sequence != .max else { return }
    counts.lastSequence = sequence
    if let timestamp { counts.lastTimestamp = timestamp }
  }

  /// The newest block can take the record: it is a new one when the last is full or too far behind.
  private func prepareBlock(_ sequence: UInt64, _ size: Int) throws(StoreError) {
    if let newest = blocks.last {
      var goesOn = false
      let takesIt = withoutCounting(newest) { block in
        if block.isSealed { return false }
        let gap = sequence &- block.last
        if block.end == BlockHeader.bytes, gap == 1 { return true }
        goesOn = gap <= Self.maximumGap && UInt64(block.slotCount) + gap <= Self.maximumSlots
        return block.end + size <= blockBytes && goesOn
      }
      if takesIt { return }
      if !newest.isSealed, try !seal(newest) {
        // What waits for space is in this block.
        if goesOn { return }
        throw fail(shortage ?? SystemError("write", code: ENOSPC))
      }
    }
    beginBlock(at: sequence)
  }

  /// The end of writing.
  func fail(_ error: SystemError) -> StoreError {
    failure = error
    return .failed(error)
  }

  private func beginBlock(at sequence: UInt64) {
    let block = Block(id: nextBlock, base: sequence)
    nextBlock += 1
    block.index = BlockIndex(copiesNames: backing == .file)
    if backing == .file {
      let header = BlockHeader(id: block.id, base: sequence, isCompacted: false, previousRecord: previousRecord)
      tail.enter(block, at: 0)
      header.write(to: tail.room(BlockHeader.bytes))
      tail.advance(BlockHeader.bytes)
    }
    blocks.append(block)
  }

  /// Where the newest block's next record goes.
  private func room(_ size: Int) throws(StoreError) -> UnsafeMutableRawPointer {
    if backing == .memory {
      let block = blocks[blocks.count - 1]
      let needed = block.end + size
      if needed > block.dataCapacity {
        block.dataCapacity = max(needed, min(max(block.dataCapacity * 2, 1024), blockBytes))
        block.data = realloc(block.data, block.dataCapacity)!
      }
      return block.data! + block.end
    }
    if tail.count > 0, tail.count + size > writeBytes {
      // Every message would ask the disk in vain otherwise.
      if shortage == nil { try flush() }
      if let shortage, tail.count + size > Self.maximumHeld { throw fail(shortage) }
    }
    return tail.room(size)
  }

  /// Writes what is only in memory to the files, without waiting for the disk. With a `shortage` it stays in memory.
  public func flush() throws(StoreError) {
    guard let block = tail.block, tail.count > 0 else { return }
    if let failure { throw .failed(failure) }
    let isWritten = try writing { () throws in
      let file = try self.open(block, creating: true)
      block.needsSync = true
      try file.writeAll(UnsafeRawBufferPointer(start: self.tail.bytes, count: self.tail.count), at: self.tail.start)
    }
    if isWritten { tail.written(keeping: writeBytes) }
    reportMemory()
  }

  /// Fills the newest block up to the next boundary: what is written from then on shares no sector with what a
  /// checkpoint relies on, so that a write torn by a power failure cannot hurt that.
  func pad() {
    guard let block = tail.block, block.end % RecordFormat.alignment != 0, let index = block.index else { return }
    var size = RecordFormat.alignment - block.end % RecordFormat.alignment
    if size < RecordFormat.headerBytes { size += RecordFormat.alignment }
    RecordFormat.writePadding(to: tail.room(size), size: size)
    tail.advance(size)
    if let last = index.slots.indices.last, index.slots[last] != Slot.empty {
      index.slots[last] = Slot.followedByGap(index.slots[last])
    }
    block.end += size
  }

  /// Ends a block: no more records. In files its index goes into a sidecar. False when what belongs into it has no space
  /// on the disk.
  @discardableResult
  func seal(_ block: Block) throws(StoreError) -> Bool {
    if backing == .memory {
      if let data = block.data, block.dataCapacity - block.end > 4096 {
        block.data = realloc(data, block.end)
        block.dataCapacity = block.end
      }
      block.isSealed = true
      return true
    }
    try flush()
    if tail.block === block, tail.count > 0 { return false }
    try writeSidecar(block)
    block.isSealed = true
    tail.leave()
    return true
  }

  /// Moves a block's index into its sidecar and the cache. Without space for that it stays in memory.
  func writeSidecar(_ block: Block) throws(StoreError) {
    guard let index = block.index, let files else { return }
    let path = files.path(StoreFiles.sidecar(block.id))
    let isWritten = try writing { () throws in
      let bytes = BlockSidecar.encode(block, index)
      let file = try files.disk.open(path, creating: 0o600)
      try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
    }
    guard isWritten else {
      try? files.disk.remove(path)
      return
    }
    block.sidecarNeedsSync = true
    block.index = nil
    cache(index, of: block)
  }

  /// Runs a write that can be repeated: nothing has been synced, so that afterwards the file holds what is written then.
  /// False for want of space; any other error is the end of writing.
  func writing(_ body: () throws -> Void) throws(StoreError) -> Bool {
    do {
      try body()
      return true
    } catch {
      let error = error as? SystemError ?? SystemError("write", code: EIO)
      guard error.isWantOfSpace else { throw fail(error) }
      shortage = error
      return false
    }
  }

  /// A block's file; at most sixteen are open.
  func open(_ block: Block, creating: Bool = false) throws -> any DiskFile {
    if let file = block.file { return file }
    guard let files else { throw SystemError("open block", code: EBADF) }
    let file =
      creating
      ? try files.disk.open(files.path(StoreFiles.block(block.id)), creating: 0o600)
      : try files.openBlock(block.id, isSealed: block.isSealed)
    block.pieceBytes = (file as? CompressedBlockFile)?.table.pieceBytes ?? 0
    if openBlocks.count >= 16 { openBlocks.removeFirst().file = nil }
    openBlocks.append(block)
    block.file = file
    return file
  }
}
