import Broker
import Bytes
import Crypto
import JSON
import JetStreamAPI
import MessageStore
import Reactor
import S2
import Subjects

/// A snapshot on its way to whoever asked for it (FEATURES 9.023, 9.024). It lives on the stream's loop and reads the
/// store in small pieces between other work.
///
/// What it contains: the consumers as they were at the beginning, and of the messages that were there then those that
/// have not been removed before their turn comes.
final class StreamSnapshot: @unchecked Sendable {
  // Invariant: confined to the stream's loop.

  /// Bytes of messages that are read and compressed before others have their turn.
  private static let bytesATurn = 128 << 10
  /// How long the receiver may answer nothing, and may take to begin listening.
  private static let answerNanoseconds: Int64 = 5_000_000_000
  private static let interestNanoseconds: Int64 = 2_000_000_000
  /// How often the receiver's interest is looked at.
  private static let lookNanoseconds: Int64 = 50_000_000

  private let stream: StreamRunner
  private let request: APIRequest
  private let wanted: StreamSnapshotRequest
  private let target: [UInt8]
  private let acknowledgements: String
  private let state: StreamState
  private let start: Int64
  private let lostAtStart: UInt64
  private var listener: SnapshotListener?
  private let writer = S2Writer()
  private var head: [UInt8] = []
  /// Which of them are written already.
  private var consumers: [DescribedConsumer] = []
  private var nextConsumer = 0
  /// The next message to look at, and the last one.
  private var sequence: UInt64
  private let lastSequence: UInt64
  private var isRead = false
  /// Chunks that may be sent before another is answered.
  private var slots: Int
  private var sentChunks = 0
  private var lastSent: Int64
  /// Somebody listened when the first chunk was sent.
  private var wasHeard = false
  private var isSending = false
  private var isScheduled = false
  private var isOver = false

  /// Nothing may be in flight on the stream.
  init(_ stream: StreamRunner, _ request: APIRequest, _ wanted: StreamSnapshotRequest) {
    self.stream = stream
    self.request = request
    self.wanted = wanted
    target = Array(wanted.deliverSubject.utf8)
    acknowledgements = "$JS.SNAPSHOT.ACK.\(stream.handle.name).\(NUID.next())"
    state = stream.currentState()
    start = stream.loop.worker.loop.clock.wallNanoseconds()
    lastSent = start
    lostAtStart = stream.store.state.lost?.count ?? 0
    sequence = stream.store.firstSequence
    lastSequence = stream.store.lastSequence
    slots = wanted.chunksInFlight
  }

  private var loop: JetStreamLoop { stream.loop }
  private var account: Account { stream.handle.account.account }
  private var logger: Logger { loop.service.server.logger }
  private var name: String { "\(account.name) > \(stream.handle.name)" }

  /// Answers the request and begins.
  func begin() {
    let kind = wanted.checksMessages ? "health check and snapshot" : "snapshot"
    logger.info("Starting \(kind) for stream '\(name)'")
    describe()
    request.answer(StreamSnapshotAnswer(stream.configuration, state).answer(), on: loop)
    stream.publish(
      Advisory.snapshotCreate(stream.handle.name, state: state, client: request.requesterJSON, loop.advisoryHead()))
    let listener = SnapshotListener(self, loop)
    self.listener = listener
    account.listen(to: Array("\(acknowledgements).>".utf8), with: listener)
    look()
  }

  /// The stream's state, and its consumers as they are now.
  private func describe() {
    if !wanted.noConsumers {
      consumers = stream.consumers.values.sorted { $0.number < $1.number }.map { consumer in
        DescribedConsumer(
          name: consumer.name, configuration: consumer.machine.configuration, state: consumer.machine.state)
      }
    }
    var described = state
    described.consumerCount = consumers.count
    var json = JSONWriter()
    described.write(to: &json)
    writer.append(Archive.magic)
    writer.append(Archive.entry(Archive.stateName, timestamp: start, json.bytes))
  }

  /// - Returns: how many bytes it takes.
  private func append(_ consumer: DescribedConsumer) -> Int {
    let backup = BackupConsumer(
      name: consumer.name, configuration: consumer.configuration, created: nil,
      state: BackupConsumer.State(
        consumer.state, through: lastSequence, maximumDeliveries: consumer.configuration.maxDeliver))
    let json = backup.json()
    writer.append(Archive.entry(Archive.consumerPrefix + consumer.name, timestamp: start, json))
    return json.count
  }

  // MARK: the receiver

  /// Looks from time to time whether the receiver is there and answers.
  private func look() {
    if isOver { return }
    let now = loop.wallNow
    let isHeard = target.withUnsafeBytes { account.hasInterest(in: $0) }
    if !isSending {
      if isHeard || now - start >= Self.interestNanoseconds {
        wasHeard = isHeard
        isSending = true
        lastSent = now
        send()
      }
    } else if isHeard != wasHeard {
      // Who comes later has missed what was sent.
      finish("no interest", status: "NATS/1.0 408 No Interest\r\n\r\n")
    } else if stream.isOver {
      fail(unreadable("store is closed"))
    } else if slots == 0, now - lastSent >= Self.answerNanoseconds {
      finish("no flow response", status: "NATS/1.0 408 No Flow Response\r\n\r\n")
    }
    if isOver { return }
    loop.worker.loop.schedule(afterNanoseconds: Self.lookNanoseconds) { [self] in look() }
  }

  /// A chunk has been taken.
  func acknowledged() {
    slots = min(slots + 1, wanted.chunksInFlight)
    send()
  }

  private func scheduleSend() {
    if isScheduled { return }
    isScheduled = true
    loop.worker.loop.submit { [self] in
      isScheduled = false
      send()
    }
  }

