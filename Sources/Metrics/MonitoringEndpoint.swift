/// What can be collected from a server; `rawValue` is the subsystem in metric names. FEATURES 15.005, 15.017.
public enum MonitoringEndpoint: String, Sendable, CaseIterable {
  case varz, connz
  case connzDetailed = "connz_detailed"
  case subsz, routez, gatewayz, leafz, accstatz, accountz, healthz
  case healthzJetStreamEnabledOnly = "healthz_js_enabled_only"
  case healthzJetStreamServerOnly = "healthz_js_server_only"
  case jsz

  /// Path and query of the request. FEATURES 15.038. `/accountz` is followed by one request for each account.
  public func target(jetStream detail: JetStreamDetail) -> String {
    switch self {
    case .varz, .connz, .subsz, .routez, .gatewayz, .leafz, .accountz, .healthz: "/" + rawValue
    case .connzDetailed: "/connz?auth=true"
    case .accstatz: "/accstatz?unused=1"
    case .healthzJetStreamEnabledOnly: "/healthz?js-enabled-only=true"
    case .healthzJetStreamServerOnly: "/healthz?js-server-only=true"
    case .jsz: "/jsz?" + detail.query
    }
  }

  /// Answers whose status is not 200 have content, too: an unhealthy server is an answer, not a failure.
  public var acceptsAnyStatus: Bool { isHealth }

  var isHealth: Bool {
    switch self {
    case .healthz, .healthzJetStreamEnabledOnly, .healthzJetStreamServerOnly: true
    default: false
    }
  }
}

/// How deep JetStream is looked into. FEATURES 15.006.
public enum JetStreamDetail: Sendable, Equatable {
  case accounts, streams, consumers

  /// The value of `-jsz`, in any case; nil when there is none of that name.
  public init?(flag: String) {
    switch flag.lowercased() {
    case "account", "accounts": self = .accounts
    case "stream", "streams": self = .streams
    case "consumer", "consumers", "all": self = .consumers
    default: return nil
    }
  }

  var query: String {
    switch self {
    case .accounts: "accounts=true"
    case .streams: "streams=true"
    case .consumers: "consumers=true&config=true&raft=true"
    }
  }
}
