/// An account of the `accounts` block (FEATURES 3.210 to 3.218).
public struct AccountOptions: Sendable, Equatable {
  public var name: String
  /// Public account key; empty: none.
  public var nkey = ""
  public var users: [UserOptions] = []
  public var nkeyUsers: [NKeyUserOptions] = []
  public var defaultPermissions: Permissions?
  public var streamImports: [StreamImportOptions] = []
  public var serviceImports: [ServiceImportOptions] = []
  public var streamExports: [StreamExportOptions] = []
  public var serviceExports: [ServiceExportOptions] = []
  public var mappings: [MappingOptions] = []
  public var limits = AccountLimits()
  public var jetStream: AccountJetStreamOptions?
  public var messageTrace: MessageTraceOptions?

  public init(name: String) {
    self.name = name
  }
}

/// Limits of an account; -1 is unlimited (FEATURES 3.217).
public struct AccountLimits: Sendable, Equatable {
  public var maxConnections = -1
  public var maxSubscriptions = -1
  public var maxPayload = -1
  public var maxLeafNodes = -1

  public init() {}
}

/// Subject mapping of an account (FEATURES 3.215, 2.021): publishing to `source` goes to one of the destinations.
public struct MappingOptions: Sendable, Equatable {
  public var source: String
  public var destinations: [MappingDestination]

  public init(source: String, destinations: [MappingDestination]) {
    self.source = source
    self.destinations = destinations
  }
}

public struct MappingDestination: Sendable, Equatable {
  public var subject: String
  /// Percent, 0 to 100.
  public var weight: Int
  /// Cluster in which this destination applies; empty: everywhere.
  public var cluster: String

  public init(subject: String, weight: Int = 100, cluster: String = "") {
    self.subject = subject
    self.weight = weight
    self.cluster = cluster
  }
}

/// `exports` item `stream` (FEATURES 3.228).
public struct StreamExportOptions: Sendable, Equatable {
  public var subject: String
  /// Accounts that may import; `nil`: all.
  public var accounts: [String]?
  /// One-based token that must be the importing account's name; 0: none.
  public var accountTokenPosition = 0

  public init(subject: String) {
    self.subject = subject
  }
}

/// `exports` item `service` (FEATURES 3.229 to 3.235).
public struct ServiceExportOptions: Sendable, Equatable {
  public enum ResponseType: String, Sendable, Equatable {
    case singleton, stream, chunked
  }
  public var subject: String
  /// Accounts that may import; `nil`: all.
  public var accounts: [String]?
  public var accountTokenPosition = 0
  public var responseType = ResponseType.singleton
  public var responseThresholdNanoseconds: Int64 = Defaults.serviceResponseThresholdNanoseconds
  public var latency: ServiceLatencyOptions?
  public var allowTrace = false

  public init(subject: String) {
    self.subject = subject
  }
}

/// `latency` of a service export (FEATURES 3.233).
public struct ServiceLatencyOptions: Sendable, Equatable {
  /// Percent of requests, 1 to 100; 0: those whose headers ask for it (`sampling: headers`).
  public var sampling: Int
  public var subject: String

  public init(sampling: Int = Defaults.serviceLatencySampling, subject: String) {
    self.sampling = sampling
    self.subject = subject
  }
}

/// `imports` item `stream` (FEATURES 3.236).
public struct StreamImportOptions: Sendable, Equatable {
  public var account: String
  public var subject: String
  /// Local subject; empty: as exported, below `prefix`.
  public var to = ""
  public var prefix = ""
  public var allowTrace = false

  public init(account: String, subject: String) {
    self.account = account
    self.subject = subject
  }
}

/// `imports` item `service` (FEATURES 3.237).
public struct ServiceImportOptions: Sendable, Equatable {
  public var account: String
  public var subject: String
  /// Local subject; empty: as exported.
  public var to = ""
  /// Tell the service who asks.
  public var share = false

  public init(account: String, subject: String) {
    self.account = account
    self.subject = subject
  }
}

/// `msg_trace` (FEATURES 3.218).
public struct MessageTraceOptions: Sendable, Equatable {
  public var destination: String
  /// Percent of messages that carry a `traceparent` header, 1 to 100.
  public var sampling: Int

  public init(destination: String, sampling: Int = 100) {
    self.destination = destination
    self.sampling = sampling
  }
}

/// JetStream of one account (FEATURES 3.219 to 3.227); -1 is unlimited.
public struct AccountJetStreamOptions: Sendable, Equatable {
  public var maxMemory: Int64 = -1
  public var maxStore: Int64 = -1
  public var maxStreams = -1
  public var maxConsumers = -1
  public var maxBytesRequired = false
  public var memoryMaxStreamBytes: Int64 = -1
  public var storeMaxStreamBytes: Int64 = -1
  public var maxAckPending = -1
  /// Account whose connections carry the replication; `owner` or the system account (empty).
  public var clusterTraffic = ""

  public init() {}
}
