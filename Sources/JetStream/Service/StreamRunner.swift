import Broker
import Bytes
import Crypto
import Glibc
import JSON
import JetStreamAPI
import Journal
import MessageStore
import Reactor

/// A stream at work on its loop: takes what arrives, has it decided (`StreamRules`), sends it to the journal, applies
/// what is durable, answers and wakes consumers. Confined to the stream's loop, or before that to whoever opens it.
final class StreamRunner: @unchecked Sendable {
  /// Ends, as the handle's hold on the runner does, when the stream is deleted.
  let handle: StreamHandle
  let loop: JetStreamLoop
  let account: Account
  let store: StreamStore
  /// Where the rules lie: a copy of them for every call would cost more than the call.
  private let rulesPlace = UnsafeMutablePointer<StreamRules>.allocate(capacity: 1)
  var consumers: [String: ConsumerRunner] = [:]
  /// The same consumers by what they want.
  var consumerIndex = ConsumerIndex()
  var nextConsumerNumber: UInt64 = 1
  var output = StreamOutput()

  /// Entries that are not applied yet.
  private(set) var inFlightCount = 0
  /// What the stream was told to begin with when it was made, or last opened.
  let firstConfigured: UInt64
  /// The consumer that was asked for last.
  var lastConsumer: ConsumerRunner?
  /// Messages that wait until nothing is in flight, each with a copy of its bytes.
  var held: [HeldMessage] = []
  /// A changed configuration waits until nothing is in flight: under load there is no such moment unless messages wait.
  private var isAwaitingUpdate = false
  /// The last record of the journal that is contained in the store.
  var appliedLog: LogSequence = 0
  /// As of the last checkpoint.
  var checkpointedLog: LogSequence = 0
  /// Records up to here are in a file of their own; 0 without that file.
  var asideThrough: LogSequence = 0
  var isSettingAside = false
  var isCheckpointing = false
  /// The loop settles its use soon.
  var isTouched = false
  /// The loop knows that there is something to checkpoint.
  var isDirty = false
  var dirtySince: Int64 = 0
  /// One was asked for while a job was under way.
  var isCheckpointWanted = false
  /// No more maintenance: what is under way is waited for.
  var isEnding = false
  /// Bytes of entries since the last checkpoint.
  var bytesSinceCheckpoint = 0
  /// Why it takes nothing any more.
  private(set) var failure: String?
  /// Space is missing: it takes nothing until a checkpoint could be made.
  private(set) var shortage: String?
  /// What was lost that cannot be counted as messages; for `/healthz`, until the next start.
  var damage: String? { store.recovery.damage }
  /// Lost messages that have been told.
  private var toldLost = LostMessages()
  private var isTellingLost = false
  var isOver = false
  var tickTimer: TimerToken?
  private var tickDue = Int64.max
  /// Consumers have been told of everything up to here.
  var announced: UInt64 = 0
  var countedBytes: UInt64 = 0
  private var answerBytes: [UInt8] = []
  /// Room for the header of a direct get's answer.
  var getHeader: [UInt8] = []
  /// The journal lacks records that may have been this stream's; until its next message is replayed.
  var mayHaveLost = false
  /// What it copies from; nil: nothing.
  var upstreams: StreamUpstreams?
  /// A stream that keeps what is of interest has no consumers any more, and what nobody needs may still be there.
  var hasLostInterest = false
  /// Messages that nobody needs are being looked for.
  var cleanup: Cleanup?
  /// Consumers as recovery finds them, before they run.
  var recovering: [UInt64: RecoveredConsumer] = [:]

  init(_ handle: StreamHandle, store: StreamStore) {
    self.handle = handle
    self.loop = handle.loop
    account = handle.account.account
    self.store = store
    firstConfigured = handle.configuration.firstSequence
    let service = handle.account.service
    var setup = StreamSetup(handle.configuration)
    setup.domain = service.domain
    setup.maximumPayload = service.server.options.maxPayload
    setup.batches = service.batchLimits
    setup.inFlight = service.batchesInFlight
    if handle.configuration.firstSequence > 1, store.lastSequence == 0, store.messages == 0 {
      try? store.reset(firstSequence: handle.configuration.firstSequence)
    }
    rulesPlace.initialize(to: StreamRules(setup, store: store))
    announced = store.lastSequence
    rules.hasInterest = { [unowned self] subject in consumerIndex.contains(wanting: subject) }
  }

