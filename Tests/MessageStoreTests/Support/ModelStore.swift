import Reactor

/// One stream's messages, in memory or in files. Confined to one loop (or to whoever opens it, before it is handed over).
///
/// Everything that changes a store may be repeated after a crash: what is already done is done again without effect.
public final class StreamStore: @unchecked Sendable {
  public enum Backing: Sendable { case memory, file }

  final class Record {
    let sequence: UInt64
    let timestamp: Int64
    let flags: UInt8
    let bytes: [UInt8]
    let subject: Int, header: Int, payload: Int
    init(
      _ s: UInt64, _ t: Int64, _ f: UInt8, _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer,
      _ c: UnsafeRawBufferPointer
    ) {
      sequence = s; timestamp = t; flags = f
      bytes = Array(a) + Array(b) + Array(c)
      subject = a.count; header = b.count; payload = c.count
    }
    var size: Int { subject + header + payload + 16 }
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

  public let backing: Backing
  /// What `open` found; empty for memory.
  public private(set) var recovery = StoreRecovery()
  private var records: [Record] = []
  private var removed: Record?
  private var state_ = StoreState()

  // MARK: making one

  /// An empty store in memory.
  public init(memory options: StoreOptions = StoreOptions()) { backing = .memory }

  /// The store in a directory, which is made when it is not there. See `recovery` for what was found.
  public static func open(
    directory: String, disk: any Disk, options: StoreOptions = StoreOptions(), memory: StoreMemory
  ) throws(StoreError) -> StreamStore {
    StreamStore(memory: options)
  }

  /// Removes a store's files and their directory; the store must be gone. Nothing there is no error.
  public static func delete(directory: String, disk: any Disk) throws(StoreError) {}

  // MARK: what it holds

  /// Costs a read when the first message changed since it was last asked.
  public var state: StoreState {
    var s = state_
    s.messages = messages; s.firstSequence = firstSequence; s.firstTimestamp = records.first?.timestamp ?? 0
    s.subjectCount = subjectCount
    s.deletedCount = s.lastSequence &+ 1 &- s.firstSequence &- s.messages
    return s
  }
  public var messages: UInt64 { UInt64(records.count) }
  public var bytes: UInt64 { state_.bytes }
  /// Of the first message; `lastSequence + 1` when there is none.
  public var firstSequence: UInt64 { records.first?.sequence ?? state_.lastSequence &+ 1 }
  public var lastSequence: UInt64 { state_.lastSequence }
  public var lastTimestamp: Int64 { state_.lastTimestamp }
  /// Of the first message; 0 when there is none.
  public var firstTimestamp: Int64 { records.first?.timestamp ?? 0 }
  public var subjectCount: Int { Set(records.map { Array($0.message.subject) }).count }
  /// The write error after which nothing more is taken.
  public private(set) var failure: SystemError?

  /// What a message of these lengths counts in `bytes` (FEATURES 5.089).
  public static func messageBytes(backing: Backing, subject: Int, header: Int, payload: Int) -> Int {
    switch backing {
    case .memory: subject + header + payload + 16
    case .file: subject + payload + 30 + (header > 0 ? header + 4 : 0)
    }
  }

  // MARK: storing

  /// Stores a message under a sequence above the last; sequences left out hold nothing. `flags` come back with the
  /// message and can be searched for (`next(from:flagged:)`). After an error nothing has changed.
  public func append(
    sequence: UInt64, timestamp: Int64, flags: UInt8 = 0, subject: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(StoreError) {
    if sequence <= state_.lastSequence { throw .outOfOrder(sequence: sequence, last: state_.lastSequence) }
    let r = Record(sequence, timestamp, flags, subject, header, payload)
    records.append(r)
    state_.bytes += UInt64(r.size)
    state_.lastSequence = sequence
    state_.lastTimestamp = timestamp
  }

  /// The last sequence moves on to `sequence`, if it is behind; nothing is stored.
  public func skip(through sequence: UInt64) throws(StoreError) {
    state_.lastSequence = max(state_.lastSequence, sequence)
  }

  // MARK: reading

  /// The message, or nil when the sequence holds none.
  public func load(_ sequence: UInt64) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence == sequence }?.message
  }

  /// Whether a sequence holds a message, without reading it.
  public func contains(_ sequence: UInt64) -> Bool { records.contains { $0.sequence == sequence } }

