import Broker
import Bytes
import CSystem
import Crypto
import Glibc
import JetStreamAPI
import Journal
import MessageStore
import Reactor

/// One loop's share of JetStream: the streams that live on it, what waits to become durable, what goes to other loops.
/// Confined to its loop.
final class JetStreamLoop: WorkerCompanion, @unchecked Sendable {
  /// Streams of a loop take nothing new while more than this is on its way to the disk, or their share of the memory.
  static let mostInFlightBytes = 32 << 20
  /// Records are handed to the journal early when they take more.
  static let recordBytes = 256 << 10
  /// A stream is checkpointed when the journal has more than this of it, and more than its checkpoint takes.
  static let checkpointBytes = 32 << 20
  /// Batches that are kept to be filled again.
  static let mostSpare = 2
  /// What has arrived is told to the service in such steps, and at the end of a batch.
  static let ingestStep = 64 << 10
  /// How often checkpoints and maintenance are looked at.
  static let upkeepNanoseconds: Int64 = 2_000_000_000

  let worker: Worker
  let service: JetStreamService
  let index: Int
  var lookup = StreamLookup()
  var inFlight = InFlight()
  /// Who the journal knows this loop as.
  private(set) var listener = -1

  /// What goes to each loop at the end of the batch; the own place is for this loop.
  private var outgoing: [Unmanaged<HandoffBatch>?]
  private var spare: [HandoffBatch] = []
  private var nextBatchBytes = 0
  /// Arrived, not handled yet.
  private var arrived: [HandoffBatch] = []
  /// Bytes that have arrived for streams and that the service does not know of.
  private var uncountedIngest = 0
  /// Bytes taken by streams that the service does not know of.
  private var takenIngest = 0
  /// Records of this batch, on their way to the journal.
  private let records = JournalRecords(keeping: 512 << 10)
  private var isJournalFull = false
  /// Space for the journal is missing: what is on its way waits, and nothing new is taken.
  private(set) var shortage: String?
  /// Consumers with something to do.
  private var ready: [ConsumerRunner] = []
  /// Streams whose messages waited until nothing was in flight.
  private var resuming: [StreamRunner] = []
  /// Streams of which something was applied in this batch.
  private var touched: [StreamRunner] = []
  /// Streams with records that no checkpoint contains.
  private var dirty: [ObjectIdentifier: StreamRunner] = [:]
  private var mustPoll = false
  private let inFlightLimit: Int
  /// From the loop's clock to the wall clock.
  private var wallOffset: Int64 = 0
  private var upkeepTimer: TimerToken?
  /// Where subjects, replies and, if need be, bodies of deliveries are put together; grows.
  private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

  init(worker: Worker, service: JetStreamService) {
    self.worker = worker
    self.service = service
    index = worker.index
    outgoing = Array(repeating: nil, count: service.server.workers.count)
    inFlightLimit = min(
      Self.mostInFlightBytes, max(1 << 20, Int(MemoryLimit.current.budgetBytes) / 16 / service.server.workers.count))
    super.init()
    compareClocks()
  }

  private func compareClocks() {
    let clock = worker.loop.clock
    wallOffset = clock.wallNanoseconds() - clock.monotonicNanoseconds()
  }

  deinit {
    for batch in outgoing { batch?.release() }
    scratch.deallocate()
  }

  /// The loop's share; the loop has one.
  @inline(__always)
  static func of(_ worker: Worker) -> JetStreamLoop {
    unsafeDowncast(worker.companion.unsafelyUnwrapped, to: JetStreamLoop.self)
  }

  /// The same, for every message.
  @inline(__always)
  static func with<Result>(_ worker: Worker, _ body: (JetStreamLoop) -> Result) -> Result {
    withoutCounting(of(worker), body)
  }

  /// Registers with the journal. Before the loops run.
  func follow(_ journal: Journal) {
    listener = journal.addListener(on: worker.loop) { [unowned self] notice in heard(notice) }
    worker.loop.submit { [unowned self] in scheduleUpkeep() }
  }

  // MARK: handing over

  /// Takes a message for a stream from the loop where it arrived.
  func take(_ message: Message, for handle: StreamHandle) {
    guard handle.admit(bytes: message.size, limit: service.ingestLimit) else {
      refuse(message, .streamTooManyRequests, for: handle)
      return
    }
    hand(.publish, message, to: handle)
    uncountedIngest += message.size
    if uncountedIngest >= Self.ingestStep { countIngest() }
  }

  /// Tells the service what has arrived here.
  private func countIngest() {
    if uncountedIngest == 0 { return }
    if service.ingestBegan(uncountedIngest) { holdsPublisherBack = true }
    uncountedIngest = 0
  }