  deinit {
    rulesPlace.deinitialize(count: 1)
    rulesPlace.deallocate()
  }

  /// What the stream accepts and what follows from it.
  var rules: StreamRules {
    @inline(__always) unsafeAddress { UnsafePointer(rulesPlace) }
    @inline(__always) unsafeMutableAddress { rulesPlace }
  }

  var configuration: StreamConfiguration { rules.configuration }
  /// What it does goes to the journal.
  var isLogged: Bool { store.backing == .file }
  var worker: Worker { loop.worker }

  /// On the loop, when the stream begins to live there.
  func begin() {
    countUse()
    if !configuration.subjects.isEmpty { listen() }
    setDirectGets()
    for consumer in consumers.values { loop.schedule(consumer) }
    scheduleTick()
    noteMaintenance()
    // Nobody may publish to it any more, and yet the journal must not keep for ever what was replayed.
    if appliedLog > checkpointedLog { loop.noteDirty(self) }
    followUpstreams()
  }

  /// Blocks may wait for compression in a stream that nobody publishes to.
  private func noteMaintenance() {
    if store.wantsMaintenance { loop.noteDirty(self) }
  }

  // MARK: listening

  private var listeners: [String: StreamListener] = [:]

  /// Hears exactly the configured subjects.
  private func listen() {
    let wanted = Set(configuration.subjects)
    for (subject, listener) in listeners where !wanted.contains(subject) {
      account.unlisten(listener, retire: loop.service.server.retire)
      listeners[subject] = nil
    }
    for subject in wanted where listeners[subject] == nil {
      let listener = StreamListener(handle)
      listeners[subject] = listener
      account.listen(to: Array(subject.utf8), with: listener)
    }
  }

  func unlisten() {
    for listener in listeners.values { account.unlisten(listener, retire: loop.service.server.retire) }
    listeners = [:]
  }

  private func setDirectGets() {
    handle.answersDirectGets = configuration.allowDirect && failure == nil
    if !configuration.mirrorDirect || failure != nil { handle.account.setMirror(handle, of: nil) }
  }

  // MARK: publishing

  /// A message for one of the stream's subjects.
  func publish(_ message: Message) {
    if mustHold {
      held.append(HeldMessage(message))
    } else {
      propose(message)
    }
  }

  /// Something waits until nothing is in flight, and what comes waits behind it.
  var mustHold: Bool { !held.isEmpty || isAwaitingUpdate }

  func hold(_ message: HeldMessage) { held.append(message) }

  private func propose(_ message: Message) {
    let body = message.bodyBytes
    let reply = UnsafeRawBufferPointer(start: message.reply, count: message.reply == nil ? 0 : message.replyLength)
    let inbound = InboundMessage(
      subject: message.subjectBytes, reply: reply,
      header: UnsafeRawBufferPointer(rebasing: body[..<message.headerLength]),
      payload: UnsafeRawBufferPointer(rebasing: body[message.headerLength...]))
    if let refusal {
      answer(.refused(.streamStoreFailed(refusal)), to: reply)
      return
    }
    rules.resources = withoutCounting(loop.service) { $0.resources(for: self) }
    output.removeAll()
    switch rules.propose(inbound, now: loop.wallNow, output: &output) {
    case .journal:
      carryOut()
      append(output.entries, reply: reply)
    case .answer(let answer):
      // The end of a fast batch comes behind what is said of its last message.
      sendReplies()
      answerLater(answer, reply)
      // A batch that waits for its next message has a deadline, and no entry that would set the timer.
      if Self.nextTick(&rules) < tickDue { scheduleTick() }
    case .wait: held.append(HeldMessage(message))
    }
    carryOut()
  }

