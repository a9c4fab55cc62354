import Bytes
import JetStreamAPI
import Subjects

@testable import JetStream

/// What a consumer did, in order.
enum ConsumerEvent: Equatable {
  case message(Delivered)
  /// The status line and the header fields.
  case status(String, to: String, fields: [String: String], reply: String)
  case confirmed(String)
  case advisory(ConsumerAdvisory)
  case finished(UInt64)
}

struct Delivered: Equatable {
  var target: String
  var subject: String
  var reply: String
  var header: String
  var payload: String

  var ack: AckSubject { Array(reply.utf8).withUnsafeBytes { AckSubject(parsing: $0)! } }
  var sequence: UInt64 { ack.streamSequence }
}

/// A stream in memory with clients, for one consumer.
final class ConsumerWorld: ConsumerPort {
  struct Stored {
    var timestamp: Int64
    var subject: [UInt8]
    var header: [UInt8]
    var payload: [UInt8]
  }

  var messages: [UInt64: Stored] = [:]
  var last: UInt64 = 0
  var floor: UInt64 = 1
  var filters: [String] = []
  /// Subjects without a subscriber.
  var deaf: Set<String> = []
  var isCongested = false
  var events: [ConsumerEvent] = []
  var identifiers = 0
  var randomNumbers = SplitMix(seed: 1)
  /// How often the store was asked for the next message.
  var nextCalls = 0
  private var memory: [UnsafeMutableRawBufferPointer] = []

  deinit { for buffer in memory { buffer.deallocate() } }

  func matches(_ subject: [UInt8]) -> Bool {
    filters.isEmpty
      || filters.contains { Subject.matches(pattern: $0, literal: String(decoding: subject, as: UTF8.self)) }
  }

  private func held(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
    buffer.copyBytes(from: bytes)
    memory.append(buffer)
    return UnsafeRawBufferPointer(rebasing: buffer[..<bytes.count])
  }

  // MARK: ConsumerPort

  func load(_ sequence: UInt64) -> ConsumerMessage? {
    guard let stored = messages[sequence] else { return nil }
    return ConsumerMessage(
      sequence: sequence, timestamp: stored.timestamp, subject: held(stored.subject), header: held(stored.header),
      payload: held(stored.payload))
  }

  func next(from sequence: UInt64) -> ConsumerMessage? {
    nextCalls += 1
    var sequence = max(sequence, floor)
    while sequence <= last {
      if let stored = messages[sequence], matches(stored.subject) { return load(sequence) }
      sequence += 1
    }
    return nil
  }

  func pendingCount(from sequence: UInt64, lastPerSubject: Bool) -> UInt64 {
    let matching = messages.filter { $0.key >= sequence && matches($0.value.subject) }
    return UInt64(lastPerSubject ? Set(matching.map(\.value.subject)).count : matching.count)
  }

  func bounds() -> StreamBounds {
    StreamBounds(first: messages.keys.min() ?? last + 1, last: last, messages: UInt64(messages.count))
  }

  func lastMatching() -> UInt64? { messages.filter { matches($0.value.subject) }.keys.max() }

  func lastPerSubject(through sequence: UInt64) -> [UInt64] {
    var lasts: [[UInt8]: UInt64] = [:]
    for (key, stored) in messages where key <= sequence && matches(stored.subject) {
      lasts[stored.subject] = max(lasts[stored.subject] ?? 0, key)
    }
    return lasts.values.sorted()
  }

  func firstSequence(atOrAfter time: Int64) -> UInt64 {
    messages.filter { $0.value.timestamp >= time }.keys.min() ?? last + 1
  }

  func deliver(_ delivery: ConsumerDelivery) -> Bool {
    func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
    if deaf.contains(text(delivery.target)) { return false }
    events.append(
      .message(
        Delivered(
          target: text(delivery.target), subject: text(delivery.subject), reply: text(delivery.reply),
          header: text(delivery.header), payload: text(delivery.payload))))
    return true
  }

  func sendStatus(_ header: UnsafeRawBufferPointer, to target: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer) {
    let lines = String(decoding: header, as: UTF8.self).split(separator: "\r\n").map(String.init)
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let colon = line.firstIndex(of: ":")!
      fields[String(line[..<colon])] = String(line[line.index(colon, offsetBy: 2)...])
    }
    events.append(
      .status(
        String(lines[0].dropFirst("NATS/1.0 ".count)), to: String(decoding: target, as: UTF8.self), fields: fields,
        reply: String(decoding: reply, as: UTF8.self)))
  }

  func hasInterest(_ subject: UnsafeRawBufferPointer) -> Bool {
    !deaf.contains(String(decoding: subject, as: UTF8.self))
  }
  func confirm(_ reply: UnsafeRawBufferPointer) { events.append(.confirmed(String(decoding: reply, as: UTF8.self))) }
  func publish(_ advisory: ConsumerAdvisory) { events.append(.advisory(advisory)) }
  func finished(_ sequence: UInt64) { events.append(.finished(sequence)) }

  func makeIdentifier() -> String {
    identifiers += 1
    return "PIN\(identifiers)"
  }

  func random() -> UInt64 { randomNumbers.next() }
}

/// Repeatable random numbers.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// A consumer in its world, with a clock that is moved by hand.
struct ConsumerBench {
  var machine: ConsumerMachine
  let world: ConsumerWorld
  var now: Int64 = second * 1_000_000
  var progress = ConsumerProgress()
  /// Every delta so far.
  var deltas: [[UInt8]] = []

