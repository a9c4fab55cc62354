import Broker
import Bytes
import Crypto
import Glibc
import JetStreamAPI
import MessageStore
import Reactor
import Subjects

/// Carries out what a consumer's machine decides: reads the store, writes to clients, logs what has changed. Confined to
/// the stream's loop.
final class ConsumerRunner: ConsumerPort {
  /// Messages that one consumer delivers before others have their turn.
  static let budget = 512

  let stream: StreamRunner
  let name: String
  let nameBytes: [UInt8]
  /// Its number within the stream, never used again.
  let number: UInt64
  private let machinePlace = UnsafeMutablePointer<ConsumerMachine>.allocate(capacity: 1)
  /// Compiled from the configuration; replaced with it.
  private var filters: SubjectFilters
  private var deliverSubject: [UInt8]
  private var deliverGroup: [UInt8]

  /// The call of `ConsumerIndex` that found it last.
  var lookedUp: UInt64 = 0
  /// It runs at the end of the batch, or soon.
  var isScheduled = false
  /// Its creation has not been answered yet: nothing is delivered before.
  var isWaiting = false
  /// It has been deleted.
  var isOver = false
  private var timer: TimerToken?
  private var timerDue = Int64.max
  private(set) var isCongested = false
  /// Answers to be sent when what follows is durable.
  private var confirmations: [[UInt8]] = []
  private var finishedSequences: [UInt64] = []

  init(_ stream: StreamRunner, number: UInt64, machine: ConsumerMachine) {
    self.stream = stream
    self.number = number
    machinePlace.initialize(to: machine)
    name = machine.identity.name
    nameBytes = Array(name.utf8)
    filters = SubjectFilters(machine.filters)
    deliverSubject = Array(machine.configuration.deliverSubject.utf8)
    deliverGroup = Array(machine.configuration.deliverGroup.utf8)
  }

  deinit {
    machinePlace.deinitialize(count: 1)
    machinePlace.deallocate()
  }

  /// The consumer's rules and state.
  var machine: ConsumerMachine {
    @inline(__always) unsafeAddress { UnsafePointer(machinePlace) }
    @inline(__always) unsafeMutableAddress { machinePlace }
  }

  private var loop: JetStreamLoop { stream.loop }
  private var worker: Worker { stream.loop.worker }
  private var account: Account { stream.account }
  var now: Int64 { stream.loop.wallNow }

  /// What it has to say is kept: neither it nor its stream live in memory only, and nobody copies through it.
  var isLogged: Bool {
    stream.isLogged && !machine.configuration.memoryStorage && !machine.configuration.direct
  }

  /// What other loops may know of it.
  var summary: ConsumerSummary {
    ConsumerSummary(
      maximumAcknowledgementsPending: machine.configuration.maxAckPending,
      inactiveThreshold: machine.configuration.inactiveThreshold,
      isAcknowledged: machine.listensForAcks)
  }

  var isFiltered: Bool { !filters.isEverything }

  /// Takes a new configuration.
  func take(_ configuration: ConsumerConfiguration) {
    filters = SubjectFilters(configuration.filters)
    deliverSubject = Array(configuration.deliverSubject.utf8)
    deliverGroup = Array(configuration.deliverGroup.utf8)
    machine.update(configuration, port: self, now: now)
  }

  /// A message has left the stream.
  /// - Parameter isWanted: it passes the filters.
  func removed(_ sequence: UInt64, isWanted: Bool) {
    machine.removed(sequence, matches: isWanted, port: self, now: now)
    loop.schedule(self)
  }

  /// Messages cannot be read: of which subjects they were is not known.
  func lost(_ sequences: [UInt64]) {
    var recounts = false
    for sequence in sequences {
      if isFiltered, sequence >= machine.nextSequence {
        machine.removedUnseen(sequence)
        recounts = true
      } else {
        machine.removed(sequence, matches: true, port: self, now: now)
      }
    }
    if recounts { machine.countUndelivered(self) }
    loop.schedule(self)
  }

  /// Many messages have left the stream.
  /// - Parameters:
  ///   - next: the first message of the purge's subject that is left; one behind the last when there is none.
  ///   - announced: what came behind it was never told of.
  func purged(_ purge: PurgedMessages, next: UInt64, announced: UInt64) {
    let subject = purge.subject.isEmpty ? ">" : String(decoding: purge.subject, as: UTF8.self)
    let filters = machine.filters
    let wantsAll = filters.isEmpty || filters.contains { Subject.isSubset(subject, of: $0) }
    // As nats-server: whoever waits for the acknowledgement of a single message hears of its end after the purge.
    let isTold = wantsAll || Array(subject.utf8).withUnsafeBytes { matches($0) }
    let lost = isTold ? purge.single.flatMap { machine.pendingEntry($0) } : nil
    if let single = purge.single {
      if wantsAll, lost == nil { machine.removed(single, matches: true, port: self, now: now) }
    } else if purge.count > 0, machine.undelivered > 0 {
      // It had been told of all that left, and wanted all of it: that is subtracted, if it had none of it yet.
      let isKnown = wantsAll && purge.through <= announced
      if !isKnown || !machine.removedUndelivered(purge.count, from: purge.first ?? 0) { machine.countUndelivered(self) }
    }
    let covered = filters.count { Subject.isSubset($0, of: subject) }
    if purge.subject.isEmpty || (covered > 0 && covered == filters.count) {
      machine.purged(from: next, port: self, now: now)
    } else if wantsAll || covered > 0 {
      machine.purged(port: self, now: now)
    }
    if let lost { machine.lose(lost, port: self, now: now) }
    loop.schedule(self)
  }

