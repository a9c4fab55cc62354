import Broker
import Bytes
import Configuration
import Crypto
import JetStreamAPI
import MessageStore

// Requests about a stream's consumers (FEATURES 6.2, 7.019 to 7.029).

extension StreamRunner {
  private var isStrict: Bool { loop.service.options.strict }
  private var nowStamp: Timestamp { Timestamp(unixNanoseconds: loop.wallNow) }

  private func named(_ request: APIRequest) throws(JetStreamError) -> ConsumerRunner {
    guard let consumer = consumers[request.subject.consumer] else { throw .consumerNotFound }
    return consumer
  }

  private func information(_ consumer: ConsumerRunner) -> ConsumerInfo {
    consumer.machine.info(port: consumer, now: consumer.now)
      .withAnsweredMetadata(serverVersion: Version.compatibleServer)
  }

  // MARK: create

  func createConsumer(_ request: APIRequest) throws(JetStreamError) {
    var wanted = try ConsumerCreateRequest.decode(request.payload, isStrict: isStrict)
    try wanted.bind(to: request.plainSubject)
    if isForCopy(wanted.configuration) { prepareForCopy(&wanted.configuration) }
    if let failure { throw .streamStoreFailed(failure) }
    if let claimed = claimedIdentity(request), !claimed.isEmpty, isForStream(wanted.configuration),
      claimed != identityOfStream
    {
      throw .consumerStreamIdentityMismatch(identityOfStream)
    }
    if wanted.configuration.sourcing, wanted.configuration.isDurable,
      let existing = consumers[wanted.configuration.name]
    {
      let known = existing.machine.configuration
      wanted.configuration.deliverPolicy = known.deliverPolicy
      wanted.configuration.startSequence = known.startSequence
      wanted.configuration.startTime = known.startTime
    }
    let name = wanted.configuration.isDurable ? wanted.configuration.durableName : wanted.configuration.name
    let existing = consumers[name]
    let plan = try wanted.plan(
      consumerContext,
      existing: existing.map { ConsumerNeighbour(name: $0.name, configuration: $0.machine.configuration) },
      others: neighbours
    ) { subject in
      Array(subject.utf8).withUnsafeBytes { account.hasInterest(in: $0) }
    }
    switch plan {
    case .create(let configuration): create(configuration, request)
    case .update(let configuration):
      guard let existing else { throw .consumerDoesNotExist }
      let losesInterest =
        self.configuration.retention == .interest && configuration.filters != existing.machine.configuration.filters
      // Who listens to a new deliver subject is found out later.
      let wasBound = existing.machine.isActive && existing.machine.configuration.isPush
      change(existing, to: configuration)
      try beginAgain(existing)
      existing.isWaiting = true
      guard losesInterest else {
        var info = information(existing)
        info.isPushBound = wasBound
        answerUpdate(existing, info, request)
        return
      }
      loop.afterEverythingInFlight { [self] in
        // What was pending and goes with the filters is told of later.
        var info = information(existing)
        releaseUnneeded { [self] in
          info.pendingCount = information(existing).pendingCount
          info.isPushBound = wasBound
          answerUpdate(existing, info, request)
        }
      }
    }
  }

  private func create(_ wanted: ConsumerConfiguration, _ request: APIRequest) {
    let name = wanted.isDurable ? wanted.durableName : wanted.name.isEmpty ? newConsumerName() : wanted.name
    let number = nextConsumerNumber
    nextConsumerNumber += 1
    let machine = ConsumerMachine(
      identity: identity(of: wanted, named: name, created: nowStamp), configuration: wanted,
      state: ConsumerState(policy: wanted.ackPolicy))
    let consumer = ConsumerRunner(self, number: number, machine: machine)
    add(consumer)
    note(consumer)
    consumer.machine.start(port: consumer, now: consumer.now)
    consumer.settle()
    publish(.created, about: consumer.name)
    // Clients count from the answer: nothing is delivered before it.
    let answer = ConsumerCreateAnswer(information(consumer)).answer()
    let header = identityHeader(of: consumer)
    consumer.isWaiting = true
    loop.afterEverythingInFlight { [self] in
      request.answer(answer, header: header, on: loop)
      consumer.machine.publishPauseIfPaused(consumer, now: consumer.now)
      consumer.isWaiting = false
      loop.schedule(consumer)
    }
  }

  // MARK: consumers of streams that copy this one

