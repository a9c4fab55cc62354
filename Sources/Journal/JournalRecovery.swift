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
  /// Segment files without a whole header, and without records that were found to follow others: one after a crash while
  /// it was begun. They are removed only if no record is missing.
  public var unreadableSegments: [String] = []
  /// Reads that the disk refused.
  public var readErrors = 0
  /// No checkpoint file is whole, but there are segments: what was released is not known any more, and replayed again.
  public var checkpointsAreLost = false
  /// A segment file that was there for the next records is not, or cannot be read: they may be lost.
  public var missingSegment: String?
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
  /// Segments with a header made up that records came from.
  private var usedSlots: Set<Int> = []
  /// More records than this cannot have been in `report.missingSegment`.
  private var missingRecords: LogSequence = 0

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

    var scan = SegmentScan()
    try scan.readHeaders(storage)
    free = scan.free
    nextSlot = max(scan.nextSlot, newest.map { $0.foretold.slot + 1 } ?? 0)
    salt = newest?.salt ?? scan.headers.first?.header.salt ?? options.salt ?? UInt64.random(in: 1...UInt64.max)
    report.checkpointsAreLost = newest == nil && !(scan.headers.isEmpty && scan.unreadable.isEmpty)
    if let missing = scan.findForetold(salt: salt, newest?.foretold, storage) {
      report.missingSegment = storage.segmentPath(missing.slot)
      missingRecords = LogSequence(options.segmentBytes / RecordHeader.byteCount)
    }
    chain = scan.chain(salt: salt)
    unreadable = scan.unreadable + scan.foreign(salt: salt)
    for slot in unreadable { report.unreadableSegments.append(storage.segmentPath(slot)) }

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
    let index = chain.lastIndex { $0.header.first <= from && !$0.isMadeUp } ?? 0
    let first = chain.isEmpty ? from : min(from, chain[index].header.first)
    position = Position(index: index, offset: chain.isEmpty ? 0 : Self.start(of: chain[index]), expected: first)
  }

  private static func start(of segment: JournalState.Segment) -> Int {
    segment.madeUpFrom ?? JournalFormat.segmentHeaderBytes
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
      JournalState.note(header.sequence...header.sequence, of: header.owner, in: &owners)
      if let released = released[header.owner], header.sequence <= released { continue }
      return JournalRecord(sequence: header.sequence, owner: header.owner, kind: header.kind, payload: payload)
    }
    return nil
  }

  /// The record at the position, which moves behind it; nil when there is none.
  private func advance() -> (RecordHeader, UnsafeRawBufferPointer)? {
    while true {
      while let following, !following.isMadeUp, following.header.first <= position.expected { moveToFollowing() }
      guard let reader = currentReader(),
        case .record(let header, let payload, let start, let end) = reader.step(
          at: position.offset, expecting: position.expected)
      else {
        // Of what a start copied when the power failed, it is not known how much is there: only for want of better.
        guard let following, following.header.first <= position.expected else { return nil }
        moveToFollowing()
        continue
      }
      if chain[position.index].isMadeUp { usedSlots.insert(chain[position.index].slot) }
      proven = max(proven, header.provenDurable)
      if unprovenFrom == nil || proven >= header.sequence - 1 {
        unprovenFrom = Position(index: position.index, offset: start, expected: header.sequence)
      }
      position.offset = end
      position.expected += 1
      return (header, payload)
    }
  }

  private var following: JournalState.Segment? {
    position.index + 1 < chain.count ? chain[position.index + 1] : nil
  }

  private func moveToFollowing() {
    position.index += 1
    position.offset = Self.start(of: chain[position.index])
    closeReader()
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
    let following = following?.header.first
    var found: (offset: Int, sequence: LogSequence)?
    var isBlank = true
    var most = missingRecords
    if let reader = currentReader() {
      var from = position.offset
      if case .nothing(let absence) = reader.step(at: position.offset, expecting: expected) {
        isBlank = absence.isBlank
        from = absence.from
        if absence.isUnreadable { most = max(most, reader.mostRecords(from: from)) }
      }
      // What a following segment begins with is not taken from here: it was written again there.
      let lastHere = (following ?? .max) - 1
      if expected < lastHere {
        let result = reader.search(from: from, in: expected + 1...lastHere)
        found = result.found
        proven = max(proven, result.proven)
      }
    } else if position.index < chain.count {
      isBlank = false
      most = max(most, chain[position.index].header.mostRecords)
    }
    // The first segment begins above what replay has to begin with, when an older one is missing.
    let isMissing = !chain.isEmpty && expected < chain[position.index].header.first
    if isMissing { found = (Self.start(of: chain[position.index]), chain[position.index].header.first) }
    if proven < expected {
      guard most > 0, !hasSkippedUnreadable else {
        ending =
          isBlank && found == nil && !report.checkpointsAreLost
          ? .clean(next: expected) : .tornTail(next: expected, laterRecords: found != nil)
        return
      }
      // What cannot be read at all may have been there. Its sequences are not used again.
      proven = min(expected + most, found?.sequence ?? .max, following ?? .max) - 1
      hasSkippedUnreadable = found == nil && following == nil
    }
    let resumed = min(found?.sequence ?? .max, following ?? .max, proven + 1)
    precondition(resumed > expected, "replay goes forward")
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
  /// What cannot be read at the end was counted as damage already.
  private var hasSkippedUnreadable = false

  private func resumeReplay() {
    guard let resume else { return }
    position = resume
    self.resume = nil
    unprovenFrom = nil
    ending = nil
  }

  /// After `.damaged`: accepts that those records are lost and goes on with the next one that can be read. Openings
  /// before everything up to there is released find the same again.
  public func skipDamage() {
    guard case .damaged(let first, let last) = ending else { return }
    report.skipped.append(first...last)
    resumeReplay()
  }

  // MARK: start

  /// Starts the journal after the last record. What nothing proves to have been synced is first written again, to a
  /// segment of its own: an earlier sync may have failed and left it in the system's cache only.
  public func start() throws -> Journal {
    if hasStarted { throw JournalFailure.alreadyStarted }
    let following: LogSequence
    switch ending {
    case nil: throw JournalFailure.replayUnfinished
    case .damaged(let first, let last): throw JournalFailure.damaged(.damaged(first: first, last: last))
    case .clean(let next), .tornTail(let next, _): following = next
    }
    hasStarted = true
    closeReader()
    // With nothing missing, nothing of value is in those without a header.
    let unused = chain.filter { $0.isMadeUp && !usedSlots.contains($0.slot) }.map(\.slot)
    var useless =
      (report.skipped.isEmpty ? unreadable + unused : [])
      + free.filter { $0.capacity != options.segmentBytes }.map(\.slot)
    free.removeAll { $0.capacity != options.segmentBytes }
    var segments = chain.filter { !unused.contains($0.slot) }
    while !free.isEmpty, segments.count + free.count > options.maximumSegments {
      useless.append(free.removeLast().slot)
    }
    let upcoming = try takeUpcoming(&segments)
    let highest = chain.reduce(0) { max($0, $1.header.number) }
    var state = JournalState(
      options: options, salt: salt, next: following, durable: min(proven, following - 1), owners: owners,
      segments: segments, upcoming: upcoming, free: free,
      nextSegmentNumber: highest + 1 + UInt64(unreadable.count), nextSlot: nextSlot,
      lastCheckpoint: lastCheckpoint, checkpointed: replayFrom, safelyCheckpointed: safeReplayFrom)
    // The salt, the epoch, the first segment's place, and the proof of what is durable. What was foretold before may go
    // only now.
    let checkpoint = state.checkpoint()
    try storage.write(checkpoint)
    try storage.removeSegments(useless)
    useless = state.checkpointWritten(checkpoint).useless
    try writeUnproven(&state, following)
    useless += state.freeSegments(below: safeReplayFrom, andRepeated: true).useless
    try storage.removeSegments(useless)
    return Journal(state: state, storage: storage, options: options, clock: clock)
  }

  /// The segment that is begun first: an empty one, the oldest if no checkpoint needs it, or a new one.
  private func takeUpcoming(_ segments: inout [JournalState.Segment]) throws -> JournalState.FreeSegment {
    if !free.isEmpty { return free.removeFirst() }
    if segments.count > 1, segments[1].header.first <= safeReplayFrom, !segments[1].isMadeUp,
      segments[0].header.capacity == UInt64(options.segmentBytes)
    {
      return JournalState.FreeSegment(slot: segments.removeFirst().slot, capacity: options.segmentBytes)
    }
    let slot = nextSlot
    let capacity = min(options.firstSegmentBytes, options.segmentBytes)
    try storage.createSegment(slot, capacity: capacity, isFirst: true)
    nextSlot += 1
    return JournalState.FreeSegment(slot: slot, capacity: capacity)
  }

  private func writeUnproven(_ state: inout JournalState, _ following: LogSequence) throws {
    let first = state.durable + 1
    guard first < following, let from = unprovenFrom else { return }
    let size = try copyUnproven(from: from, first: first, following: following, to: nil)
    // At this point there may be one segment more than the options allow: the records are already in others.
    var placement = state.place(byteCount: size, first: first)
    if placement == .none || placement == .unprepared {
      let slot = state.beginCreating(beyondMaximum: true)!
      try storage.createSegment(slot, capacity: options.segmentBytes)
      state.created()
      placement = state.place(byteCount: size, first: first)
    }
    guard case .begin(let segment) = placement else { preconditionFailure("there is a segment to begin") }
    // Its header last: until then the records count where they were.
    let file = try storage.segment(segment.slot)
    let blank = [UInt8](repeating: 0, count: JournalFormat.segmentHeaderBytes)
    try blank.withUnsafeBytes { try file.writeAll($0, at: 0) }
    _ = try copyUnproven(from: from, first: first, following: following, to: segment)
    try file.synchronizeData()
    try segment.header.encoded().withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
    state.written(placement, byteCount: size, last: following - 1)
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
        let bytes = batch.close(seal: segment.header.seal, durable: first - 1)
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
