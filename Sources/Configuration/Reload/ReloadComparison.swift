/// The comparison of two sets of options, field by field in the order of nats-server's.
struct ReloadComparison {
  let old: ServerOptions
  var new: ServerOptions
  private(set) var changes: [ReloadChange] = []

  init(old: ServerOptions, new: ServerOptions) {
    self.old = old
    self.new = new
    // Any port will do: the one that is open stays.
    if new.port == 0 { self.new.port = old.port }
    if new.cluster?.port == -1 { self.new.cluster?.port = old.cluster?.port ?? -1 }
    if new.gateway?.port == -1 { self.new.gateway?.port = old.gateway?.port ?? -1 }
    if new.leafNodes?.port == -1 { self.new.leafNodes?.port = old.leafNodes?.port ?? -1 }
    if new.webSocket?.port == -1 { self.new.webSocket?.port = old.webSocket?.port ?? -1 }
    if new.mqtt?.port == -1 { self.new.mqtt?.port = old.mqtt?.port ?? -1 }
  }

  mutating func run() throws(ReloadPlan.Refusal) {
    try compareServer()
    try compareAuthorization()
    try compareLimits()
    try compareCluster()
    try compareGateway()
    try compareLeafNodes()
    try compareJetStream()
    try compareWebSocket()
    try compareMQTT()
    try compareFiles()
    try compareRoutesAndTLS()
    try compareRest()
  }

  // MARK: Helpers

  mutating func add(_ change: ReloadChange) { changes.append(change) }

  /// Adds the change if an option changed.
  mutating func live<Value: Equatable>(
    _ path: KeyPath<ServerOptions, Value>, _ change: (Value) -> ReloadChange
  ) {
    let value = new[keyPath: path]
    if old[keyPath: path] != value { add(change(value)) }
  }

  /// Refuses a change of an option. `field` is its name in nats-server, which the text shows.
  func fixed<Value: Equatable>(
    _ field: String, _ path: KeyPath<ServerOptions, Value>, _ shown: (Value) -> String = { "\($0)" }
  ) throws(ReloadPlan.Refusal) {
    let (before, after) = (old[keyPath: path], new[keyPath: path])
    if before != after { throw refusal(field, shown(before), shown(after)) }
  }

  func refusal(_ field: String, _ before: String, _ after: String) -> ReloadPlan.Refusal {
    ReloadPlan.Refusal(text: "config reload not supported for \(field): old=\(before), new=\(after)")
  }

  // MARK: Fields, in order

  private mutating func compareServer() throws(ReloadPlan.Refusal) {
    try fixed("ServerName", \.serverName)
    try fixed("Host", \.host)
    try fixed("Port", \.port)
    if old.clientAdvertise != new.clientAdvertise {
      if let problem = new.clientAdvertiseProblem {
        throw ReloadPlan.Refusal(
          text: "invalid ClientAdvertise value of \(new.clientAdvertise), err=\(problem)")
      }
      add(.clientAdvertise(new.clientAdvertise))
    }
    live(\.log.trace) { .trace($0) }
    live(\.log.debug) { .debug($0) }
    live(\.log.traceVerbose) { .traceVerbose($0) }
    live(\.log.traceHeaders) { .traceHeaders($0) }
    try fixed("NoSublistCache", \.noSublistCache)
    try fixed("NoHeaderSupport", \.noHeaderSupport)
    live(\.log.time) { .logTime($0) }
    live(\.log.timeInUTC) { .logTimeInUTC($0) }
    live(\.maxConnections) { .maxConnections($0) }
    try fixed("MaxSubs", \.maxSubscriptions)
    try fixed("MaxSubTokens", \.maxSubscriptionTokens)
  }

