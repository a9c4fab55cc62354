/// One line for each configured feature that this build lacks: the program refuses to start, because a block that is
/// silently ignored is worse than none. `-t` does not look here.
public func unsupportedFeatures(in options: ServerOptions) -> [String] {
  var features: [String] = []
  func require(_ isConfigured: Bool, _ name: String) {
    if isConfigured { features.append("\(name) is configured, but this build does not support it yet") }
  }
  require(options.jetStream.enabled && !options.jetStream.key.isEmpty, "encryption of jetstream")
  require(options.jetStream.enabled && options.jetStream.tpm != nil, "tpm of jetstream")
  require(options.cluster != nil, "cluster")
  require(options.gateway != nil, "gateway")
  require(options.leafNodes != nil, "leafnodes")
  require(options.webSocket != nil, "websocket")
  require(options.mqtt != nil, "mqtt")
  require(!options.operatorMode.operators.isEmpty, "operator")
  require(!options.operatorMode.trustedKeys.isEmpty, "trusted_keys")
  require(options.operatorMode.resolver != nil, "resolver")
  require(!options.operatorMode.preload.isEmpty, "resolver_preload")
  require(options.authorization.callout != nil, "auth_callout")
  require(options.trustedProxies != nil, "proxies")
  require(options.proxyProtocol, "proxy_protocol")
  require(options.requiresProxy, "proxy_required")
  require(options.ocsp.map { $0.mode != .never } ?? false, "ocsp")
  require(options.ocspCache?.kind == .local, "ocsp_cache")
  require(!options.jetStream.defaultDomains.isEmpty, "default_js_domain")
  require(options.tls?.ocspPeer?.verify ?? false, "ocsp_peer")
  return features
}

extension ServerOptions {
  /// Whether anybody may connect through a trusted proxy only.
  fileprivate var requiresProxy: Bool {
    let users = authorization.users + accounts.flatMap(\.users)
    let nkeyUsers = authorization.nkeyUsers + accounts.flatMap(\.nkeyUsers)
    return authorization.proxyRequired || users.contains { $0.proxyRequired }
      || nkeyUsers.contains { $0.proxyRequired }
  }
}
