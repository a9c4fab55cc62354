// The server-wide write-ahead journal: records of all streams and consumers in one sequence, one write and one sync a
// batch, checkpoints, replay. What the records mean is the owners' business; their data files live in MessageStore.
//
// What a store that keeps its data elsewhere may rely on:
//
// - Sequences are 1, 2, 3, ... over all owners; records become durable, and are replayed, in that order, each once per
//   opening. What `durable(through:)` was told for is replayed after any crash, until its owner released it and a
//   checkpoint was written. A prefix of what was queued behind that may be replayed too; then it counts as durable,
//   since `start` writes it again and syncs it. A sequence that was not durable is used again after a crash.
// - After a restart, what was durable is what replay shows: `next` until nil, then `ending`.
// - Replay shows at least what was not released. It may show more: releases since the last checkpoint are forgotten, and
//   all of them if both checkpoint files are lost. So a store keeps, with its own durable data, the sequence up to which
//   it has applied records, and skips those that replay shows again.
// - An owner is any number but has no life of its own: the journal knows it from its first record until all its records
//   are released and recycled, and a number may be used again. Since a replay may show records of an earlier use,
//   numbers that are never used twice (a counter in the store's own metadata) are simpler. `release(owner:through:
//   .max)` releases what was appended until now, not what is appended later.
// - `kind` is the owners' own: 0 to 255. A payload has 0 to `maximumRecordBytes` bytes, and comes back aligned to
//   nothing in particular.
// - Owners that do not release hold the journal up when all segments are in use; `checkpointWanted` asks them to before.

import CSystem
import Glibc
import Reactor

/// What became of an append.
public enum AppendOutcome: Equatable, Sendable {
  /// It is durable when a notice says `durable(through:)` this sequence or a later one.
  case queued(LogSequence)
  /// The forming batch is full. Nothing was taken; `room` is told when it can be tried again.
  case full
  case refused(JournalFailure)
}

/// A journal that takes records. Made by `JournalRecovery.start`.
///
/// Any thread appends into the forming batch; the journal's own thread writes and syncs the batch before it. The next
/// one begins as soon as the last is durable: there is no timer in the way. After an error of the disk nothing further
/// is accepted, and nothing that was not synced is reported durable; opening the journal again is the way back. A full
/// disk is no such error, unless a sync reports it: what could not be written is written again, in the same place.
public final class Journal: @unchecked Sendable {
  // Invariant: everything is guarded by `mutex`, except `storage`, `writing`, `unwritten` and `tail`, which belong to
  // whoever runs turns, and `durableValue`, which is atomic.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private let durableValue: UnsafeMutablePointer<UInt64>
  private let options: JournalOptions
  private let clock: any Clock
  private let storage: JournalStorage

  private var state: JournalState
  private var forming = JournalBatch()
  private var writing = JournalBatch()
  private let tail = TailSector()
  /// The batch in `writing`, when there was no space for it.
  private var unwritten: Unwritten?
  /// Makes segment files ahead, where the journal has a thread.
  private let preparation: BackgroundQueue?
  /// Written, but synced only up to `state.durable` (sync interval only).
  private var written: LogSequence
  private var lastSync: Int64 = 0
  private var listeners: [@Sendable (JournalNotice) -> Void] = []
  private var refusedListeners: UInt64 = 0
  private var counts = JournalStatistics()

  private var commitRequested = false
  private var checkpointRequested = false
  private var isStalled = false
  /// The batch has no place until the file that is being made is there.
  private var isAwaitingSegment = false
  private var isStopping = false
  /// Space is missing; it is tried again at this time of the clock.
  private var shortage: JournalFailure?
  private var retryDue = Int64.max
  private var isWaiting = false
  private var thread: pthread_t?

  init(
    state: JournalState, storage: JournalStorage, options: JournalOptions, clock: any Clock
  ) {
    self.state = state
    self.storage = storage
    self.options = options
    self.clock = clock
    preparation = options.hasOwnThread ? BackgroundQueue(capacity: 1) : nil
    written = state.durable
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    durableValue = .allocate(capacity: 1)
    durableValue.initialize(to: state.durable)
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
    storage.beginWriting()
    prepareAhead()
    if options.hasOwnThread { startThread() }
  }

