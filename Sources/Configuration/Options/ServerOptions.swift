/// Everything that a configuration file and the command line can say to the server, typed, with the
/// defaults of nats-server 2.15 (FEATURES 3.032 to 3.105).
///
/// `ServerOptions()` is a server without configuration: it is valid as it is. Durations are nanoseconds and
/// say so in their names; sizes are bytes. A block that is absent from the configuration is `nil`.
public struct ServerOptions: Sendable, Equatable {
  /// Path of the configuration file as it was given; empty without a file.
  public var configurationFile = ""
  /// `sha256:` and the hex digest of the parsed configuration (FEATURES 3.014); empty without a file.
  public var configurationDigest = ""

  /// Name of the server; empty means: its identifier.
  public var serverName = ""
  public var serverTags: [String] = []
  public var serverMetadata: [String: String] = [:]
  public var featureFlags: [String: Bool] = [:]

  // MARK: Client listener

  public var host = Defaults.host
  /// 0 lets the system choose (`port: -1` in a file or on the command line).
  public var port = Defaults.port
  /// `host[:port]` that INFO advertises in place of the listener's own address; empty: none.
  public var clientAdvertise = ""
  public var tls: TLSOptions?
  /// Accept clients without TLS although `tls` is set (FEATURES 3.077).
  public var allowNonTLS = false
  public var proxyProtocol = false
  public var trustedProxies: [String]?

  // MARK: Limits

  /// -1 is unlimited.
  public var maxConnections = Defaults.maxConnections
  public var maxControlLine = Defaults.maxControlLine
  public var maxPayload = Defaults.maxPayload
  public var maxPending: Int64 = Defaults.maxPending
  /// 0 is unlimited; for each connection.
  public var maxSubscriptions = 0
  /// Most tokens that a subscription's subject may have; 0 is unlimited.
  public var maxSubscriptionTokens = 0
  /// Closed connections that `/connz` remembers.
  public var maxClosedClients = Defaults.maxClosedClients

  // MARK: Timing

  public var pingIntervalNanoseconds: Int64 = Defaults.pingIntervalNanoseconds
  public var maxPingsOutstanding = Defaults.maxPingsOutstanding
  public var writeDeadlineNanoseconds: Int64 = Defaults.writeDeadlineNanoseconds
  public var writeTimeout = WriteTimeoutPolicy.default
  public var lameDuckDurationNanoseconds: Int64 = Defaults.lameDuckDurationNanoseconds
  public var lameDuckGracePeriodNanoseconds: Int64 = Defaults.lameDuckGracePeriodNanoseconds
  /// A failed first connection to a peer is reported at every so many attempts.
  public var connectErrorReports = Defaults.connectErrorReports
  public var reconnectErrorReports = Defaults.reconnectErrorReports

  // MARK: Behaviour

  public var noFastProducerStall = false
  public var noHeaderSupport = false
  public var noSublistCache = false

  // MARK: Files, logs, monitoring

  public var log = LogOptions()
  /// Reload when the configuration or a certificate changes on disk (`config_watch`; natsd's own option); nil: where
  /// the file is in a mounted ConfigMap.
  public var watchesConfiguration: Bool?
  public var monitoring = MonitoringOptions()
  public var pidFile = ""
  public var portsFileDirectory = ""
  /// 0: no profiling listener.
  public var profilePort = 0
  public var profileBlockRate = 0

  // MARK: Who may do what

  public var authorization = AuthorizationOptions()
  /// Accounts of the file in order of appearance, `$G` first among them only when `mappings` names it.
  public var accounts: [AccountOptions] = []
  /// User that clients without credentials become; empty: none.
  public var noAuthUser = ""
  /// Empty: `$SYS`, unless `noSystemAccount`.
  public var systemAccount = ""
  public var noSystemAccount = false
  public var operatorMode = OperatorOptions()

  // MARK: Blocks