  /// Somebody subscribes to a subject or pattern, or leaves.
  func interestChanged(in subject: [UInt8]) {
    guard subject == deliverSubject else { return }
    let isActive = deliverSubject.withUnsafeBytes { hasInterest($0) }
    machine.setActive(isActive, now: now)
    loop.schedule(self)
  }

  func matches(_ subject: UnsafeRawBufferPointer) -> Bool { filters.isEverything || filters.matches(subject) }

  // MARK: running

  /// Delivers what can be delivered, then logs what that changed.
  func run() {
    if isOver || isWaiting { return }
    isCongested = false
    let progress = machine.run(port: self, now: now, budget: Self.budget)
    settle()
    if progress.isInactive {
      stream.deleteInactive(self)
      return
    }
    if isCongested {
      loop.scheduleLater(self)
    } else if progress.hasMore {
      loop.schedule(self)
    }
    wake(at: progress.wakeUp)
  }

  /// Call after every input to the machine, or `run`.
  func settle() {
    if machine.hasDelta {
      let delta = machine.takeDelta()
      if isLogged {
        stream.log(delta, of: self, confirmations: confirmations, finished: finishedSequences)
      } else {
        stream.settled(self, confirmations: confirmations, finished: finishedSequences)
      }
    } else if !confirmations.isEmpty || !finishedSequences.isEmpty {
      stream.settled(self, confirmations: confirmations, finished: finishedSequences)
    }
    confirmations.removeAll(keepingCapacity: true)
    finishedSequences.removeAll(keepingCapacity: true)
  }

  private func wake(at time: Int64?) {
    let due = time ?? .max
    if due == timerDue { return }
    if let timer { worker.loop.cancel(timer) }
    timer = nil
    timerDue = due
    guard due < .max else { return }
    // Not weak: what was ever held weakly is counted slowly for ever. `end` cancels the timer.
    timer = worker.loop.schedule(afterNanoseconds: due.wait(from: now)) { [unowned self] in
      timer = nil
      timerDue = .max
      loop.schedule(self)
    }
  }

  /// Nothing happens any more.
  func end() {
    isOver = true
    if let timer { worker.loop.cancel(timer) }
    timer = nil
  }

  // MARK: reading

  private func view(_ message: StoredMessage?) -> ConsumerMessage? {
    guard let message else { return nil }
    return ConsumerMessage(
      sequence: message.sequence, timestamp: message.timestamp, subject: message.subject, header: message.header,
      payload: message.payload)
  }

  func next(from sequence: UInt64) -> ConsumerMessage? {
    stream.reading { () throws(StoreError) in view(try stream.store.next(from: sequence, matching: filters)) }
  }

  func load(_ sequence: UInt64) -> ConsumerMessage? {
    stream.reading { () throws(StoreError) in view(try stream.store.load(sequence)) }
  }

  func pendingCount(from sequence: UInt64, lastPerSubject: Bool) -> UInt64 {
    stream.reading { () throws(StoreError) in
      try stream.store.pending(from: sequence, matching: filters, lastPerSubject: lastPerSubject).messages
    } ?? 0
  }

  func bounds() -> StreamBounds {
    StreamBounds(
      first: stream.store.firstSequence, last: stream.store.lastSequence, messages: stream.store.messages)
  }

  func lastMatching() -> UInt64? {
    stream.reading { () throws(StoreError) in try stream.store.previous(through: .max, matching: filters)?.sequence }
  }

  func lastPerSubject(through sequence: UInt64) -> [UInt64] {
    stream.reading { () throws(StoreError) in
      try stream.store.lastPerSubject(filters, through: sequence, limit: .max)
    } ?? []
  }

  func firstSequence(atOrAfter time: Int64) -> UInt64 {
    stream.reading { () throws(StoreError) in try stream.store.firstSequence(atOrAfter: time) }
      ?? stream.store.lastSequence + 1
  }

  // MARK: sending

  func deliver(_ delivery: ConsumerDelivery) -> Bool {
    let isSent = loop.send(
      to: delivery.target, showing: delivery.subject, reply: delivery.reply, header: delivery.header,
      payload: delivery.payload, in: account)
    if worker.takeCongestion() { isCongested = true }
    return isSent
  }

  func sendStatus(_ header: UnsafeRawBufferPointer, to target: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer) {
    _ = loop.send(to: target, showing: .empty, reply: reply, header: header, payload: .empty, in: account)
  }

  func hasInterest(_ subject: UnsafeRawBufferPointer) -> Bool {
    // Subjects of the API have no listener but the server itself, which takes no messages of streams.
    if subject.starts(with: Self.apiPrefix) { return false }
    // Patterns do not start a push consumer; without a deliver group queues do not either, with one nobody else does.
    if subject.elementsEqual(deliverSubject) {
      return account.hasLiteralInterest(in: subject, queue: deliverGroup)
    }
    return account.hasInterest(in: subject)
  }

  private static let apiPrefix = Array("$JS.API.".utf8)

  func confirm(_ reply: UnsafeRawBufferPointer) { confirmations.append(Array(reply)) }

  func publish(_ advisory: ConsumerAdvisory) { stream.publish(advisory, about: name) }

  func finished(_ sequence: UInt64) { finishedSequences.append(sequence) }

  func makeIdentifier() -> String { NUID.next() }

  func random() -> UInt64 { UInt64.random(in: 0...UInt64.max) }
}
