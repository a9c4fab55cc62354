import Broker
import Bytes
import Crypto
import JetStreamAPI
import Reactor
import Subjects

/// Hears what an origin sends, on the loop where it is sent, and hands it to the stream's loop.
final class UpstreamListener: InternalSubscriber {
  private let handle: StreamHandle
  private let kind: HandoffKind
  private let tag: UInt32

  init(_ handle: StreamHandle, _ kind: HandoffKind, tag: UInt32) {
    self.handle = handle
    self.kind = kind
    self.tag = tag
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    guard !handle.isDeleted else { return false }
    var message = message
    // What a stream delivers keeps its own subject.
    if let shown = message.shownSubject {
      (message.subject, message.subjectLength) = (shown, message.shownSubjectLength)
    }
    JetStreamLoop.with(worker) { $0.hand(kind, message, to: handle, tag: tag) }
    return true
  }
}

/// Carries out what an upstream's machine decides. Confined to the stream's loop.
final class UpstreamRunner {
  private unowned let stream: StreamRunner
  private unowned let owner: StreamUpstreams
  let name: SourceName
  private var machine: Upstream
  private let transforms: [SubjectTransform]
  private let writer: SourceMarkWriter
  private var identity: [UInt8] = []
  /// What a stored message's header is put together in.
  private var header: [UInt8] = []

  /// Tells what is listened to now from what was before.
  private(set) var messageTag: UInt32 = 0
  private(set) var answerTag: UInt32 = 0
  private var requestNumber: UInt32 = 0
  private var hearing: [(account: Account, subject: [UInt8], listener: UpstreamListener)] = []
  private var answering: UpstreamListener?
  private var timer: TimerToken?
  private var lastWarning: (text: String, time: Int64)?

  init(_ role: Upstream.Role, _ source: StreamSource, of stream: StreamRunner, owner: StreamUpstreams) {
    self.stream = stream
    self.owner = owner
    name = SourceName(source)
    writer = SourceMarkWriter(name)
    transforms = source.subjectTransforms.compactMap {
      $0.destination.isEmpty ? nil : try? SubjectTransform(source: $0.source, destination: $0.destination)
    }
    let position = role == .source ? stream.rules.sourcePositions[name] : nil
    machine = Upstream(
      role, source, identification: owner.identification(of: source), position: position?.sequence ?? 0,
      identity: String(decoding: position?.identity ?? [], as: UTF8.self), now: stream.loop.worker.loop.now,
      random: UInt64.random(in: 0 ... .max))
    identity = position?.identity ?? []
    setTimer()
  }

  var role: Upstream.Role { machine.role }

  /// Where it copies from. What its name does not tell may change.
  var source: StreamSource {
    get { machine.source }
    set { machine.source = newValue }
  }

  private var loop: JetStreamLoop { stream.loop }
  /// Not the wall clock, which may be set.
  private var now: Int64 { stream.loop.worker.loop.now }
  private var random: UInt64 { UInt64.random(in: 0 ... .max) }

  /// What STREAM.INFO tells of it (FEATURES 5.054).
  var information: StreamSourceInfo {
    var information = StreamSourceInfo()
    information.name = source.name
    information.external = source.external
    information.lag = machine.lag
    if machine.role == .source { information.sequence = stream.rules.sourcePositions[name]?.storedSequence ?? 0 }
    information.active = machine.lastHeard.map { max(0, now - $0) } ?? -1
    information.error = machine.error
    // nats-server tells a mirror's filter when it has asked for it.
    if machine.role == .source || machine.hasAsked { information.filterSubject = source.filterSubject }
    information.subjectTransforms = source.subjectTransforms
    return information
  }

  /// - Parameter removed: the origin's consumer is not needed any more.
  func end(removed: Bool) {
    machine.end()
    stopHearing()
    stopAnswering()
    if let timer { loop.worker.loop.cancel(timer) }
    timer = nil
    guard removed, source.consumer == nil else { return }
    let consumer = machine.identification.consumerName(role, source)
    let subject = UpstreamRequest.path("CONSUMER.DELETE.\(source.name).\(consumer)", source.external)
    loop.worker.publishSoon(ServerMessage(account: stream.account, subject: Array(subject.utf8), payload: []))
  }

  // MARK: - Time