  override var isCongested: Bool { service.isIngestCongested }

  private func refuse(_ message: Message, _ error: JetStreamError, for handle: StreamHandle) {
    guard message.reply != nil, message.replyLength > 0 else { return }
    var payload: [UInt8] = []
    PublishAnswerTemplate(stream: handle.name, domain: service.domain).append(refusing: error, to: &payload)
    worker.publish(message.replyBytes, reply: nil, payload: payload, in: handle.account.account)
  }

  /// Copies a message to the stream's loop.
  func hand(_ kind: HandoffKind, _ message: Message, to handle: StreamHandle, tag: UInt32 = 0) {
    let target = withoutCounting(handle.loop) { $0.index }
    let isFull = (outgoing[target] ?? openBatch(target))._withUnsafeGuaranteedRef { batch in
      batch.append(kind, handle, message, tag: tag)
      return batch.isFull
    }
    if isFull { sendBatch(to: target) }
  }

  /// Passes a request to the stream's loop, behind what was handed over before it.
  func hand(_ request: APIRequest, to handle: StreamHandle) {
    let target = handle.loop.index
    let batch = (outgoing[target] ?? openBatch(target)).takeUnretainedValue()
    batch.append(request, for: handle)
  }

  private func openBatch(_ target: Int) -> Unmanaged<HandoffBatch> {
    // Batches stay with the loop that reads them: one that reads none makes new ones, as large as the last.
    let batch = Unmanaged.passRetained(spare.popLast() ?? HandoffBatch(expecting: nextBatchBytes))
    outgoing[target] = batch
    return batch
  }

  private func sendBatch(to target: Int) {
    guard let batch = outgoing[target]?.takeRetainedValue() else { return }
    outgoing[target] = nil
    nextBatchBytes = min(batch.byteCount, HandoffBatch.fullBytes)
    if target == index {
      arrived.append(batch)
    } else {
      let other = service.loops[target]
      other.worker.loop.submit { [unowned other] in other.arrived.append(batch) }
    }
  }

  private func sendOutgoing() {
    countIngest()
    for target in outgoing.indices { sendBatch(to: target) }
  }

  // MARK: the end of a batch

  override func endBatch() {
    mustPoll = false
    compareClocks()
    sendOutgoing()
    resumeHeld()
    handleArrived()
    runConsumers()
    flushRecords()
    // Deliveries may have led to streams.
    sendOutgoing()
    if !arrived.isEmpty, hasRoom { mustPoll = true }
  }

  /// What has arrived waits to be handled.
  var isBehind: Bool { !arrived.isEmpty }

  override func releaseSpareMemory() {
    spare = []
    if index == 0 { service.memory.releaseCache() }
  }

  override func nextPoll() -> Int64? { mustPoll ? 0 : nil }

  private func handleArrived() {
    defer {
      if takenIngest > 0 { service.ingestEnded(takenIngest) }
      takenIngest = 0
    }
    while hasRoom, let batch = arrived.first {
      while let item = batch.next() {
        handle(item, batch)
        batch.release()
        if !hasRoom, !batch.isAtEnd { return }
      }
      arrived.removeFirst()
      if spare.count < Self.mostSpare {
        batch.reuse()
        spare.append(batch)
      }
    }
  }

  private func handle(_ item: HandoffItem, _ batch: HandoffBatch) {
    item.$handle { handle in
      if item.kind == .publish {
        handle.leave(bytes: item.message.size)
        takenIngest += item.message.size
      }
      guard let runner = handle.runner, !handle.isDeleted else {
        if item.kind == .request { batch.takeRequest().answerStreamNotFound(on: self) }
        return
      }
      self.handle(item, batch, with: runner)
    }
  }

  private func handle(_ item: HandoffItem, _ batch: HandoffBatch, with runner: StreamRunner) {
    switch item.kind {
    case .publish: withoutCounting(runner) { $0.publish(item.message) }
    case .acknowledge: runner.acknowledge(item.message)
    case .flowControl: runner.flowControl(item.message)
    case .pull: runner.pull(item.message)
    case .directGet: runner.directGet(item.message)
    case .request: runner.handle(batch.takeRequest())
    case .upstream, .originAnswer: withoutCounting(runner) { $0.receive(item.kind, item.message, tag: item.tag) }
    }
  }

  // MARK: sending

  /// The wall clock when the loop's batch began, in nanoseconds since 1970.
  var wallNow: Int64 { worker.loop.now + wallOffset }

