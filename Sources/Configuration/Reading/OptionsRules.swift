import Crypto
import Subjects

/// Rules between options, checked before a start and before a reload (FEATURES 3.334 to 3.348).
///
/// nats-server stops at the first; the order here is its own.
enum OptionsRules {
  /// The first rule that is broken. Compression modes and remotes' accounts are normalised on the way.
  static func check(_ options: inout ServerOptions) -> String? {
    if let problem = general(options) { return problem }
    if let problem = operators(options) { return problem }
    if let problem = leafNodes(&options) { return problem }
    if let problem = noAuthUser(options.noAuthUser, options) { return problem }
    if let problem = proxies(options) { return problem }
    if let problem = gateway(options) { return problem }
    if let problem = cluster(&options) { return problem }
    if let problem = mqtt(options) { return problem }
    if let problem = jetStream(options) { return problem }
    if let problem = webSocket(options) { return problem }
    return systemAccount(options)
  }

  // MARK: General

  private static func general(_ options: ServerOptions) -> String? {
    let grace = options.lameDuckGracePeriodNanoseconds
    let duration = options.lameDuckDurationNanoseconds
    if duration > 0, grace >= duration {
      return "lame duck grace period (\(GoText.duration(grace))) should be strictly lower than lame duck duration "
        + "(\(GoText.duration(duration)))"
    }
    if Int64(options.maxPayload) > options.maxPending {
      return "max_payload (\(options.maxPayload)) cannot be higher than max_pending (\(options.maxPending))"
    }
    return options.serverName.contains(" ") ? "server name cannot contain spaces" : nil
  }

  private static func proxies(_ options: ServerOptions) -> String? {
    options.trustedProxies?.first { !NKey.isValidPublicKey($0) }.map {
      "proxy trusted key \(GoText.quoted($0)) is invalid"
    }
  }

  /// The system account must be one of the file's, or the default.
  private static func systemAccount(_ options: ServerOptions) -> String? {
    let name = options.systemAccount
    guard !name.isEmpty, name != Defaults.systemAccount, name != Defaults.globalAccount,
      options.operatorMode.operators.isEmpty, options.operatorMode.trustedKeys.isEmpty
    else { return nil }
    return options.accounts.contains { $0.name == name } ? nil : "error resolving system account: account missing"
  }

  // MARK: Operator mode

  private static func operators(_ options: ServerOptions) -> String? {
    let mode = options.operatorMode
    guard !mode.operators.isEmpty else {
      return mode.defaultSentinel.isEmpty ? nil : "default sentinel requires operators and accounts"
    }
    if !options.accounts.isEmpty { return "operators do not allow Accounts to be configured directly" }
    if options.hasUsers { return "operators do not allow users to be configured directly" }
    if !mode.trustedKeys.isEmpty { return "conflicting options for 'TrustedKeys' and 'TrustedOperators'" }
    if let key = mode.pinnedAccounts.sorted().first(where: { !NKey.isValid($0, as: .account) }) {
      return "pinned account key \(GoText.quoted(key)) is not a valid public account nkey"
    }
    if options.authorization.callout != nil {
      return "operators do not allow authorization callouts to be configured directly"
    }
    return nil
  }

  // MARK: Users

  private static func noAuthUser(_ name: String, _ options: ServerOptions) -> String? {
    guard !name.isEmpty else { return nil }
    if !options.operatorMode.operators.isEmpty { return "no_auth_user not compatible with Trusted Operator" }
    guard options.hasUsers else {
      return "no_auth_user: \"\(name)\" present, but users/nkeys are not defined"
    }
    return options.hasUser(name)
      ? nil
      : "no_auth_user: \"\(name)\" not present as user or nkey in authorization block or account configuration"
  }

  // MARK: Leaf nodes

