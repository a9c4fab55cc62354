// The server-wide write-ahead journal: records of all streams and consumers in one sequence, one write and one sync a
// batch, checkpoints, replay. What the records mean is the owners' business; their data files live in MessageStore.
//
// Not covered yet: reads that the disk refuses are taken for damage, but no test makes them fail, and a header that
// cannot be read only for a moment costs its segment when nothing else shows that records are missing; and the loss of
// the last segment as a whole, before a checkpoint was written after it, looks like the end of the journal.

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
/// is accepted, and nothing that was not synced is reported durable; opening the journal again is the way back.
public final class Journal: @unchecked Sendable {
  // Invariant: everything is guarded by `mutex`, except `storage`, `writing` and `activeNeedsZeros`, which belong to
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
  private var activeNeedsZeros: Bool
  /// Written, but synced only up to `state.durable` (sync interval only).
  private var written: LogSequence
  private var lastSync: Int64 = 0
  private var listeners: [@Sendable (JournalNotice) -> Void] = []
  private var refusedListeners: UInt64 = 0
  private var counts = JournalStatistics()

  private var commitRequested = false
  private var checkpointRequested = false
  private var isStalled = false
  private var isStopping = false
  private var isWaiting = false
  private var thread: pthread_t?

  init(
    state: JournalState, storage: JournalStorage, options: JournalOptions, clock: any Clock, activeNeedsZeros: Bool
  ) {
    self.state = state
    self.storage = storage
    self.options = options
    self.clock = clock
    self.activeNeedsZeros = activeNeedsZeros
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

  /// Writes what was appended, then a checkpoint, and ends. Not from the journal's thread. Damage to what was written
  /// is always recognised after an orderly close.
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
    while runTurn() {}
    locked {
      checkpointRequested = false
      if state.phase == .running, written > state.durable { checkpointRequested = true }
    }
    if locked({ checkpointRequested }) { syncWritten() }
    writeCheckpoint()
    locked { state.fail(.closed) }
  }

  // MARK: writing

  /// Writes one batch or one checkpoint; false when there was nothing to do. For journals without a thread.
  @discardableResult
  public func runTurn() -> Bool {
    enum Work { case nothing, checkpoint, sync, write(JournalState.Placement), stalled(LogSequence) }
    let work: Work = locked {
      guard state.phase == .running else { return .nothing }
      if checkpointRequested { return .checkpoint }
      if isSyncDue { return .sync }
      guard !forming.isEmpty else {
        commitRequested = false
        return .nothing
      }
      if written > state.durable, state.wouldBegin(bytes: forming.sectorBytes) { return .sync }
      let placement = state.place(bytes: forming.sectorBytes, first: forming.first)
      if placement == .none {
        if state.canFree { return .checkpoint }
        if isStalled { return .nothing }
        isStalled = true
        return .stalled(state.durable)
      }
      swap(&forming, &writing)
      commitRequested = false
      return .write(placement)
    }
    switch work {
    case .nothing: return false
    case .checkpoint: writeCheckpoint()
    case .sync: syncWritten()
    case .write(let placement): write(placement)
    case .stalled(let durable):
      tell(.checkpointWanted(through: durable), everyone)
      return false
    }
    return true
  }

  private var isRelaxed: Bool { options.syncIntervalNanoseconds != nil }

  private var isSyncDue: Bool {
    guard let interval = options.syncIntervalNanoseconds, written > state.durable else { return false }
    return clock.monotonicNanoseconds() - lastSync >= interval
  }

  private func write(_ placement: JournalState.Placement) {
    let size = writing.sectorBytes
    let last = writing.last
    // Everything before this batch was synced, unless an interval relaxes it.
    let (durable, refused) = locked { () -> (LogSequence, UInt64) in
      defer { refusedListeners = 0 }
      return (state.durable, refusedListeners)
    }
    tell(.room, refused)
    do {
      let segment: JournalState.Segment
      let offset: Int
      switch placement {
      case .active(let active, let start): (segment, offset) = (active, start)
      case .begin(let begun, let isNew):
        (segment, offset) = (begun, JournalFormat.segmentHeaderBytes)
        if isNew { try storage.createSegment(begun.slot, capacity: Int(begun.header.capacity)) }
        try begun.header.encoded().withUnsafeBytes { try storage.segment(begun.slot).writeAll($0, at: 0) }
        activeNeedsZeros = !isNew
      case .none: preconditionFailure("a batch without a place is not written")
      }
      let hasRoomForZeros = offset + size + JournalFormat.sectorBytes <= Int(segment.header.capacity)
      let bytes = writing.close(
        seal: segment.header.seal, durable: durable, endingInZeros: activeNeedsZeros && hasRoomForZeros)
      let file = try storage.segment(segment.slot)
      try file.writeAll(bytes, at: offset)
      if !isRelaxed { try file.synchronizeData() }
      written(placement, size: size, bytes: bytes.count, last: last)
    } catch {
      fail(error)
    }
  }

  private func written(_ placement: JournalState.Placement, size: Int, bytes: Int, last: LogSequence) {
    let wanted: LogSequence? = locked {
      counts.records += UInt64(writing.recordCount)
      counts.batches += 1
      counts.bytesWritten += UInt64(bytes)
      state.written(placement, bytes: size)
      written = last
      if !isRelaxed {
        state.synced(through: last)
        counts.syncs += 1
      }
      guard case .begin(_, let isNew) = placement else { return nil }
      if isNew { counts.segmentsCreated += 1 }
      if state.replayFrom > state.checkpointed { checkpointRequested = true }
      return state.checkpointWanted
    }
    let touched = writing.listeners
    writing.clear(keeping: options.maximumBatchBytes)
    csys_store64(durableValue, last)
    tell(.durable(through: last), touched)
    if let wanted { tell(.checkpointWanted(through: wanted), everyone) }
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
      try storage.write(checkpoint)
      let freed = locked { () -> [JournalState.FreeSegment] in
        let freed = state.checkpointWritten(checkpoint)
        counts.checkpoints += 1
        counts.segmentsRecycled += UInt64(freed.count)
        return freed
      }
      for segment in freed {
        storage.closeSegment(segment.slot)
        if segment.capacity != options.segmentBytes { try storage.removeSegment(segment.slot) }
      }
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
    guard state.phase == .running else { return false }
    return checkpointRequested || isSyncDue || (commitRequested && !isStalled)
  }

  /// Under the lock: until a signal, or until a sync is due.
  private func wait() {
    guard let interval = options.syncIntervalNanoseconds, state.phase == .running, written > state.durable else {
      pthread_cond_wait(condition, mutex)
      return
    }
    let due = csys_monotonic_ns() + max(0, lastSync + interval - clock.monotonicNanoseconds())
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
