/// The journal's rules, without disk or threads: sequences, owners, which segment is written next, which are free.
struct JournalState {
  /// A segment that may hold records someone needs.
  struct Segment: Equatable {
    /// The number in the file's name.
    let slot: Int
    let header: SegmentHeader
    /// Where the first record that can be read stands, when the header was lost and made up.
    var madeUpFrom: Int?
    var isMadeUp: Bool { madeUpFrom != nil }
  }

  /// A segment file without records anyone needs.
  struct FreeSegment: Equatable {
    let slot: Int
    let capacity: Int
  }

  /// An owner with records that are not all recycled.
  struct Owner: Equatable {
    var last: LogSequence
    var released: LogSequence
    /// The first record that it still needs, or a lower sequence.
    var heldFrom: LogSequence?
  }

  /// Where a batch goes.
  enum Placement: Equatable {
    /// Into the active segment, at this offset, a sector border.
    case active(Segment, offset: Int)
    /// Into the sector at this offset of the active segment, behind the `kept` bytes of the small batches before it.
    case join(Segment, offset: Int, kept: Int)
    /// To the start of a segment that is begun with this batch.
    case begin(Segment)
    /// Nowhere, until one more segment file is made.
    case unprepared
    /// Nowhere, until a checkpoint frees a segment.
    case none
  }

  /// The pair of sectors (see `JournalFormat`) that takes small batches.
  struct Tail: Equatable {
    /// The sector that holds all of it.
    var newest: Int
    /// The sector that holds an earlier state of it, once there is one.
    var other: Int?
    var byteCount: Int
    var last: LogSequence
  }

  enum Phase: Equatable {
    case running
    case failed(JournalFailure)
  }

  let options: JournalOptions
  let salt: UInt64
  /// The number of the first checkpoint of this opening, which is durable before any segment is begun.
  let epoch: UInt64
  private(set) var phase = Phase.running
  /// The sequence of the next record.
  private(set) var next: LogSequence
  /// Everything up to here was synced.
  private(set) var durable: LogSequence
  private(set) var owners: [UInt64: Owner]
  /// Oldest first; the last one is active.
  private(set) var segments: [Segment]
  /// The segment that is begun next: the active one's header, or the newest checkpoint, foretells it.
  private(set) var upcoming: FreeSegment
  /// More segments, all of the ordinary size.
  private(set) var free: [FreeSegment]
  /// The slot of a file that is being made.
  private(set) var creating: Int?
  /// All segments up to the maximum are in use: the reserve may be touched.
  private(set) var usesReserve = false
  private(set) var lastCheckpoint: UInt64
  /// What the newest and the one before would replay from.
  private(set) var checkpointed: LogSequence
  private(set) var safelyCheckpointed: LogSequence
  private var nextSegmentNumber: UInt64
  private var nextSlot: Int
  private var offset: Int
  private(set) var tail: Tail?

  init(
    options: JournalOptions, salt: UInt64, next: LogSequence, durable: LogSequence, owners: [UInt64: Owner],
    segments: [Segment], upcoming: FreeSegment, free: [FreeSegment], nextSegmentNumber: UInt64, nextSlot: Int,
    lastCheckpoint: UInt64,
    checkpointed: LogSequence, safelyCheckpointed: LogSequence
  ) {
    precondition(options.maximumSegments >= 3, "a journal needs three segments")
    precondition(upcoming.capacity <= options.segmentBytes, "the next segment is no larger than others")
    precondition(options.segmentRoom >= 2 * JournalFormat.sectorBytes, "segments are too small")
    precondition(durable < next, "what is durable was written")
    self.options = options
    self.salt = salt
    self.next = next
    self.durable = durable
    self.owners = owners
    self.segments = segments
    self.upcoming = upcoming
    self.free = free
    self.nextSegmentNumber = nextSegmentNumber
    self.nextSlot = nextSlot
    self.lastCheckpoint = lastCheckpoint
    epoch = lastCheckpoint + 1
    self.checkpointed = checkpointed
    self.safelyCheckpointed = safelyCheckpointed
    // What was found is not continued: the first batch begins a segment.
    offset = .max
  }

  // MARK: records

  /// Whether a record may be appended now; the reason when not.
  func refusal(owner: UInt64, payload count: Int) -> JournalFailure? {
    if let failure = refusal(payload: count) { return failure }
    if owners.count >= options.maximumOwners, owners[owner] == nil {
      return .tooManyOwners(limit: options.maximumOwners)
    }
    return nil
  }

  /// Whether records may be appended now, as far as their owners do not matter.
  func refusal(payload count: Int) -> JournalFailure? {
    if case .failed(let failure) = phase { return failure }
    if count > options.maximumRecordBytes || count < 0 {
      return .recordTooLarge(bytes: count, limit: options.maximumRecordBytes)
    }
    return nil
  }

