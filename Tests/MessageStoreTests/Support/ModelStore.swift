import MessageStore

/// What a store should do, as plainly as possible.
final class ModelStore {
  final class Record {
    let sequence: UInt64
    let timestamp: Int64
    let flags: UInt8
    let bytes: [UInt8]
    let subject: Int, header: Int, payload: Int
    init(
      _ backing: StreamStore.Backing, _ s: UInt64, _ t: Int64, _ f: UInt8, _ a: UnsafeRawBufferPointer,
      _ b: UnsafeRawBufferPointer,
      _ c: UnsafeRawBufferPointer
    ) {
      sequence = s; timestamp = t; flags = f
      bytes = Array(a) + Array(b) + Array(c)
      subject = a.count; header = b.count; payload = c.count
      size = StreamStore.messageBytes(backing: backing, subject: a.count, header: b.count, payload: c.count)
    }
    let size: Int
    var message: StoredMessage {
      bytes.withUnsafeBytes { p in
        StoredMessage(
          sequence: sequence, timestamp: timestamp, flags: flags,
          subject: UnsafeRawBufferPointer(rebasing: p[..<subject]),
          header: UnsafeRawBufferPointer(rebasing: p[subject..<subject + header]),
          payload: UnsafeRawBufferPointer(rebasing: p[(subject + header)...]), bytes: size)
      }
    }
  }

  let backing: StreamStore.Backing
  private var records: [Record] = []
  private var removed: Record?
  private var state_ = StoreState()

  init(_ backing: StreamStore.Backing) { self.backing = backing }

  // MARK: what it holds

  /// Costs a read when the first message changed since it was last asked.
  var state: StoreState {
    var s = state_
    s.messages = messages; s.firstSequence = firstSequence; s.firstTimestamp = records.first?.timestamp ?? 0
    s.subjectCount = subjectCount
    s.deletedCount = s.lastSequence &+ 1 &- s.firstSequence &- s.messages
    return s
  }
  var messages: UInt64 { UInt64(records.count) }
  var bytes: UInt64 { state_.bytes }
  /// Of the first message; `lastSequence + 1` when there is none.
  var firstSequence: UInt64 { records.first?.sequence ?? state_.lastSequence &+ 1 }
  var lastSequence: UInt64 { state_.lastSequence }
  var lastTimestamp: Int64 { state_.lastTimestamp }
  /// Of the first message; 0 when there is none.
  var firstTimestamp: Int64 { records.first?.timestamp ?? 0 }
  var subjectCount: Int { Set(records.map { Array($0.message.subject) }).count }
  // MARK: storing

  /// Stores a message under a sequence above the last; sequences left out hold nothing. `flags` come back with the
  /// message and can be searched for (`next(from:flagged:)`). After an error nothing has changed.
  func append(
    sequence: UInt64, timestamp: Int64, flags: UInt8 = 0, subject: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(StoreError) {
    if sequence <= state_.lastSequence { throw .outOfOrder(sequence: sequence, last: state_.lastSequence) }
    let r = Record(backing, sequence, timestamp, flags, subject, header, payload)
    records.append(r)
    state_.bytes += UInt64(r.size)
    state_.lastSequence = sequence
    state_.lastTimestamp = timestamp
  }

  /// The last sequence moves on to `sequence`, if it is behind; nothing is stored.
  func skip(through sequence: UInt64) throws(StoreError) {
    state_.lastSequence = max(state_.lastSequence, sequence)
  }

  // MARK: reading

  /// The message, or nil when the sequence holds none.
  func load(_ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence == sequence }?.message
  }

  /// Whether a sequence holds a message, without reading it.
  func contains(_ sequence: UInt64) -> Bool { records.contains { $0.sequence == sequence } }

