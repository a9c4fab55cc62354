import Bytes
import CSystem
import Crypto
import Glibc
import Reactor
import Subjects

/// One loop's share of the message path: its match cache, its stages, its buffers and counters.
///
/// Confined to its loop, but for the counters (relaxed reads by monitoring) and the drain queue (under its lock).
public final class Worker: @unchecked Sendable {
  /// Receivers with staged bytes before all are flushed (bounds memory: 64 KiB each).
  static let maxDirtyStages = 256
  /// Bytes read at once, and the largest frame that needs no buffer of its own.
  static let readCapacity = 131_072

  public let index: Int
  public let loop: EventLoop
  /// Outlives its workers.
  @Uncounted public var server: Server
  /// What else lives on this loop: its share of the streams.
  public var companion: WorkerCompanion?
  let readBuffer: UnsafeMutableRawPointer
  let cache = MatchCache()
  var matchResult = MatchResult()
  var cacheMisses: UInt64 = 0
  /// How many handlers inside the server are on the stack.
  var depth = 0
  var nestedEntries: [MatchEntryPointer] = []
  /// How the message in hand came here.
  var passage = Passage()
  /// What the server has to tell at the end of the batch.
  var announcements: [ServerMessage] = []
  /// This server in the reply subjects of measured requests.
  lazy var serverHash = Array(ShortHash.make(server.info.serverName).utf8)
  /// Where a mapping writes the subject it makes.
  var mappedSubject = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
  var chunks = ChunkPool()
  /// Entries with deliveries that are not yet in their subscriptions' counts.
  private var touched: [MatchEntryPointer] = []

  // Stages in use, in the order of first use.
  let dirty: UnsafeMutablePointer<StagePointer>
  var dirtyCount = 0
  private var freeStages: [StagePointer] = []
  /// Payloads that still lie in the read buffer: flush before it is reused.
  var externalSegments = 0

  /// A receiver that was seen with a long backlog while the current connection published.
  var congested: ConnectionPointer?
  /// Publishers that wait for a slow reader.
  var paused: [PausedPublisher] = []
  /// Subscriptions that reached their maximum while delivering.
  var exhausted: [SubscriptionPointer] = []

  /// Loops that have been given work in this batch.
  var wakeMask: UInt64 = 0
  private let drainLock: UnsafeMutablePointer<UInt32>
  private var drainQueue: [Connection] = []
  /// Connections of this loop that wait for their socket (atomically counted).
  let armedCount: UnsafeMutablePointer<UInt32>

  /// How many connections this loop has been given (atomically counted).
  let clientCounter: UnsafeMutablePointer<UInt32>
  var clientCount: Int { Int(csys_load32(clientCounter)) }
  /// Connections this loop owns.
  var connections: [UInt64: Connection] = [:]
  let counters = WorkerCounters()
  var sweepTimer: TimerToken?
  let tlsScratch = TLSScratch()
  /// What all output buffers together may take: the memory budget of the process.
  let outputBudget = Int(clamping: MemoryLimit.current.budgetBytes)
  private var random: UInt64

  init(index: Int, loop: EventLoop, server: Server) {
    self.index = index
    self.loop = loop
    _server = Uncounted(wrappedValue: server)
    readBuffer = .allocate(byteCount: Self.readCapacity + Chunk.slack, alignment: 64)
    dirty = .allocate(capacity: Self.maxDirtyStages)
    drainLock = .allocate(capacity: 1)
    drainLock.initialize(to: 0)
    armedCount = .allocate(capacity: 1)
    armedCount.initialize(to: 0)
    clientCounter = .allocate(capacity: 1)
    clientCounter.initialize(to: 0)
    random = UInt64.random(in: 1...UInt64.max)
    loop.endOfBatch = { [unowned self] in self.endBatch() }
    loop.nextPoll = { [unowned self] in self.nextPoll() }
  }

  // MARK: random

  /// xorshift64*: fair enough to pick a queue member, and free.
  @inline(__always) func nextRandom() -> UInt64 {
    random ^= random >> 12
    random ^= random << 25
    random ^= random >> 27
    return random &* 0x2545_F491_4F6C_DD1D
  }

  /// A number below `bound` (at most 2^31).
  @inline(__always) func random(below bound: Int32) -> Int32 {
    Int32(truncatingIfNeeded: ((nextRandom() >> 33) &* UInt64(bound)) >> 31)
  }

  // MARK: stages