  /// Whether all of these records may be appended now; the reason when not.
  func refusal(of records: JournalRecords) -> JournalFailure? {
    if let failure = refusal(payload: records.largestPayload) { return failure }
    // Counting each run as an owner of its own is enough until the limit is near.
    guard owners.count + records.runs.count > options.maximumOwners else { return nil }
    let new = Set(records.runs.lazy.map(\.owner).filter { owners[$0] == nil })
    return owners.count + new.count > options.maximumOwners ? .tooManyOwners(limit: options.maximumOwners) : nil
  }

  /// Gives the next record its sequence.
  mutating func assign(owner: UInt64) -> LogSequence {
    let sequence = next
    next += 1
    Self.note(sequence...sequence, of: owner, in: &owners)
    return sequence
  }

  /// Gives the records the next sequences, in their order; returns the first.
  mutating func assign(_ records: JournalRecords) -> LogSequence {
    let first = next
    next += LogSequence(records.count)
    for run in records.runs {
      Self.note(first + LogSequence(run.first)...first + LogSequence(run.last), of: run.owner, in: &owners)
    }
    return first
  }

  /// Notes that `owner` has records at both ends of `range`.
  static func note(_ range: ClosedRange<LogSequence>, of owner: UInt64, in owners: inout [UInt64: Owner]) {
    func note(_ entry: inout Owner) {
      entry.last = range.upperBound
      if entry.heldFrom == nil, range.upperBound > entry.released {
        entry.heldFrom = max(range.lowerBound, entry.released + 1)
      }
    }
    note(&owners[owner, default: Owner(last: 0, released: 0, heldFrom: nil)])
  }

  /// The owner needs none of its records up to `sequence`.
  mutating func release(owner: UInt64, through sequence: LogSequence) {
    guard var entry = owners[owner] else { return }
    let sequence = min(sequence, entry.last)
    guard sequence > entry.released else { return }
    entry.released = sequence
    if sequence == entry.last {
      entry.heldFrom = nil
    } else if let held = entry.heldFrom, held <= sequence {
      entry.heldFrom = sequence + 1
    }
    owners[owner] = entry
  }

  /// Nobody needs records below.
  var replayFrom: LogSequence { owners.values.reduce(durable + 1) { min($0, $1.heldFrom ?? .max) } }

  // MARK: batches

  /// Where a batch of `byteCount` bytes whose first record is `first` goes. Only once everything before it is written.
  mutating func place(byteCount: Int, first: LogSequence) -> Placement {
    if let placement = placeInActive(byteCount: byteCount) { return placement }
    guard let successor = free.first else {
      return mayCreate ? .unprepared : .none
    }
    precondition(lastCheckpoint >= epoch, "the epoch is on disk first")
    free.removeFirst()
    // A batch that is larger than the file extends it.
    let room = JournalFormat.segmentHeaderBytes + JournalFormat.roundUp(byteCount, to: JournalFormat.sectorBytes)
    let header = SegmentHeader(
      salt: salt, number: nextSegmentNumber, epoch: epoch, first: first, durable: durable,
      capacity: UInt64(max(upcoming.capacity, room)), successor: successor.slot)
    let segment = Segment(slot: upcoming.slot, header: header)
    nextSegmentNumber += 1
    upcoming = successor
    return .begin(segment)
  }

  private func placeInActive(byteCount: Int) -> Placement? {
    guard let active = segments.last, offset <= Int(active.header.capacity) else { return nil }
    let room = Int(active.header.capacity) - offset
    if let tail, tail.byteCount + byteCount <= JournalFormat.sectorBytes {
      // What is not synced yet may be written over: the other sector holds all that is.
      if tail.last > durable { return .join(active, offset: tail.newest, kept: tail.byteCount) }
      if let other = tail.other { return .join(active, offset: other, kept: tail.byteCount) }
      if room >= JournalFormat.sectorBytes { return .join(active, offset: offset, kept: tail.byteCount) }
    }
    return byteCount <= room ? .active(active, offset: offset) : nil
  }

  /// Whether the next batch begins a segment, if it has `byteCount` bytes.
  func wouldBegin(byteCount: Int) -> Bool { placeInActive(byteCount: byteCount) == nil }

  /// The batch, up to `last`, is written there; its segment is the active one from now on.
  mutating func written(_ placement: Placement, byteCount: Int, last: LogSequence) {
    switch placement {
    case .join(_, let start, let kept):
      guard var joined = tail else { preconditionFailure("only a tail is joined") }
      if start != joined.newest {
        if start == offset { offset += JournalFormat.sectorBytes }
        joined.other = joined.newest
        joined.newest = start
      }
      joined.byteCount = kept + byteCount
      joined.last = last
      tail = joined
      return
    case .active(_, let start): offset = start
    case .begin(let segment):
      segments.append(segment)
      offset = JournalFormat.segmentHeaderBytes
    case .unprepared, .none: preconditionFailure("a batch without a place was written")
    }
    let isSmall = byteCount < JournalFormat.sectorBytes
    tail = isSmall ? Tail(newest: offset, other: nil, byteCount: byteCount, last: last) : nil
    offset += JournalFormat.roundUp(byteCount, to: JournalFormat.sectorBytes)
  }