  private mutating func compareAuthorization() throws(ReloadPlan.Refusal) {
    if old.allNKeyUsers != new.allNKeyUsers { add(.nkeyUsers) }
    add(.users)
    add(.accounts)
    try compareNoAuthUser()
    live(\.operatorMode.defaultSentinel) { .defaultSentinel($0) }
    if old.systemAccount != new.systemAccount,
      old.systemAccount != Defaults.systemAccount || !new.systemAccount.isEmpty
    {
      throw refusal("SystemAccount", old.systemAccount, new.systemAccount)
    }
    try fixed("NoSystemAccount", \.noSystemAccount)
    if old.authorization.user != new.authorization.user { add(.user) }
    if old.authorization.password != new.authorization.password { add(.password) }
    try fixed("ProxyRequired", \.authorization.proxyRequired)
    try fixed("ProxyProtocol", \.proxyProtocol)
    if old.authorization.token != new.authorization.token { add(.token) }
    try fixed("AuthCallout", \.authorization.callout) { $0?.shown ?? "<nil>" }
  }

  /// It may go when its user goes too, and never come or change.
  private func compareNoAuthUser() throws(ReloadPlan.Refusal) {
    guard old.noAuthUser != new.noAuthUser else { return }
    let goesWithItsUser =
      new.noAuthUser.isEmpty
      && !(new.authorization.users + new.accounts.flatMap(\.users)).contains { $0.user == old.noAuthUser }
    if !goesWithItsUser { throw refusal("NoAuthUser", old.noAuthUser, new.noAuthUser) }
  }

  private mutating func compareLimits() throws(ReloadPlan.Refusal) {
    live(\.pingIntervalNanoseconds) { .pingInterval(nanoseconds: $0) }
    live(\.maxPingsOutstanding) { .maxPingsOutstanding($0) }
    try fixed("HTTPHost", \.monitoring.host)
    try fixed("HTTPPort", \.monitoring.port)
    try fixed("HTTPBasePath", \.monitoring.basePath)
    try fixed("HTTPSPort", \.monitoring.tlsPort)
    live(\.authorization.timeoutNanoseconds) { .authorizationTimeout(nanoseconds: $0) }
    live(\.maxControlLine) { .maxControlLine($0) }
    live(\.maxPayload) { .maxPayload($0) }
    try fixed("MaxPending", \.maxPending)
    live(\.noFastProducerStall) { .noFastProducerStall($0) }
  }

  private mutating func compareFiles() throws(ReloadPlan.Refusal) {
    try fixed("ProfPort", \.profilePort)
    live(\.profileBlockRate) { .profileBlockRate($0) }
    live(\.pidFile) { .pidFile($0) }
    let oldDirectory = old.portsFileDirectory
    live(\.portsFileDirectory) { .portsFileDirectory(old: oldDirectory, new: $0) }
    live(\.log.file) { .logFile($0) }
    try fixed("LogSizeLimit", \.log.sizeLimit)
    try fixed("LogMaxFiles", \.log.maxFiles)
    live(\.log.syslog) { .syslog($0) }
    live(\.log.remoteSyslog) { .remoteSyslog($0) }
  }

  private mutating func compareRoutesAndTLS() throws(ReloadPlan.Refusal) {
    let (before, after) = (old.cluster?.routes ?? [], new.cluster?.routes ?? [])
    let added = after.filter { !before.contains($0) }
    let removed = before.filter { !after.contains($0) }
    if !added.isEmpty || !removed.isEmpty { add(.routes(added: added, removed: removed)) }
    try compareTLS()
  }