  @inline(never) func openStage(_ connection: ConnectionPointer) -> StagePointer {
    if dirtyCount == Self.maxDirtyStages { flushStages() }
    let stage: StagePointer
    if let free = freeStages.popLast() {
      stage = free
      stage.pointee.connection = connection
    } else {
      stage = .allocate(capacity: 1)
      stage.initialize(
        to: Stage(connection: connection, chunk: chunks.take(), segments: .allocate(capacity: Stage.maxSegments)))
    }
    connection.stageSlot(index).pointee = stage
    dirty[dirtyCount] = stage
    dirtyCount += 1
    return stage
  }

  /// This loop's stage for `connection`, opened when there is none.
  @inline(__always) func stage(for connection: ConnectionPointer) -> StagePointer {
    if let stage = connection.stageSlot(index).pointee { return stage }
    return openStage(connection)
  }

  /// A stage with room for `count` more bytes (at most `Chunk.capacity`).
  @inline(__always) func stage(for connection: ConnectionPointer, room count: Int) -> StagePointer {
    let stage = stage(for: connection)
    if stage.pointee.length &+ count > Chunk.capacity || stage.pointee.segmentCount &+ 2 > Stage.maxSegments {
      flush(stage)
    }
    return stage
  }

  /// Writes out everything staged. Every slot is empty afterwards.
  func flushStages() {
    var position = 0
    while position < dirtyCount {
      let stage = dirty[position]
      flush(stage)
      stage.pointee.connection.stageSlot(index).pointee = nil
      position += 1
      if freeStages.count < 64 {
        freeStages.append(stage)
      } else {
        chunks.give(stage.pointee.chunk)
        stage.pointee.segments.deallocate()
        stage.deallocate()
      }
    }
    dirtyCount = 0
    externalSegments = 0
  }

  // MARK: delivery counts

  @inline(__always) func touch(_ entry: MatchEntryPointer) {
    if entry.pointee.isTouched { return }
    entry.pointee.isTouched = true
    touched.append(entry)
  }

  /// Adds the deliveries of this batch to their subscriptions.
  func foldDeliveries() {
    for entry in touched {
      entry.pointee.isTouched = false
      guard let rows = entry.pointee.rows else { continue }
      for position in 0..<Int(entry.pointee.rowCount) where (rows + position).pointee.pending > 0 {
        let row = rows + position
        row.pointee.subscription.addDelivered(UInt64(row.pointee.pending))
        row.pointee.pending = 0
      }
    }
    touched.removeAll(keepingCapacity: true)
  }

  // MARK: batches

  private func endBatch() {
    publishAnnouncements()
    companion?.endBatch()
    drainQueued()
    flushStages()
    foldDeliveries()
    resumePublishers()
    flushStages()
    foldDeliveries()
    watchWriteDeadlines()
    wakeOthers()
  }

  func wakeOthers() {
    while wakeMask != 0 {
      let target = wakeMask.trailingZeroBitCount
      wakeMask &= wakeMask - 1
      server.workers[target].loop.wake()
    }
  }

  private func nextPoll() -> Int64? {
    csys_lock(drainLock)
    let hasWork = !drainQueue.isEmpty
    csys_unlock(drainLock)
    if hasWork || !announcements.isEmpty { return 0 }
    let companion = self.companion?.nextPoll()
    if paused.isEmpty { return companion }
    return min(companion ?? .max, Self.pausePollNanoseconds)
  }

  // MARK: drain requests of other loops

  /// Asks this loop to write what waits for `connection`. Any thread; the caller wakes the loop.
  func queueDrain(_ connection: Connection) {
    csys_lock(drainLock)
    drainQueue.append(connection)
    csys_unlock(drainLock)
  }

  private func drainQueued() {
    csys_lock(drainLock)
    let queue = drainQueue
    if !queue.isEmpty { drainQueue = [] }
    csys_unlock(drainLock)
    for connection in queue { drain(connection.state) }
  }
}

/// Totals of one loop. Atomic words that the loop alone writes; read by any thread.
struct WorkerCounters {
  enum Counter: Int, CaseIterable {
    case inMessages, inBytes, outMessages, outBytes, slowConsumers, stalls
  }

  private let words: UnsafeMutablePointer<UInt64>

  init() {
    words = .allocate(capacity: Counter.allCases.count)
    words.initialize(repeating: 0, count: Counter.allCases.count)
  }

  /// On the loop.
  @inline(__always) func add(_ counter: Counter, _ count: UInt64) {
    let word = words + counter.rawValue
    csys_store64_relaxed(word, csys_load64_relaxed(word) &+ count)
  }

  subscript(counter: Counter) -> UInt64 { csys_load64_relaxed(words + counter.rawValue) }

  var traffic: TrafficCounts {
    TrafficCounts(
      inMessages: self[.inMessages], inBytes: self[.inBytes], outMessages: self[.outMessages],
      outBytes: self[.outBytes])
  }
}
