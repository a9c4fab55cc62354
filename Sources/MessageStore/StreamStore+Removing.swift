import CSystem
import Glibc
import Reactor

extension StreamStore {
  /// Removes a message; nil when there was none. With `erase` its bytes are overwritten where they lie; that is durable
  /// with the next checkpoint.
  @discardableResult
  public func remove(_ sequence: UInt64, erase: Bool = false) throws(StoreError) -> RemovedMessage? {
    guard let block = block(holding: sequence) else {
      forgetLost(sequence)
      return nil
    }
    let index = try self.index(of: block)
    guard block.holds(sequence) else {
      forgetLost(sequence)
      return nil
    }
    let slot = index.slots[block.slot(sequence)]
    if slot == Slot.empty {
      try lose(block, sequence, index)
      forgetLost(sequence)
      return nil
    }
    // Before its record is overwritten.
    let size = try recordBytes(block, sequence, index)
    if erase { try eraseRecord(block, at: Slot.offset(slot), sequence) }
    let counted = messageBytes(record: size, hasHeader: Slot.hasHeader(slot))
    let subject = index.withName(Slot.name(slot), records: block.data) { scratch.copy($0) }
    subjects.remove(subject, sequence)
    uncount(block, sequence, counted: UInt64(counted), size: size)
    tidy(block)
    return RemovedMessage(sequence: sequence, bytes: counted, subject: subject)
  }

  /// Removes the first message; nil when the store is empty.
  @discardableResult
  public func removeFirst() throws(StoreError) -> RemovedMessage? {
    while counts.messages > 0 {
      if let removed = try remove(counts.firstSequence) { return removed }
    }
    return nil
  }

  /// Takes a message out of the totals.
  func uncount(_ block: Block, _ sequence: UInt64, counted: UInt64, size: Int) {
    block.messages -= 1
    block.bytes -= min(counted, block.bytes)
    block.liveRecordBytes -= min(size, block.liveRecordBytes)
    block.markDead(sequence)
    counts.messages -= 1
    counts.bytes -= min(counted, counts.bytes)
    subjectsChanged = true
    if sequence == counts.firstSequence { findFirst(after: sequence) }
  }

  func findFirst(after sequence: UInt64) {
    if counts.messages == 0 { return }
    if let (_, live) = nextLive(sequence + 1) { counts.firstSequence = live }
  }

  /// Drops a block in which nothing is left, and rewrites one in memory in which little is left.
  func tidy(_ block: Block) {
    if block.messages == 0 {
      guard block.isSealed || block.end >= blockBytes / 4 || counts.messages == 0 && block.end > 64 << 10 else {
        return
      }
      guard let position = blocks.firstIndex(where: { $0 === block }) else { return }
      drop(at: position)
    } else if block.data != nil, block.isSealed, block.liveRecordBytes * 2 < block.end {
      compactInMemory(block)
    }
  }

  /// Moves the records that are left together.
  private func compactInMemory(_ block: Block) {
    guard let old = block.data, let oldIndex = block.index else { return }
    let size = BlockHeader.bytes + block.liveRecordBytes
    let new = malloc(size)!
    let index = BlockIndex(copiesNames: false)
    index.slots = [UInt64](repeating: Slot.empty, count: block.slotCount)
    var names = [Int](repeating: -1, count: oldIndex.nameCount)
    var end = BlockHeader.bytes
    var current = block.nextLive(block.firstLive)
    while let live = current {
      let slot = oldIndex.slots[block.slot(live)]
      let record = Record(old + Slot.offset(slot))
      memcpy(new + end, record.base, record.size)
      let name = Slot.name(slot)
      if names[name] < 0 { names[name] = index.addName(record.subject, at: end) }
      index.slots[block.slot(live)] = Slot.make(
        offset: end, name: names[name], hasHeader: Slot.hasHeader(slot), hasFlags: Slot.hasFlags(slot))
      end += record.size
      current = block.nextLive(live + 1)
    }
    free(old)
    block.data = new
    block.dataCapacity = size
    block.end = end
    block.index = index
  }

  // MARK: erasing

  /// Overwrites what is in memory now; what is in a file with the next checkpoint, which can do it without putting the
  /// records beside it at risk.
  func eraseRecord(_ block: Block, at offset: Int, _ sequence: UInt64) throws(StoreError) {
    if let data = block.data {
      Record.erase(data + offset)
      return
    }
    if let failure { throw .failed(failure) }
    if block === tail.block, offset >= tail.start, let bytes = tail.read(offset) {
      Record.erase(bytes.baseAddress!)
      return
    }
    erasures.append(Erasure(block: block.id, offset: offset, sequence: sequence))
    if runningJob != nil { erasedDuringJob.append(sequence) }
  }

  /// Messages behind the last one that somebody else has lost: their sequences are used up, and they are counted.
  public func lose(through sequence: UInt64) throws(StoreError) {
    guard sequence > counts.lastSequence else { return }
    lost.count += sequence - counts.lastSequence
    let room = UInt64(LostMessages.listedLimit - lost.sequences.count)
    let first = counts.lastSequence + 1
    if room > 0 { lost.sequences += Array(first...min(sequence, first + (room - 1))) }
    try skip(through: sequence)
  }

  /// A damaged message that somebody removes is not missed any more.
  private func forgetLost(_ sequence: UInt64) {
    guard lost.count > 0, let position = lost.sequences.firstIndex(of: sequence) else { return }
    lost.sequences.remove(at: position)
    lost.count -= 1
    if lost.count == 0 { lost.bytes = 0 }
  }
}