  public var cluster: ClusterOptions?
  public var gateway: GatewayOptions?
  public var leafNodes: LeafNodeOptions?
  public var jetStream = JetStreamOptions()
  public var webSocket: WebSocketOptions?
  public var mqtt: MQTTOptions?
  public var ocsp: OCSPOptions?
  public var ocspCache: OCSPCacheOptions?

  public init() {}
}

/// What happens to a connection whose write deadline passes (FEATURES 3.068).
public enum WriteTimeoutPolicy: String, Sendable, Equatable {
  /// Close clients, retry for routes, gateways and leaf nodes.
  case `default`
  case close
  case retry
}

/// Where and what the server logs (FEATURES 3.037 to 3.048).
public struct LogOptions: Sendable, Equatable {
  public var debug = false
  public var trace = false
  /// Also trace the system account.
  public var traceVerbose = false
  /// Trace headers only, not payloads.
  public var traceHeaders = false
  /// Time stamps on lines.
  public var time = true
  public var timeInUTC = false
  /// Empty: standard error.
  public var file = ""
  /// Bytes after which the file is rotated; 0: never.
  public var sizeLimit: Int64 = 0
  /// Rotated files kept, the current one included; 0: all.
  public var maxFiles: Int64 = 0
  public var syslog = false
  public var remoteSyslog = ""
  /// Longest traced message in bytes; 0 is unlimited.
  public var maxTracedMessageLength = 0
  public var format = LogLineFormat.text

  public init() {}
}

/// How log lines are written down (`log_format`; natsd's own option).
public enum LogLineFormat: String, Sendable, Equatable {
  /// nats-server's lines.
  case text
  /// One JSON object a line.
  case json
}

/// The HTTP monitoring listeners (FEATURES 3.053 to 3.057).
public struct MonitoringOptions: Sendable, Equatable {
  /// Empty: the client listener's host.
  public var host = Defaults.host
  /// 0: no plain listener; -1: the system chooses.
  public var port = 0
  /// 0: no TLS listener; -1: the system chooses.
  public var tlsPort = 0
  /// Prefix of every path as it was given; empty: none.
  public var basePath = ""
  /// The prefix with a slash before it and none after it; `/` without a prefix.
  public var normalizedBasePath: String {
    basePath.isEmpty ? "/" : PathText.clean(basePath.hasPrefix("/") ? basePath : "/" + basePath)
  }

  public init() {}
}

/// Values that hold when nothing is configured; the constants of nats-server 2.15.
public enum Defaults {
  public static let second: Int64 = 1_000_000_000
  public static let host = "0.0.0.0"
  public static let port = 4222
  public static let maxConnections = 65536
  public static let maxControlLine = 4096
  public static let maxPayload = 1 << 20
  public static let maxPending: Int64 = 64 << 20
  public static let maxClosedClients = 10000
  public static let pingIntervalNanoseconds = 120 * second
  public static let maxPingsOutstanding = 2
  public static let writeDeadlineNanoseconds = 10 * second
  public static let lameDuckDurationNanoseconds = 120 * second
  public static let lameDuckGracePeriodNanoseconds = 10 * second
  public static let connectErrorReports = 3600
  public static let reconnectErrorReports = 1
  public static let tlsTimeoutNanoseconds = 2 * second
  public static let authorizationTimeoutNanoseconds = 2 * second
  public static let handshakeFirstFallbackNanoseconds: Int64 = 50_000_000
  public static let responsePermissionMaxMessages = 1
  public static let responsePermissionExpiresNanoseconds = 120 * second
  public static let serviceResponseThresholdNanoseconds = 120 * second
  public static let serviceLatencySampling = 100
  public static let routePoolSize = 3
  public static let leafNodePort = 7422
  public static let leafNodeReconnectNanoseconds = second
  public static let leafNodeFirstInfoNanoseconds = second
  public static let syncIntervalNanoseconds = 120 * second
  public static let jetStreamRequestQueueLimit: Int64 = 10000
  public static let jetStreamConcurrentIO = 4096
  public static let webSocketHandshakeNanoseconds = 2 * second
  public static let globalAccount = "$G"
  public static let systemAccount = "$SYS"
}