  /// Sends entries on their way; the reply belongs to the last one.
  func append(_ entries: StreamEntries, reply: UnsafeRawBufferPointer) {
    for index in 0..<entries.count {
      let own = index == entries.count - 1 ? reply : .empty
      entries.withEntry(index) { append(entries.kind(index), $0, reply: own) }
    }
  }

  func append(_ kind: StreamEntryKind, _ entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer) {
    guard isLogged else {
      apply(kind, entry, reply: reply)
      return
    }
    inFlightCount += 1
    loop.append(kind.rawValue, entry, reply: reply, of: self)
  }

  private func answerLater(_ answer: PublishAnswer, _ reply: UnsafeRawBufferPointer) {
    if reply.isEmpty { return }
    if inFlightCount == 0 {
      self.answer(answer, to: reply)
      return
    }
    let reply = Array(reply)
    loop.afterEverythingInFlight { [self] in
      reply.withUnsafeBytes { self.answer(answer, to: $0) }
    }
  }

  private func answer(_ answer: PublishAnswer, to reply: UnsafeRawBufferPointer) {
    if reply.isEmpty || answer == .none { return }
    answerBytes.removeAll(keepingCapacity: true)
    Self.append(answer, &rules, &answerBytes)
    answerBytes.withUnsafeBytes { send($0, to: reply) }
  }

  // Called with the rules in place: for a read of a property they would be copied.

  @inline(never)
  private static func append(_ answer: PublishAnswer, _ rules: inout StreamRules, _ bytes: inout [UInt8]) {
    rules.append(answer, to: &bytes)
  }

  @inline(never)
  private static func nextTick(_ rules: inout StreamRules) -> Int64 { rules.nextTick ?? .max }

  private func send(_ payload: UnsafeRawBufferPointer, to subject: UnsafeRawBufferPointer) {
    _ = loop.send(to: subject, showing: .empty, reply: .empty, header: .empty, payload: payload, in: account)
  }

  /// What waited until nothing was in flight.
  func resumeHeld() {
    while !held.isEmpty, inFlightCount == 0, loop.hasRoom {
      let messages = held
      held = []
      for (position, message) in messages.enumerated() {
        message.withMessage { resume(message, $0) }
        if held.isEmpty { continue }
        held += messages[(position + 1)...]
        break
      }
    }
  }

  private func resume(_ held: HeldMessage, _ message: Message) {
    if held.kind == .publish {
      propose(message)
    } else if let upstreams, !upstreams.receive(held.kind, message, tag: held.tag) {
      hold(held)
    }
  }

  // MARK: applying

  /// An entry has become durable.
  func committed(_ kind: UInt8, _ entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer, _ log: LogSequence) {
    inFlightCount -= 1
    if isOver { return }
    appliedLog = log
    bytesSinceCheckpoint += entry.count
    loop.noteDirty(self)
    if let kind = StreamEntryKind(rawValue: kind) { apply(kind, entry, reply: reply) }
    if inFlightCount == 0, !held.isEmpty { loop.resumeLater(self) }
  }

  /// The journal has refused it, or has failed: it will not be stored.
  func lost(_ reply: UnsafeRawBufferPointer, _ reason: String) {
    inFlightCount -= 1
    fail(reason)
    answer(.refused(.streamStoreFailed(reason)), to: reply)
  }

  private func apply(_ kind: StreamEntryKind, _ entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer) {
    switch kind {
    case .put, .delete, .purge: applyChange(kind, entry, reply: reply)
    case .consumer, .consumerDeleted, .consumerDelta: break
    }
  }

  private func applyChange(
    _ kind: StreamEntryKind, _ entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer
  ) {
    output.removeAll()
    let applied: Applied
    do {
      applied = try rules.apply(kind, entry, reply: reply, output: &output)
    } catch {
      fail("\(error)")
      answer(.refused(.streamStoreFailed("\(error)")), to: reply)
      return
    }
    let known = announced
    switch applied {
    case .put(_, let stored, let answer):
      if stored { announce(entry) }
      self.answer(answer, to: reply)
    case .staged: answer(.staged, to: reply)
    case .deleted(let existed): finishRequest { $0.finishDelete(existed, on: loop) }
    case .purged(let count): finishRequest { $0.finishPurge(count, on: loop) }
    case .ignored: break
    }
    carryOut(announced: known)
    if isLogged { loop.touch(self) } else { settleUse() }
  }