  /// Publishes a message to `target`, shown with another subject (none: with the target). Returns whether anybody got it.
  func send(
    to target: UnsafeRawBufferPointer, showing subject: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer,
    header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, in account: Account
  ) -> Bool {
    // Subjects and replies are copied because more bytes than theirs are read behind them.
    let isWhole = header.isEmpty || payload.isEmpty || header.baseAddress! + header.count == payload.baseAddress!
    let names = target.count + subject.count + reply.count + 3 * HandoffBatch.padding
    let needed = names + (isWhole ? 0 : header.count + payload.count)
    if needed > scratch.count {
      scratch.deallocate()
      scratch = .allocate(byteCount: needed * 2, alignment: 16)
    }
    let base = scratch.baseAddress.unsafelyUnwrapped
    var offset = 0
    func put(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer {
      if let start = bytes.baseAddress { memcpy(base + offset, start, bytes.count) }
      defer { offset += bytes.count + HandoffBatch.padding }
      return UnsafeRawPointer(base + offset)
    }
    let targetStart = put(target)
    let subjectStart = put(subject)
    let replyStart = put(reply)
    var body = UnsafeRawPointer(base)
    if !isWhole {
      memcpy(base + offset, header.baseAddress!, header.count)
      memcpy(base + offset + header.count, payload.baseAddress!, payload.count)
      body = UnsafeRawPointer(base + offset)
    } else if !header.isEmpty {
      body = header.baseAddress!
    } else if let start = payload.baseAddress {
      body = start
    }
    var message = Message(
      subject: targetStart, subjectLength: target.count, reply: reply.isEmpty ? nil : replyStart,
      replyLength: reply.count, headerLength: header.count, body: body, size: header.count + payload.count)
    if !subject.isEmpty {
      message.shownSubject = subjectStart
      message.shownSubjectLength = subject.count
    }
    return worker.publish(message, in: account)
  }

  /// Tells whoever watches, at the end of the batch.
  func publish(_ advisory: Advisory, in account: Account) {
    let subject = Array(advisory.subject.utf8)
    guard subject.withUnsafeBytes({ account.hasInterest(in: $0) }) else { return }
    worker.publishSoon(ServerMessage(account: account, subject: subject, payload: advisory.payload))
  }

  func advisoryHead() -> AdvisoryHead {
    AdvisoryHead(id: NUID.next(), time: Timestamp(unixNanoseconds: wallNow), domain: service.domain)
  }

  // MARK: the journal

  /// More may be sent on its way to the disk.
  var hasRoom: Bool { !isJournalFull && inFlight.byteCount < inFlightLimit }

  /// Sends a stream's entry on its way.
  func append(_ kind: UInt8, _ entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer, of runner: StreamRunner) {
    assert(!runner.isOver, "a stream that has ended has nothing to say")
    records.add(owner: withoutCounting(runner.handle) { $0.identifier }, kind: kind, entry)
    inFlight.append(
      kind, runner: runner, entryOffset: records.lastPayloadOffset, entryBytes: entry.count, reply: reply)
    if records.byteCount >= Self.recordBytes { flushRecords() }
  }

  /// Sends a record of the table of streams on its way; `action` runs when it is durable.
  func append(owner: UInt64, kind: UInt8, _ payload: [UInt8], _ action: @escaping () -> Void) {
    payload.withUnsafeBytes { _ = records.add(owner: owner, kind: kind, $0) }
    inFlight.append(action)
  }

  /// Runs `action` when everything that is on its way now is durable; at once, when nothing is.
  func afterEverythingInFlight(_ action: @escaping () -> Void) {
    if inFlight.isEmpty { action() } else { inFlight.appendFollowing(action) }
  }

  /// Keeps a runner that ends until nothing of it is in flight.
  func keepUntilSettled(_ runner: StreamRunner) { afterEverythingInFlight { withExtendedLifetime(runner) {} } }

  private func flushRecords() {
    guard !records.isEmpty, !isJournalFull, let journal = service.journal else { return }
    switch journal.append(batch: records, listener: listener) {
    case .queued(let last):
      inFlight.assign(through: last, records)
      journal.commit()
    case .full: isJournalFull = true
    case .refused(let failure): lose("\(failure)")
    }
  }

  private func heard(_ notice: JournalNotice) {
    switch notice {
    case .durable(let sequence): complete(through: sequence)
    case .room:
      isJournalFull = false
      flushRecords()
    case .checkpointWanted(let sequence): upkeep(releasing: sequence)
    case .shortage(let failure):
      shortage = failure.map { "\($0)" }
      if index == 0 { service.journalShortageChanged(shortage) }
    case .failed(let failure): lose("\(failure)")
    }
  }

  private func complete(through sequence: LogSequence) {
    while let item = inFlight.takeFirst(through: sequence) {
      if let runner = item.runner {
        let (entry, reply) = (inFlight.entry(of: item), inFlight.reply(of: item))
        runner._withUnsafeGuaranteedRef { $0.committed(item.kind, entry, reply: reply, item.sequence) }
      }
      item.action?()
      inFlight.settle(item)
    }
    settleTouched()
  }

  /// Something of the stream was applied: its use is counted and its timer set when all that is durable now is applied.
  @inline(__always)
  func touch(_ runner: StreamRunner) {
    if runner.isTouched { return }
    runner.isTouched = true
    touched.append(runner)
  }

  private func settleTouched() {
    if touched.isEmpty { return }
    for runner in touched {
      runner.isTouched = false
      runner.settleUse()
      if runner.hasMuchToCheckpoint, runner.shortage == nil { runner.checkpoint() }
    }
    touched.removeAll(keepingCapacity: true)
  }

  /// The journal has failed: nothing that is on its way will be stored.
  private func lose(_ reason: String) {
    records.removeAll()
    isJournalFull = false
    while let item = inFlight.takeFailed() {
      if let runner = item.runner {
        let reply = inFlight.reply(of: item)
        runner._withUnsafeGuaranteedRef { $0.lost(reply, reason) }
      }
      inFlight.settle(item)
    }
    service.journalFailed(reason, on: self)
  }

  /// A stream's messages waited until nothing was in flight: they go on at the end of the batch.
  func resumeLater(_ runner: StreamRunner) { resuming.append(runner) }

  private func resumeHeld() {
    if resuming.isEmpty || !hasRoom { return }
    let runners = resuming
    resuming = []
    for runner in runners { runner.resumeHeld() }
  }

  // MARK: consumers

  /// Runs a consumer at the end of the batch.
  func schedule(_ consumer: ConsumerRunner) {
    guard !consumer.isScheduled else { return }
    consumer.isScheduled = true
    ready.append(consumer)
  }

  private func runConsumers() {
    // What they change goes to the journal, too.
    if ready.isEmpty || !hasRoom { return }
    let batch = ready
    ready = []
    for consumer in batch {
      consumer.isScheduled = false
      consumer.run()
    }
    if !ready.isEmpty { mustPoll = true }
  }

  /// A consumer waits for a slow reader: it runs again soon.
  func scheduleLater(_ consumer: ConsumerRunner) {
    guard !consumer.isScheduled else { return }
    consumer.isScheduled = true
    worker.loop.schedule(afterNanoseconds: 1_000_000) { [unowned self] in
      consumer.isScheduled = false
      schedule(consumer)
    }
  }

  // MARK: the end

  /// What has been decided is handed to the journal; `done` follows when it is durable.
  func close(_ done: @escaping () -> Void) {
    if let upkeepTimer { worker.loop.cancel(upkeepTimer) }
    upkeepTimer = nil
    afterEverythingInFlight(done)
    flushRecords()
  }

  /// Runs `done` when no checkpoint of these streams is under way.
  func afterCheckpoints(of runners: [StreamRunner], _ done: @escaping () -> Void) {
    guard runners.contains(where: \.isCheckpointing) else {
      done()
      return
    }
    worker.loop.schedule(afterNanoseconds: 1_000_000) { [unowned self] in afterCheckpoints(of: runners, done) }
  }

  // MARK: upkeep

  /// The journal has something of the stream that no checkpoint contains.
  @inline(__always)
  func noteDirty(_ runner: StreamRunner) {
    if runner.isDirty { return }
    runner.isDirty = true
    dirty[ObjectIdentifier(runner)] = runner
  }

  func forget(_ runner: StreamRunner) { dirty[ObjectIdentifier(runner)] = nil }

  private func scheduleUpkeep() {
    upkeepTimer = worker.loop.schedule(afterNanoseconds: Self.upkeepNanoseconds) { [unowned self] in
      upkeep()
      scheduleUpkeep()
    }
  }

  /// Makes the checkpoints that are due, and those without which the journal would keep records up to `wanted`.
  private func upkeep(releasing wanted: LogSequence = 0) {
    let now = worker.loop.now
    for (key, runner) in dirty {
      if runner.checkpointedLog < wanted || runner.wantsCheckpoint(at: now) { runner.checkpoint() }
      if runner.holdsJournal(below: wanted) { service.setAside(runner) }
      // It follows checkpoints, of which there are none without messages.
      if runner.appliedLog <= runner.checkpointedLog { runner.maintain() }
      if runner.isClean {
        runner.isDirty = false
        dirty[key] = nil
      }
    }
    if index == 0 { service.saveTable() }
  }
}
