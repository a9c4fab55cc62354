import Reactor

/// A record as replay shows it. `payload` is valid until the next call of `next`.
public struct JournalRecord {
  public let sequence: LogSequence
  public let owner: UInt64
  public let kind: UInt8
  public let payload: UnsafeRawBufferPointer
}

/// What opening a journal met beside its records.
public struct JournalReport: Equatable, Sendable {
  /// Checkpoint files that are not whole: one after a crash while it was written.
  public var unreadableCheckpoints = 0
  /// Segment files without a whole header: one after a crash while it was begun. They are reused only if no record is
  /// missing.
  public var unreadableSegments: [String] = []
  /// Reads that the disk refused.
  public var readErrors = 0
  /// Damage in records that everybody had released; it does no harm.
  public var damageBelowCheckpoint = 0
  /// Lost ranges that were skipped on request.
  public var skipped: [ClosedRange<LogSequence>] = []
}

/// Opens a journal: replays its records one by one, then starts it. One thread at a time.
///
///     let recovery = try JournalRecovery(directory: path)
///     while let record = recovery.next() { ... }
///     switch recovery.ending { ... }          // decide about damage: skipDamage(), or do not start
///     let journal = try recovery.start()
///
/// Memory: a window of 256 KiB, or the largest record, and 40 bytes an owner.
public final class JournalRecovery {
  /// Nil until replay has come to an end.
  public private(set) var ending: JournalEnding?
  public private(set) var report = JournalReport()

  private let options: JournalOptions
  private let clock: any Clock
  private let storage: JournalStorage
  private let salt: UInt64
  /// All segments with a whole header, oldest first.
  private var chain: [JournalState.Segment] = []
  private var free: [JournalState.FreeSegment] = []
  private var unreadable: [Int] = []
  private var nextSlot = 0
  private let lastCheckpoint: UInt64
  private let replayFrom: LogSequence
  private let safeReplayFrom: LogSequence
  private let released: [UInt64: LogSequence]
  private var owners: [UInt64: JournalState.Owner] = [:]

  private struct Position {
    var index: Int
    var offset: Int
    var expected: LogSequence
  }

  private var position: Position
  private var reader: SegmentReader?
  /// What is proven to have been synced.
  private var proven: LogSequence
  /// At or before the first record that nothing proves to have been synced.
  private var unprovenFrom: Position?
  private var hasStarted = false

  /// Reads checkpoints and segment headers.
  public init(
    directory: String, disk: any Disk = SystemDisk(), options: JournalOptions = JournalOptions(),
    clock: any Clock = SystemClock()
  ) throws {
    self.options = options
    self.clock = clock
    storage = JournalStorage(disk: disk, directory: directory)
    _ = try storage.prepare()
    let checkpoints = try storage.readCheckpoints()
    report.unreadableCheckpoints = checkpoints.unreadable
    let newest = checkpoints.whole.first

    var headers: [(slot: Int, header: SegmentHeader)] = []
    for slot in try storage.slots() {
      nextSlot = max(nextSlot, slot + 1)
      let file = try storage.segment(slot)
      let size = try file.size()
      var bytes = [UInt8](repeating: 0, count: min(size, JournalFormat.segmentHeaderBytes))
      var isRead = true
      for start in stride(from: 0, to: bytes.count, by: JournalFormat.sectorBytes) {
        let end = min(start + JournalFormat.sectorBytes, bytes.count)
        let count = try? bytes.withUnsafeMutableBytes {
          try file.readAll(into: UnsafeMutableRawBufferPointer(rebasing: $0[start..<end]), at: start)
        }
        if count != end - start { isRead = false }
      }
      if let header = bytes.withUnsafeBytes({ SegmentHeader($0) }) {
        headers.append((slot, header))
      } else if isRead, bytes.allSatisfy({ $0 == 0 }) {
        free.append(JournalState.FreeSegment(slot: slot, capacity: size))
      } else {
        unreadable.append(slot)
        report.unreadableSegments.append(storage.segmentPath(slot))
      }
    }
    salt = newest?.salt ?? headers.first?.header.salt ?? options.salt ?? UInt64.random(in: 1...UInt64.max)
    let salt = salt
    chain = headers.filter { $0.header.salt == salt }.sorted { $0.header.isOlder(than: $1.header) }
      .map { JournalState.Segment(slot: $0.slot, header: $0.header) }
    for foreign in headers where foreign.header.salt != salt {
      unreadable.append(foreign.slot)
      report.unreadableSegments.append(storage.segmentPath(foreign.slot))
    }

    lastCheckpoint = chain.reduce(newest?.number ?? 0) { max($0, $1.header.epoch) }
    // Without any checkpoint, from the first record that is there; a new journal begins at 1.
    replayFrom = newest?.replayFrom ?? chain.first?.header.first ?? 1
    safeReplayFrom = checkpoints.whole.last?.replayFrom ?? replayFrom
    released = newest?.released ?? [:]
    for (owner, sequence) in released {
      owners[owner] = JournalState.Owner(last: sequence, released: sequence, heldFrom: nil)
    }
    proven = chain.reduce(newest?.durable ?? 0) { max($0, $1.header.durable) }
    let from = replayFrom
    let index = chain.lastIndex { $0.header.first <= from } ?? 0
    let first = chain.isEmpty ? from : min(from, chain[index].header.first)
    position = Position(index: index, offset: JournalFormat.segmentHeaderBytes, expected: first)
  }