  /// The first message at or after `sequence` on a wanted subject. Damaged ones are passed over and counted as lost.
  func next(from sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence >= sequence && filters.matches($0.message.subject) }?.message
  }

  /// The first message at or after `sequence` with any of these flags.
  func next(from sequence: UInt64, flagged flags: UInt8) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence >= sequence && $0.flags & flags != 0 }?.message
  }

  /// The last message at or before `sequence` on a wanted subject.
  func previous(through sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage? {
    records.last { $0.sequence <= sequence && filters.matches($0.message.subject) }?.message
  }

  /// Of the first message stored at or after a time; `lastSequence + 1` when all are older.
  func firstSequence(atOrAfter timestamp: Int64) throws(StoreError) -> UInt64 {
    records.first { $0.timestamp >= timestamp }?.sequence ?? state_.lastSequence &+ 1
  }

  // MARK: by subject

  /// Of the first message on a subject.
  func firstSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    records.first { $0.message.subject.elementsEqual(subject) }?.sequence
  }

  /// Of the last message on a subject.
  func lastSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    records.last { $0.message.subject.elementsEqual(subject) }?.sequence
  }

  /// How many messages a subject has.
  func count(of subject: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(records.filter { $0.message.subject.elementsEqual(subject) }.count)
  }

  /// Calls `body` with each wanted subject that has messages and how many, in the order of their bytes, until it
  /// returns false.
  func subjectTotals(
    _ filters: SubjectFilters, _ body: (_ subject: UnsafeRawBufferPointer, _ count: UInt64) -> Bool
  ) {
    var totals: [[UInt8]: UInt64] = [:]
    for r in records where filters.matches(r.message.subject) { totals[Array(r.message.subject), default: 0] += 1 }
    for (subject, count) in totals.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      if !subject.withUnsafeBytes({ body($0, count) }) { return }
    }
  }

  /// The sequences of the last message at or before `sequence` of each wanted subject, ascending; nil when there are
  /// more than `limit`.
  func lastPerSubject(
    _ filters: SubjectFilters, through sequence: UInt64 = .max, limit: Int
  ) throws(StoreError) -> [UInt64]? {
    var last: [[UInt8]: UInt64] = [:]
    for r in records where r.sequence <= sequence && filters.matches(r.message.subject) {
      last[Array(r.message.subject)] = r.sequence
    }
    return last.count > limit ? nil : last.values.sorted()
  }

  /// How many wanted messages there are at or after `sequence`; with `lastPerSubject` only the last of each subject
  /// counts.
  func pending(
    from sequence: UInt64, matching filters: SubjectFilters, lastPerSubject: Bool = false
  ) throws(StoreError) -> PendingCount {
    var last: [[UInt8]: UInt64] = [:]
    var all: UInt64 = 0
    for r in records where r.sequence >= sequence && filters.matches(r.message.subject) {
      last[Array(r.message.subject)] = r.sequence
      all += 1
    }
    return PendingCount(messages: lastPerSubject ? UInt64(last.count) : all, validThrough: lastSequence)
  }

  // MARK: removing

  /// Removes a message; nil when there was none. With `erase` its bytes are overwritten where they lie.
  @discardableResult
  func remove(_ sequence: UInt64, erase: Bool = false) throws(StoreError) -> Int? {
    guard let index = records.firstIndex(where: { $0.sequence == sequence }) else { return nil }
    let r = records.remove(at: index)
    removed = r
    state_.bytes -= UInt64(r.size)
    return r.size
  }

  /// Removes the first message; nil when the store is empty.
  @discardableResult
  func removeFirst() throws(StoreError) -> Int? {
    guard let first = records.first else { return nil }
    return try remove(first.sequence)
  }

  /// Removes the wanted messages at or before `sequence`, except the last `keep` of them. Returns how many.
  @discardableResult
  func purge(
    _ filters: SubjectFilters = .everything, through sequence: UInt64 = .max, keep: UInt64 = 0
  ) throws(StoreError) -> UInt64 {
    let wanted = records.filter { $0.sequence <= sequence && filters.matches($0.message.subject) }.map(\.sequence)
    let gone = wanted.dropLast(Int(clamping: keep))
    for sequence in gone { try remove(sequence) }
    return UInt64(gone.count)
  }

  /// Empties the store; the next message may have `sequence`.
  func reset(firstSequence sequence: UInt64) throws(StoreError) {
    records = []
    state_ = StoreState()
    state_.lastSequence = sequence &- 1
  }

  /// The sequences between the first and the last message that hold nothing, as ascending ranges; at most `limit`.
  func deletedRanges(limit: Int) -> [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    var expected = firstSequence
    for r in records {
      if r.sequence > expected { result.append(expected...r.sequence - 1) }
      expected = r.sequence + 1
    }
    if messages > 0, expected <= lastSequence { result.append(expected...lastSequence) }
    return Array(result.prefix(limit))
  }

}