  private func setTimer() {
    if let timer { loop.worker.loop.cancel(timer) }
    timer = nil
    guard let due = machine.due else { return }
    // Not weak: what was ever held weakly is counted slowly for ever. `end` cancels the timer.
    timer = loop.worker.loop.schedule(afterNanoseconds: max(0, due - now)) { [unowned self] in
      timer = nil
      // Not the origin is slow, but this server: what it has sent waits here.
      if machine.isFollowing, loop.isBehind || stream.mustHold { machine.heard(at: now) }
      if let due = machine.due, due <= now {
        carryOut(machine.tick(now: now, state: stream.downstreamState, random: random))
      }
      setTimer()
    }
  }

  private func carryOut(_ effects: [UpstreamEffect]) {
    for effect in effects {
      switch effect {
      case .request(let request, let number): send(request, number)
      case .listen(let subject): hear(subject)
      case .stopListening: stopHearing()
      case .skip(let sequence): stream.skip(through: sequence)
      case .warn(let text): warn(text)
      }
    }
  }

  /// The same words are said once a minute at most.
  func warn(_ text: String) {
    if let lastWarning, lastWarning.text == text, now - lastWarning.time < 60_000_000_000 { return }
    lastWarning = (text, now)
    loop.service.server.logger.warning(text)
  }

  private func warnNotStored(_ problem: JetStreamError) {
    let (account, stream) = (self.stream.account.name, self.stream.handle.name)
    let what = machine.role == .mirror ? "mirror message" : "source \"\(name.text)\""
    warn("Error processing inbound \(what) for '\(account)' > '\(stream)': \(problem.description)")
  }

  // MARK: - Asking

  private func send(_ request: UpstreamRequest, _ number: UInt32) {
    stopAnswering()
    answerTag = owner.nextTag()
    requestNumber = number
    let reply = Array("$JSC.R.\(NUID.next().suffix(8))".utf8)
    let listener = UpstreamListener(stream.handle, .originAnswer, tag: answerTag)
    answering = listener
    stream.account.listen(to: reply, with: listener)
    loop.worker.publish(
      Array(request.subject.utf8), reply: reply, header: request.header, payload: request.payload, in: stream.account)
  }

  private func stopAnswering() {
    if let answering { stream.account.unlisten(answering, retire: loop.service.server.retire) }
    answering = nil
    answerTag = 0
  }

  func answered(_ message: Message) {
    stopAnswering()
    let body = message.bodyBytes
    let answer = OriginAnswer(
      header: UnsafeRawBufferPointer(rebasing: body[..<message.headerLength]),
      payload: UnsafeRawBufferPointer(rebasing: body[message.headerLength...]))
    carryOut(
      machine.answered(
        answer, number: requestNumber, now: now, state: stream.downstreamState, random: random))
    identity = Array(machine.identity.utf8)
    if machine.isFollowing, answer.pending < StreamUpstreams.caughtUp { stream.noteCaughtUp() }
    setTimer()
  }

  // MARK: - Listening

  private func hear(_ subject: String) {
    stopHearing()
    messageTag = owner.nextTag()
    let bytes = Array(subject.utf8)
    listen(stream.account, bytes)
    for (exporter, origin) in stream.account.streamOrigins(of: bytes) { listen(exporter, origin) }
  }

  private func listen(_ account: Account, _ subject: [UInt8]) {
    let listener = UpstreamListener(stream.handle, .upstream, tag: messageTag)
    hearing.append((account, subject, listener))
    account.listen(to: subject, with: listener)
    // Consumers wait for somebody who listens.
    loop.service.interestChanged(in: subject, of: account)
  }

  private func stopHearing() {
    messageTag = 0
    for (account, subject, listener) in hearing {
      account.unlisten(listener, retire: loop.service.server.retire)
      loop.service.interestChanged(in: subject, of: account)
    }
    hearing = []
  }

  private func restart(_ effects: [UpstreamEffect]) {
    carryOut(effects)
    setTimer()
  }

  /// Something has come from the origin's consumer.
  /// - Returns: false when it must wait until nothing is in flight.
  func receive(_ message: Message) -> Bool {
    let body = message.bodyBytes
    if message.headerLength > 0, message.headerLength == message.size, isControl(body) {
      control(message)
      return true
    }
    if machine.isProbing {
      restart(machine.probed(now: now, random: random))
      return true
    }
    guard message.reply != nil, let ack = AckSubject(parsing: message.replyBytes) else { return true }
    let before = machine.progress
    switch machine.message(ack, now: now) {
    case .ignore: break
    case .restart: restart(machine.restart(now: now, random: random))
    case .take:
      let outcome = store(message, ack)
      switch outcome {
      case .journal, .skipped: break
      case .wait:
        machine.progress = before
        return false
      case .refused(let problem):
        if !problem.isDiscard { warnNotStored(problem) }
        restart(machine.notStored(previous: before, now: now, random: random))
      }
      if ack.pending < StreamUpstreams.caughtUp { stream.noteCaughtUp() }
    }
    return true
  }