  // MARK: replay

  /// The next record that its owner still needs; nil when replay has come to an `ending`.
  public func next() -> JournalRecord? {
    while ending == nil {
      guard let (header, payload) = advance() else {
        classify()
        continue
      }
      guard header.sequence >= replayFrom else { continue }
      JournalState.note(header.sequence, of: header.owner, in: &owners)
      if let released = released[header.owner], header.sequence <= released { continue }
      return JournalRecord(sequence: header.sequence, owner: header.owner, kind: header.kind, payload: payload)
    }
    return nil
  }

  /// The record at the position, which moves behind it; nil when there is none.
  private func advance() -> (RecordHeader, UnsafeRawBufferPointer)? {
    while position.index + 1 < chain.count, chain[position.index + 1].header.first == position.expected {
      position.index += 1
      position.offset = JournalFormat.segmentHeaderBytes
      closeReader()
    }
    guard let reader = currentReader(),
      case .record(let header, let payload, let start, let end) = reader.step(
        at: position.offset, expecting: position.expected)
    else { return nil }
    proven = max(proven, header.provenDurable)
    if unprovenFrom == nil || proven >= header.sequence - 1 {
      unprovenFrom = Position(index: position.index, offset: start, expected: header.sequence)
    }
    position.offset = end
    position.expected += 1
    return (header, payload)
  }

  private func currentReader() -> SegmentReader? {
    if let reader { return reader }
    guard position.index < chain.count else { return nil }
    let segment = chain[position.index]
    guard let file = try? storage.segment(segment.slot) else { return nil }
    reader = try? SegmentReader(file: file, header: segment.header)
    return reader
  }

  private func closeReader() {
    report.readErrors += reader?.readErrors ?? 0
    reader = nil
  }

  /// Why there is no record at the position: sets `ending`, or moves on when nobody needs what is missing.
  private func classify() {
    let expected = position.expected
    let following = position.index + 1 < chain.count ? chain[position.index + 1].header.first : nil
    var found: (offset: Int, sequence: LogSequence)?
    var isBlank = true
    if let reader = currentReader() {
      if case .nothing(let blank) = reader.step(at: position.offset, expecting: expected) { isBlank = blank }
      // What a following segment begins with is not taken from here: it was written again there.
      let most = (following ?? .max) - 1
      if expected < most {
        let result = reader.search(from: position.offset, in: expected + 1...most)
        found = result.found
        proven = max(proven, result.proven)
      }
    } else if !chain.isEmpty {
      isBlank = false
    }
    // The first segment begins above what replay has to begin with, when an older one is missing.
    let isMissing = !chain.isEmpty && expected < chain[position.index].header.first
    if isMissing { found = (JournalFormat.segmentHeaderBytes, chain[position.index].header.first) }
    guard proven >= expected else {
      ending =
        isBlank && found == nil
        ? .clean(next: expected) : .tornTail(next: expected, laterRecords: found != nil)
      return
    }
    let resumed = min(found?.sequence ?? .max, following ?? .max, proven + 1)
    resume = Position(
      index: position.index, offset: found?.sequence == resumed ? found!.offset : position.offset, expected: resumed)
    if resumed <= replayFrom {
      report.damageBelowCheckpoint += 1
      resumeReplay()
    } else {
      ending = .damaged(first: max(expected, replayFrom), last: resumed - 1)
    }
  }

  /// Where replay goes on after what cannot be read.
  private var resume: Position?