  private func isForCopy(_ configuration: ConsumerConfiguration) -> Bool {
    configuration.direct && configuration.sourcing && !configuration.name.isEmpty
  }

  /// A stream that keeps messages for consumers must not lose what is on its way: its copies use a consumer that stays,
  /// and that acknowledges by flow control. Others get one each time, for which the name that was asked for is only the
  /// beginning (FEATURES 5.056).
  private func prepareForCopy(_ wanted: inout ConsumerConfiguration) {
    if self.configuration.retention == .limits {
      wanted.name += "-\(newConsumerName())"
      return
    }
    wanted.direct = false
    wanted.durableName = wanted.name
    wanted.ackPolicy = .flowControl
    wanted.ackWait = 0
    wanted.maxDeliver = 0
    wanted.inactiveThreshold = 0
  }

  /// One for a copy that stays goes back to what was acknowledged whenever it is asked for.
  private func beginAgain(_ consumer: ConsumerRunner) throws(JetStreamError) {
    guard consumer.machine.configuration.sourcing else { return }
    _ = try consumer.machine.reset(to: 0, port: consumer, now: consumer.now)
    consumer.settle()
    loop.schedule(consumer)
  }

  private func newConsumerName() -> String {
    while true {
      let name = String(NUID.next().suffix(8))
      if consumers[name] == nil { return name }
    }
  }

  /// With what is known before the new configuration lets anything go out.
  private func answerUpdate(_ consumer: ConsumerRunner, _ info: ConsumerInfo, _ request: APIRequest) {
    let answer = ConsumerCreateAnswer(info).answer()
    loop.afterEverythingInFlight { [self] in
      request.answer(answer, header: identityHeader(of: consumer), on: loop)
      consumer.machine.publishPauseIfPaused(consumer, now: consumer.now)
      consumer.isWaiting = false
      loop.schedule(consumer)
    }
  }

  // MARK: identity of the stream

  /// What changes when a stream is made anew: streams that read this one tell it from an earlier one by that.
  private var identityOfStream: String { ShortHash.make(RFC3339.string(Timestamp(unixNanoseconds: handle.created))) }

  private var identityHeader: [UInt8] { Array("NATS/1.0\r\nNats-Stream-Identity: \(identityOfStream)\r\n\r\n".utf8) }

  private func identityHeader(of consumer: ConsumerRunner) -> [UInt8] {
    isForStream(consumer.machine.configuration) ? identityHeader : []
  }

  /// The identity that a request is meant for; nil when it tells none.
  private func claimedIdentity(_ request: APIRequest) -> String? {
    request.header.withUnsafeBytes { HeaderBlock.value(of: "Nats-Stream-Identity", in: $0) }
  }

  /// Consumers that other streams make to read this one.
  private func isForStream(_ configuration: ConsumerConfiguration) -> Bool {
    configuration.direct || configuration.sourcing
  }

  /// Takes a consumer in.
  func add(_ consumer: ConsumerRunner) {
    consumers[consumer.name] = consumer
    consumerIndex.add(consumer)
    handle.account.noteConsumer(consumer.name, of: handle, consumer.summary)
    if consumer.machine.configuration.isPush { handle.account.watchInterest(for: handle) }
  }

  /// Logs a consumer's configuration.
  private func note(_ consumer: ConsumerRunner) {
    guard consumer.isLogged else { return }
    let entry = RecoveredConsumer.entry(
      number: consumer.number, name: consumer.name,
      created: consumer.machine.identity.created.unixNanoseconds, configuration: consumer.machine.configuration)
    entry.withUnsafeBytes { append(.consumer, $0, reply: .empty) }
  }

  private func change(_ consumer: ConsumerRunner, to configuration: ConsumerConfiguration) {
    let filters = consumer.machine.filters
    consumer.take(configuration)
    if consumer.machine.filters != filters { consumerIndex.refilter(consumer) }
    handle.account.noteConsumer(consumer.name, of: handle, consumer.summary)
    note(consumer)
    consumer.settle()
    loop.schedule(consumer)
  }

  // MARK: lists

  private var visible: [ConsumerRunner] {
    consumers.values.filter { !$0.machine.configuration.direct }.sorted { $0.name < $1.name }
  }

  private func listRequest(_ request: APIRequest) throws(JetStreamError) -> ConsumerListRequest {
    if !request.hasJSON { return ConsumerListRequest() }
    return try ConsumerListRequest.decode(request.payload, isStrict: isStrict)
  }