  private func isControl(_ body: UnsafeRawBufferPointer) -> Bool { body.starts(with: Self.controlPrefix) }
  private static let controlPrefix = Array("NATS/1.0 100 ".utf8)

  private func control(_ message: Message) {
    if machine.isProbing {
      restart(machine.probed(now: now, random: random))
      return
    }
    if message.reply != nil, message.replyLength > 0 {
      machine.heard(at: now)
      answerFlow(Array(message.replyBytes))
      return
    }
    let fields = message.bodyBytes
    let last = HeaderBlock.value(of: "Nats-Last-Consumer", in: fields).flatMap { UInt64($0) } ?? 0
    if machine.heartbeat(lastConsumer: last, now: now) {
      restart(machine.restart(now: now, random: random))
    } else if let stalled = HeaderBlock.value(of: "Nats-Consumer-Stalled", in: fields), !stalled.isEmpty {
      answerFlow(Array(stalled.utf8))
    }
  }

  /// Says how far it has come when that is durable: the origin may forget what was acknowledged, and sends no more than
  /// its window before.
  private func answerFlow(_ subject: [UInt8]) {
    let text = "NATS/1.0\r\nNats-Last-Consumer: \(machine.delivered)\r\nNats-Last-Stream: \(machine.position)\r\n\r\n"
    let (loop, account) = (loop, stream.account)
    loop.afterEverythingInFlight {
      loop.worker.publish(subject, reply: nil, header: Array(text.utf8), payload: [], in: account)
    }
  }

  // MARK: - Storing

  private func store(_ message: Message, _ ack: AckSubject) -> CopyOutcome {
    let body = message.bodyBytes
    let block = UnsafeRawBufferPointer(rebasing: body[..<message.headerLength])
    let payload = UnsafeRawBufferPointer(rebasing: body[message.headerLength...])
    let place: MirroredPlace?
    if machine.role == .mirror {
      place = MirroredPlace(sequence: ack.streamSequence, timestamp: ack.timestamp)
      if block.isEmpty || !PublishHeaders.hasAny(block) {
        return withSubject(message.subjectBytes) { stream.copy($0, block, payload, at: place) }
      }
      takeHeader(block)
    } else {
      place = nil
      takeHeader(block)
      if header.isEmpty { header += Self.firstLine } else { header.removeLast(2) }
      writer.append(sequence: ack.streamSequence, subject: message.subjectBytes, identity: identity, to: &header)
      header += Self.lineEnds
    }
    return header.withUnsafeBytes { header in
      withSubject(message.subjectBytes) { stream.copy($0, header, payload, at: place) }
    }
  }

  private static let firstLine = Array("NATS/1.0\r\n".utf8)
  private static let lineEnds: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]

  /// The origin's header without what it meant for the origin.
  private func takeHeader(_ block: UnsafeRawBufferPointer) {
    header.removeAll(keepingCapacity: header.capacity <= 65_536)
    header.append(contentsOf: block)
    guard !block.isEmpty, PublishHeaders.hasAny(block) else { return }
    HeaderEditing.remove("Nats-Request-Info", from: &header)
    HeaderEditing.remove(prefix: "Nats-Expected-", from: &header)
    HeaderEditing.remove(prefix: "Nats-Batch-", from: &header)
    if machine.role == .source { HeaderEditing.remove("Nats-Stream-Source", from: &header) }
  }

  private func withSubject(
    _ subject: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> CopyOutcome
  ) -> CopyOutcome {
    guard !transforms.isEmpty, let transform = transforms.first(where: { $0.matches(subject) }) else {
      return body(subject)
    }
    let new = transform.transformed(subject, random: random)
    return new.withUnsafeBytes { body($0) }
  }
}

extension JetStreamError {
  /// The stream is full and keeps what it has: that passes.
  fileprivate var isDiscard: Bool {
    self == .streamStoreFailed("maximum messages exceeded") || self == .streamStoreFailed("maximum bytes exceeded")
      || self == .streamStoreFailed("maximum messages per subject exceeded")
  }
}
