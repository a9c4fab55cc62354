import HTTP
import Metrics

/// What the command line asks for. The defaults are those of FEATURES 15.1.
public struct ExporterOptions: Sendable {
  public enum LogTarget: Sendable, Equatable {
    case standardError
    case file(String)
    case syslog
    /// `udp://host:port`, `tcp://...` or `unix://path`.
    case remoteSyslog(String)
  }

  /// Where the label `server_id` comes from. FEATURES 15.011, 15.012.
  public enum Identity: Sendable, Equatable {
    case url
    case serverID
    case serverName
  }

  /// A server to collect from.
  public struct Target: Sendable, Equatable {
    /// What was given before the comma, or scheme and host of the URL.
    public var id: String
    /// The id was given: nothing replaces it.
    public var isNamed: Bool
    /// `target` is the base path, without a slash at its end.
    public var url: HTTPURL
  }

  public var address = "0.0.0.0"
  public var port: UInt16 = 7777
  public var path = "/metrics"
  public var retrySeconds: Int64 = 30

  public var log = LogTarget.standardError
  public var debug = false
  public var trace = false

  /// In the order in which they are requested.
  public var endpoints: [MonitoringEndpoint] = []
  public var jetStream = JetStreamDetail.consumers
  public var streamMetadata: [MetricMapping.MetadataLabel] = []
  public var consumerMetadata: [MetricMapping.MetadataLabel] = []
  public var prefix: String?

  public var certificateFile = ""
  public var keyFile = ""
  public var authorityFile = ""
  /// Empty for no authentication.
  public var user = ""
  /// Plain or bcrypt.
  public var password = ""

  public var identity = Identity.url
  public var targets: [Target] = []
  /// Certificates that servers' certificates are verified by; empty for the system's.
  public var serverAuthorityFile = ""

  /// A scrape answers within this time, and within the scraper's own.
  public var scrapeTimeoutNanoseconds: Int64 = 5_000_000_000
  /// Series that one endpoint of one server may give.
  public var maximumSeries = MetricLimits.seriesPerEndpoint
  /// Bytes of one answer of a server.
  public var maximumAnswerBytes = 256 << 20

  public init() {}
}
