import Bytes
import JetStreamAPI
import Journal
import MessageStore
import Subjects

/// The stream that a restore builds. Confined to the stream's loop.
struct RestoredStream {
  private enum Work {
    /// Messages that the backup says were removed.
    case removal(ClosedRange<UInt64>)
    /// Messages that no consumer needs any more, from a sequence on.
    case release(UInt64)
  }

  private static let releasedATime = 256
  /// What is stored before it is synced, and while it is.
  private static let bytesASync: Int64 = 128 << 20

  private let account: AccountJetStream
  private let configuration: StreamConfiguration
  private let identifier: UInt64
  private let loop: JetStreamLoop
  private let time: Int64
  private var created: Int64
  private var runner: StreamRunner?
  /// Limits count from the first message on: nothing that comes later removes some of what was before.
  private var enforcesAtOnce = false
  /// Counted as used by the account until the stream counts itself.
  private var reserved: Int64 = 0
  private var storedBytes: Int64 = 0
  /// As of the last sync, at its beginning.
  private var syncedBytes: Int64 = 0
  private var work: [Work] = []
  private var isInPlace = false

  init(
    _ account: AccountJetStream, _ configuration: StreamConfiguration, identifier: UInt64, loop: JetStreamLoop,
    time: Int64
  ) {
    self.account = account
    self.configuration = configuration
    self.identifier = identifier
    self.loop = loop
    self.time = time
    created = time
  }

  private var service: JetStreamService { loop.service }
  private var isInMemory: Bool { configuration.storage == .memory }

  // MARK: what the backup says

  /// - Returns: how many bytes were moved.
  mutating func apply(_ item: BackupItem) throws(BackupProblem) -> Int {
    switch item {
    case .origin(let name, let created):
      guard name == configuration.name else { throw BackupProblem("stream names do not match") }
      if let created { self.created = created }
      try open(bytes: 0, firstSequence: 0)
    case .state(let state):
      enforcesAtOnce = true
      try open(bytes: state.bytes, firstSequence: state.firstSequence)
    case .consumer(let consumer):
      try add(consumer)
      return consumer.state.pending.count * 64
    case .message(let message): return try store(message)
    case .nothing(let bytes): return bytes
    case .removed(let range): work.append(.removal(range))
    case .reached(let sequence): try storing { store throws(StoreError) in try store.skip(through: sequence) }
    }
    return 0
  }

  private func opened() throws(BackupProblem) -> StreamRunner {
    guard let runner else { throw BackupProblem("backup has no description of its stream") }
    return runner
  }

  private func storing(_ body: (StreamStore) throws(StoreError) -> Void) throws(BackupProblem) {
    let store = try opened().store
    do throws(StoreError) {
      try body(store)
    } catch {
      throw BackupProblem("\(error)")
    }
  }

  private mutating func open(bytes: UInt64, firstSequence: UInt64) throws(BackupProblem) {
    guard runner == nil else { throw BackupProblem("backup describes its stream twice") }
    do throws(JetStreamError) {
      try configuration.checkRestored(bytes: bytes, in: service.surroundings(of: account))
    } catch {
      throw BackupProblem(error)
    }
    try reserve(Int64(clamping: bytes))
    let stream = MetaLog.Stream(
      account: account.account.name, identifier: identifier, created: created, configuration: configuration)
    let handle = StreamHandle(
      account: account, configuration: configuration, identifier: identifier, loop: loop, created: created)
    do {
      runner = StreamRunner(handle, store: try service.openStore(for: stream))
    } catch {
      throw BackupProblem("\(error)")
    }
    handle.runner = runner
    if firstSequence > 1 {
      try storing { store throws(StoreError) in
        if store.lastSequence < firstSequence - 1 { try store.reset(firstSequence: firstSequence) }
      }
    }
  }

  // MARK: room

  /// Counts so many bytes more as used, if there is room for them.
  private mutating func reserve(_ bytes: Int64) throws(BackupProblem) {
    let (sum, overflow) = reserved.addingReportingOverflow(bytes)
    let exceeded = BackupProblem(isInMemory ? .memoryResourcesExceeded : .storageResourcesExceeded)
    if overflow { throw exceeded }
    account.addUse(bytes, inMemory: isInMemory)
    reserved = sum
    let used = isInMemory ? service.memoryUsed : service.storageUsed
    let most = isInMemory ? service.maximumMemory : service.maximumStorage
    if account.bytesLeft(inMemory: isInMemory) < 0 || used > UInt64(clamping: most) { throw exceeded }
  }

  /// The stream is in place, and counts its bytes itself from now on.
  mutating func release() {
    isInPlace = true
    account.addUse(-reserved, inMemory: isInMemory)
    reserved = 0
  }