  static let second: Int64 = 1_000_000_000

  init(
    isWorkQueue: Bool = false, world: ConsumerWorld = ConsumerWorld(), starts: Bool = true,
    _ configure: (inout ConsumerConfiguration) -> Void
  ) {
    var configuration = ConsumerConfiguration()
    configuration.durableName = "C"
    configuration.ackPolicy = .explicit
    configure(&configuration)
    try! configuration.setDefaults(
      ConsumerContext(stream: "S", subjects: [">"], retention: isWorkQueue ? .workQueue : .limits), isPedantic: false)
    world.filters = configuration.filters
    self.world = world
    machine = ConsumerMachine(
      identity: Self.identity(isWorkQueue: isWorkQueue), configuration: configuration,
      state: ConsumerState(policy: configuration.ackPolicy))
    if starts { machine.start(port: world, now: now) }
    takeDelta()
  }

  static func identity(isWorkQueue: Bool = false) -> ConsumerIdentity {
    ConsumerIdentity(
      stream: "S", name: "C", created: .zero,
      subjects: AckSubjectFormat(stream: "S", consumer: "C", domain: "", accountHash: "HASH", isSecondForm: false),
      keepsForConsumers: isWorkQueue)
  }

  /// What the log has.
  func replayed() -> ConsumerState {
    var state = ConsumerState(policy: machine.configuration.ackPolicy)
    for delta in deltas { try! delta.withUnsafeBytes { (bytes) throws in try state.apply(delta: bytes) } }
    return state
  }

  /// The server is gone and comes back with what the log has.
  /// - Parameter fromCheckpoint: or with the state as a checkpoint has it.
  mutating func restart(fromCheckpoint: Bool = false) {
    let state =
      fromCheckpoint
      ? try! machine.state.encoded().withUnsafeBytes { bytes in
        try ConsumerState(policy: machine.configuration.ackPolicy, encoded: bytes)
      } : replayed()
    machine = ConsumerMachine(identity: Self.identity(), configuration: machine.configuration, state: state)
    machine.resume(port: world, now: now)
    takeDelta()
  }

  // MARK: Inputs

  mutating func publish(_ subjects: String..., payload: String = "x", header: String = "") {
    for subject in subjects {
      world.last += 1
      world.messages[world.last] = ConsumerWorld.Stored(
        timestamp: now, subject: Array(subject.utf8), header: Array(header.utf8), payload: Array(payload.utf8))
      machine.stored(world.last, matches: world.matches(Array(subject.utf8)))
    }
  }

  mutating func publish(count: Int, on subject: String = "a") {
    for _ in 0..<count { publish(subject) }
  }

  mutating func pull(_ payload: String, _ reply: String = "r") {
    bytes(payload) { payload in
      bytes(reply) { reply in machine.pull(payload, reply: reply, port: world, now: now) }
    }
    run()
  }

  mutating func ack(_ delivered: Delivered, _ verb: String = "+ACK", reply: String = "") {
    acknowledge(delivered.reply, verb, reply: reply)
  }

  mutating func acknowledge(_ subject: String, _ verb: String, reply: String = "") {
    bytes(subject) { subject in
      bytes(verb) { verb in
        bytes(reply) { reply in
          _ = machine.acknowledge(subject: subject, payload: verb, reply: reply, port: world, now: now)
        }
      }
    }
    run()
  }

  mutating func remove(_ sequence: UInt64) {
    guard let stored = world.messages.removeValue(forKey: sequence) else { return }
    machine.removed(sequence, matches: world.matches(stored.subject), port: world, now: now)
  }

  mutating func run(budget: Int = 100_000) {
    progress = machine.run(port: world, now: now, budget: budget)
    takeDelta()
  }

  mutating func advance(_ seconds: Double) {
    now += Int64(seconds * 1e9)
    run()
  }

  /// Goes from one wake-up to the next until a moment.
  mutating func live(_ seconds: Double) {
    let end = now + Int64(seconds * 1e9)
    while let wakeUp = progress.wakeUp, wakeUp <= end {
      now = max(now, wakeUp)
      run()
      // A timer that stays due would keep a loop busy.
      precondition(progress.isInactive || progress.wakeUp.map { $0 > now } ?? true, "wakes up for nothing")
    }
    now = end
    run()
  }

  mutating func takeDelta() {
    let delta = machine.takeDelta()
    if !delta.isEmpty { deltas.append(delta) }
  }

  // MARK: Outputs

  /// What was delivered since the last call; other events are kept.
  mutating func messages() -> [Delivered] {
    let found = world.events.compactMap { if case .message(let delivered) = $0 { delivered } else { nil } }
    world.events.removeAll { if case .message = $0 { true } else { false } }
    return found
  }

  mutating func sequences() -> [UInt64] { messages().map(\.sequence) }

  /// The status lines since the last call, with where they went.
  mutating func statuses() -> [String] {
    let found = world.events.compactMap { event -> String? in
      if case .status(let line, let target, _, _) = event { "\(target): \(line)" } else { nil }
    }
    world.events.removeAll { if case .status = $0 { true } else { false } }
    return found
  }

  mutating func advisories() -> [ConsumerAdvisory] {
    let found = world.events.compactMap { if case .advisory(let advisory) = $0 { advisory } else { nil } }
    world.events.removeAll { if case .advisory = $0 { true } else { false } }
    return found
  }

  mutating func info() -> ConsumerInfo { machine.info(port: world, now: now) }

}

private func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
  Array(text.utf8).withUnsafeBytes(body)
}
