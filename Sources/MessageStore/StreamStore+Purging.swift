import Reactor

extension StreamStore {
  /// Removes the wanted messages at or before `sequence`, except the last `keep` of them (FEATURES 5.096). Returns how
  /// many.
  @discardableResult
  public func purge(
    _ filters: SubjectFilters = .everything, through sequence: UInt64 = .max, keep: UInt64 = 0
  ) throws(StoreError) -> UInt64 {
    if counts.messages == 0 { return 0 }
    let bound = try purgeBound(filters, through: min(sequence, counts.lastSequence), keep: keep)
    if bound == 0 { return 0 }
    return filters.isEverything ? try purgeAll(through: bound) : try purgeWanted(filters, through: bound)
  }

  /// Up to which sequence wanted messages go, when the last `keep` of those at or before `sequence` stay; 0: none goes.
  public func purgeBound(
    _ filters: SubjectFilters, through sequence: UInt64, keep: UInt64
  ) throws(StoreError) -> UInt64 {
    if keep == 0 { return sequence }
    let all = try pending(from: 0, matching: filters).messages
    let after = sequence >= counts.lastSequence ? 0 : try pending(from: sequence + 1, matching: filters).messages
    let wanted = all - min(all, after)
    if wanted <= keep { return 0 }
    if filters.isEverything { return sequenceOfMessage(number: wanted - keep) }
    var last: UInt64 = 0
    for _ in 0..<wanted - keep {
      guard let (_, found) = try find(from: last + 1, filters), found <= sequence else { break }
      last = found
    }
    return last
  }

  /// Of the nth message, counted from 1.
  private func sequenceOfMessage(number: UInt64) -> UInt64 {
    var rest = number
    for block in blocks {
      if rest > block.messages {
        rest -= block.messages
        continue
      }
      var current = block.nextLive(block.firstLive)
      while let live = current {
        rest -= 1
        if rest == 0 { return live }
        current = block.nextLive(live + 1)
      }
    }
    return counts.lastSequence
  }

  private func purgeAll(through bound: UInt64) throws(StoreError) -> UInt64 {
    let before = counts.messages
    guard nextLive(bound &+ 1) != nil, bound < counts.lastSequence else {
      removeEverything()
      return before
    }
    while let block = blocks.first, block.last <= bound {
      try uncountSubjects(block)
      counts.messages -= block.messages
      counts.bytes -= min(block.bytes, counts.bytes)
      drop(at: 0)
    }
    if counts.messages > 0, let (_, live) = nextLive(0) { counts.firstSequence = live }
    while counts.messages > 0, counts.firstSequence <= bound { try remove(counts.firstSequence) }
    return before - counts.messages
  }

  private func removeEverything() {
    for block in blocks { discard(block) }
    blocks = []
    subjects.removeAll()
    subjectsChanged = true
    counts.messages = 0
    counts.bytes = 0
    reportMemory()
  }

  /// Takes a block's messages out of the index by subject.
  private func uncountSubjects(_ block: Block) throws(StoreError) {
    if block.messages == 0 { return }
    subjectsChanged = true
    let index = try self.index(of: block)
    var current = block.nextLive(block.firstLive)
    while let live = current {
      let slot = index.slots[block.slot(live)]
      if slot == Slot.empty {
        try lose(block, live, index)
      } else {
        index.withName(Slot.name(slot), records: block.data) { _ = subjects.remove($0, live) }
      }
      current = block.nextLive(live + 1)
    }
  }

  private func purgeWanted(_ filters: SubjectFilters, through bound: UInt64) throws(StoreError) -> UInt64 {
    var gone: UInt64 = 0
    var from: UInt64 = 0
    while let (_, found) = try find(from: from, filters), found <= bound {
      if try remove(found) != nil { gone += 1 }
      from = found + 1
    }
    return gone
  }

  /// Empties the store; the next message may have `sequence`.
  public func reset(firstSequence sequence: UInt64) throws(StoreError) {
    if let failure { throw .failed(failure) }
    removeEverything()
    counts = StoreCounts()
    counts.lastSequence = sequence &- 1
    lost = LostMessages()
    previousRecord = BlockHeader.unconnected
  }
}