  // MARK: messages

  private mutating func store(_ message: BackupMessage) throws(BackupProblem) -> Int {
    let runner = try opened()
    let size = StreamStore.messageBytes(
      backing: isInMemory ? .memory : .file, subject: message.subject.count, header: message.headerLength,
      payload: message.body.count - message.headerLength)
    storedBytes += Int64(size)
    if storedBytes > reserved { try reserve(storedBytes - reserved) }
    guard message.subject.withUnsafeBytes({ Subject.isValidLiteral($0) }) else {
      throw BackupProblem("message sequence \(message.sequence) has an invalid subject")
    }
    let result: Result<Void, BackupProblem> = message.subject.withUnsafeBytes { subject in
      message.body.withUnsafeBytes { body in
        do throws(BackupProblem) {
          let header = UnsafeRawBufferPointer(rebasing: body[..<message.headerLength])
          let payload = UnsafeRawBufferPointer(rebasing: body[message.headerLength...])
          try store(message, subject, header, payload, runner)
          return .success(())
        } catch {
          return .failure(error)
        }
      }
    }
    try result.get()
    return size
  }

  private func store(
    _ message: BackupMessage, _ subject: UnsafeRawBufferPointer, _ header: UnsafeRawBufferPointer,
    _ payload: UnsafeRawBufferPointer, _ runner: StreamRunner
  ) throws(BackupProblem) {
    let headers = PublishHeaders(header)
    runner.rules.notePosition(headers, isStored: true)
    var flags: UInt8 = 0
    var expiry: Int64?
    if !header.isEmpty {
      switch MessageTTL.parse(headers.ttl) {
      case .failure:
        throw BackupProblem("failed to parse message TTL: \(JetStreamError.messageTTLInvalid.description) (10165)")
      case .success(.seconds(let seconds)):
        let end = message.timestamp.addingSeconds(seconds)
        if end < time {
          // It has expired meanwhile: its sequence is used.
          try storing { store throws(StoreError) in try store.skip(through: message.sequence) }
          return
        }
        if configuration.allowMessageTTL {
          flags |= StoredFlags.hasTTL
          expiry = end
        }
      case .success(.never): flags |= StoredFlags.neverExpires
      case .success(.none): break
      }
      if headers.isMarker { flags |= StoredFlags.isMarker }
      if configuration.allowMessageSchedules, headers.schedule.isGiven { flags |= StoredFlags.isSchedule }
    }
    do throws(StoreError) {
      try runner.store.append(
        sequence: message.sequence, timestamp: message.timestamp, flags: flags, subject: subject, header: header,
        payload: payload)
      if message.timestamp > time &- configuration.duplicateWindow {
        runner.rules.note(
          messageID: headers.messageID ?? .empty, sequence: message.sequence, timestamp: message.timestamp)
      }
      if enforcesAtOnce {
        if let expiry { runner.rules.expiries.insert(message.sequence, at: expiry) }
        if flags & StoredFlags.isSchedule != 0 {
          runner.rules.noteSchedule(
            PutEntry(
              sequence: message.sequence, timestamp: message.timestamp, flags: .isSchedule, subject: subject,
              header: header, payload: payload))
        }
        try runner.rules.enforceLimits(on: subject, output: &runner.output)
        runner.output.removeAll()
      }
    } catch {
      throw BackupProblem("failed to store message sequence \(message.sequence): \(error)")
    }
    if runner.store.shortage != nil { throw noSpace(runner.store) }
  }

  // MARK: consumers

  private func add(_ consumer: BackupConsumer) throws(BackupProblem) {
    let runner = try opened()
    let name = consumer.name
    var wanted = ConsumerCreateRequest()
    wanted.stream = configuration.name
    wanted.configuration = consumer.configuration
    let others = runner.recovering.values.map { ConsumerNeighbour(name: $0.name, configuration: $0.configuration) }
    let planned: ConsumerConfiguration
    do throws(JetStreamError) {
      if AssetName.hasPathSeparator(name) { throw .consumerNameContainsPathSeparators }
      let change = try wanted.plan(
        runner.consumerContext, existing: others.first { $0.name == name }, others: others, isBound: { _ in false })
      switch change {
      case .create(let configuration), .update(let configuration): planned = configuration
      }
    } catch {
      throw BackupProblem(
        "failed to add consumer \(GoString.quote(consumer.entry)): \(error.description) (\(error.number))")
    }
    let state: ConsumerState
    do throws(BackupProblem) {
      state = try consumer.state.state(
        policy: planned.ackPolicy, maximumDeliveries: planned.maxDeliver, now: time)
    } catch {
      throw BackupProblem("failed to set consumer \(GoString.quote(consumer.entry)) state: \(error.reason)")
    }
    var number = runner.nextConsumerNumber
    if let known = runner.recovering.values.first(where: { $0.name == name }) {
      number = known.number
    } else {
      runner.nextConsumerNumber += 1
    }
    runner.recovering[number] = RecoveredConsumer(
      number: number, name: name, created: consumer.created ?? time, configuration: planned, state: state)
  }

