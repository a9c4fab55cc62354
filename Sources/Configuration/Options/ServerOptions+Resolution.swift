/// Zero means "the default" in files and on the command line, and some defaults follow from other options.
extension ServerOptions {
  /// Options before anything is read: what follows from other options is zero or empty.
  static var unresolved: ServerOptions {
    var options = ServerOptions()
    options.monitoring.host = ""
    options.authorization.timeoutNanoseconds = 0
    options.jetStream.requestQueueLimit = 0
    options.jetStream.infoQueueLimit = 0
    return options
  }

  /// Fills in what is zero or empty. Done once, after file and command line.
  mutating func resolveDefaults() {
    resolveListener()
    resolveLimits()
    monitoring.host.orDefault(host)
    resolveCluster()
    resolveLeafNodes()
    resolveJetStream()
    if var listening = gateway, listening.port != 0 {
      listening.host.orDefault(Defaults.host)
      listening.authorizationTimeoutNanoseconds.orDefault(Self.authorizationTimeout(with: listening.tls))
      gateway = listening
    }
    if webSocket?.port ?? 0 != 0 { webSocket?.host.orDefault(Defaults.host) }
    if mqtt?.port ?? 0 != 0 { mqtt?.host.orDefault(Defaults.host) }
  }

  private static func authorizationTimeout(with tls: TLSOptions?) -> Int64 {
    tls.map { $0.timeoutNanoseconds + Defaults.second } ?? Defaults.authorizationTimeoutNanoseconds
  }

  private mutating func resolveListener() {
    host.orDefault(Defaults.host)
    if port == 0 { port = Defaults.port } else if port == -1 { port = 0 }
    authorization.timeoutNanoseconds.orDefault(Self.authorizationTimeout(with: tls))
  }

  private mutating func resolveLimits() {
    maxConnections.orDefault(Defaults.maxConnections)
    maxControlLine.orDefault(Defaults.maxControlLine)
    maxPayload.orDefault(Defaults.maxPayload)
    maxPending.orDefault(Defaults.maxPending)
    maxClosedClients.orDefault(Defaults.maxClosedClients)
    pingIntervalNanoseconds.orDefault(Defaults.pingIntervalNanoseconds)
    maxPingsOutstanding.orDefault(Defaults.maxPingsOutstanding)
    writeDeadlineNanoseconds.orDefault(Defaults.writeDeadlineNanoseconds)
    lameDuckDurationNanoseconds.orDefault(Defaults.lameDuckDurationNanoseconds)
    lameDuckGracePeriodNanoseconds.orDefault(Defaults.lameDuckGracePeriodNanoseconds)
    connectErrorReports.orDefault(Defaults.connectErrorReports)
    reconnectErrorReports.orDefault(Defaults.reconnectErrorReports)
  }

  private mutating func resolveCluster() {
    guard var listening = cluster, listening.port != 0 else { return }
    listening.host.orDefault(Defaults.host)
    listening.authorizationTimeoutNanoseconds.orDefault(Self.authorizationTimeout(with: listening.tls))
    listening.poolSize.orDefault(Defaults.routePoolSize)
    if listening.poolSize > 0 {
      let system = systemAccount.isEmpty && !noSystemAccount ? Defaults.systemAccount : systemAccount
      if !system.isEmpty, !listening.pinnedAccounts.contains(system) { listening.pinnedAccounts.append(system) }
    }
    listening.compression.modeText.orDefault(CompressionOptions.Mode.accept.rawValue)
    cluster = listening
  }

  private mutating func resolveLeafNodes() {
    guard var leaf = leafNodes else { return }
    if leaf.port != 0 {
      leaf.host.orDefault(Defaults.host)
      leaf.authorizationTimeoutNanoseconds.orDefault(Self.authorizationTimeout(with: leaf.tls))
      leaf.compression.modeText.orDefault(CompressionOptions.Mode.automatic.rawValue)
    }
    for index in leaf.remotes.indices {
      for url in leaf.remotes[index].urls.indices where leaf.remotes[index].urls[url].port == nil {
        leaf.remotes[index].urls[url].port = Defaults.leafNodePort
      }
      leaf.remotes[index].compression.modeText.orDefault(CompressionOptions.Mode.automatic.rawValue)
      if leaf.remotes[index].firstInfoTimeoutNanoseconds <= 0 {
        leaf.remotes[index].firstInfoTimeoutNanoseconds = Defaults.leafNodeFirstInfoNanoseconds
      }
    }
    leaf.reconnectIntervalNanoseconds.orDefault(Defaults.leafNodeReconnectNanoseconds)
    leafNodes = leaf
  }

  private mutating func resolveJetStream() {
    if jetStream.requestQueueLimit <= 0 { jetStream.requestQueueLimit = Defaults.jetStreamRequestQueueLimit }
    if jetStream.infoQueueLimit <= 0 { jetStream.infoQueueLimit = jetStream.requestQueueLimit }
  }
}

extension Int {
  fileprivate mutating func orDefault(_ value: Int) {
    if self == 0 { self = value }
  }
}

extension Int64 {
  fileprivate mutating func orDefault(_ value: Int64) {
    if self == 0 { self = value }
  }
}

extension String {
  fileprivate mutating func orDefault(_ value: String) {
    if isEmpty { self = value }
  }
}
