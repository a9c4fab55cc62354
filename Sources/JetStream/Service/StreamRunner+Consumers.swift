import Broker
import Bytes
import Crypto
import JetStreamAPI
import MessageStore
import Reactor

// The consumers of a stream: what reaches them, how they come and go.

extension StreamRunner {
  // MARK: what arrives for them

  /// An acknowledgement.
  func acknowledge(_ message: Message) {
    guard let parts = AckSubject.Parts(message.subjectBytes),
      let consumer = consumer(named: UnsafeRawBufferPointer(rebasing: message.subjectBytes[parts.consumer])),
      consumer.machine.listensForAcks
    else { return }
    let payload = UnsafeRawBufferPointer(rebasing: message.bodyBytes[message.headerLength...])
    consumer.machine.acknowledge(
      subject: message.subjectBytes, payload: payload, reply: reply(of: message), port: consumer, now: consumer.now)
    // What it changes goes to the log with what the consumer does at the end of the batch.
    loop.schedule(consumer)
  }

  /// An answer to a flow control request: `$JS.FC.<stream>.<consumer>.<number>`.
  func flowControl(_ message: Message) {
    let subject = message.subjectBytes
    var dots = 0
    for byte in subject where byte == UInt8(ascii: ".") { dots += 1 }
    guard let name = token(dots >= 6 ? 5 : 3, of: subject), let consumer = consumer(named: name) else { return }
    let header = UnsafeRawBufferPointer(rebasing: message.bodyBytes[..<message.headerLength])
    func number(_ field: StaticString) -> UInt64 {
      HeaderBlock.value(of: field, in: header).flatMap { UInt64($0) } ?? 0
    }
    consumer.machine.answerFlowControl(
      subject: subject, lastConsumer: header.isEmpty ? 0 : number("Nats-Last-Consumer"),
      lastStream: header.isEmpty ? 0 : number("Nats-Last-Stream"), port: consumer, now: consumer.now)
    loop.schedule(consumer)
  }

  /// A pull request: `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`, behind any domain.
  func pull(_ message: Message) {
    guard message.reply != nil, message.replyLength > 0 else { return }
    let subject = message.subjectBytes
    guard let dot = subject.lastIndex(of: UInt8(ascii: ".")),
      let consumer = consumer(named: UnsafeRawBufferPointer(rebasing: subject[(dot + 1)...]))
    else { return }
    let body = message.bodyBytes
    if message.headerLength > 0,
      refusesRequiredLevel(UnsafeRawBufferPointer(rebasing: body[..<message.headerLength]))
    {
      ConsumerStatus.requiredLevel.bytes.withUnsafeBytes {
        consumer.sendStatus($0, to: message.replyBytes, reply: .empty)
      }
      return
    }
    consumer.machine.pull(
      UnsafeRawBufferPointer(rebasing: body[message.headerLength...]), reply: message.replyBytes, port: consumer,
      now: consumer.now)
    loop.schedule(consumer)
  }

  private func reply(of message: Message) -> UnsafeRawBufferPointer {
    message.reply == nil ? .empty : message.replyBytes
  }

  private func consumer(named name: UnsafeRawBufferPointer) -> ConsumerRunner? {
    if let last = lastConsumer, name.elementsEqual(last.nameBytes), !last.isOver { return last }
    lastConsumer = consumers[String(decoding: name, as: UTF8.self)]
    return lastConsumer
  }

  /// Somebody listens to a subject, or nobody any more.
  func interestChanged(in subject: [UInt8]) {
    for consumer in consumers.values where consumer.machine.configuration.isPush {
      consumer.interestChanged(in: subject)
    }
  }

  // MARK: logging

  /// Logs what a consumer did. What it promised goes out when that is durable.
  func log(_ delta: [UInt8], of consumer: ConsumerRunner, confirmations: [[UInt8]], finished: [UInt64]) {
    var entry: [UInt8] = []
    entry.reserveCapacity(8 + delta.count)
    withUnsafeBytes(of: consumer.number.littleEndian) { entry.append(contentsOf: $0) }
    entry += delta
    entry.withUnsafeBytes { append(.consumerDelta, $0, reply: .empty) }
    guard !confirmations.isEmpty || !finished.isEmpty else { return }
    loop.afterEverythingInFlight { [self] in settled(consumer, confirmations: confirmations, finished: finished) }
  }

