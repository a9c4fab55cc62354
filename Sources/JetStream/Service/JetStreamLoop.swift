import Broker
import CSystem
import Glibc
import Journal
import Reactor

/// One loop's share of JetStream: the streams that live on it, what waits to become durable, what goes to other loops.
/// Confined to its loop.
final class JetStreamLoop: WorkerCompanion, @unchecked Sendable {
  unowned let worker: Worker
  unowned let service: JetStreamService
  let index: Int
  var lookup = StreamLookup()
  /// Records of this loop's streams on their way to the disk, in the order of the journal.
  var inFlight = InFlight()
  /// Who the journal knows this loop as.
  private(set) var listener = -1

  /// What goes to each loop at the end of the batch; the own place is for this loop.
  private var outgoing: [HandoffBatch?]
  private var spare: [HandoffBatch] = []
  /// Arrived, not handled yet; only while the journal is full or streams wait.
  private var arrived: [HandoffBatch] = []
  private var isJournalFull = false
  private var hasAppended = false
  /// Consumers with something to do.
  private var ready: [ConsumerRunner] = []
  private var consumerPoll: Int64?
  /// Where subjects, replies and, if need be, bodies of deliveries are put together; grows.
  private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

  init(worker: Worker, service: JetStreamService) {
    self.worker = worker
    self.service = service
    index = worker.index
    outgoing = Array(repeating: nil, count: service.server.workers.count)
    super.init()
  }

  /// The loop's share; the loop has one.
  @inline(__always)
  static func of(_ worker: Worker) -> JetStreamLoop {
    unsafeDowncast(worker.companion.unsafelyUnwrapped, to: JetStreamLoop.self)
  }

  /// Registers with the journal. Before the loops run.
  func follow(_ journal: Journal) {
    listener = journal.addListener(on: worker.loop) { [unowned self] notice in heard(notice) }
  }

  // MARK: handing over

  /// Takes a message for a stream from the loop where it arrived.
  func take(_ message: Message, for handle: StreamHandle) {
    guard handle.admit(bytes: message.size, limit: service.ingestLimit) else {
      service.refuseIngest(message, for: handle, on: self)
      return
    }
    hand(.publish, message, to: handle)
  }

  /// Copies a message to the stream's loop.
  func hand(_ kind: HandoffKind, _ message: Message, to handle: StreamHandle) {
    let target = handle.loop.index
    let batch = outgoing[target] ?? openBatch(target)
    batch.append(kind, handle, message)
    if batch.isFull { send(batch, to: target) }
  }

  /// Passes a request to the stream's loop, behind what was handed over before it.
  func hand(_ request: APIRequest, to handle: StreamHandle) {
    let target = handle.loop.index
    let batch = outgoing[target] ?? openBatch(target)
    batch.append(request, for: handle)
  }

  private func openBatch(_ target: Int) -> HandoffBatch {
    let batch = spare.popLast() ?? HandoffBatch()
    outgoing[target] = batch
    return batch
  }

  private func send(_ batch: HandoffBatch, to target: Int) {
    outgoing[target] = nil
    if target == index {
      arrived.append(batch)
    } else {
      let other = service.loops[target]
      other.worker.loop.submit { [unowned other] in other.arrived.append(batch) }
    }
  }

  // MARK: the end of a batch

  override func endBatch() {
    for target in outgoing.indices {
      if let batch = outgoing[target] { send(batch, to: target) }
    }
    handleArrived()
    runConsumers()
    if hasAppended {
      hasAppended = false
      service.journal?.commit()
    }
    // Consumers may have published to streams.
    for target in outgoing.indices where target != index {
      if let batch = outgoing[target] { send(batch, to: target) }
    }
  }

  override func nextPoll() -> Int64? {
    if outgoing[index] != nil || (!arrived.isEmpty && !isJournalFull) { return 0 }
    return consumerPoll
  }

  private func handleArrived() {
    while !isJournalFull, let batch = arrived.first {
      while let item = batch.next() {
        guard handle(item, batch) else {
          isJournalFull = true
          return
        }
        batch.release()
      }
      arrived.removeFirst()
      if spare.count < 4 {
        batch.reuse()
        spare.append(batch)
      }
    }
  }

  /// False when the journal takes nothing at the moment: the item waits.
  private func handle(_ item: HandoffItem, _ batch: HandoffBatch) -> Bool {
    guard let runner = item.handle.runner, !item.handle.isDeleted else {
      if item.kind == .request { batch.takeRequest().answerStreamNotFound(on: self) }
      if item.kind == .publish { item.handle.leave(bytes: item.message.size) }
      return true
    }
    switch item.kind {
    case .publish:
      guard runner.publish(item.message) else { return false }
      item.handle.leave(bytes: item.message.size)
    case .acknowledge: runner.acknowledge(item.message)
    case .flowControl: runner.flowControl(item.message)
    case .pull: runner.pull(item.message)
    case .directGet: runner.directGet(item.message)
    case .request: runner.handle(batch.takeRequest())
    }
    return true
  }

  // MARK: sending

  /// The wall clock, in nanoseconds since 1970.
  var wallNow: Int64 { worker.loop.clock.wallNanoseconds() }

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
    var body = header.baseAddress ?? payload.baseAddress ?? UnsafeRawPointer(base)
    if !isWhole {
      memcpy(base + offset, header.baseAddress!, header.count)
      memcpy(base + offset + header.count, payload.baseAddress!, payload.count)
      body = UnsafeRawPointer(base + offset)
    } else if header.isEmpty, let start = payload.baseAddress {
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

  // MARK: the journal

  /// Something was appended: it is written at the end of the batch.
  func noteAppended() { hasAppended = true }

  private func heard(_ notice: JournalNotice) {
    switch notice {
    case .durable(let sequence): inFlight.complete(through: sequence)
    case .room: break
    case .checkpointWanted(let sequence): service.checkpoint(through: sequence, on: self)
    case .failed(let failure): service.journalFailed(failure, on: self)
    }
    isJournalFull = false
  }

  // MARK: consumers

  /// Runs a consumer at the end of the batch.
  func schedule(_ consumer: ConsumerRunner) {
    guard !consumer.isScheduled else { return }
    consumer.isScheduled = true
    ready.append(consumer)
  }

  private func runConsumers() {
    consumerPoll = nil
    if ready.isEmpty { return }
    let batch = ready
    ready = []
    for consumer in batch {
      consumer.isScheduled = false
      consumer.run()
    }
    if !ready.isEmpty { consumerPoll = 0 }
  }

  /// A consumer waits for a slow reader: it runs again soon.
  func scheduleLater(_ consumer: ConsumerRunner) {
    guard !consumer.isScheduled else { return }
    consumer.isScheduled = true
    worker.loop.schedule(afterNanoseconds: 1_000_000) { [weak self, weak consumer] in
      guard let self, let consumer else { return }
      consumer.isScheduled = false
      self.schedule(consumer)
    }
  }
}