  private func resumeReplay() {
    guard let resume else { return }
    position = resume
    self.resume = nil
    unprovenFrom = nil
    ending = nil
  }

  /// After `.damaged`: accepts that those records are lost and goes on with the next one that can be read.
  public func skipDamage() {
    guard case .damaged(let first, let last) = ending else { return }
    report.skipped.append(first...last)
    resumeReplay()
  }

  // MARK: start

  /// Starts the journal after the last record. What nothing proves to have been synced is first written again, to a
  /// segment of its own: an earlier sync may have failed and left it in the system's cache only.
  public func start() throws -> Journal {
    precondition(!hasStarted, "a journal is started once")
    let following: LogSequence
    switch ending {
    case nil: throw JournalFailure.replayUnfinished
    case .damaged(let first, let last): throw JournalFailure.damaged(.damaged(first: first, last: last))
    case .clean(let next), .tornTail(let next, _): following = next
    }
    hasStarted = true
    closeReader()
    if report.skipped.isEmpty {
      // Nothing is missing, so nothing of value is in them.
      for slot in unreadable { try storage.removeSegment(slot) }
    }
    for segment in free where segment.capacity != options.segmentBytes { try storage.removeSegment(segment.slot) }
    free.removeAll { $0.capacity != options.segmentBytes }
    let highest = chain.reduce(0) { max($0, $1.header.number) }
    var state = JournalState(
      options: options, salt: salt, next: following, durable: min(proven, following - 1), owners: owners,
      segments: chain, free: free, nextSegmentNumber: highest + 1 + UInt64(unreadable.count), nextSlot: nextSlot,
      lastCheckpoint: lastCheckpoint, checkpointed: replayFrom, safelyCheckpointed: safeReplayFrom)
    // The salt, the epoch, and the proof of what is durable.
    let checkpoint = state.checkpoint()
    try storage.write(checkpoint)
    var freed = state.checkpointWritten(checkpoint)
    try writeUnproven(&state, following)
    freed += state.freeSegments(below: safeReplayFrom, andRepeated: true)
    for segment in freed where segment.capacity != options.segmentBytes { try storage.removeSegment(segment.slot) }
    return Journal(state: state, storage: storage, options: options, clock: clock, activeNeedsZeros: true)
  }

  private func writeUnproven(_ state: inout JournalState, _ following: LogSequence) throws {
    let first = state.durable + 1
    guard first < following, let from = unprovenFrom else { return }
    let size = try copyUnproven(from: from, first: first, following: following, to: nil)
    let placement = state.place(bytes: size, first: first)
    guard case .begin(let segment, let isNew) = placement else {
      throw JournalFailure.disk(code: 0, action: "no segment is free")
    }
    // Its header last: until then the records count where they were.
    if isNew { try storage.createSegment(segment.slot, capacity: Int(segment.header.capacity)) }
    let file = try storage.segment(segment.slot)
    let blank = [UInt8](repeating: 0, count: JournalFormat.segmentHeaderBytes)
    try blank.withUnsafeBytes { try file.writeAll($0, at: 0) }
    _ = try copyUnproven(from: from, first: first, following: following, to: segment)
    try file.synchronizeData()
    try segment.header.encoded().withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
    state.written(placement, bytes: size)
    state.synced(through: following - 1)
  }

  /// Copies the records `first..<following` in batches; returns their size. Without a segment, only that.
  private func copyUnproven(
    from: Position, first: LogSequence, following: LogSequence, to segment: JournalState.Segment?
  ) throws -> Int {
    position = from
    closeReader()
    let batch = JournalBatch()
    var size = 0
    func flush() throws {
      guard !batch.isEmpty else { return }
      let count = batch.sectorBytes
      if let segment {
        let start = JournalFormat.segmentHeaderBytes + size
        let hasRoom = start + count + JournalFormat.sectorBytes <= Int(segment.header.capacity)
        let bytes = batch.close(seal: segment.header.seal, durable: first - 1, endingInZeros: hasRoom)
        try storage.segment(segment.slot).writeAll(bytes, at: start)
      }
      size += count
      batch.clear(keeping: options.maximumBatchBytes)
    }
    while position.expected < following {
      guard let (header, payload) = advance() else {
        throw JournalFailure.disk(code: 0, action: "read the journal's last records again")
      }
      guard header.sequence >= first else { continue }
      batch.append(header).copyMemory(from: payload)
      if batch.byteCount >= options.maximumBatchBytes { try flush() }
    }
    try flush()
    closeReader()
    return size
  }
}