  // MARK: what happens to the stream

  /// Tells consumers of stored messages.
  func announce(_ entry: UnsafeRawBufferPointer) {
    let last = store.lastSequence
    if consumers.isEmpty || last <= announced {
      announced = max(announced, last)
      return
    }
    if last == announced + 1, let put = PutEntry(entry) {
      announce(last, put.subject)
    } else {
      var sequence = announced + 1
      while sequence <= last {
        let found: StoredMessage?? = reading { () throws(StoreError) in
          try store.next(from: sequence, matching: .everything)
        }
        guard let message = found ?? nil, message.sequence <= last else { break }
        announce(message.sequence, message.subject)
        sequence = message.sequence + 1
      }
    }
    announced = last
  }

  private func announce(_ sequence: UInt64, _ subject: UnsafeRawBufferPointer) {
    consumerIndex.forEach(wanting: subject) { consumer in
      consumer.machine.stored(sequence, matches: true)
      loop.schedule(consumer)
    }
  }

  /// Tells consumers of messages that have left, of which they had been told.
  func tell(_ removed: RemovedMessages, announced: UInt64) {
    if consumers.isEmpty { return }
    removed.forEach { sequence, subject in
      guard sequence <= announced else { return }
      consumerIndex.forEach(wanting: subject) { $0.removed(sequence, isWanted: true) }
      for consumer in consumerIndex.changed where !consumer.matches(subject) {
        consumer.removed(sequence, isWanted: false)
      }
    }
  }

  /// Tells consumers of a purge, which moves those on that want some of its subjects.
  func tell(_ purge: PurgedMessages, announced: UInt64) {
    var next = store.firstSequence
    if !purge.subject.isEmpty, store.messages > 0 {
      let filters = SubjectFilters(bytes: [purge.subject])
      next =
        reading { () throws(StoreError) in try store.next(from: next, matching: filters) }?.sequence
        ?? store.lastSequence + 1
    }
    for consumer in consumers.values { consumer.purged(purge, next: next, announced: announced) }
  }

  // MARK: identity

  func identity(
    of configuration: ConsumerConfiguration, named name: String, created: Timestamp
  ) -> ConsumerIdentity {
    ConsumerIdentity(
      stream: handle.name, name: name, created: created,
      subjects: AckSubjectFormat(
        stream: handle.name, consumer: name, domain: loop.service.domain,
        accountHash: ShortHash.make(account.name), isSecondForm: false),
      keepsForConsumers: self.configuration.retention != .limits,
      largestMessage: self.configuration.maximumMessageSize > 0
        ? Int(self.configuration.maximumMessageSize) : loop.service.server.options.maxPayload,
      keepsOnePerSubject: self.configuration.maximumMessagesPerSubject == 1,
      isInMemory: !isLogged || configuration.memoryStorage,
      largestCopyWindow: max(1 << 20, Int(clamping: MemoryLimit.current.budgetBytes / 16)))
  }

  /// What the rules of consumers look at here.
  var consumerContext: ConsumerContext {
    var context = ConsumerContext(configuration)
    let limits = handle.account.accountLimits
    context.accountMaxAckPending = limits.maximumAcknowledgementsPending
    context.accountMaxConsumers = limits.maximumConsumers
    if context.streamMaxConsumers <= 0, context.accountMaxConsumers <= 0 {
      context.streamMaxConsumers = loop.service.options.limits.defaultMaxConsumers
    }
    context.serverMaxAckPending = loop.service.options.limits.maxAckPending
    context.serverMaxRequestBatch = loop.service.options.limits.maxRequestBatch
    return context
  }

  var neighbours: [ConsumerNeighbour] {
    consumers.values.map { ConsumerNeighbour(name: $0.name, configuration: $0.machine.configuration) }
  }
}
