/// The `cluster` block (FEATURES 3.106 to 3.124).
public struct ClusterOptions: Sendable, Equatable {
  /// Empty: chosen at start.
  public var name = ""
  public var host = ""
  /// 0: no listener; -1: the system chooses.
  public var port = 0
  public var user = ""
  public var password = ""
  /// 0: derived from the TLS timeout.
  public var authorizationTimeoutNanoseconds: Int64 = 0
  public var permissions: RoutePermissions?
  public var tls: TLSOptions?
  public var routes: [ServerURL] = []
  public var advertise = ""
  public var noAdvertise = false
  public var connectRetries = 0
  public var connectBackoff = false
  /// -1: no pooling.
  public var poolSize = 0
  public var pinnedAccounts: [String] = []
  public var compression = CompressionOptions()
  /// 0: the server's.
  public var pingIntervalNanoseconds: Int64 = 0
  public var maxPingsOutstanding = 0
  public var writeDeadlineNanoseconds: Int64 = 0
  public var writeTimeout = WriteTimeoutPolicy.default

  public init() {}
}

/// What a route may import and export.
public struct RoutePermissions: Sendable, Equatable {
  public var importing: SubjectPermission?
  public var exporting: SubjectPermission?

  public init() {}
}

/// `compression` of routes and leaf nodes (FEATURES 3.316, 3.317).
public struct CompressionOptions: Sendable, Equatable {
  public enum Mode: String, Sendable, Equatable {
    case off
    case accept
    case automatic = "s2_auto"
    case fast = "s2_fast"
    case better = "s2_better"
    case best = "s2_best"
    case notSupported = "not supported"
  }
  /// `nil`: not configured, or not checked yet.
  public var mode: Mode?
  /// The mode as the file spells it; the cross checks turn it into `mode`.
  var modeText = ""
  /// For `automatic`: up to four ascending thresholds; empty: 10 ms, 50 ms, 100 ms.
  public var roundTripThresholdsNanoseconds: [Int64] = []

  public init() {}
}

/// The `gateway` block (FEATURES 3.125 to 3.137).
public struct GatewayOptions: Sendable, Equatable {
  public var name = ""
  public var host = ""
  public var port = 0
  public var user = ""
  public var password = ""
  public var authorizationTimeoutNanoseconds: Int64 = 0
  public var tls: TLSOptions?
  public var advertise = ""
  public var connectRetries = 0
  public var connectBackoff = false
  public var rejectUnknownCluster = false
  public var gateways: [RemoteGatewayOptions] = []
  public var writeDeadlineNanoseconds: Int64 = 0
  public var writeTimeout = WriteTimeoutPolicy.default

  public init() {}
}

public struct RemoteGatewayOptions: Sendable, Equatable {
  public var name = ""
  public var urls: [ServerURL] = []
  public var tls: TLSOptions?

  public init() {}
}
