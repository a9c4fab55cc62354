/// One option that a reload changes: what the server has to act on, and the line it logs (FEATURES 3.318 to 3.333).
public enum ReloadChange: Sendable, Equatable {
  // Logging
  case trace(Bool)
  case debug(Bool)
  case traceVerbose(Bool)
  case traceHeaders(Bool)
  case logTime(Bool)
  case logTimeInUTC(Bool)
  case logFile(String)
  case syslog(Bool)
  case remoteSyslog(String)
  case maxTracedMessageLength(Int)
  case logFormat(LogLineFormat)

  // TLS
  /// Whether there is TLS now. Certificates are to be loaded again.
  case tls(Bool)
  case tlsTimeout(nanoseconds: Int64)
  /// How many there are. Connections whose certificate is not among them are to be closed.
  case pinnedCertificates(Int)
  case handshakeFirst(Bool)
  case handshakeFirstFallback(nanoseconds: Int64)
  case ocsp
  case ocspCache

  // Who may do what: connections that are no longer authorised are to be closed.
  case user
  case password
  case token
  /// Users of all accounts; present in every plan.
  case users
  case nkeyUsers
  /// Accounts with all they contain; present in every plan.
  case accounts
  case authorizationTimeout(nanoseconds: Int64)
  case defaultSentinel(String)
  case trustedProxies(added: [String], removed: [String])

  // Limits
  /// Connections beyond it are to be closed; -1 is unlimited.
  case maxConnections(Int)
  case maxControlLine(Int)
  /// To be announced in INFO.
  case maxPayload(Int)
  case pingInterval(nanoseconds: Int64)
  case maxPingsOutstanding(Int)
  case writeDeadline(nanoseconds: Int64)
  case connectErrorReports(Int)
  case reconnectErrorReports(Int)
  case noFastProducerStall(Bool)

  // Files and names
  case pidFile(String)
  case portsFileDirectory(old: String, new: String)
  case clientAdvertise(String)
  case serverTags
  case serverMetadata
  case profileBlockRate(Int)

  // Blocks
  case cluster
  case routes(added: [ServerURL], removed: [ServerURL])
  case leafNodeCompression(CompressionOptions)
  case leafNodeHandshakeFirst(HandshakeFirst)
  case leafNodeRemoteAdded(LeafNodeRemoteOptions)
  case leafNodeRemoteRemoved(LeafNodeRemoteOptions)
  case leafNodeRemoteChanged(LeafNodeRemoteOptions)
  case jetStream(Bool)
  case jetStreamLimits
  /// Raised sizes in bytes; `nil`: as it was.
  case jetStreamSizes(maxMemory: Int64?, maxStore: Int64?)
  /// An MQTT option by its name, and its value as text.
  case mqtt(name: String, value: String)

  /// What the server logs at level `INF`; empty for changes that nats-server makes silently.
  public var logLines: [String] {
    switch self {
    case .trace(let isOn): ["Reloaded: trace = \(isOn)"]
    case .debug(let isOn): ["Reloaded: debug = \(isOn)"]
    case .traceVerbose(let isOn): ["Reloaded: trace_verbose = \(isOn)"]
    case .traceHeaders(let isOn): ["Reloaded: trace_headers = \(isOn)"]
    case .logTime(let isOn): ["Reloaded: logtime = \(isOn)"]
    case .logTimeInUTC(let isOn): ["Reloaded: logtime_utc = \(isOn)"]
    case .logFile(let path): ["Reloaded: log_file = \(path)"]
    case .syslog(let isOn): ["Reloaded: syslog = \(isOn)"]
    case .remoteSyslog(let address): ["Reloaded: remote_syslog = \(address)"]
    case .maxTracedMessageLength(let length): ["Reloaded: max_traced_msg_len = \(length)"]
    case .logFormat(let format): ["Reloaded: log_format = \(format.rawValue)"]
    case .tls(let isOn): ["Reloaded: tls = \(isOn ? "enabled" : "disabled")"]
    case .tlsTimeout(let time): ["Reloaded: tls timeout = \(GoText.seconds(time))"]
    case .pinnedCertificates(let count): ["Reloaded: \(count) pinned_certs"]
    case .handshakeFirst(let isOn): ["Reloaded: Client TLS handshake first: \(isOn)"]
    case .handshakeFirstFallback(let delay):
      ["Reloaded: Client TLS handshake first fallback delay: \(GoText.duration(delay))"]
    case .ocsp: ["Reloaded: OCSP"]
    case .ocspCache: ["Reloaded OCSP peer cache"]
    case .user: ["Reloaded: authorization username"]
    case .password: ["Reloaded: authorization password"]
    case .token: ["Reloaded: authorization token"]
    case .users: ["Reloaded: authorization users"]
    case .nkeyUsers: ["Reloaded: authorization nkey users"]
    case .accounts: ["Reloaded: accounts"]
    case .authorizationTimeout(let time): ["Reloaded: authorization timeout = \(GoText.seconds(time))"]
    case .defaultSentinel(let token): ["Reloaded: default_sentinel = \(token)"]
    case .trustedProxies(let added, let removed):
      [("removed", removed), ("added", added)].filter { !$0.1.isEmpty }.map {
        "Reloaded: proxies trusted keys \(GoText.quoted($0.1)) were \($0.0)"
      }
    default: otherLogLines
    }
  }