  private static func leafNodes(_ options: inout ServerOptions) -> String? {
    guard var leaf = options.leafNodes else { return nil }
    defer { options.leafNodes = leaf }
    if let problem = LeafNodeRules.authorizationProblem(leaf) { return problem }
    var names: Set<String> = []
    for index in leaf.remotes.indices {
      if leaf.remotes[index].localAccount.isEmpty { leaf.remotes[index].localAccount = Defaults.globalAccount }
      let remote = leaf.remotes[index]
      guard names.insert(remote.name(redacting: false)).inserted else {
        return "duplicate remote \(remote.name(redacting: true))"
      }
    }
    if let problem = leafAccounts(leaf, options) { return problem }
    if let problem = leaf.compression.normalize(whenOn: .automatic) { return problem }
    for index in leaf.remotes.indices {
      if let problem = check(&leaf.remotes[index]) { return problem }
    }
    guard leaf.port != 0 else { return nil }
    if !leaf.minimumVersion.isEmpty, let problem = LeafNodeRules.minimumVersionProblem(leaf.minimumVersion) {
      return problem
    }
    guard let gateway = options.gateway, !gateway.name.isEmpty || gateway.port != 0 else { return nil }
    return options.systemAccount.isEmpty
      ? "leaf nodes and gateways (both being defined) require a system account to also be configured" : nil
  }

  private static func leafAccounts(_ leaf: LeafNodeOptions, _ options: ServerOptions) -> String? {
    guard options.operatorMode.operators.isEmpty else {
      if !leaf.users.isEmpty { return "operator mode does not allow specifying users in leafnode config" }
      if leaf.remotes.contains(where: { !NKey.isValid($0.localAccount, as: .account) }) {
        return "operator mode requires account nkeys in remotes. Please add an `account` key to each remote in your "
          + "`leafnodes` section, to assign it to an account. Each account value should be a 56 character public "
          + "key, starting with the letter 'A'"
      }
      if leaf.port != 0, !leaf.account.isEmpty, !NKey.isValid(leaf.account, as: .account) {
        return "operator mode and non account nkeys are incompatible"
      }
      return nil
    }
    var known = Set(options.accounts.map(\.name)).union([Defaults.globalAccount, ""])
    if options.systemAccount.isEmpty, !options.noSystemAccount { known.insert(Defaults.systemAccount) }
    let used =
      [(leaf.account, "authorization")] + leaf.users.map { ($0.account, "authorization") }
      + leaf.remotes.map { ($0.localAccount, "remote") }
    return used.first { !known.contains($0.0) }.map { name, place in
      "cannot find local account \(GoText.quoted(name)) specified in leafnode \(place)"
    }
  }

  private static func check(_ remote: inout LeafNodeRemoteOptions) -> String? {
    if let problem = LeafNodeRules.proxyProblem(of: remote) { return problem }
    if let first = remote.urls.first, remote.urls.contains(where: { $0.isWebSocket != first.isWebSocket }) {
      let urls = GoText.quoted(remote.urls.map { $0.text(redacting: true) })
      return "remote leaf node configuration cannot have a mix of websocket and non-websocket urls: \(urls)"
    }
    return remote.compression.normalize(whenOn: .automatic)
  }

  // MARK: Cluster, gateway

  private static func gateway(_ options: ServerOptions) -> String? {
    guard let gateway = options.gateway, !gateway.name.isEmpty || gateway.port != 0 else { return nil }
    if gateway.name.isEmpty { return "gateway has no name" }
    if gateway.name.contains(" ") { return "gateway name cannot contain spaces" }
    if gateway.port == 0 {
      return "gateway \(GoText.quoted(gateway.name)) has no port specified (select -1 for random port)"
    }
    for (index, remote) in gateway.gateways.enumerated() {
      if remote.name.isEmpty { return "gateway in the list \(index) has no name" }
      if remote.urls.isEmpty { return "gateway \(GoText.quoted(remote.name)) has no URL" }
    }
    return nil
  }