  /// Tells the account and the clock what was applied.
  func settleUse() {
    if isOver { return }
    countUse()
    scheduleTick()
    if store.shortage != nil { noteShortage() }
  }

  /// Purges and removals that were asked for, in the order of their entries.
  private var changeRequests: [APIRequest?] = []

  /// - Parameter request: nil: nobody asked.
  func expectChange(_ request: APIRequest?) { changeRequests.append(request) }

  private func finishRequest(_ body: (APIRequest) -> Void) {
    if changeRequests.isEmpty { return }
    if let request = changeRequests.removeFirst() { body(request) }
  }

  /// What a call of the rules has left to be done, without the entries. Before these: in memory they are applied at
  /// once, which has its own output.
  ///
  /// - Parameter announced: what consumers had been told of before that call; nil: what they have been told of.
  func carryOut(announced: UInt64? = nil) {
    if output.isEmpty { return }
    defer { output.removeEffects() }
    sendReplies()
    for message in output.republished { republish(message) }
    let announced = announced ?? self.announced
    if !output.removed.isEmpty { tell(output.removed, announced: announced) }
    for purge in output.purges where !consumers.isEmpty { tell(purge, announced: announced) }
    for batch in output.abandonedBatches {
      publish(Advisory.batchAbandoned(batch.id, batch.reason, stream: handle.name, loop.advisoryHead()))
    }
    if let problem = output.storeError {
      loop.service.server.logger.error("JetStream stream \(handle.name): \(problem)")
    }
  }

  private func sendReplies() {
    for reply in output.replies {
      reply.subject.withUnsafeBytes { subject in reply.payload.withUnsafeBytes { send($0, to: subject) } }
    }
    output.replies.removeAll()
  }

  private func republish(_ message: Republication) {
    message.subject.withUnsafeBytes { subject in
      message.header.withUnsafeBytes { header in
        message.payload.withUnsafeBytes { payload in
          _ = loop.send(
            to: subject, showing: .empty, reply: .empty, header: header, payload: payload, in: account)
        }
      }
    }
  }

  func publish(_ advisory: Advisory) { loop.publish(advisory, in: account) }

  func publish(_ advisory: ConsumerAdvisory, about consumer: String) {
    let origin = ConsumerAdvisory.Origin(
      account: account.name, stream: handle.name, consumer: consumer, domain: loop.service.domain)
    let subject = Array(advisory.subject(origin).utf8)
    guard subject.withUnsafeBytes({ account.hasInterest(in: $0) }) else { return }
    let payload = advisory.json(origin, id: NUID.next(), time: Timestamp(unixNanoseconds: loop.wallNow))
    worker.publishSoon(ServerMessage(account: account, subject: subject, payload: payload))
  }

  // MARK: time

  private func scheduleTick() {
    let due = Self.nextTick(&rules)
    if due == tickDue { return }
    if let tickTimer { worker.loop.cancel(tickTimer) }
    tickTimer = nil
    tickDue = due
    guard due < .max, !isOver else { return }
    // Not weak: what was ever held weakly is counted slowly for ever. `end` cancels the timer.
    tickTimer = worker.loop.schedule(afterNanoseconds: due.wait(from: loop.wallNow)) { [unowned self] in
      tickTimer = nil
      tickDue = .max
      tick()
    }
  }

  private func tick() {
    guard failure == nil, !isOver else { return }
    output.removeAll()
    do {
      try rules.tick(now: loop.wallNow, output: &output)
    } catch {
      fail("\(error)")
      return
    }
    carryOut()
    append(output.entries, reply: .empty)
    countUse()
    scheduleTick()
  }

  // MARK: configuration

