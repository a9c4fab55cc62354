import JetStreamAPI

/// What a consumer needs from the world around it. The shell implements it; a test replaces it.
///
/// A consumer calls its port only from within one of its own methods, and no method of a port may call the consumer
/// back: what follows from a call (a message to be removed because nobody wants it any more) is done after the
/// consumer's method has returned.
///
/// Buffers passed in are valid during the call only. Buffers of a `ConsumerMessage` are valid until the next call of
/// `next` or `load`.
public protocol ConsumerPort {
  // MARK: Reading the stream; "matching" means the filters of this consumer's configuration

  /// The first matching message at or after a sequence; nil when there is none (yet).
  func next(from sequence: UInt64) -> ConsumerMessage?
  /// nil when the message is gone or cannot be read.
  func load(_ sequence: UInt64) -> ConsumerMessage?
  /// How many matching messages there are at or after a sequence; with `lastPerSubject`, only the last of each subject
  /// counts.
  func pendingCount(from sequence: UInt64, lastPerSubject: Bool) -> UInt64
  /// The first and the last sequence of the stream; first is last + 1 when it is empty.
  func bounds() -> StreamBounds
  /// The last matching message; nil when there is none.
  func lastMatching() -> UInt64?
  /// The last messages of all matching subjects, ascending, looking at nothing beyond `through`.
  func lastPerSubject(through sequence: UInt64) -> [UInt64]
  /// The first sequence stored at or after a time (nanoseconds since 1970); last + 1 when there is none.
  func firstSequence(atOrAfter time: Int64) -> UInt64

  // MARK: Sending

  /// Hands a message to the subscribers of `delivery.target`.
  /// - Returns: false when nobody is there: then nothing has happened.
  func deliver(_ delivery: ConsumerDelivery) -> Bool
  /// Sends a message without payload to `target`, if somebody is there.
  func sendStatus(_ header: UnsafeRawBufferPointer, to target: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer)
  /// Whether a subject has a subscriber.
  func hasInterest(_ subject: UnsafeRawBufferPointer) -> Bool
  /// Answers an acknowledgement with an empty message, as soon as the delta that `takeDelta` returns next is durable.
  func confirm(_ reply: UnsafeRawBufferPointer)
  func publish(_ advisory: ConsumerAdvisory)
  /// No more can be sent right now; the shell calls `run` when it can.
  var isCongested: Bool { get }

  // MARK: What others have to know

  /// This consumer does not need a message any more: streams that keep messages for consumers look whether anybody
  /// else does (FEATURES 5.004). Called for every message when `keepsForConsumers` is set in the machine.
  func finished(_ sequence: UInt64)
  /// A new identifier for a pinned client (`NUID`).
  func makeIdentifier() -> String
  /// A random number, for sampling and for flow-control subjects.
  func random() -> UInt64
}

/// The first and the last sequence of a stream, and how many messages there are.
public struct StreamBounds: Equatable, Sendable {
  public var first: UInt64
  public var last: UInt64
  public var messages: UInt64
  public init(first: UInt64, last: UInt64, messages: UInt64) {
    self.first = first
    self.last = last
    self.messages = messages
  }
}

/// A stored message as a consumer reads it.
public struct ConsumerMessage {
  public var sequence: UInt64
  /// Nanoseconds since 1970.
  public var timestamp: Int64
  public var subject: UnsafeRawBufferPointer
  /// With its `NATS/1.0` line and the final empty line; empty when there is none.
  public var header: UnsafeRawBufferPointer
  public var payload: UnsafeRawBufferPointer

  public init(
    sequence: UInt64, timestamp: Int64, subject: UnsafeRawBufferPointer, header: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer
  ) {
    self.sequence = sequence
    self.timestamp = timestamp
    self.subject = subject
    self.header = header
    self.payload = payload
  }
}

/// One message on its way to a client: routed by `target`, shown with `subject`.
public struct ConsumerDelivery {
  public var target: UnsafeRawBufferPointer
  public var subject: UnsafeRawBufferPointer
  public var reply: UnsafeRawBufferPointer
  public var header: UnsafeRawBufferPointer
  public var payload: UnsafeRawBufferPointer
}

/// What a consumer wants next, after `run`.
public struct ConsumerProgress: Equatable, Sendable {
  /// When `run` must be called again at the latest, nanoseconds on the clock of `now`; nil: when something happens.
  public var wakeUp: Int64?
  /// The budget is used up and there is more to deliver: call `run` again soon.
  public var hasMore = false
  /// Nobody has used it for its inactive threshold: the shell deletes it (FEATURES 6.021).
  public var isInactive = false

  public init(wakeUp: Int64? = nil, hasMore: Bool = false, isInactive: Bool = false) {
    self.wakeUp = wakeUp
    self.hasMore = hasMore
    self.isInactive = isInactive
  }
}