  private static func cluster(_ options: inout ServerOptions) -> String? {
    var cluster = options.cluster ?? ClusterOptions()
    let isDefined = options.cluster != nil
    defer { if isDefined { options.cluster = cluster } }
    if cluster.name.contains(" ") { return "cluster name cannot contain spaces" }
    if let problem = cluster.permissions?.problem { return problem }
    if let problem = cluster.compression.normalize(whenOn: .fast) { return problem }
    if let name = options.gateway?.name, !name.isEmpty, name != cluster.name {
      if !cluster.name.isEmpty { return "cluster name conflicts between cluster and gateway definitions" }
      cluster.name = name
    }
    guard !cluster.pinnedAccounts.isEmpty else { return nil }
    if cluster.poolSize < 0 { return "pool_size cannot be negative if pinned accounts are specified" }
    var names: Set<String> = []
    for account in cluster.pinnedAccounts where !names.insert(account).inserted {
      return "found duplicate account name \(GoText.quoted(account)) in pinned accounts list "
        + GoText.quoted(cluster.pinnedAccounts)
    }
    return nil
  }

  // MARK: MQTT, WebSocket

  private static func mqtt(_ options: ServerOptions) -> String? {
    guard let mqtt = options.mqtt, mqtt.port != 0 else { return nil }
    let clusterPort = options.cluster?.port ?? 0
    let gatewayPort = options.gateway?.port ?? 0
    if options.serverName.isEmpty, clusterPort != 0 || gatewayPort != 0 {
      return "mqtt requires server name to be explicitly set"
    }
    if let problem = noAuthUser(mqtt.noAuthUser, options) { return problem }
    if options.hasUsers {
      if !mqtt.user.isEmpty { return "mqtt authentication username not compatible with presence of users/nkeys" }
      if !mqtt.token.isEmpty { return "mqtt authentication token not compatible with presence of users/nkeys" }
    }
    if mqtt.ackWaitNanoseconds < 0 { return "ack wait must be a positive value" }
    if mqtt.jetStreamAPITimeoutNanoseconds < 0 { return "JS API timeout must be a positive value" }
    let hasLeafNodes = options.leafNodes.map { $0.port != 0 || !$0.remotes.isEmpty } ?? false
    if !options.jetStream.enabled, clusterPort == 0, gatewayPort == 0, !hasLeafNodes {
      return "mqtt requires JetStream to be enabled if running in standalone mode"
    }
    if mqtt.consumerReplicas > 0, mqtt.streamReplicas > 0, mqtt.consumerReplicas > mqtt.streamReplicas {
      return "mqtt: consumer_replicas (\(mqtt.consumerReplicas)) cannot be higher than stream_replicas "
        + "(\(mqtt.streamReplicas))"
    }
    return nil
  }

  private static func webSocket(_ options: ServerOptions) -> String? {
    guard let webSocket = options.webSocket, webSocket.port != 0 else { return nil }
    if webSocket.tls == nil, !webSocket.noTLS { return "websocket requires TLS configuration" }
    for origin in webSocket.allowedOrigins {
      if let problem = originProblem(origin) { return "unable to parse allowed origin\(problem)" }
    }
    if let problem = noAuthUser(webSocket.noAuthUser, options) { return problem }
    if options.hasUsers {
      if !webSocket.user.isEmpty {
        return "websocket authentication username not compatible with presence of users/nkeys"
      }
      if !webSocket.token.isEmpty {
        return "websocket authentication token not compatible with presence of users/nkeys"
      }
    }
    if !webSocket.jwtCookie.isEmpty, options.operatorMode.operators.isEmpty, options.operatorMode.trustedKeys.isEmpty {
      return "trusted operators or trusted keys configuration is required for JWT authentication via cookie "
        + GoText.quoted(webSocket.jwtCookie)
    }
    for name in webSocket.headers.keys.sorted() {
      switch name.lowercased() {
      case "host", "content-length", "connection", "upgrade", "nats-no-masking":
        return "websocket: invalid header \(GoText.quoted(name)) not allowed"
      case let lower where lower.hasPrefix("sec-websocket-"):
        return "websocket: invalid header \(GoText.quoted(name)), \"Sec-WebSocket-\" prefix not allowed"
      default: break
      }
    }
    return nil
  }