  /// The first message at or after `sequence` on a wanted subject. Damaged ones are passed over and counted as lost.
  public func next(from sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence >= sequence && filters.matches($0.message.subject) }?.message
  }

  /// The first message at or after `sequence` with any of these flags.
  public func next(from sequence: UInt64, flagged flags: UInt8) throws(StoreError) -> StoredMessage? {
    records.first { $0.sequence >= sequence && $0.flags & flags != 0 }?.message
  }

  /// The last message at or before `sequence` on a wanted subject.
  public func previous(through sequence: UInt64, matching filters: SubjectFilters) throws(StoreError) -> StoredMessage?
  {
    records.last { $0.sequence <= sequence && filters.matches($0.message.subject) }?.message
  }

  /// Of the first message stored at or after a time; `lastSequence + 1` when all are older.
  public func firstSequence(atOrAfter timestamp: Int64) throws(StoreError) -> UInt64 {
    records.first { $0.timestamp >= timestamp }?.sequence ?? state_.lastSequence &+ 1
  }

  // MARK: by subject

  /// Of the first message on a subject.
  public func firstSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    records.first { $0.message.subject.elementsEqual(subject) }?.sequence
  }

  /// Of the last message on a subject.
  public func lastSequence(of subject: UnsafeRawBufferPointer) throws(StoreError) -> UInt64? {
    records.last { $0.message.subject.elementsEqual(subject) }?.sequence
  }

  /// How many messages a subject has.
  public func count(of subject: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(records.filter { $0.message.subject.elementsEqual(subject) }.count)
  }

  /// Calls `body` with each wanted subject that has messages and how many, in the order of their bytes, until it
  /// returns false.
  public func subjectTotals(
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
  public func lastPerSubject(
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
  public func pending(
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
  public func remove(_ sequence: UInt64, erase: Bool = false) throws(StoreError) -> RemovedMessage? {
    guard let index = records.firstIndex(where: { $0.sequence == sequence }) else { return nil }
    let r = records.remove(at: index)
    removed = r
    state_.bytes -= UInt64(r.size)
    return RemovedMessage(sequence: sequence, bytes: r.size, subject: r.message.subject)
  }

  /// Removes the first message; nil when the store is empty.
  @discardableResult
  public func removeFirst() throws(StoreError) -> RemovedMessage? {
    guard let first = records.first else { return nil }
    return try remove(first.sequence)
  }

  /// Removes the wanted messages at or before `sequence`, except the last `keep` of them. Returns how many.
  @discardableResult
  public func purge(
    _ filters: SubjectFilters = .everything, through sequence: UInt64 = .max, keep: UInt64 = 0
  ) throws(StoreError) -> UInt64 {
    let wanted = records.filter { $0.sequence <= sequence && filters.matches($0.message.subject) }.map(\.sequence)
    let gone = wanted.dropLast(Int(clamping: keep))
    for sequence in gone { try remove(sequence) }
    return UInt64(gone.count)
  }

  /// Removes everything after `sequence`, which becomes the last one; without effect when it is not below the last.
  public func truncate(after sequence: UInt64) throws(StoreError) {
    guard sequence < lastSequence else { return }
    while let last = records.last, last.sequence > sequence { try remove(last.sequence) }
    state_.lastSequence = sequence
  }

  /// Empties the store; the next message may have `sequence`.
  public func reset(firstSequence sequence: UInt64) throws(StoreError) {
    records = []
    state_ = StoreState()
    state_.lastSequence = sequence &- 1
  }

  /// The sequences between the first and the last message that hold nothing, as ascending ranges; at most `limit`.
  public func deletedRanges(limit: Int) -> [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    var expected = firstSequence
    for r in records {
      if r.sequence > expected { result.append(expected...r.sequence - 1) }
      expected = r.sequence + 1
    }
    if messages > 0, expected <= lastSequence { result.append(expected...lastSequence) }
    return Array(result.prefix(limit))
  }

  // MARK: files

  /// Writes what is only in memory to the files, without waiting for the disk.
  public func flush() throws(StoreError) {}

  /// A job that makes everything so far durable, or nil for a store in memory, a failed one, and while another job is
  /// under way. `appliedLog`: the journal's sequence up to which every entry is contained; it and the attachment come
  /// back with `recovery`.
  public func prepareCheckpoint(appliedLog: UInt64, attachment: [UInt8]) throws(StoreError) -> StoreJob? { nil }

  /// A job that gives space back (compaction, removal of files), or nil when there is nothing to do, or another job is
  /// under way. Worth asking every few seconds.
  public func prepareMaintenance() throws(StoreError) -> StoreJob? { nil }

  /// Takes over what a job did, on the loop. After a checkpoint without error the journal may release what it covered.
  public func finish(_ job: StoreJob) throws(StoreError) {}

  /// Writes what is in memory and closes the files. Call nothing afterwards.
  public func close() throws(StoreError) {}
}

extension StreamStore {
  /// `append` for arrays.
  public func append(
    sequence: UInt64, timestamp: Int64, flags: UInt8 = 0, subject: [UInt8], header: [UInt8] = [], payload: [UInt8]
  ) throws(StoreError) {
    let result: Result<Void, StoreError> = subject.withUnsafeBytes { subject in
      header.withUnsafeBytes { header in
        payload.withUnsafeBytes { payload in
          do throws(StoreError) {
            try append(
              sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, header: header,
              payload: payload)
            return .success(())
          } catch {
            return .failure(error)
          }
        }
      }
    }
    try result.get()
  }
}