  /// Takes over a changed configuration when nothing is in flight.
  func update(_ configuration: StreamConfiguration, then: @escaping () -> Void) {
    guard inFlightCount == 0 else {
      isAwaitingUpdate = true
      loop.afterEverythingInFlight { [self] in update(configuration, then: then) }
      return
    }
    isAwaitingUpdate = false
    if !held.isEmpty { loop.resumeLater(self) }
    output.removeAll()
    let answersForOrigin = rules.configuration.mirrorDirect
    let retention = rules.configuration.retention
    do {
      try rules.update(configuration, now: loop.wallNow, output: &output)
    } catch {
      fail("\(error)")
    }
    carryOut()
    append(output.entries, reply: .empty)
    if rules.configuration.retention != retention { releaseUnneeded() }
    listen()
    setDirectGets()
    countUse()
    scheduleTick()
    noteMaintenance()
    if !isEnding { followUpstreams() }
    if !answersForOrigin { noteCaughtUp() }
    then()
  }

  // MARK: reading

  /// Reads the store; what cannot be read is logged and nil.
  func reading<Result>(_ body: () throws(StoreError) -> Result?) -> Result? {
    defer { if store.lostCount != toldLost.count { tellLost() } }
    do {
      return try body()
    } catch {
      // What is damaged is told as lost.
      if case .damaged = error { return nil }
      loop.service.server.logger.error("JetStream stream '\(account.name) > \(handle.name)': \(error)")
      return nil
    }
  }

  /// Tells the account how much the store holds.
  func countUse() {
    let bytes = store.bytes
    guard bytes != countedBytes else { return }
    handle.account.addUse(Int64(bitPattern: bytes &- countedBytes), inMemory: !isLogged)
    countedBytes = bytes
    if store.lostCount != toldLost.count { tellLost() }
  }

  /// Messages could not be read: says so soon. Whoever reads now may be a consumer in the middle of its work.
  private func tellLost() {
    guard !isTellingLost else { return }
    isTellingLost = true
    worker.loop.submit { [weak self] in self?.tellLostNow() }
  }

  private func tellLostNow() {
    isTellingLost = false
    let lost = store.state.lost ?? LostMessages()
    let new = Set(lost.sequences).subtracting(toldLost.sequences).sorted()
    let count = lost.count > toldLost.count ? lost.count - toldLost.count : UInt64(new.count)
    let bytes = lost.bytes - min(lost.bytes, toldLost.bytes)
    toldLost = lost
    guard count > 0, !isOver else { return }
    let listed = new.prefix(20).map(String.init).joined(separator: ", ") + (count > 20 ? ", ..." : "")
    loop.service.server.logger.error(
      "JetStream stream '\(account.name) > \(handle.name)': \(count) messages cannot be read and are lost: \(listed)")
    publish(
      Advisory.messagesLost(
        LostData(sequences: new, bytes: bytes), count: count, stream: handle.name, loop.advisoryHead()))
    for consumer in consumers.values { consumer.lost(new) }
    countUse()
  }

  // MARK: failure

  /// Why it takes no messages now.
  var refusal: String? { failure ?? shortage ?? (isLogged ? loop.shortage : nil) }

  /// The store has no space, or has some again.
  func noteShortage() {
    let reason = store.shortage.map { "\($0)" }
    guard (reason == nil) != (shortage == nil) else { return }
    shortage = reason
    let logger = loop.service.server.logger
    if let reason {
      logger.error("JetStream stream '\(account.name) > \(handle.name)' has no space: \(reason)")
      loop.service.streamFailed(handle, reason)
      loop.noteDirty(self)
    } else {
      logger.info("JetStream stream '\(account.name) > \(handle.name)' has space again")
    }
  }

  /// Takes nothing any more: what was acknowledged stays readable.
  func fail(_ reason: String) {
    guard failure == nil else { return }
    failure = reason
    loop.service.server.logger.error("JetStream stream '\(account.name) > \(handle.name)' stopped: \(reason)")
    loop.service.streamFailed(handle, reason)
  }

  /// Recovery has applied the journal up to here.
  func recovered(through log: LogSequence, checkpointed: LogSequence) {
    appliedLog = max(appliedLog, log)
    checkpointedLog = checkpointed
  }
}
