import Broker
import Bytes
import Crypto
import JetStreamAPI
import MessageStore
import Reactor

/// A stream that is being restored from a backup (FEATURES 9.027). It lives on the loop where the stream will live and
/// fills a store that nobody knows of. Only when everything has come and is synced the stream is put in place; what is
/// left of one that failed is removed, at the latest by the next start.
final class StreamRestore: @unchecked Sendable {
  // Invariant: confined to `loop`.

  /// Bytes that are decompressed and stored before others have their turn.
  private static let bytesATurn = 256 << 10
  /// What a step costs besides its bytes.
  private static let stepBytes = 256
  /// How long nothing may come.
  private static let idleNanoseconds: Int64 = 5_000_000_000
  /// Chunks that may wait, for clients that do not wait for answers.
  private static let mostWaiting = 128 << 20

  private struct Chunk {
    var reply: [UInt8]
    var bytes: [UInt8]
  }

  let account: AccountJetStream
  let loop: JetStreamLoop
  let subject: String
  private let configuration: StreamConfiguration
  private let requester: [UInt8]
  private let start: Int64
  private var builder: RestoredStream
  private var reader: BackupReader
  private var listener: RestoreListener?

  private var waiting: [Chunk] = []
  /// Before this one all have been taken.
  private var nextWaiting = 0
  private var waitingBytes = 0
  /// The chunk that is being read.
  private var current: Chunk?
  private var receivedBytes: Int64 = 0
  /// Where the last answer goes, when all chunks have come.
  private var finalReply: [UInt8]?
  private var problem: BackupProblem?
  private var isScheduled = false
  private var isFinishing = false
  /// What has been stored is being synced, so that the end is near when the last chunk comes.
  private var isSyncing = false
  private var isOver = false
  private var timer: TimerToken?

  /// - Parameter identifier: the stream's number, reserved for it.
  init(_ request: APIRequest, _ configuration: StreamConfiguration, identifier: UInt64, loop: JetStreamLoop) {
    account = request.account
    self.loop = loop
    self.configuration = configuration
    requester = request.requesterJSON
    subject = "$JS.SNAPSHOT.RESTORE.\(configuration.name).\(NUID.next())"
    start = loop.worker.loop.clock.wallNanoseconds()
    var limits = BackupLimits()
    limits.payload = loop.service.server.options.maxPayload
    limits.messageSize = Int(configuration.maximumMessageSize)
    reader = BackupReader(limits)
    builder = RestoredStream(account, configuration, identifier: identifier, loop: loop, time: start)
  }

  private var service: JetStreamService { loop.service }
  private var logger: Logger { service.server.logger }
  private var name: String { "\(account.name) > \(configuration.name)" }

  // MARK: what arrives

  /// Begins to hear chunks. Whoever made it, before anything else.
  func listen() {
    let listener = RestoreListener(self)
    self.listener = listener
    account.account.listen(to: Array(subject.utf8), with: listener)
    loop.worker.loop.submit { [self] in
      if !isOver, finalReply == nil { restartTimer() }
    }
  }

  private func unlisten() {
    if let listener { account.account.unlisten(listener, retire: service.server.retire) }
    listener = nil
  }

  /// A chunk, or the empty one behind the last.
  fileprivate func receive(_ reply: [UInt8], _ bytes: [UInt8]) {
    defer { service.ingestEnded(bytes.count) }
    guard !isOver, finalReply == nil else { return }
    restartTimer()
    if reply.isEmpty {
      let problem = BackupProblem("restore for stream '\(name)' requires reply subject for each chunk")
      logger.warning(problem.reason)
      abandon(problem)
      return
    }
    if bytes.isEmpty {
      finalReply = reply
      stopTimer()
    } else {
      waiting.append(Chunk(reply: reply, bytes: bytes))
      waitingBytes += bytes.count
      if waitingBytes > Self.mostWaiting, problem == nil { fail(BackupProblem("too many chunks wait")) }
    }
    work()
  }

