/// What the rules of consumers need to know about the stream, its account and the server.
public struct ConsumerContext: Sendable {
  /// The name of the stream.
  public var stream: String
  public var subjects: [String]
  public var retention: RetentionPolicy
  public var replicas: Int
  /// `consumer_limits` of the stream; 0 is none.
  public var streamInactiveThreshold: Int64 = 0
  public var streamMaxAckPending = 0
  /// `max_consumers` of the stream; -1 or 0 is no limit.
  public var streamMaxConsumers = -1
  /// Limits of the account; 0 or less is none.
  public var accountMaxAckPending = 0
  public var accountMaxConsumers = 0
  /// `jetstream.limits` of the server; 0 is none.
  public var serverMaxAckPending = 0
  public var serverMaxRequestBatch = 0
  /// The stream's `max_msgs_per_subject`; 1 makes `last_per_subject` the same as `all`.
  public var maxMessagesPerSubject = -1

  public init(stream: String, subjects: [String], retention: RetentionPolicy = .limits, replicas: Int = 1) {
    self.stream = stream
    self.subjects = subjects
    self.retention = retention
    self.replicas = replicas
  }

  /// What the configuration of a stream says.
  public init(_ stream: StreamConfiguration) {
    self.init(
      stream: stream.name, subjects: stream.subjects, retention: stream.retention, replicas: stream.replicas)
    streamInactiveThreshold = stream.consumerLimits.inactiveThreshold
    streamMaxAckPending = stream.consumerLimits.maximumAcknowledgementsPending
    streamMaxConsumers = stream.maximumConsumers
    maxMessagesPerSubject = Int(clamping: stream.maximumMessagesPerSubject)
  }
}

/// A consumer that a stream already has, as far as the rules of a new one look at it.
public struct ConsumerNeighbour: Sendable {
  public var name: String
  public var configuration: ConsumerConfiguration

  public init(name: String, configuration: ConsumerConfiguration) {
    self.name = name
    self.configuration = configuration
  }
}