  mutating func synced(through sequence: LogSequence) {
    precondition(sequence >= durable && sequence < next, "synced what was not appended")
    durable = sequence
  }

  // MARK: making segments ahead

  /// Another file is within the bounds.
  private var mayCreate: Bool {
    segments.count + 1 < options.maximumSegments + (usesReserve ? options.reserveSegments : 0)
  }

  /// Nothing has a place within the maximum. False: nor has it in the reserve.
  mutating func turnToReserve() -> Bool {
    guard !usesReserve, options.reserveSegments > 0 else { return false }
    usesReserve = true
    return true
  }

  /// The slot of a file that should be made now, so that the next segment begins without waiting. The caller makes it
  /// and says `created` or `notCreated`.
  mutating func beginCreating(beyondMaximum: Bool = false) -> Int? {
    guard creating == nil, free.isEmpty, beyondMaximum || mayCreate else { return nil }
    creating = nextSlot
    nextSlot += 1
    return creating
  }

  mutating func created() {
    guard let slot = creating else { preconditionFailure("nothing is being made") }
    free.append(FreeSegment(slot: slot, capacity: options.segmentBytes))
    creating = nil
  }

  mutating func notCreated() { creating = nil }

  /// With many segments in use, the last sequence of the older half of them.
  var checkpointWanted: LogSequence? {
    guard segments.count >= min(options.eagerSegments, (options.maximumSegments + 1) / 2) else { return nil }
    return segments[segments.count / 2].header.first - 1
  }

  /// Segments that hold nothing any more.
  struct FreedSegments {
    var slots: [Int]
    /// Those whose files go.
    var useless: [Int] = []
  }

  mutating func fail(_ failure: JournalFailure) { if phase == .running { phase = .failed(failure) } }

  // MARK: checkpoints

  /// Whether checkpoints would free a segment.
  var canFree: Bool { segments.count > 1 && segments[1].header.first <= replayFrom }

  func checkpoint() -> Checkpoint {
    let from = replayFrom
    var released: [UInt64: LogSequence] = [:]
    // A release of what is not durable yet must not outlive it: after a crash others take those sequences.
    for (owner, entry) in owners where min(entry.released, durable) >= from {
      released[owner] = min(entry.released, durable)
    }
    return Checkpoint(
      number: lastCheckpoint + 1, salt: salt, replayFrom: from, durable: durable,
      foretold: ForetoldSegment(slot: upcoming.slot, epoch: epoch, number: nextSegmentNumber), released: released)
  }

  /// The checkpoint is durable: segments that neither it nor the one before needs are free.
  mutating func checkpointWritten(_ checkpoint: Checkpoint) -> FreedSegments {
    precondition(checkpoint.number == lastCheckpoint + 1, "checkpoints are written in turn")
    lastCheckpoint = checkpoint.number
    safelyCheckpointed = checkpointed
    checkpointed = checkpoint.replayFrom
    let recycled = freeSegments(below: safelyCheckpointed, andRepeated: false)
    // A replay never shows their records again.
    let gone = owners.compactMap { $0.value.heldFrom == nil && $0.value.last < checkpointed ? $0.key : nil }
    for owner in gone { owners[owner] = nil }
    return recycled
  }

  /// Frees segments whose successor begins at or below `sequence`; with `andRepeated` also those whose successor begins
  /// with the same record: they are empty, or their records stand in the successor too, which has to be durable.
  @discardableResult
  mutating func freeSegments(below sequence: LogSequence, andRepeated: Bool) -> FreedSegments {
    var freed: [FreeSegment] = []
    var kept: [Segment] = []
    for (index, segment) in segments.enumerated() {
      guard index + 1 < segments.count else {
        kept.append(segment)
        break
      }
      let following = segments[index + 1].header.first
      if following <= sequence || (andRepeated && following == segment.header.first) {
        freed.append(FreeSegment(slot: segment.slot, capacity: Int(segment.header.capacity)))
      } else {
        kept.append(segment)
      }
    }
    segments = kept
    if segments.count + 1 < options.maximumSegments { usesReserve = false }
    var result = FreedSegments(slots: freed.map(\.slot))
    for segment in freed {
      // An outsized segment is not kept for ever, nor is one of the reserve.
      if segment.capacity == options.segmentBytes, segments.count + 1 + free.count < options.maximumSegments {
        free.append(segment)
      } else {
        result.useless.append(segment.slot)
      }
    }
    return result
  }
}