  /// Sends what may be sent; the rest follows later.
  private func send() {
    guard isSending, !isOver, !isScheduled else { return }
    var budget = Self.bytesATurn
    while slots > 0 {
      do {
        try read(&budget)
      } catch {
        fail(error)
        return
      }
      guard writer.readyCount >= wanted.chunkBytes else {
        if isRead { finish(nil, status: sentChunks > 0 ? "NATS/1.0 204\r\n\r\n" : "") } else { scheduleSend() }
        return
      }
      sentChunks += 1
      slots -= 1
      lastSent = loop.wallNow
      publish(
        writer.take(wanted.chunkBytes), reply: "\(acknowledgements).\(wanted.chunkBytes).\(sentChunks)", header: "")
    }
  }

  private func publish(_ payload: [UInt8], reply: String, header: String) {
    var reply = reply
    var header = header
    target.withUnsafeBytes { target in
      reply.withUTF8 { reply in
        header.withUTF8 { header in
          payload.withUnsafeBytes { payload in
            _ = loop.send(
              to: target, showing: .empty, reply: UnsafeRawBufferPointer(reply),
              header: UnsafeRawBufferPointer(header), payload: payload, in: account)
          }
        }
      }
    }
  }

  // MARK: the messages

  /// A consumer as it was at the beginning.
  private struct DescribedConsumer {
    let name: String
    let configuration: ConsumerConfiguration
    let state: ConsumerState
  }

  private struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// Compresses messages until there is a chunk, there are no more, or the turn is over.
  private func read(_ budget: inout Int) throws(Unreadable) {
    while !isRead, writer.readyCount < wanted.chunkBytes, budget > 0 {
      if stream.isOver { throw unreadable("store is closed") }
      if nextConsumer < consumers.count {
        budget -= append(consumers[nextConsumer])
        nextConsumer += 1
        continue
      }
      let found: StoredMessage?
      do throws(StoreError) {
        found = try stream.store.next(from: sequence, matching: .everything)
      } catch {
        throw unreadable("\(error)")
      }
      if wanted.checksMessages, lostMessages > 0 { throw unreadable("\(lostMessages) bad messages") }
      guard let message = found, message.sequence <= lastSequence else {
        writer.append(Archive.end)
        writer.flush()
        isRead = true
        return
      }
      append(message)
      budget -= message.bytes
      sequence = message.sequence + 1
    }
  }

  private func append(_ message: StoredMessage) {
    head.removeAll(keepingCapacity: true)
    Archive.head(
      name: message.subject, timestamp: message.timestamp, sequence: message.sequence,
      headerSize: message.header.count, payloadSize: message.payload.count, to: &head)
    writer.append(head)
    writer.append(message.header)
    writer.append(message.payload)
  }

  /// Messages that could not be read since the beginning.
  private var lostMessages: UInt64 { (stream.store.state.lost?.count ?? 0) &- lostAtStart }

  private func unreadable(_ reason: String) -> Unreadable {
    Unreadable(description: "couldn't load next message after seq \(sequence): \(reason)")
  }

  // MARK: the end

  private func fail(_ error: Unreadable) { finish("\(error)", status: "NATS/1.0 500 \(error)\r\n\r\n") }

  /// - Parameter problem: why it is not whole; nil: it is.
  private func finish(_ problem: String?, status: String) {
    isOver = true
    if problem == nil, writer.readyCount > 0 { publish(writer.take(.max), reply: "", header: "") }
    publish([], reply: "", header: status)
    if let listener { account.unlisten(listener, retire: loop.service.server.retire) }
    listener = nil
    loop.service.backups.endSnapshot()
    var head = loop.advisoryHead()
    head.time = Timestamp(unixNanoseconds: loop.worker.loop.clock.wallNanoseconds())
    loop.publish(
      Advisory.snapshotComplete(
        stream.handle.name, from: Timestamp(unixNanoseconds: start), client: request.requesterJSON,
        error: problem ?? "", head), in: account)
    let time = GoDuration.string(nanoseconds: head.time.unixNanoseconds - start)
    if let problem {
      logger.warning("Snapshot for stream '\(name)' failed after \(time): \(problem)")
    } else {
      if lostMessages > 0 {
        logger.warning("Snapshot of stream '\(name)' is without \(lostMessages) messages that cannot be read")
      }
      logger.info(
        "Completed snapshot of \(friendlyBytes(Int64(clamping: state.bytes))) for stream '\(name)' in \(time)")
    }
  }
}

/// Hears that chunks were taken.
private final class SnapshotListener: InternalSubscriber {
  private let snapshot: StreamSnapshot
  private unowned(unsafe) let loop: JetStreamLoop

  init(_ snapshot: StreamSnapshot, _ loop: JetStreamLoop) {
    self.snapshot = snapshot
    self.loop = loop
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    loop.worker.loop.submit { [snapshot] in snapshot.acknowledged() }
    return true
  }
}

extension StreamRunner {
  /// Begins a snapshot, in order with the messages that were sent before the request.
  func snapshot(_ request: APIRequest) throws(JetStreamError) {
    let wanted = try StreamSnapshotRequest.decode(request.payload, isStrict: loop.service.options.strict)
    guard Subject.isValidPublish(wanted.deliverSubject) else { throw .snapshotDeliverSubjectInvalid }
    loop.afterEverythingInFlight { [self] in
      guard !isOver else {
        request.answerStreamNotFound(on: loop)
        return
      }
      guard loop.service.backups.beginSnapshot() else {
        request.refuse(.streamSnapshot("too many snapshots at a time"), on: loop)
        return
      }
      StreamSnapshot(self, request, wanted).begin()
    }
  }
}
