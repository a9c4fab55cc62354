import Crypto

/// `leafnodes` (FEATURES 3.138 to 3.172).
extension OptionsReader {
  func readLeafNodes(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected map to define a leafnode, got \(block.typeName)", at: block)
    }
    var leaf = LeafNodeOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "listen": (leaf.host, leaf.port) = try listen(value)
      case "port": leaf.port = try value.requireInt()
      case "host", "net": leaf.host = try value.requireString()
      case "authorization": try readLeafAuthorization(value, into: &leaf)
      case "remotes": leaf.remotes = try remotes(value)
      case "reconnect", "reconnect_delay", "reconnect_interval":
        leaf.reconnectIntervalNanoseconds = try duration(value, field: "reconnect")
      case "dial_timeout": leaf.dialTimeoutNanoseconds = try duration(value, field: "dial_timeout")
      case "tls": leaf.tls = try tls(value)
      case "leafnode_advertise", "advertise": leaf.advertise = try value.requireString()
      case "no_advertise": leaf.noAdvertise = try value.requireBoolean()
      case "min_version", "minimum_version":
        let version = try value.requireString()
        if let problem = LeafNodeRules.minimumVersionProblem(version) {
          throw ConfigurationProblem(problem, at: value)
        }
        leaf.minimumVersion = version
      case "compression": leaf.compression = try compression(value, key: key, whenOn: .automatic)
      case "isolate_leafnode_interest", "isolate": leaf.isolateInterest = try value.requireBoolean()
      case "write_deadline": leaf.writeDeadlineNanoseconds = try duration(value, field: "write_deadline")
      case "write_timeout": leaf.writeTimeout = try writeTimeout(value)
      default: unknownField(key, value)
      }
    }
    options.leafNodes = leaf
  }

  private func readLeafAuthorization(
    _ block: ConfigurationValue, into leaf: inout LeafNodeOptions
  ) throws(ConfigurationProblem) {
    for (key, value) in try block.requireMap().entries {
      switch key.lowercased() {
      case "user", "username": leaf.user = try value.requireString()
      case "pass", "password": leaf.password = try value.requireString()
      case "nkey":
        leaf.nkey = try value.requireString()
        if !NKey.isValid(leaf.nkey, as: .user) {
          fail("Not a valid public nkey for leafnode authorization", at: value)
        }
      case "timeout":
        leaf.authorizationTimeoutNanoseconds = try authorizationTimeout(
          value, key: key, of: "leafnode authorization")
      case "users":
        do throws(ConfigurationProblem) {
          leaf.users = try leafUsers(value)
        } catch {
          fail(error)
        }
      case "account": leaf.account = try value.requireString()
      case "proxy_required": leaf.proxyRequired = try value.requireBoolean()
      default: unknownField(key, value)
      }
    }
    if let problem = LeafNodeRules.authorizationProblem(leaf) { throw ConfigurationProblem(problem, at: block) }
  }

  private func leafUsers(_ value: ConfigurationValue) throws(ConfigurationProblem) -> [LeafNodeUserOptions] {
    guard let elements = value.array else {
      throw ConfigurationProblem("Expected users field to be an array, got \(value.text)", at: value)
    }
    var result: [LeafNodeUserOptions] = []
    for element in elements {
      guard let map = element.map else {
        fail("Expected user entry to be a map/struct, got \(element.text)", at: element)
        continue
      }
      var user = LeafNodeUserOptions()
      readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
        switch name {
        case "user", "username": user.user = try field.requireString()
        case "pass", "password": user.password = try field.requireString()
        case "account": user.account = try field.requireString()
        case "proxy_required": user.proxyRequired = try field.requireBoolean()
        default: unknownField(key, field)
        }
      }
      result.append(user)
    }
    return result
  }

  // MARK: Remotes

  private func remotes(_ value: ConfigurationValue) throws(ConfigurationProblem) -> [LeafNodeRemoteOptions] {
    guard let elements = value.array else {
      throw ConfigurationProblem("Expected remotes field to be an array, got \(value.typeName)", at: value)
    }
    var names: Set<String> = []
    var result: [LeafNodeRemoteOptions] = []
    for element in elements {
      guard let map = element.map else {
        fail("Expected remote leafnode entry to be a map/struct, got \(element.text)", at: element)
        continue
      }
      let remote = remote(map)
      let proxyValue = map.entries.first { $0.key.lowercased() == "proxy" }?.value
      if let problem = LeafNodeRules.proxyProblem(of: remote) {
        fail(problem, at: proxyValue)
        continue
      }
      guard names.insert(remote.name(redacting: false)).inserted else {
        fail("duplicate remote \(remote.name(redacting: true))", at: map.entries.last?.value ?? element)
        continue
      }
      result.append(remote)
    }
    return result
  }

  private func remote(_ map: ConfigurationMap) -> LeafNodeRemoteOptions {
    var remote = LeafNodeRemoteOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      if try readRemoteIdentity(name, value, into: &remote) { return }
      switch name {
      case "no_randomize", "dont_randomize": remote.noRandomize = try value.requireBoolean()
      case "tls": remote.tls = try tls(value)
      case "hub": remote.hub = try value.requireBoolean()
      case "deny_imports", "deny_import":
        remote.denyImports = try subjects(value, allowQueue: false, at: value)
      case "deny_exports", "deny_export":
        remote.denyExports = try subjects(value, allowQueue: false, at: value)
      case "ws_compress", "ws_compression", "websocket_compress", "websocket_compression":
        remote.webSocketCompression = try value.requireBoolean()
      case "ws_no_masking", "websocket_no_masking": remote.webSocketNoMasking = try value.requireBoolean()
      case "jetstream_cluster_migrate", "js_cluster_migrate": try readMigration(value, into: &remote)
      case "isolate_leafnode_interest", "isolate": remote.isolateInterest = try value.requireBoolean()
      case "request_isolation": remote.requestIsolation = try value.requireBoolean()
      case "compression": remote.compression = try compression(value, key: key, whenOn: .automatic)
      case "first_info_timeout": remote.firstInfoTimeoutNanoseconds = try duration(value, field: key)
      case "dial_timeout": remote.dialTimeoutNanoseconds = try duration(value, field: key)
      case "disabled": remote.disabled = try value.requireBoolean()
      case "proxy": try readProxy(value, into: &remote)
      case "ignore_discovered_servers": remote.ignoreDiscoveredServers = try value.requireBoolean()
      default: unknownField(key, value)
      }
    }
    return remote
  }

  /// Where the remote is, and as whom we connect.
  private func readRemoteIdentity(
    _ name: String, _ value: ConfigurationValue, into remote: inout LeafNodeRemoteOptions
  ) throws(ConfigurationProblem) -> Bool {
    let both = ConfigurationProblem("Remote leafnode can not have both creds and nkey defined", at: value)
    switch name {
    case "url", "urls":
      switch value.content {
      case .array(let elements): remote.urls = try urls(elements, kind: "leafnode")
      case .string(let text): remote.urls.append(try url(text, kind: "leafnode", at: value))
      default:
        throw ConfigurationProblem(
          "Expected remote leafnode url to be an array or string, got \(value.text)", at: value)
      }
    case "account", "local": remote.localAccount = try value.requireString()
    case "creds", "credentials":
      let path = try expandedPath(try value.requireString(), at: value)
      guard remote.nkey.isEmpty else { throw both }
      remote.credentials = path
    case "nkey", "seed":
      let seed = try value.requireString()
      guard let pair = NKey.Pair(seedText: seed), pair.kind == .user else {
        throw ConfigurationProblem("Remote leafnode nkey is not a valid seed: \(GoText.quoted(seed))", at: value)
      }
      guard remote.credentials.isEmpty else { throw both }
      remote.nkey = seed
    default: return false
    }
    return true
  }

  private func readMigration(
    _ value: ConfigurationValue, into remote: inout LeafNodeRemoteOptions
  ) throws(ConfigurationProblem) {
    switch value.content {
    case .boolean(let isOn): remote.jetStreamClusterMigrate = isOn
    case .map(let map):
      remote.jetStreamClusterMigrate = true
      if let delay = map["leader_migrate_delay"] {
        remote.jetStreamClusterMigrateDelayNanoseconds = try duration(delay, field: "leader_migrate_delay")
      }
    default:
      fail("Expected boolean or map for jetstream_cluster_migrate, got \(value.typeName)", at: nil)
    }
  }

  private func readProxy(
    _ value: ConfigurationValue, into remote: inout LeafNodeRemoteOptions
  ) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("Expected proxy to be a map, got \(value.typeName)", at: value)
    }
    var proxy = LeafNodeProxyOptions()
    readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
      switch name {
      case "url": proxy.url = try field.requireString()
      case "username": proxy.user = try field.requireString()
      case "password": proxy.password = try field.requireString()
      case "timeout": proxy.timeoutNanoseconds = try duration(field, field: "proxy timeout")
      case "tls": proxy.tls = try proxyTLS(field)
      default: unknownField(key, field)
      }
    }
    remote.proxy = proxy
  }

  /// The fields of a `tls` block that make sense towards a proxy; nats-server 2.15 knows no others here.
  private static let proxyTLSFields: Set<String> = [
    "cert_file", "key_file", "ca_file", "insecure", "allow_insecure_cipher_suites", "cipher_suites",
    "curve_preferences", "timeout", "cert_store", "cert_match_by", "cert_match", "ca_certs_match",
    "cert_match_skip_invalid", "certs", "certificates", "min_version",
  ]

  private func proxyTLS(_ block: ConfigurationValue) throws(ConfigurationProblem) -> TLSOptions? {
    let unsupported = try block.requireMap().entries.filter { !Self.proxyTLSFields.contains($0.key.lowercased()) }
    for (key, value) in unsupported { fail("\(GoText.quoted(key)) is not supported for proxy TLS", at: value) }
    return unsupported.isEmpty ? try tls(block) : nil
  }

  /// A path with `$NAME` and `${NAME}` from the environment, and a leading `~` for the home directory.
  private func expandedPath(_ path: String, at value: ConfigurationValue) throws(ConfigurationProblem) -> String {
    let expanded = EnvironmentText.expand(path, access.environment)
    guard expanded.hasPrefix("~") else { return expanded }
    guard let home = access.environment("HOME"), !home.isEmpty else {
      throw ConfigurationProblem("failed to get home dir, require $HOME", at: value)
    }
    return PathText.join(home, String(expanded.dropFirst()))
  }
}