  private func restartTimer() {
    stopTimer()
    timer = loop.worker.loop.schedule(afterNanoseconds: Self.idleNanoseconds) { [weak self] in
      guard let self, !self.isOver, self.finalReply == nil else { return }
      self.timer = nil
      // As long as there is something to do it is not the client who is late.
      if self.current != nil || self.hasWaiting { return self.restartTimer() }
      self.logger.warning("restore for stream '\(self.name)' is stalled")
      self.discard()
    }
  }

  private func stopTimer() {
    if let timer { loop.worker.loop.cancel(timer) }
    timer = nil
  }

  private func acknowledge(_ chunk: Chunk) {
    receivedBytes += Int64(chunk.bytes.count)
    send([], to: chunk.reply)
  }

  private func send(_ payload: [UInt8], to reply: [UInt8]) {
    reply.withUnsafeBytes { reply in
      payload.withUnsafeBytes { payload in
        _ = loop.send(to: reply, showing: .empty, reply: .empty, header: .empty, payload: payload, in: account.account)
      }
    }
  }

  // MARK: work

  private func workLater() {
    if isScheduled { return }
    isScheduled = true
    loop.worker.loop.submit { [self] in
      isScheduled = false
      work()
    }
  }

  /// Reads and stores what has come; the rest follows later.
  private func work() {
    if isOver || isFinishing || isScheduled { return }
    var budget = Self.bytesATurn
    do throws(BackupProblem) {
      while problem == nil {
        if budget <= 0 { return workLater() }
        if builder.wantsSync {
          try beginSync()
          // The disk is too slow: what has come is answered later.
          if builder.mustWait { return }
        }
        budget -= Self.stepBytes
        if let bytes = try builder.proceed() {
          budget -= bytes
        } else if let item = try reader.next() {
          budget -= try builder.apply(item)
        } else {
          if let current { acknowledge(current) }
          current = nil
          guard let next = takeWaiting() else { break }
          current = next
          budget -= next.bytes.count
          reader.append(next.bytes)
        }
      }
      if problem == nil, finalReply != nil { return try finish() }
    } catch {
      fail(error)
    }
    guard problem != nil else { return }
    // What still comes is answered, so that the client gets to the end, where it learns what was wrong.
    if let current { acknowledge(current) }
    current = nil
    while let next = takeWaiting() { acknowledge(next) }
    if finalReply != nil { conclude(nil) }
  }

  private var hasWaiting: Bool { nextWaiting < waiting.count }

  private func takeWaiting() -> Chunk? {
    guard hasWaiting else { return nil }
    let chunk = waiting[nextWaiting]
    waiting[nextWaiting].bytes = []
    nextWaiting += 1
    waitingBytes -= chunk.bytes.count
    if nextWaiting == waiting.count {
      waiting.removeAll()
      nextWaiting = 0
    } else if nextWaiting > 1024, nextWaiting * 2 > waiting.count {
      waiting.removeFirst(nextWaiting)
      nextWaiting = 0
    }
    return chunk
  }

  private func beginSync() throws(BackupProblem) {
    guard !isSyncing, let job = try builder.prepareSync(isLast: false) else { return }
    isSyncing = true
    run(job)
  }

  private func run(_ job: StoreJob) {
    if isOver || problem != nil { return }
    guard builder.continueSync(job) else {
      loop.worker.loop.submit { [self] in run(job) }
      return
    }
    service.background.submit { [self] in
      job.run()
      loop.worker.loop.submit { [self] in synced(job) }
    }
  }

  /// All chunks have been read.
  private func finish() throws(BackupProblem) {
    isFinishing = true
    for item in try reader.finish() { _ = try builder.apply(item) }
    try builder.complete()
    settle()
  }

