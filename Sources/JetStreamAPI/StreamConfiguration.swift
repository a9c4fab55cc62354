import JSON

/// A stream as its users configure it (FEATURES 5.1). Sizes and counts of -1 mean "no limit"; durations are
/// nanoseconds.
public struct StreamConfiguration: Equatable, Sendable {
  public var name = ""
  public var description = ""
  public var subjects: [String] = []
  public var retention = RetentionPolicy.limits
  public var maximumConsumers = 0
  public var maximumMessages: Int64 = 0
  public var maximumBytes: Int64 = 0
  public var maximumAge: Int64 = 0
  public var maximumMessagesPerSubject: Int64 = 0
  public var maximumMessageSize: Int32 = 0
  public var discard = DiscardPolicy.old
  public var storage = StorageType.file
  public var replicas = 0
  /// Publishes are not acknowledged.
  public var noAcknowledgement = false
  public var duplicateWindow: Int64 = 0
  public var placement: Placement?
  public var mirror: StreamSource?
  public var sources: [StreamSource] = []
  public var compression = StoreCompression.none
  /// Where an empty stream begins; 0 as 1.
  public var firstSequence: UInt64 = 0
  public var subjectTransform: SubjectTransformConfiguration?
  public var republish: Republish?
  public var allowDirect = false
  public var mirrorDirect = false
  public var discardNewPerSubject = false
  public var isSealed = false
  public var denyDelete = false
  public var denyPurge = false
  public var allowRollup = false
  public var consumerLimits = StreamConsumerLimits()
  public var allowMessageTTL = false
  /// 0: no delete markers.
  public var subjectDeleteMarkerTTL: Int64 = 0
  public var allowMessageCounter = false
  public var allowAtomicPublish = false
  public var allowMessageSchedules = false
  public var persistMode = PersistMode.default
  public var allowBatchPublish = false
  public var metadata: [String: String] = [:]

  public init() {}
}

/// Where a stream is to live in a cluster (FEATURES 5.017).
public struct Placement: Equatable, Sendable {
  public var cluster = ""
  public var tags: [String] = []
  public var preferred = ""

  public init() {}
}

/// Stored messages that are published anew (FEATURES 5.023).
public struct Republish: Equatable, Sendable {
  /// Empty stands for all subjects.
  public var source = ""
  public var destination = ""
  public var headersOnly = false

  public init() {}
}

/// Defaults and bounds for the consumers of a stream (FEATURES 5.029).
public struct StreamConsumerLimits: Equatable, Sendable {
  /// Nanoseconds; 0: none.
  public var inactiveThreshold: Int64 = 0
  /// 0: none.
  public var maximumAcknowledgementsPending = 0

  public init() {}
}

/// What STREAM.CREATE and STREAM.UPDATE carry: a configuration, and how strictly to take it (FEATURES 5.042).
public struct StreamConfigurationRequest: Equatable, Sendable {
  public var configuration = StreamConfiguration()
  /// Refuse what would have to be changed silently.
  public var isPedantic = false
  /// The request says where to store: only then room is looked for before all else.
  var namesStorage = false

  public init() {}
}