  func answerConsumerNames(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try listRequest(request)
    loop.afterEverythingInFlight { [self] in
      request.answer(ConsumerNamesAnswer(all: visible.map(\.name), request: wanted).answer(), on: loop)
    }
  }

  func answerConsumerList(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try listRequest(request)
    loop.afterEverythingInFlight { [self] in
      let (names, page) = wanted.page(of: visible.map(\.name), limit: APILimits.list)
      let infos = names.compactMap { name in
        consumers[name].map { $0.machine.info(port: $0, now: $0.now) }
      }
      request.answer(ConsumerListAnswer(infos, page: page).answer(), on: loop)
    }
  }

  func answerConsumerInfo(_ request: APIRequest) throws(JetStreamError) {
    if !request.isEmpty { throw .notEmptyRequest }
    loop.afterEverythingInFlight { [self] in
      guard let consumer = consumers[request.subject.consumer] else {
        request.refuse(.consumerNotFound, on: loop)
        return
      }
      request.answer(ConsumerInfoAnswer(information(consumer)).answer(), on: loop)
    }
  }

  // MARK: delete

  func deleteConsumer(_ request: APIRequest) throws(JetStreamError) {
    if !request.isEmpty { throw .notEmptyRequest }
    let consumer = try named(request)
    remove(consumer)
    loop.afterEverythingInFlight { [self] in
      request.answer(ConsumerDeleteAnswer().answer(), on: loop)
    }
  }

  /// Nobody has used it for long.
  func deleteInactive(_ consumer: ConsumerRunner) { remove(consumer) }

  private func remove(_ consumer: ConsumerRunner) {
    guard !consumer.isOver else { return }
    consumer.machine.dismissWaiting(.consumerDeleted, port: consumer)
    consumer.end()
    consumers[consumer.name] = nil
    consumerIndex.remove(consumer)
    forgetLastConsumer()
    handle.account.noteConsumer(consumer.name, of: handle, nil)
    if consumer.isLogged {
      withUnsafeBytes(of: consumer.number.littleEndian) { append(.consumerDeleted, $0, reply: .empty) }
    }
    publish(.deleted, about: consumer.name)
    if configuration.retention == .interest {
      loop.afterEverythingInFlight { [self] in
        rules.noteCleanup()
        releaseUnneeded()
      }
    }
  }

  // MARK: pause, unpin, reset

  func pauseConsumer(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try request.decoded { (bytes) throws(JetStreamError) in
      try ConsumerPauseRequest.decodePause(bytes, isStrict: isStrict)
    }
    let consumer = try named(request)
    change(consumer, to: wanted.applied(to: consumer.machine.configuration))
    loop.afterEverythingInFlight { [self] in
      request.answer(ConsumerPauseAnswer(wanted, now: nowStamp).answer(), on: loop)
    }
  }

  func unpinConsumer(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try request.decoded { (bytes) throws(JetStreamError) in
      try ConsumerUnpinRequest.decodeUnpin(bytes)
    }
    let consumer = try named(request)
    guard consumer.machine.configuration.priorityGroups.contains(wanted.group) else {
      throw .consumerInvalidPriorityGroup
    }
    consumer.machine.unpin(group: wanted.group, port: consumer)
    loop.schedule(consumer)
    request.answer(ConsumerUnpinAnswer().answer(), on: loop)
  }

  func resetConsumer(_ request: APIRequest) {
    guard let consumer = consumers[request.subject.consumer] else {
      // Nobody listens for a consumer that is not there.
      loop.service.requestEnded()
      return
    }
    do throws(JetStreamError) {
      try reset(consumer, request)
    } catch {
      request.answerQuietly(ConsumerResetAnswer.answer(refusing: error), on: loop)
    }
  }

  private func reset(_ consumer: ConsumerRunner, _ request: APIRequest) throws(JetStreamError) {
    if request.refusesLevel { throw .requiredApiLevel }
    let wanted = try request.decoded { (bytes) throws(JetStreamError) in
      try ConsumerResetRequest.decodeReset(bytes)
    }
    let next = try consumer.machine.reset(to: wanted.sequence, port: consumer, now: consumer.now)
    let answer = ConsumerResetAnswer(information(consumer), sequence: next).answer()
    consumer.settle()
    loop.schedule(consumer)
    loop.afterEverythingInFlight { [self] in
      if configuration.retention == .interest { releaseUnneeded() }
      request.answerQuietly(answer, header: claimedIdentity(request) == nil ? [] : identityHeader, on: loop)
    }
  }
}