  /// Does what is left before the stream can be written down, piece by piece.
  private func settle() {
    if isOver { return }
    var budget = Self.bytesATurn
    do throws(BackupProblem) {
      while let bytes = try builder.proceed() {
        budget -= bytes + Self.stepBytes
        guard budget > 0 else {
          loop.worker.loop.submit { [self] in settle() }
          return
        }
      }
      // One at a time.
      if isSyncing { return }
      if let job = try builder.prepareSync(isLast: true) { run(job) } else { putInPlace() }
    } catch {
      fail(error)
      conclude(nil)
    }
  }

  private func synced(_ job: StoreJob) {
    if isOver || problem != nil { return }
    let wasLast = !isSyncing
    isSyncing = false
    do throws(BackupProblem) {
      try builder.finishSync(job)
    } catch {
      fail(error)
      if isFinishing { conclude(nil) } else { work() }
      return
    }
    if wasLast { putInPlace() } else if isFinishing { settle() } else { work() }
  }

  /// Everything is on disk: the stream comes into being.
  private func putInPlace() {
    let runner = builder.handOver()
    service.loops[0].worker.loop.submit { [self] in
      service.put(runner, in: account) { [self] error in
        loop.worker.loop.submit { [self] in
          if let error {
            fail(BackupProblem(error))
            conclude(nil)
          } else {
            builder.release()
            runner.begin()
            conclude(runner)
          }
        }
      }
    }
  }

  // MARK: the end

  private func fail(_ error: BackupProblem) {
    guard problem == nil else { return }
    problem = error
    builder.discard()
  }

  /// Ends before all has come, and tells who watches.
  private func abandon(_ error: BackupProblem) {
    fail(error)
    finalReply = []
    conclude(nil)
  }

  /// The last answer.
  private func conclude(_ runner: StreamRunner?) {
    guard !isOver else { return }
    var head = loop.advisoryHead()
    let now = loop.worker.loop.clock.wallNanoseconds()
    head.time = Timestamp(unixNanoseconds: now)
    if runner != nil {
      loop.publish(Advisory.stream(configuration.name, .create, loop.advisoryHead()), in: account.account)
    }
    loop.publish(
      Advisory.restoreComplete(
        configuration.name, from: Timestamp(unixNanoseconds: start), bytes: receivedBytes, client: requester, head),
      in: account.account)
    let size = friendlyBytes(receivedBytes)
    let answer: [UInt8]
    if let runner {
      answer = StreamCreateAnswer(runner.information(), didCreate: false).answer()
      let time = GoDuration.string(nanoseconds: (now - start + 500_000) / 1_000_000 * 1_000_000)
      logger.info("Completed restore of \(size) for stream '\(name)' in \(time)")
    } else {
      answer = StreamCreateAnswer.answer(refusing: problem?.error ?? .streamRestore("restore was abandoned"))
      logger.warning(
        "Restore failed for \(size) for stream '\(name)' in \(GoDuration.string(nanoseconds: now - start))")
    }
    if let finalReply, !finalReply.isEmpty { send(answer, to: finalReply) }
    discard()
  }

  /// Nothing more happens; what is not in place is removed.
  private func discard() {
    guard !isOver else { return }
    isOver = true
    stopTimer()
    unlisten()
    waiting = []
    nextWaiting = 0
    current = nil
    builder.discard()
    service.backups.endRestore()
  }
}

/// Hears the chunks of one restore, on their publisher's loop.
private final class RestoreListener: InternalSubscriber {
  private let restore: StreamRestore

  init(_ restore: StreamRestore) { self.restore = restore }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    let body = message.bodyBytes
    let bytes = Array(body[message.headerLength...])
    let reply = message.reply == nil ? [] : Array(message.replyBytes)
    if restore.loop.service.ingestBegan(bytes.count) { JetStreamLoop.of(worker).holdsPublisherBack = true }
    restore.loop.worker.loop.submit { [restore] in restore.receive(reply, bytes) }
    return true
  }
}