  private static func originProblem(_ origin: String) -> String? {
    guard origin.hasPrefix("/") || origin.contains(":") else {
      return ": parse \(GoText.quoted(origin)): invalid URI for request"
    }
    let url: ServerURL
    switch ServerURL.parse(origin) {
    case .failure(let failure): return ": \(failure.description)"
    case .success(let parsed): url = parsed
    }
    guard url.scheme == "http" || url.scheme == "https" else {
      return " \(GoText.quoted(origin)): allowed origins must be absolute URLs with http or https scheme"
    }
    return url.host.isEmpty ? " \(GoText.quoted(origin)): host is required" : nil
  }

  // MARK: JetStream

  private static func jetStream(_ options: ServerOptions) -> String? {
    let jetStream = options.jetStream
    if let problem = defaultDomains(options) { return problem }
    if !jetStream.domain.isEmpty {
      let subject = "$JS.\(jetStream.domain).API.>"
      guard Subject.isValid(subject) else {
        return "invalid domain name: derived \(GoText.quoted(subject)) is not a valid subject"
      }
      guard !jetStream.domain.contains(where: { " \t\r\n\u{0C}.*>".contains($0) }) else {
        return "invalid domain name: may not contain ., * or >"
      }
    }
    guard jetStream.enabled, let cluster = options.cluster, cluster.port != 0 else { return nil }
    if options.serverName.isEmpty { return "jetstream cluster requires `server_name` to be set" }
    if cluster.name.isEmpty { return "jetstream cluster requires `cluster.name` to be set" }
    let hint = jetStream.extensionHint.lowercased()
    guard ["", "will_extend", "no_extend"].contains(hint) else {
      return "expected 'no_extend' for string value, got '\(hint)'"
    }
    return jetStream.maxCatchup < 0 ? "jetstream max catchup cannot be negative" : nil
  }

  private static func defaultDomains(_ options: ServerOptions) -> String? {
    let domains = options.jetStream.defaultDomains.sorted { $0.key < $1.key }
    for (account, domain) in domains {
      if !options.operatorMode.operators.isEmpty {
        if NKey.isValid(account, as: .account) { continue }
        return "default_js_domain contains account name \(GoText.quoted(account)), which is not a valid public "
          + "account nkey"
      }
      if account == Defaults.globalAccount { continue }
      guard let known = options.accounts.first(where: { $0.name == account }) else {
        return "in non operator mode, `default_js_domain` references non existing account \(GoText.quoted(account))"
      }
      if known.jetStream != nil, !domain.isEmpty {
        return "default_js_domain contains account name \(GoText.quoted(account)) with enabled JetStream"
      }
    }
    let system = options.systemAccount.isEmpty ? Defaults.systemAccount : options.systemAccount
    for (account, domain) in domains {
      if account == system {
        return "system account \(GoText.quoted(account)) can not be in default_js_domain"
      }
      if !domain.isEmpty, !Subject.isValid("$JS.\(domain).API.>") {
        return "default_js_domain contains account \(GoText.quoted(account)) with invalid domain name "
          + GoText.quoted(domain)
      }
    }
    return nil
  }
}

extension ServerOptions {
  /// Whether any user or nkey user exists, in whatever account.
  public var hasUsers: Bool {
    !authorization.users.isEmpty || !authorization.nkeyUsers.isEmpty
      || accounts.contains { !$0.users.isEmpty || !$0.nkeyUsers.isEmpty }
  }

  /// Whether a user or an nkey user has this name.
  public func hasUser(_ name: String) -> Bool {
    authorization.users.contains { $0.user == name } || authorization.nkeyUsers.contains { $0.nkey == name }
      || accounts.contains { account in
        account.users.contains { $0.user == name } || account.nkeyUsers.contains { $0.nkey == name }
      }
  }
}
