import Reactor

extension StreamStore {
  /// Messages looked at one by one before the index by subject is asked where to look.
  private static let quickLook = 256
  /// Subjects that are looked for in blocks by name; with more, the blocks are gone through.
  private static let candidateLimit = 64
  private static let walkLimit = 4096

  /// The first message at or after `sequence` on a wanted subject. Damaged ones are passed over and counted as lost.
  public func next(from sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage? {
    if filters.isEverything { return try nextOfAll(sequence) }
    var from = sequence
    while let (block, found) = try find(from: from, filters) {
      if let message = try readable(block, found) { return message }
      from = found + 1
    }
    return nil
  }

  /// The same without reading the message; `filters` want not everything.
  func find(from sequence: UInt64, _ filters: SubjectFilters) throws(StoreError) -> (Block, UInt64)? {
    var from = max(sequence, counts.firstSequence)
    var looked = 0
    var scope: ScanScope?
    if filters.literal != nil {
      scope = self.scope(filters, from: from)
      looked = Self.quickLook
    }
    while true {
      if let scope {
        if from > scope.upper { return nil }
        from = max(from, scope.lower)
      }
      guard let (block, live) = nextLive(from) else { return nil }
      if let scope, live > scope.upper { return nil }
      if let scope, try !mayContain(block, scope) {
        from = block.last + 1
        continue
      }
      let index = try self.index(of: block)
      var current: UInt64? = block.holds(live) ? live : block.nextLive(live)
      while let found = current {
        let slot = index.slots[block.slot(found)]
        if slot == Slot.empty {
          try lose(block, found, index)
        } else if index.wants(filters.compiled, Slot.name(slot), records: block.data) {
          return (block, found)
        }
        looked += 1
        current = block.nextLive(found + 1)
        if looked == Self.quickLook, scope == nil {
          // Time to ask where the rest can be.
          from = found + 1
          scope = self.scope(filters, from: from)
          break
        }
        if let scope, let next = current, next > scope.upper { return nil }
      }
      if current == nil { from = block.last + 1 }
    }
  }

  private func nextOfAll(_ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    var from = max(sequence, counts.firstSequence)
    while true {
      if from != .max, let message = try loadUnlessDamaged(from) { return message }
      guard let (block, live) = nextLive(from) else { return nil }
      if let message = try readable(block, live) { return message }
      from = live + 1
    }
  }

  private func loadUnlessDamaged(_ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    guard let block = block(holding: sequence) else { return nil }
    return try readable(block, sequence)
  }

  /// The message; nil when it turned out to be damaged.
  func readable(_ block: Block, _ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    do throws(StoreError) { return message(try record(block, sequence)) } catch {
      if case .damaged = error { return nil }
      throw error
    }
  }

  /// Calls `body` with the first message at or after `sequence`, of which only the subject is looked up: nothing is
  /// read but the block's index.
  ///
  /// - Returns: what `body` returned; nil when there is no such message.
  public func nextSubject<Result>(
    from sequence: UInt64, _ body: (UInt64, UnsafeRawBufferPointer) -> Result
  ) throws(StoreError) -> Result? {
    var from = max(sequence, counts.firstSequence)
    while let (block, live) = nextLive(from) {
      let index = try self.index(of: block)
      let slot = index.slots[block.slot(live)]
      if slot != Slot.empty { return index.withName(Slot.name(slot), records: block.data) { body(live, $0) } }
      try lose(block, live, index)
      from = live + 1
    }
    return nil
  }

  /// The first message at or after `sequence` with any of these flags.
  public func next(from sequence: UInt64, flagged flags: UInt8) throws(StoreError) -> StoredMessage? {
    var from = max(sequence, counts.firstSequence)
    while let (block, live) = nextLive(from) {
      from = block.last + 1
      if block.flags & flags == 0 { continue }
      let index = try self.index(of: block)
      var current: UInt64? = block.holds(live) ? live : block.nextLive(live)
      while let found = current {
        if Slot.hasFlags(index.slots[block.slot(found)]), let message = try readable(block, found),
          message.flags & flags != 0
        {
          return message
        }
        current = block.nextLive(found + 1)
      }
    }
    return nil
  }

  /// The last message at or before `sequence` on a wanted subject.
  public func previous(through sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage?
  {
    if counts.messages == 0 { return nil }
    var through = min(sequence, counts.lastSequence)
    let scope = filters.isEverything ? nil : self.scope(filters, through: through)
    if let scope {
      if scope.isEmpty { return nil }
      through = min(through, scope.upper)
    }
    var position = min(blockIndex(atOrAfter: through), blocks.count - 1)
    while position >= 0 {
      let block = blocks[position]
      position -= 1
      if let scope, block.last < scope.lower { return nil }
      guard let live = block.previousLive(through) else { continue }
      if let scope, try !mayContain(block, scope) { continue }
      if filters.isEverything, let message = try readable(block, live) { return message }
      let index = try self.index(of: block)
      var current: UInt64? = block.holds(live) ? live : block.previousLive(live)
      while let found = current {
        let slot = index.slots[block.slot(found)]
        if slot == Slot.empty {
          try lose(block, found, index)
        } else if filters.isEverything || index.wants(filters.compiled, Slot.name(slot), records: block.data) {
          if let message = try readable(block, found) { return message }
        }
        current = found == 0 ? nil : block.previousLive(found - 1)
      }
    }
    return nil
  }

  /// Of the first message stored at or after a time; `lastSequence + 1` when all are older. Times that go back, as
  /// clocks do, may be passed over.
  public func firstSequence(atOrAfter timestamp: Int64) throws(StoreError) -> UInt64 {
    for block in blocks where block.messages > 0 && block.lastTimestamp >= timestamp {
      // Between low, whose message is older, and high, whose is not.
      var low = block.firstLive
      var high = block.last &+ 1
      while low < high {
        let middle = low + (high - low) / 2
        guard let live = block.nextLive(middle), live < high else {
          high = middle
          continue
        }
        guard let message = try readable(block, live) else { continue }
        if message.timestamp < timestamp { low = live + 1 } else { high = middle }
      }
      if let live = block.nextLive(low) { return live }
    }
    return counts.lastSequence &+ 1
  }

  // MARK: where to look

  /// Between which sequences messages of some subjects are, and, when they are few, which subjects.
  struct ScanScope {
    var lower = UInt64.max
    var upper: UInt64 = 0
    /// nil: too many.
    var fingerprints: [UInt64]? = []
    var isEmpty: Bool { lower > upper }
  }

  private func scope(_ filters: SubjectFilters, from sequence: UInt64) -> ScanScope {
    scope(filters) { $0.last >= sequence }
  }

  private func scope(_ filters: SubjectFilters, through sequence: UInt64) -> ScanScope {
    scope(filters) { $0.first <= sequence }
  }

  private func scope(_ filters: SubjectFilters, _ counts: (SubjectEntry) -> Bool) -> ScanScope {
    var scope = ScanScope()
    var seen = 0
    let isComplete = subjects.walk(filters, visits: Self.walkLimit) { subject, entry in
      seen += 1
      if counts(entry) {
        scope.lower = min(scope.lower, entry.first)
        scope.upper = max(scope.upper, entry.last)
        scope.fingerprints?.append(BlockSidecar.fingerprint(subject))
        if scope.fingerprints?.count ?? 0 > Self.candidateLimit { scope.fingerprints = nil }
      }
      return seen <= Self.walkLimit
    }
    if !isComplete || seen > Self.walkLimit {
      scope.lower = 0
      scope.upper = .max
      scope.fingerprints = nil
    }
    return scope
  }

  /// Whether a block is worth loading its index. Blocks whose index is at hand are not asked.
  private func mayContain(_ block: Block, _ scope: ScanScope) throws(StoreError) -> Bool {
    guard let fingerprints = scope.fingerprints, block.index == nil,
      block.indexEntry !== pinnedIndex || pinnedIndex == nil,
      let header = try sidecar(block)
    else { return true }
    do {
      guard let file = try openSidecar(block) else { return true }
      for fingerprint in fingerprints where try BlockSidecar.mayContain(file, header, fingerprint) { return true }
      return false
    } catch {
      return true
    }
  }
}