  // MARK: piece by piece

  /// Does a piece of what is to be done before anything else.
  ///
  /// - Returns: how many bytes were moved; nil: there is nothing to be done.
  mutating func proceed() throws(BackupProblem) -> Int? {
    guard let next = work.first else { return nil }
    let runner = try opened()
    do throws(StoreError) {
      switch next {
      case .removal(let range):
        if let left = try remove(range, from: runner.store) { work[0] = .removal(left) } else { work.removeFirst() }
        return 0
      case .release(let sequence):
        if let left = try runner.releaseUnneeded(from: sequence, atMost: Self.releasedATime) {
          work[0] = .release(left)
        } else {
          work.removeFirst()
        }
        return Self.releasedATime * 128
      }
    } catch {
      throw BackupProblem("\(error)")
    }
  }

  /// Removes some messages of a range; what is left of it.
  private func remove(_ range: ClosedRange<UInt64>, from store: StreamStore) throws(StoreError) -> ClosedRange<UInt64>?
  {
    var sequence = range.lowerBound
    for _ in 0..<Self.releasedATime {
      if range.lowerBound == range.upperBound {
        _ = try store.remove(sequence)
        return nil
      }
      guard let message = try store.next(from: sequence, matching: .everything), message.sequence <= range.upperBound
      else { return nil }
      let found = message.sequence
      _ = try store.remove(found)
      if found == range.upperBound { return nil }
      sequence = found + 1
    }
    return sequence...range.upperBound
  }

  // MARK: the end

  /// All of the backup has been applied; `proceed` has something to do afterwards.
  mutating func complete() throws(BackupProblem) {
    let runner = try opened()
    let removals = work
    work = []
    for case .removal(let range) in removals {
      try storing { store throws(StoreError) in
        var left: ClosedRange<UInt64>? = range
        while let range = left { left = try remove(range, from: store) }
      }
    }
    do throws(StoreError) {
      try runner.finishRestore(isNoted: enforcesAtOnce)
    } catch {
      throw BackupProblem("\(error)")
    }
    if !runner.consumers.isEmpty, configuration.retention != .limits { work.append(.release(0)) }
  }

  /// Much has been stored since the last sync began.
  var wantsSync: Bool { !isInMemory && storedBytes - syncedBytes >= Self.bytesASync }
  /// So much that the one that is under way has to end first.
  var mustWait: Bool { storedBytes - syncedBytes >= 2 * Self.bytesASync }

  /// The job that makes what is stored durable, as soon as `continueSync` says so; nil for a stream in memory.
  mutating func prepareSync(isLast: Bool) throws(BackupProblem) -> StoreJob? {
    let runner = try opened()
    guard runner.isLogged else { return nil }
    syncedBytes = storedBytes
    var job: StoreJob?
    try storing { store throws(StoreError) in
      job = try store.prepareCheckpoint(
        appliedLog: 0, attachment: isLast ? runner.restoredAttachment() : [], inSlices: true)
    }
    if let job { return job }
    throw noSpace(runner.store)
  }

  /// Does a part of what has to be done on the loop; true when the job can run.
  func continueSync(_ job: StoreJob) -> Bool { runner?.store.continueCheckpoint(job) ?? true }

  func finishSync(_ job: StoreJob) throws(BackupProblem) {
    var isDone = false
    try storing { store throws(StoreError) in isDone = try store.finish(job) }
    if !isDone { throw noSpace(try opened().store) }
  }

  private func noSpace(_ store: StreamStore) -> BackupProblem {
    BackupProblem(store.shortage.map { "\($0)" } ?? "the stream could not be written")
  }

  /// The stream as it is to be put in place. It is still removed by `discard`, until `release`.
  func handOver() -> StreamRunner { runner! }

  /// Removes everything that is not in place.
  mutating func discard() {
    defer {
      runner = nil
      work = []
    }
    guard !isInPlace else { return }
    account.addUse(-reserved, inMemory: isInMemory)
    reserved = 0
    guard let runner else { return }
    runner.end()
    runner.handle.isDeleted = true
    runner.handle.runner = nil
    service.removeFiles(of: runner.handle, runner.store)
  }
}