  /// The thread holds the journal while it runs, so nobody waits on these any more.
  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
    durableValue.deallocate()
  }

  // MARK: appending

  /// Adds someone who appends; at most 64. `notify` runs on the journal's thread and must be quick: pass it on.
  public func addListener(_ notify: @escaping @Sendable (JournalNotice) -> Void) -> Int {
    locked {
      precondition(listeners.count < 64, "a journal has at most 64 listeners")
      listeners.append(notify)
      return listeners.count - 1
    }
  }

  /// Adds a loop; `notify` runs on it.
  public func addListener(
    on loop: EventLoop, _ notify: @escaping @Sendable (JournalNotice) -> Void
  ) -> Int {
    addListener { notice in loop.submit { notify(notice) } }
  }

  /// Appends a record of `byteCount` bytes, which `fill` writes: all of them, quickly, under the journal's lock.
  ///
  /// Records become durable in the order of their sequences. Call `commit` after the last append of a loop's batch.
  public func append(
    owner: UInt64, kind: UInt8, byteCount: Int, listener: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) -> AppendOutcome {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if isStopping { return .refused(.closed) }
    if let failure = state.refusal(owner: owner, payload: byteCount) { return .refused(failure) }
    let size = JournalFormat.recordBytes(payload: byteCount)
    if !forming.isEmpty, forming.byteCount + size > options.maximumBatchBytes {
      refusedListeners |= 1 << UInt64(listener)
      wakeForCommit()
      return .full
    }
    let sequence = state.assign(owner: owner)
    let header = RecordHeader(
      payloadBytes: UInt32(byteCount), sequence: sequence, owner: owner, unsynced: .max, kind: kind)
    fill(forming.append(header))
    forming.listeners |= 1 << UInt64(listener)
    return .queued(sequence)
  }

  /// Appends all of these records, or none, with sequences in their order; `queued` names the last one's. Then `records`
  /// is empty. The lock is held for a copy of their bytes, so this is the way to append many.
  public func append(batch records: JournalRecords, listener: Int) -> AppendOutcome {
    precondition(!records.isEmpty, "an empty batch has no sequence")
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if isStopping { return .refused(.closed) }
    if let failure = state.refusal(of: records) { return .refused(failure) }
    if !forming.isEmpty, forming.byteCount + records.byteCount > options.maximumBatchBytes {
      refusedListeners |= 1 << UInt64(listener)
      wakeForCommit()
      return .full
    }
    let first = state.assign(records)
    let last = first + LogSequence(records.count) - 1
    forming.append(records, first: first)
    forming.listeners |= 1 << UInt64(listener)
    records.removeAll()
    return .queued(last)
  }

  public func append(owner: UInt64, kind: UInt8, _ payload: [UInt8], listener: Int) -> AppendOutcome {
    payload.withUnsafeBytes { bytes in
      append(owner: owner, kind: kind, byteCount: bytes.count, listener: listener) { $0.copyMemory(from: bytes) }
    }
  }

  /// Has what was appended written: now, or as soon as the batch before is durable.
  public func commit() { locked { wakeForCommit() } }

  private func wakeForCommit() {
    guard !commitRequested else { return }
    commitRequested = true
    signal()
  }

  /// Everything up to here is acknowledged. Any thread, no lock.
  public var durable: LogSequence { csys_load64(durableValue) }

  /// The error that stopped the journal.
  public var failure: JournalFailure? {
    locked {
      if case .failed(let failure) = state.phase { return failure }
      return nil
    }
  }

  public var statistics: JournalStatistics { locked { counts } }

  /// Where the records of an owner are, from which one on they are held; nil when none are. See `read`.
  func place(of owner: UInt64) -> (heldFrom: LogSequence, directory: String, disk: any Disk, options: JournalOptions)? {
    guard let from = locked({ state.owners[owner]?.heldFrom }) else { return nil }
    return (from, storage.directory, storage.disk, options)
  }

  // MARK: checkpoints

  /// The owner needs none of its records up to `sequence`: its own files hold what they said, durably. `.max` for an
  /// owner that is gone. Takes effect with the next checkpoint; until then a replay shows the records again.
  public func release(owner: UInt64, through sequence: LogSequence) {
    locked {
      state.release(owner: owner, through: sequence)
      if isStalled {
        isStalled = false
        commitRequested = true
        signal()
      }
    }
  }

  /// Asks for a checkpoint soon; the journal makes one itself whenever it begins a segment.
  public func requestCheckpoint() {
    locked {
      checkpointRequested = true
      signal()
    }
  }

  /// Writes what was appended, then a checkpoint, and ends: appends are refused as `closed` from here on, and what was
  /// queued before is still told about. Not from the journal's thread, and once. Damage to what was written is always
  /// recognised after an orderly close.
  public func close() {
    locked {
      isStopping = true
      commitRequested = true
      signal()
    }
    if let thread {
      pthread_join(thread, nil)
      self.thread = nil
    }
    awaitPreparation()
    while runTurn() {}
    if locked({ state.phase == .running && written > state.durable }) { syncWritten() }
    writeCheckpoint()
    locked { state.fail(.closed) }
    preparation?.stop()
  }

  // MARK: writing

  /// How long to wait for space before a write is tried again.
  static let retryNanoseconds: Int64 = 1_000_000_000

  /// A batch on its way to the disk.
  private struct Unwritten {
    let placement: JournalState.Placement
    let slot: Int
    let offset: Int
    /// In `writing` or `tail`.
    let bytes: UnsafeRawBufferPointer
    /// Of its records alone.
    let byteCount: Int
    let last: LogSequence
  }

  private enum Work {
    case nothing, checkpoint, sync
    case create(slot: Int)
    case write(JournalState.Placement, durable: LogSequence, refused: UInt64)
    case rewrite
    case stalled(LogSequence)
  }

  /// Writes one batch or one checkpoint, or makes a segment file; false when there was nothing to do. For journals
  /// without a thread.
  @discardableResult
  public func runTurn() -> Bool {
    switch locked({ nextWork() }) {
    case .nothing: return false
    case .checkpoint: writeCheckpoint()
    case .sync: syncWritten()
    case .create(let slot):
      createSegment(slot)
      runTurn()
    case .write(let placement, let durable, let refused):
      tell(.room, refused)
      write(placement, durable)
    case .rewrite: put(unwritten!)
    case .stalled(let durable):
      tell(.checkpointWanted(through: durable), everyone)
      return locked { !isStalled }
    }
    return true
  }

  /// Under the lock. A batch that is to be written is in `writing` afterwards.
  private func nextWork() -> Work {
    guard state.phase == .running, isRetryDue else { return .nothing }
    if unwritten != nil { return .rewrite }
    if checkpointRequested { return .checkpoint }
    if isSyncDue { return .sync }
    guard !forming.isEmpty else {
      commitRequested = false
      return .nothing
    }
    if written > state.durable, state.wouldBegin(byteCount: forming.byteCount) { return .sync }
    let placement = state.place(byteCount: forming.byteCount, first: forming.first)
    switch placement {
    case .none:
      if state.canFree { return .checkpoint }
      if isStalled { return .nothing }
      isStalled = !state.turnToReserve()
      return .stalled(state.durable)
    case .unprepared:
      if let slot = state.beginCreating() { return .create(slot: slot) }
      isAwaitingSegment = true
      return .nothing
    case .active, .join, .begin:
      swap(&forming, &writing)
      commitRequested = false
      defer { refusedListeners = 0 }
      return .write(placement, durable: state.durable, refused: refusedListeners)
    }
  }

  /// Nothing is tried while space is missing, but every second, and at the end.
  private var isRetryDue: Bool { shortage == nil || isStopping || clock.monotonicNanoseconds() >= retryDue }

  private var isRelaxed: Bool { options.syncIntervalNanoseconds != nil }

  private var isSyncDue: Bool {
    guard let interval = options.syncIntervalNanoseconds, written > state.durable else { return false }
    return clock.monotonicNanoseconds() - lastSync >= interval
  }

  /// One write and one sync. Everything before this batch was synced, unless an interval relaxes it.
  private func write(_ placement: JournalState.Placement, _ durable: LogSequence) {
    let count = writing.byteCount
    let segment: JournalState.Segment
    let offset: Int
    switch placement {
    case .active(let active, let start), .join(let active, let start, _): (segment, offset) = (active, start)
    case .begin(let begun): (segment, offset) = (begun, 0)
    case .none, .unprepared: preconditionFailure("a batch without a place is not written")
    }
    var bytes = writing.close(seal: segment.header.seal, durable: durable)
    if case .join(_, _, let kept) = placement {
      bytes = tail.join(bytes.slice(0..<count), keeping: kept)
    } else if count < JournalFormat.sectorBytes {
      _ = tail.join(bytes.slice(0..<count), keeping: 0)
    }
    if case .begin = placement { bytes = writing.closed(behind: segment.header) }
    put(
      Unwritten(
        placement: placement, slot: segment.slot, offset: offset, bytes: bytes, byteCount: count, last: writing.last))
  }

  private func put(_ batch: Unwritten) {
    do {
      let file = try storage.segment(batch.slot)
      do { try file.writeAll(batch.bytes, at: batch.offset) } catch let error as SystemError where canWait(for: error) {
        unwritten = batch
        waitForSpace(error)
        return
      }
      unwritten = nil
      if !isRelaxed { try file.synchronizeData() }
      endShortage()
      written(batch.placement, byteCount: batch.byteCount, bytesWritten: batch.bytes.count, last: batch.last)
    } catch {
      fail(error)
    }
  }

  // MARK: a full disk

  /// The end of the journal does not wait.
  private func canWait(for error: SystemError) -> Bool {
    (error.code == ENOSPC || error.code == EDQUOT) && !locked { isStopping }
  }

  /// Everything stays as it is until the next attempt.
  private func waitForSpace(_ error: SystemError) {
    let failure = JournalFailure(error, "journal")
    let isNew = locked { () -> Bool in
      defer { shortage = failure }
      retryDue = clock.monotonicNanoseconds() + Self.retryNanoseconds
      return shortage == nil
    }
    if isNew { tell(.shortage(failure), everyone) }
  }

  private func endShortage() {
    guard locked({ shortage != nil }) else { return }
    locked { shortage = nil }
    tell(.shortage(nil), everyone)
  }

  private func written(_ placement: JournalState.Placement, byteCount: Int, bytesWritten: Int, last: LogSequence) {
    let wanted: LogSequence? = locked {
      counts.records += UInt64(writing.recordCount)
      counts.batches += 1
      counts.bytesWritten += UInt64(bytesWritten)
      state.written(placement, byteCount: byteCount, last: last)
      written = last
      if !isRelaxed {
        state.synced(through: last)
        counts.syncs += 1
      }
      guard case .begin = placement else { return nil }
      if state.replayFrom > state.checkpointed { checkpointRequested = true }
      return state.checkpointWanted
    }
    let touched = writing.listeners
    writing.clear(keeping: options.maximumBatchBytes)
    csys_store64(durableValue, last)
    tell(.durable(through: last), touched)
    if let wanted { tell(.checkpointWanted(through: wanted), everyone) }
    if case .begin = placement { prepareAhead() }
  }

  // MARK: segment files

  /// Has the next segment file made while there is time: filling one with zeros here would hold batches up.
  private func prepareAhead() {
    guard let preparation, let slot = locked({ isStopping ? nil : state.beginCreating() }) else { return }
    let isQueued = preparation.submit { [self] in
      // On an error it is tried again when the file is needed; an error then is the journal's.
      let isMade = (try? storage.createSegment(slot, capacity: options.segmentBytes)) != nil
      locked { finishCreating(isMade) }
    }
    if !isQueued { locked { finishCreating(false) } }
  }

  /// Under the lock.
  private func finishCreating(_ isMade: Bool) {
    if isMade {
      state.created()
      counts.segmentsCreated += 1
    } else {
      state.notCreated()
    }
    isAwaitingSegment = false
    signal()
  }

  private func createSegment(_ slot: Int) {
    do {
      try storage.createSegment(slot, capacity: options.segmentBytes)
      locked { finishCreating(true) }
    } catch {
      let canFree = locked { () -> Bool in
        finishCreating(false)
        return state.canFree
      }
      // Without room for one more, an old one that is not needed does as well.
      if canFree {
        writeCheckpoint()
      } else if let error = error as? SystemError, canWait(for: error) {
        waitForSpace(error)
      } else {
        fail(error)
      }
    }
  }

  /// Until no file is being made.
  private func awaitPreparation() {
    pthread_mutex_lock(mutex)
    while state.creating != nil {
      isWaiting = true
      pthread_cond_wait(condition, mutex)
      isWaiting = false
    }
    pthread_mutex_unlock(mutex)
  }

  /// Syncs what a sync interval left unsynced.
  private func syncWritten() {
    let (segment, last) = locked { (state.segments.last, written) }
    guard let segment else { return }
    do {
      try storage.segment(segment.slot).synchronizeData()
      locked {
        state.synced(through: last)
        counts.syncs += 1
        lastSync = clock.monotonicNanoseconds()
      }
    } catch {
      fail(error)
    }
  }

  private func writeCheckpoint() {
    let checkpoint: Checkpoint? = locked {
      checkpointRequested = false
      return state.phase == .running ? state.checkpoint() : nil
    }
    guard let checkpoint else { return }
    do {
      // The other checkpoint stays whole.
      do { try storage.write(checkpoint) } catch let error as SystemError where canWait(for: error) {
        locked { checkpointRequested = true }
        waitForSpace(error)
        return
      }
      let freed = locked { () -> JournalState.FreedSegments in
        let freed = state.checkpointWritten(checkpoint)
        counts.checkpoints += 1
        counts.segmentsRecycled += UInt64(freed.slots.count)
        return freed
      }
      if unwritten == nil { endShortage() }
      for slot in freed.slots { storage.closeSegment(slot) }
      try storage.removeSegments(freed.useless)
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: any Error) {
    let failure = JournalFailure(error, "journal")
    locked { state.fail(failure) }
    tell(.failed(failure), everyone)
  }

  private var everyone: UInt64 { .max }

  private func tell(_ notice: JournalNotice, _ mask: UInt64) {
    guard mask != 0 else { return }
    let listeners = locked { self.listeners }
    for (index, notify) in listeners.enumerated() where mask & 1 << UInt64(index) != 0 { notify(notice) }
  }

  // MARK: the thread

  private func startThread() {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { argument in
        csys_name_thread("journal")
        Unmanaged<Journal>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument)
    precondition(result == 0, "cannot start the journal's thread")
    self.thread = thread
  }

  private func run() {
    while true {
      while locked({ hasWork }) { if !runTurn() { break } }
      pthread_mutex_lock(mutex)
      if isStopping {
        pthread_mutex_unlock(mutex)
        return
      }
      if !hasWork {
        isWaiting = true
        wait()
        isWaiting = false
      }
      pthread_mutex_unlock(mutex)
    }
  }

  /// Under the lock.
  private var hasWork: Bool {
    guard state.phase == .running, isRetryDue else { return false }
    return unwritten != nil || checkpointRequested || isSyncDue || (commitRequested && !isStalled && !isAwaitingSegment)
  }

  /// Under the lock: until a signal, or until a sync or another attempt is due.
  private func wait() {
    let remaining: Int64
    if shortage != nil, state.phase == .running {
      remaining = retryDue - clock.monotonicNanoseconds()
    } else if let interval = options.syncIntervalNanoseconds, state.phase == .running, written > state.durable {
      remaining = interval - (clock.monotonicNanoseconds() - lastSync)
    } else {
      pthread_cond_wait(condition, mutex)
      return
    }
    let due = csys_monotonic_ns() + max(0, min(remaining, 3_600_000_000_000))
    var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
    pthread_cond_timedwait(condition, mutex, &time)
  }

  private func signal() { if isWaiting { pthread_cond_signal(condition) } }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
