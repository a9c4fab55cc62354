import Bytes
import JetStreamAPI

/// Who a consumer is, and what it has to know about its stream for all its life.
public struct ConsumerIdentity: Sendable {
  public var stream: String
  public var name: String
  public var created: Timestamp
  public var subjects: AckSubjectFormat
  /// The stream keeps messages for its consumers (retention interest or workqueue): `ConsumerPort.finished` is called.
  public var keepsForConsumers: Bool
  /// The largest message the stream or the server takes: what a rate limit lets through at once.
  public var largestMessage: Int
  /// The stream keeps one message a subject: `last_per_subject` is the same as `all` then.
  public var keepsOnePerSubject: Bool
  /// Its state is nowhere but in memory: then it shows how far it has looked as long as nothing was delivered.
  public var isInMemory: Bool
  /// What may be on its way to a stream that copies this one, in bytes: it waits in this server's memory.
  public var largestCopyWindow: Int

  public init(
    stream: String, name: String, created: Timestamp, subjects: AckSubjectFormat, keepsForConsumers: Bool = false,
    largestMessage: Int = 1 << 20, keepsOnePerSubject: Bool = false, isInMemory: Bool = false,
    largestCopyWindow: Int = 32 << 20
  ) {
    self.stream = stream
    self.name = name
    self.created = created
    self.subjects = subjects
    self.keepsForConsumers = keepsForConsumers
    self.largestMessage = largestMessage
    self.keepsOnePerSubject = keepsOnePerSubject
    self.isInMemory = isInMemory
    self.largestCopyWindow = largestCopyWindow
  }
}

/// The rules of one consumer (FEATURES 6). No clock, no network, no disk: it is told what happened and what time it
/// is, and acts through a `ConsumerPort`.
///
/// Inputs change the state and may send statuses and advisories; messages are delivered by `run`, which the shell calls
/// after a batch of inputs, and when the time that it returned has come. Then the shell takes the delta and logs it:
///
///     machine.stored(sequence, matches: true)
///     machine.pull(payload, reply: reply, port: port, now: now)
///     let progress = machine.run(port: port, now: now, budget: 1000)
///     let delta = machine.takeDelta()
///
/// Times are nanoseconds since 1970 on the wall clock, since they are part of the state.
public struct ConsumerMachine {
  public internal(set) var identity: ConsumerIdentity
  public internal(set) var configuration: ConsumerConfiguration
  public internal(set) var state: ConsumerState

  var delta = ConsumerDelta()
  let scratch: ConsumerScratch

  // MARK: Where in the stream

  /// The next message to look at.
  var nextSequence: UInt64 = 1
  /// Nothing matching is at or after `nextSequence`.
  var isAtEnd = false
  /// Matching messages not delivered yet.
  var undelivered: Int64 = 0
  /// What a `last_per_subject` consumer still has to deliver of what was there when it was made, in reverse.
  var skipList: [UInt64] = []

  // MARK: Deliveries

  var redeliveries = RedeliveryQueue()
  var deadlines = DeadlineHeap()
  var waiting = WaitingRequests()
  /// When one of the waiting requests expires or wants a heartbeat.
  var waitingDue = Int64.max
  /// When the waiting requests were last looked through.
  var waitingChecked = Int64.min
  var pin = ConsumerPin()
  /// Somebody listens to the deliver subject.
  public internal(set) var isActive = false
  var flow = FlowControlWindow()
  var nextHeartbeat = Int64.max
  var pace = DeliveryPace()
  /// Of 100 acknowledgements, how many are reported. An update that names none leaves it until the next start.
  var samplePercentage: Int

  // MARK: Times

  var lastDelivered: Int64?
  var lastAcknowledged: Int64?
  /// The last sign of life of a client.
  var lastActivity: Int64 = 0
  /// When inactivity is looked at next.
  var inactivityDue = Int64.max
  /// How long a consumer may be inactive; 0 is for ever. With a random addition, so that they do not all go at once.
  var inactiveThreshold: Int64 = 0
  /// When the pause ends and is to be announced.
  var pauseEnd = Int64.max

  /// A consumer with the state of a checkpoint and its deltas, or a new one with the state `ConsumerState(policy:)`.
  /// `start` or `resume` must follow before anything else.
  public init(identity: ConsumerIdentity, configuration: ConsumerConfiguration, state: ConsumerState) {
    self.identity = identity
    self.configuration = configuration
    self.configuration.setEphemeralThreshold()
    samplePercentage = configuration.samplePercentage
    self.state = state
    scratch = ConsumerScratch(prefix: identity.subjects.prefix)
  }

  // MARK: - For the shell

  /// The subjects that this consumer wants; empty for all.
  public var filters: [String] { configuration.filters }

  /// Whether acknowledgements are received (`identity.subjects.ackFilters`), which policies `none` and `flow_control`
  /// do not.
  public var listensForAcks: Bool { configuration.ackPolicy == .all || configuration.ackPolicy == .explicit }

  /// Whether a message that the stream keeps for its consumers, and that passes the filters of this one, is still
  /// needed by it (FEATURES 5.004).
  public func needs(_ sequence: UInt64) -> Bool {
    if sequence >= firstUnseen { return true }
    if sequence > state.ackFloor.stream, state.pending.find(sequence) != nil { return true }
    return state.exhausted.contains(sequence)
  }

  /// From here on every message that passes the filters is needed.
  public var firstUnseen: UInt64 {
    let behindFloor = state.ackFloor.stream + 1
    return configuration.ackPolicy == .explicit ? max(nextSequence, behindFloor) : behindFloor
  }

  public var hasDelta: Bool { !delta.isEmpty }

  /// What happened since the last call, to be logged; empty when nothing did. What was passed to `confirm` and
  /// `finished` counts only when this is durable.
  public mutating func takeDelta() -> [UInt8] { delta.take() }

  public func isPaused(at now: Int64) -> Bool {
    guard let until = configuration.pauseUntil, !until.isZero else { return false }
    return now < until.unixNanoseconds
  }

  var isPush: Bool { configuration.isPush }
}
