/// The journal's rules, without disk or threads: sequences, owners, which segment is written next, which are free.
struct JournalState {
  /// A segment that may hold records someone needs.
  struct Segment: Equatable {
    /// The number in the file's name.
    let slot: Int
    let header: SegmentHeader
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
    /// Into the active segment, at this offset.
    case active(Segment, offset: Int)
    /// To the start of a segment that is begun with this batch. `isNew`: the file has to be made.
    case begin(Segment, isNew: Bool)
    /// Nowhere, until a checkpoint frees a segment.
    case none
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
  private(set) var free: [FreeSegment]
  private(set) var lastCheckpoint: UInt64
  /// What the newest and the one before would replay from.
  private(set) var checkpointed: LogSequence
  private(set) var safelyCheckpointed: LogSequence
  private var nextSegmentNumber: UInt64
  private var nextSlot: Int
  private var offset: Int

  init(
    options: JournalOptions, salt: UInt64, next: LogSequence, durable: LogSequence, owners: [UInt64: Owner],
    segments: [Segment], free: [FreeSegment], nextSegmentNumber: UInt64, nextSlot: Int, lastCheckpoint: UInt64,
    checkpointed: LogSequence, safelyCheckpointed: LogSequence
  ) {
    precondition(options.maximumSegments >= 3, "a journal needs three segments")
    precondition(options.segmentRoom >= 2 * JournalFormat.sectorBytes, "segments are too small")
    precondition(durable < next, "what is durable was written")
    self.options = options
    self.salt = salt
    self.next = next
    self.durable = durable
    self.owners = owners
    self.segments = segments
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
    if case .failed(let failure) = phase { return failure }
    if count > options.maximumRecordBytes || count < 0 {
      return .recordTooLarge(bytes: count, limit: options.maximumRecordBytes)
    }
    if owners.count >= options.maximumOwners, owners[owner] == nil {
      return .tooManyOwners(limit: options.maximumOwners)
    }
    return nil
  }

  /// Gives the next record its sequence.
  mutating func assign(owner: UInt64) -> LogSequence {
    let sequence = next
    next += 1
    Self.note(sequence, of: owner, in: &owners)
    return sequence
  }

  /// Notes that `owner` has a record at `sequence`.
  static func note(_ sequence: LogSequence, of owner: UInt64, in owners: inout [UInt64: Owner]) {
    var entry = owners[owner] ?? Owner(last: 0, released: 0, heldFrom: nil)
    entry.last = sequence
    if sequence > entry.released, entry.heldFrom == nil { entry.heldFrom = sequence }
    owners[owner] = entry
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

  /// Where a batch of `bytes` whose first record is `first` goes. Only once everything before it is durable.
  mutating func place(bytes: Int, first: LogSequence) -> Placement {
    if let active = segments.last, offset <= Int(active.header.capacity), bytes <= Int(active.header.capacity) - offset
    {
      return .active(active, offset: offset)
    }
    let room = bytes + JournalFormat.segmentHeaderBytes
    if let index = free.firstIndex(where: { $0.capacity >= room }) {
      let segment = begun(slot: free[index].slot, capacity: free[index].capacity, first: first)
      free.remove(at: index)
      return .begin(segment, isNew: false)
    }
    guard segments.count + free.count < options.maximumSegments else { return .none }
    let capacity = max(options.segmentBytes, JournalFormat.roundUp(room, to: JournalFormat.sectorBytes))
    let segment = begun(slot: nextSlot, capacity: capacity, first: first)
    nextSlot += 1
    return .begin(segment, isNew: true)
  }

  private mutating func begun(slot: Int, capacity: Int, first: LogSequence) -> Segment {
    precondition(lastCheckpoint >= epoch, "the epoch is on disk first")
    defer { nextSegmentNumber += 1 }
    return Segment(
      slot: slot,
      header: SegmentHeader(
        salt: salt, number: nextSegmentNumber, epoch: epoch, first: first, durable: durable,
        capacity: UInt64(capacity)))
  }

  /// The batch is written there; its segment is the active one from now on.
  mutating func written(_ placement: Placement, bytes: Int) {
    switch placement {
    case .active(_, let start): offset = start + bytes
    case .begin(let segment, _):
      segments.append(segment)
      offset = JournalFormat.segmentHeaderBytes + bytes
    case .none: preconditionFailure("a batch without a place was written")
    }
  }

  mutating func synced(through sequence: LogSequence) {
    precondition(sequence >= durable && sequence < next, "synced what was not appended")
    durable = sequence
  }

  /// Whether the next batch begins a segment, if it has `bytes`.
  func wouldBegin(bytes: Int) -> Bool {
    guard let active = segments.last else { return true }
    return offset > Int(active.header.capacity) || bytes > Int(active.header.capacity) - offset
  }

  /// At half of all segments, the last sequence of the older half of them.
  var checkpointWanted: LogSequence? {
    guard segments.count * 2 >= options.maximumSegments else { return nil }
    return segments[segments.count / 2].header.first - 1
  }

  mutating func fail(_ failure: JournalFailure) { if phase == .running { phase = .failed(failure) } }

  // MARK: checkpoints

  /// Whether checkpoints would free a segment.
  var canFree: Bool { segments.count > 1 && segments[1].header.first <= replayFrom }

  func checkpoint() -> Checkpoint {
    let from = replayFrom
    var released: [UInt64: LogSequence] = [:]
    for (owner, entry) in owners where entry.released >= from { released[owner] = entry.released }
    return Checkpoint(
      number: lastCheckpoint + 1, salt: salt, replayFrom: from, durable: durable, released: released)
  }

  /// The checkpoint is durable: segments that neither it nor the one before needs are free.
  mutating func checkpointWritten(_ checkpoint: Checkpoint) -> [FreeSegment] {
    precondition(checkpoint.number == lastCheckpoint + 1, "checkpoints are written in turn")
    lastCheckpoint = checkpoint.number
    safelyCheckpointed = checkpointed
    checkpointed = checkpoint.replayFrom
    let recycled = freeSegments(below: safelyCheckpointed, andRepeated: false)
    // A replay never shows their records again.
    owners = owners.filter { $0.value.heldFrom != nil || $0.value.last >= checkpointed }
    return recycled
  }

  /// Frees segments whose successor begins at or below `sequence`; with `andRepeated` also those whose successor begins
  /// with the same record: they are empty, or their records stand in the successor too, which has to be durable.
  @discardableResult
  mutating func freeSegments(below sequence: LogSequence, andRepeated: Bool) -> [FreeSegment] {
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
    // An outsized segment is not kept for ever.
    free += freed.filter { $0.capacity == options.segmentBytes }
    return freed
  }
}