  private mutating func compareTLS() throws(ReloadPlan.Refusal) {
    let before = old.tls ?? TLSOptions()
    let after = new.tls ?? TLSOptions()
    if before.timeoutNanoseconds != after.timeoutNanoseconds {
      add(.tlsTimeout(nanoseconds: after.timeoutNanoseconds))
    }
    if before.verifyAndMap != after.verifyAndMap {
      throw refusal("TLSMap", "\(before.verifyAndMap)", "\(after.verifyAndMap)")
    }
    // Certificates of clients are looked at anew even when nothing changed.
    let checksClients = !before.caFile.isEmpty || !after.caFile.isEmpty
    if (old.tls == nil) != (new.tls == nil) || before.handshake != after.handshake || checksClients {
      add(.tls(new.tls != nil))
    }
    if before.pinnedCertificates != after.pinnedCertificates {
      add(.pinnedCertificates(after.pinnedCertificates.count))
    }
    if before.connectionRateLimit != after.connectionRateLimit {
      throw refusal("TLSRateLimit", "\(before.connectionRateLimit)", "\(after.connectionRateLimit)")
    }
    if (before.handshakeFirst == .off) != (after.handshakeFirst == .off) {
      add(.handshakeFirst(after.handshakeFirst != .off))
    }
    if before.handshakeFirst.fallbackNanoseconds != after.handshakeFirst.fallbackNanoseconds {
      add(.handshakeFirstFallback(nanoseconds: after.handshakeFirst.fallbackNanoseconds))
    }
    try fixed("AllowNonTLS", \.allowNonTLS)
  }

  private mutating func compareRest() throws(ReloadPlan.Refusal) {
    live(\.writeDeadlineNanoseconds) { .writeDeadline(nanoseconds: $0) }
    try fixed("WriteTimeout", \.writeTimeout) { $0 == .default ? "" : $0.rawValue }
    try fixed("MaxClosedClients", \.maxClosedClients)
    try fixed("LameDuckDuration", \.lameDuckDurationNanoseconds) { GoText.duration($0) }
    try fixed("LameDuckGracePeriod", \.lameDuckGracePeriodNanoseconds) { GoText.duration($0) }
    live(\.log.maxTracedMessageLength) { .maxTracedMessageLength($0) }
    try fixed("TrustedKeys", \.operatorMode.trustedKeys) { GoText.list($0) }
    try fixed("TrustedOperators", \.operatorMode.operators) { GoText.list($0) }
    if old.operatorMode.resolver != new.operatorMode.resolver {
      if old.operatorMode.resolver == nil || new.operatorMode.resolver == nil {
        throw ReloadPlan.Refusal(text: "config reload does not support moving to or from an account resolver")
      }
      add(.accounts)
    }
    if old.operatorMode.resolverTLS != new.operatorMode.resolverTLS { add(.accounts) }
    live(\.connectErrorReports) { .connectErrorReports($0) }
    live(\.reconnectErrorReports) { .reconnectErrorReports($0) }
    live(\.serverTags) { _ in .serverTags }
    live(\.serverMetadata) { _ in .serverMetadata }
    try fixed("FeatureFlags", \.featureFlags) { GoText.map($0.mapValues { "\($0)" }) }
    live(\.ocsp) { _ in .ocsp }
    compareProxies()
    live(\.ocspCache) { _ in .ocspCache }
    live(\.log.format) { .logFormat($0) }
  }

  private mutating func compareProxies() {
    let (before, after) = (old.trustedProxies ?? [], new.trustedProxies ?? [])
    let added = after.filter { !before.contains($0) }
    let removed = before.filter { !after.contains($0) }
    if !added.isEmpty || !removed.isEmpty { add(.trustedProxies(added: added, removed: removed)) }
  }
}

extension ServerOptions {
  /// Keys in order, with all that belongs to them.
  fileprivate var allNKeyUsers: [String: NKeyUserOptions] {
    let users = authorization.nkeyUsers + accounts.flatMap(\.nkeyUsers)
    return Dictionary(users.map { ($0.nkey, $0) }, uniquingKeysWith: { $1 })
  }
}

extension AuthCalloutOptions {
  /// As Go prints the structure.
  fileprivate var shown: String {
    "&{\(issuer) \(account) \(GoText.list(users)) \(xkey) \(GoText.list(allowedAccounts))}"
  }
}

extension TLSOptions {
  /// The part that decides about handshakes.
  var handshake: TLSOptions {
    var part = self
    part.timeoutNanoseconds = 0
    part.verifyAndMap = false
    part.pinnedCertificates = []
    part.connectionRateLimit = 0
    part.handshakeFirst = .off
    return part
  }
}
