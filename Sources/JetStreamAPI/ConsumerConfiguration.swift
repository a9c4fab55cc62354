import Bytes

/// What a consumer is told to do (FEATURES 6.1). Durations are nanoseconds; 0 is "not set" where nats-server says so.
public struct ConsumerConfiguration: Equatable, Sendable {
  public var durableName = ""
  public var name = ""
  public var description = ""
  public var deliverPolicy = ConsumerDeliverPolicy.all
  public var startSequence: UInt64 = 0
  public var startTime: Timestamp?
  /// The offset with which `startTime` was written, in seconds east of UTC: it is shown again.
  var startTimeOffset = 0
  public var ackPolicy = ConsumerAckPolicy.none
  public var ackWait: Int64 = 0
  /// -1: without end.
  public var maxDeliver = 0
  public var backoff: [Int64] = []
  public var filterSubject = ""
  public var filterSubjects: [String] = []
  public var replayPolicy = ConsumerReplayPolicy.instant
  /// Bits a second; 0 is no limit.
  public var rateLimit: UInt64 = 0
  public var sampleFrequency = ""
  public var maxWaiting = 0
  /// -1: without limit.
  public var maxAckPending = 0
  public var flowControl = false
  public var headersOnly = false
  public var maxRequestBatch = 0
  public var maxRequestExpires: Int64 = 0
  public var maxRequestMaxBytes = 0
  public var deliverSubject = ""
  public var deliverGroup = ""
  public var heartbeat: Int64 = 0
  public var inactiveThreshold: Int64 = 0
  /// 0: as the stream.
  public var replicas = 0
  public var memoryStorage = false
  public var direct = false
  public var sourcing = false
  public var metadata: [String: String] = [:]
  public var pauseUntil: Timestamp?
  /// As `startTimeOffset`; an update forgets it.
  var pauseUntilOffset = 0
  public var priorityGroups: [String] = []
  public var priorityPolicy = ConsumerPriorityPolicy.none
  /// How long a pinned client may stay silent.
  public var priorityTimeout: Int64 = 0

  public init() {}

  /// Whether it is paused now, as everybody is told; the time is written as it was in the request.
  public func pauseAdvisory(isPaused: Bool) -> ConsumerAdvisory {
    .paused(until: pauseUntil, isPaused: isPaused, offsetSeconds: pauseUntilOffset)
  }

  public var isDurable: Bool { !durableName.isEmpty }
  public var isPush: Bool { !deliverSubject.isEmpty }
  public var isPull: Bool { deliverSubject.isEmpty }

  /// The subjects wanted; empty for all.
  public var filters: [String] { filterSubject.isEmpty ? filterSubjects : filterSubjects + [filterSubject] }

  /// A consumer that is not durable never lives without being used for longer than 5 s, unless told otherwise
  /// (FEATURES 6.021).
  public mutating func setEphemeralThreshold() {
    if !isDurable { setThreshold() }
  }

  /// The same for one that is taken for ephemeral whatever it says.
  public mutating func setThreshold() {
    if inactiveThreshold <= 0 { inactiveThreshold = ConsumerLimits.inactiveThreshold }
  }

  /// Of 100 acknowledgements, how many are reported (FEATURES 6.012); 0 for none.
  public var samplePercentage: Int {
    guard let percentage = Self.percentage(sampleFrequency) else { return 0 }
    return min(max(percentage, 0), 100)
  }

  /// `"50"` or `"50%"`; nil when it is no whole number.
  static func percentage(_ text: String) -> Int? {
    Int(text.hasSuffix("%") ? text.dropLast() : text[...])
  }

  /// How many replicas the consumer really has in a stream with these many (FEATURES 6.022).
  public func replicas(in context: ConsumerContext) -> Int {
    guard replicas == 0 || replicas > context.replicas else { return replicas }
    return !isDurable && context.retention == .limits && replicas == 0 ? 1 : context.replicas
  }
}

/// Where a consumer starts (FEATURES 6.003). Raw values are the spellings of the API.
public enum ConsumerDeliverPolicy: String, NamedPolicy {
  case all
  case last
  case new
  case byStartSequence = "by_start_sequence"
  case byStartTime = "by_start_time"
  case lastPerSubject = "last_per_subject"

  /// `undefined` is another word for `all`.
  public static func value(ofJSON raw: String) -> Self? {
    guard raw != "\"undefined\"" else { return .all }
    return Self.allCases.first { raw == "\"\($0.rawValue)\"" }
  }
}

/// How deliveries are acknowledged (FEATURES 6.005).
public enum ConsumerAckPolicy: String, NamedPolicy {
  case none
  case all
  case explicit
  case flowControl = "flow_control"

  /// One acknowledgement stands for everything delivered before.
  public var isCumulative: Bool { self == .all || self == .flowControl }
}

/// How fast what is already stored is delivered (FEATURES 6.010).
public enum ConsumerReplayPolicy: String, NamedPolicy {
  case instant
  case original
}

/// Who among the waiting is served (FEATURES 6.027).
public enum ConsumerPriorityPolicy: String, Sendable, CaseIterable {
  case none
  case overflow
  case pinnedClient = "pinned_client"
  case prioritized
}

/// Limits of the consumer API that nats-server has as constants.
public enum ConsumerLimits {
  public static let nameLength = 255
  public static let descriptionLength = 4096
  public static let metadataBytes = 128 * 1024
  public static let namesPage = 1024
  public static let listPage = 256
  public static let ackWait: Int64 = 30_000_000_000
  public static let maxWaiting = 512
  public static let maxAckPending = 1000
  public static let inactiveThreshold: Int64 = 5_000_000_000
  public static let priorityTimeout: Int64 = 120_000_000_000
  public static let smallestHeartbeat: Int64 = 100_000_000
  /// The heartbeat that acknowledgement by flow control requires.
  public static let flowControlHeartbeat: Int64 = 1_000_000_000
  public static let groupNameLength = 16
}
