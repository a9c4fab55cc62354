/// The `leafnodes` block (FEATURES 3.138 to 3.152).
public struct LeafNodeOptions: Sendable, Equatable {
  public var host = ""
  /// 0: no listener; -1: the system chooses.
  public var port = 0
  public var user = ""
  public var password = ""
  public var nkey = ""
  /// Account that the block's single user binds to.
  public var account = ""
  public var users: [LeafNodeUserOptions] = []
  public var proxyRequired = false
  public var authorizationTimeoutNanoseconds: Int64 = 0
  public var tls: TLSOptions?
  public var advertise = ""
  public var noAdvertise = false
  public var minimumVersion = ""
  public var compression = CompressionOptions()
  public var reconnectIntervalNanoseconds: Int64 = Defaults.leafNodeReconnectNanoseconds
  public var dialTimeoutNanoseconds: Int64 = 0
  public var isolateInterest = false
  public var writeDeadlineNanoseconds: Int64 = 0
  public var writeTimeout = WriteTimeoutPolicy.default
  public var remotes: [LeafNodeRemoteOptions] = []

  public init() {}
}

public struct LeafNodeUserOptions: Sendable, Equatable {
  public var user = ""
  public var password = ""
  public var account = ""
  public var proxyRequired = false

  public init() {}
}

/// `leafnodes.remotes` item (FEATURES 3.153 to 3.172).
public struct LeafNodeRemoteOptions: Sendable, Equatable {
  public var urls: [ServerURL] = []
  /// Empty: `$G`.
  public var localAccount = ""
  public var credentials = ""
  /// User seed.
  public var nkey = ""
  public var tls: TLSOptions?
  public var hub = false
  public var noRandomize = false
  public var denyImports: [String] = []
  public var denyExports: [String] = []
  public var webSocketCompression = false
  public var webSocketNoMasking = false
  public var jetStreamClusterMigrate = false
  public var jetStreamClusterMigrateDelayNanoseconds: Int64 = 0
  public var isolateInterest = false
  public var requestIsolation = false
  public var compression = CompressionOptions()
  public var firstInfoTimeoutNanoseconds: Int64 = 0
  public var dialTimeoutNanoseconds: Int64 = 0
  public var disabled = false
  public var ignoreDiscoveredServers = false
  public var proxy: LeafNodeProxyOptions?

  public init() {}
}

public struct LeafNodeProxyOptions: Sendable, Equatable {
  public var url = ""
  public var user = ""
  public var password = ""
  public var timeoutNanoseconds: Int64 = 0
  /// For an `https` proxy.
  public var tls: TLSOptions?

  public init() {}
}
