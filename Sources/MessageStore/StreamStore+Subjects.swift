import Reactor

extension StreamStore {
  /// Of the first message on a subject.
  public func firstSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    guard let entry = subjects.entry(subject) else { return nil }
    if !entry.firstIsBound { return entry.first }
    return try resolveFirst(subject, entry)
  }

  /// Of the last message on a subject.
  public func lastSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    guard let entry = subjects.entry(subject) else { return nil }
    if !entry.lastIsBound { return entry.last }
    return try resolveLast(subject, entry)
  }

  private func resolveFirst(
    _ subject: UnsafeRawBufferPointer, _ entry: SubjectEntry
  ) throws(StoreError) -> UInt64? {
    let text = Array(subject)
    let found = try next(from: entry.first, matching: SubjectFilters(bytes: [text]))?.sequence
    text.withUnsafeBytes { text in
      guard let found, var entry = subjects.entry(text) else { return }
      entry.first = found
      entry.firstIsBound = false
      subjects.set(text, entry)
    }
    return found
  }

  private func resolveLast(
    _ subject: UnsafeRawBufferPointer, _ entry: SubjectEntry
  ) throws(StoreError) -> UInt64? {
    let text = Array(subject)
    let found = try previous(through: entry.last, matching: SubjectFilters(bytes: [text]))?.sequence
    text.withUnsafeBytes { text in
      guard let found, var entry = subjects.entry(text) else { return }
      entry.last = found
      entry.lastIsBound = false
      subjects.set(text, entry)
    }
    return found
  }

  /// How many messages a subject has.
  public func count(of subject: UnsafeRawBufferPointer) -> UInt64 { subjects.entry(subject)?.count ?? 0 }

  /// Calls `body` with each wanted subject that has messages and how many, in the order of their bytes, until it
  /// returns false. The store must not be changed or read meanwhile.
  public func subjectTotals(
    _ filters: SubjectFilters, _ body: (_ subject: UnsafeRawBufferPointer, _ count: UInt64) -> Bool
  ) {
    subjects.walk(filters) { body($0, $1.count) }
  }

  /// The sequences of the last message at or before `sequence` of each wanted subject, ascending; nil when there are
  /// more than `limit`.
  public func lastPerSubject(
    _ filters: SubjectFilters, through sequence: UInt64 = .max, limit: Int
  ) throws(StoreError) -> [UInt64]? {
    var found: [UInt64] = []
    // Those that have to be looked for in the blocks.
    var unclear: [([UInt8], SubjectEntry)] = []
    var sure = 0
    subjects.walk(filters) { subject, entry in
      if !entry.lastIsBound, entry.last <= sequence {
        found.append(entry.last)
        sure += 1
      } else if entry.first <= sequence {
        unclear.append((Array(subject), entry))
        if !entry.firstIsBound { sure += 1 }
      }
      return sure <= limit
    }
    if sure > limit { return nil }
    for (subject, entry) in unclear where found.count <= limit {
      let filter = SubjectFilters(bytes: [subject])
      if let last = try previous(through: min(sequence, entry.last), matching: filter)?.sequence { found.append(last) }
    }
    return found.count > limit ? nil : found.sorted()
  }

  /// How many wanted messages there are at or after `sequence`; with `lastPerSubject` only the last of each subject
  /// counts.
  public func pending(
    from sequence: UInt64, matching filters: SubjectFilters, lastPerSubject: Bool = false
  ) throws(StoreError) -> PendingCount {
    var result = PendingCount(messages: 0, validThrough: counts.lastSequence)
    if sequence > counts.lastSequence || counts.messages == 0 { return result }
    if lastPerSubject {
      var unclear: [[UInt8]] = []
      subjects.walk(filters) { subject, entry in
        if entry.last >= sequence {
          if entry.lastIsBound { unclear.append(Array(subject)) } else { result.messages += 1 }
        }
        return true
      }
      for subject in unclear {
        let last = try previous(through: .max, matching: SubjectFilters(bytes: [subject]))?.sequence
        if let last, last >= sequence { result.messages += 1 }
      }
      return result
    }
    if filters.isEverything {
      if sequence <= firstSequence {
        result.messages = counts.messages
      } else {
        for position in blockIndex(atOrAfter: sequence)..<blocks.count {
          result.messages += blocks[position].liveCount(from: sequence)
        }
      }
      return result
    }
    // Subjects that lie on one side need no look at their messages.
    var all: UInt64 = 0
    var straddling = false
    subjects.walk(filters) { _, entry in
      all += entry.count
      if entry.first >= sequence {
        result.messages += entry.count
      } else if entry.last >= sequence {
        straddling = true
      }
      return true
    }
    if !straddling { return result }
    let middle = blockIndex(atOrAfter: sequence)
    if blocks.count - middle <= middle {
      result.messages = try countMatching(filters, from: sequence, through: counts.lastSequence)
    } else {
      let before = try countMatching(filters, from: counts.firstSequence, through: sequence - 1)
      result.messages = all - min(all, before)
    }
    return result
  }

  /// Counts by going through the blocks' indexes.
  func countMatching(
    _ filters: SubjectFilters, from first: UInt64, through last: UInt64
  ) throws(StoreError) -> UInt64 {
    var result: UInt64 = 0
    var from = first
    while from <= last, let (block, live) = nextLive(from) {
      if live > last { break }
      let index = try self.index(of: block)
      var current: UInt64? = block.holds(live) ? live : block.nextLive(live)
      while let found = current, found <= last {
        let slot = index.slots[block.slot(found)]
        if slot != Slot.empty, index.wants(filters.compiled, Slot.name(slot), records: block.data) { result += 1 }
        current = block.nextLive(found + 1)
      }
      from = block.last + 1
    }
    return result
  }

  /// The sequences between the first and the last message that hold nothing, as ascending ranges; at most `limit`.
  public func deletedRanges(limit: Int) -> [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    if counts.messages == 0 || limit <= 0 { return result }
    var expected = counts.firstSequence
    for block in blocks where block.messages > 0 {
      var current = block.nextLive(block.firstLive)
      while let live = current {
        if live > expected {
          result.append(expected...live - 1)
          if result.count >= limit { return result }
        }
        // To the next one that is dead.
        var end = live + 1
        if block.dead.isEmpty { end = block.last + 1 }
        while end <= block.last, !block.dead.contains(block.slot(end)) { end += 1 }
        expected = end
        current = end > block.last ? nil : block.nextLive(end)
      }
    }
    if expected <= counts.lastSequence { result.append(expected...counts.lastSequence) }
    return result
  }

  // MARK: making the index again

  func remakeSubjectsIfUnsure() {
    guard subjectsAreUnsure, !isRemakingSubjects else { return }
    do throws(StoreError) { try remakeSubjects() } catch {
      recovery.notes.append("index by subject could not be made again: \(error)")
    }
  }

  /// The index by subject, from the blocks.
  func remakeSubjects() throws(StoreError) {
    isRemakingSubjects = true
    defer { isRemakingSubjects = false }
    subjectsChanged = true
    repeat {
      subjectsAreUnsure = false
      subjects.removeAll()
      for block in blocks {
        let index = try self.index(of: block)
        var current = block.nextLive(block.firstLive)
        while let live = current {
          let slot = index.slots[block.slot(live)]
          if slot == Slot.empty {
            try lose(block, live, index)
          } else {
            index.withName(Slot.name(slot), records: block.data) { _ = subjects.add($0, live) }
          }
          current = block.nextLive(live + 1)
        }
      }
    } while subjectsAreUnsure
  }
}
