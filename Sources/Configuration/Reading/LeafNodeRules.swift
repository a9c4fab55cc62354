/// Rules of leaf nodes that reading and the cross checks share (FEATURES 3.342).
enum LeafNodeRules {
  static func authorizationProblem(_ leaf: LeafNodeOptions) -> String? {
    guard !leaf.users.isEmpty else { return nil }
    if !leaf.user.isEmpty { return "can not have a single user/pass and a users array" }
    if !leaf.nkey.isEmpty { return "can not have a single nkey and a users array" }
    var names: Set<String> = []
    for user in leaf.users where !names.insert(user.user).inserted {
      return "duplicate user \(GoText.quoted(user.user)) detected in leafnode authorization"
    }
    return nil
  }

  static func minimumVersionProblem(_ version: String) -> String? {
    guard let numbers = SemanticVersion(version) else { return "invalid leafnode's minimum version: invalid semver" }
    return numbers < SemanticVersion(2, 8, 0) ? "the minimum version should be at least 2.8.0" : nil
  }

  /// What is wrong with the proxy of a remote; it serves WebSocket connections only and is ignored by others.
  static func proxyProblem(of remote: LeafNodeRemoteOptions) -> String? {
    guard let proxy = remote.proxy else { return nil }
    guard !proxy.url.isEmpty else {
      return proxy == LeafNodeProxyOptions()
        ? nil : "proxy URL must be specified when other proxy options are set"
    }
    let url: ServerURL
    switch ServerURL.parse(proxy.url) {
    case .failure(let failure): return "invalid proxy URL: \(failure.description)"
    case .success(let parsed): url = parsed
    }
    guard url.scheme == "http" || url.scheme == "https" else {
      return "proxy URL scheme must be http or https, got: \(url.scheme)"
    }
    if proxy.tls != nil, url.scheme != "https" {
      return "proxy TLS configuration requires an https proxy URL, got: \(url.scheme)"
    }
    if url.host.isEmpty { return "proxy URL must specify a host" }
    if proxy.timeoutNanoseconds < 0 { return "proxy timeout must be >= 0" }
    if proxy.user.isEmpty != proxy.password.isEmpty {
      return "proxy username and password must both be specified or both be empty"
    }
    guard remote.tls == nil, let secure = remote.urls.first(where: { $0.scheme == "wss" }) else { return nil }
    return "proxy is configured but remote URL \(secure.text()) requires TLS and no TLS configuration is provided. "
      + "When using proxy with TLS endpoints, ensure TLS is properly configured for the leafnode remote"
  }
}

extension LeafNodeRemoteOptions {
  /// What tells remotes apart, and how they are named in messages.
  func name(redacting: Bool) -> String {
    var credentialsText = ""
    if !credentials.isEmpty {
      credentialsText = ", credentials=\(GoText.quoted(credentials))"
    } else if !nkey.isEmpty {
      credentialsText = ", nkey=" + GoText.quoted(redacting ? "[REDACTED]" : nkey)
    }
    let account = localAccount.isEmpty ? Defaults.globalAccount : localAccount
    let texts = urls.map { $0.text(redacting: redacting) }
    return "urls=\(GoText.quoted(texts)), account=\(GoText.quoted(account))\(credentialsText)"
  }
}