  private var otherLogLines: [String] {
    switch self {
    case .maxConnections(let number): ["Reloaded: max_connections = \(number)"]
    case .maxControlLine(let length): ["Reloaded: max_control_line = \(length)"]
    case .maxPayload(let size): ["Reloaded: max_payload = \(size)"]
    case .pingInterval(let time): ["Reloaded: ping_interval = \(GoText.duration(time))"]
    case .maxPingsOutstanding(let number): ["Reloaded: ping_max = \(number)"]
    case .writeDeadline(let time): ["Reloaded: write_deadline = \(GoText.duration(time))"]
    case .connectErrorReports(let number): ["Reloaded: connect_error_reports = \(number)"]
    case .reconnectErrorReports(let number): ["Reloaded: reconnect_error_reports = \(number)"]
    case .noFastProducerStall(let isOn): ["Reloaded: fast producers will \(isOn ? "not " : "")be stalled"]
    case .pidFile(let path): path.isEmpty ? [] : ["Reloaded: pid_file = \(path)"]
    case .portsFileDirectory(_, let path): ["Reloaded: ports_file_dir = \(path)"]
    // Not "Reloaded" in nats-server either.
    case .clientAdvertise(let address): ["Reload: client_advertise = \(address)"]
    case .serverTags: ["Reloaded: tags"]
    case .serverMetadata: ["Reloaded: metadata"]
    case .profileBlockRate(let rate): ["Reloaded: prof_block_rate = \(rate)"]
    case .cluster: ["Reloaded: cluster"]
    case .routes: ["Reloaded: cluster routes"]
    case .leafNodeCompression(let compression): ["Reloaded: LeafNode Compression value is: \(compression.shown)"]
    case .leafNodeHandshakeFirst(let mode):
      [
        "Reloaded: LeafNode TLS HandshakeFirst value is: \(mode != .off)",
        "Reloaded: LeafNode TLS HandshakeFirstFallback value is: \(GoText.duration(mode.fallbackNanoseconds))",
      ]
    case .leafNodeRemoteRemoved(let remote):
      ["Reloaded: LeafNode Remote \(remote.name(redacting: true)) removed"]
    case .jetStream: ["Reloaded: JetStream"]
    case .jetStreamLimits: ["Reloaded: JetStream limits"]
    case .jetStreamSizes(let memory, let store):
      [("max_mem_store", memory), ("max_file_store", store)].compactMap { name, size in
        size.map { "Reloaded: JetStream \(name) = \(GoText.friendlyBytes($0))" }
      }
    case .mqtt(let name, let value): ["Reloaded: MQTT \(name) = \(value)"]
    default: []
    }
  }

  /// The logger is to be made anew.
  public var affectsLogging: Bool {
    switch self {
    case .trace, .debug, .traceVerbose, .traceHeaders, .logTime, .logTimeInUTC, .logFile, .logFormat, .syslog,
      .remoteSyslog:
      true
    default: false
    }
  }

  /// Connections are to be checked against the new users and accounts.
  public var affectsAuthorization: Bool {
    switch self {
    case .user, .password, .token, .users, .nkeyUsers, .accounts, .cluster: true
    default: false
    }
  }
}

extension HandshakeFirst {
  /// 0 unless there is a fallback.
  public var fallbackNanoseconds: Int64 {
    if case .auto(let delay) = self { delay } else { 0 }
  }
}

extension CompressionOptions {
  /// As Go prints the structure.
  var shown: String {
    "{\(modeText) \(GoText.list(roundTripThresholdsNanoseconds.map { GoText.duration($0) }))}"
  }
}

extension GoText {
  /// Nanoseconds as seconds, `%v` of a float.
  static func seconds(_ nanoseconds: Int64) -> String {
    general(Double(nanoseconds) / Double(Defaults.second))
  }

  /// A size with two digits after the point and a unit of 1024: `1.50 GB`.
  static func friendlyBytes(_ size: Int64) -> String {
    guard size >= 1024 else { return "\(size) B" }
    var value = Double(size)
    var unit = 0
    let units = ["B", "KB", "MB", "GB", "TB", "PB", "EB"]
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    let hundredths = Int64((value * 100).rounded(.toNearestOrEven))
    return "\(hundredths / 100).\(pad(Int(hundredths % 100), 2)) \(units[unit])"
  }
}
