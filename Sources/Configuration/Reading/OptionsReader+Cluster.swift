/// `cluster` and `gateway` (FEATURES 3.106 to 3.137).
extension OptionsReader {
  /// Pings of routes come at least this often.
  static let maximumRoutePingIntervalNanoseconds = 30 * Defaults.second

  func readCluster(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected map to define cluster, got \(block.typeName)", at: block)
    }
    var cluster = options.cluster ?? ClusterOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "name": cluster.name = try nameWithoutSpaces(value, of: "cluster")
      case "listen": (cluster.host, cluster.port) = try listen(value)
      case "port": cluster.port = try value.requireInt()
      case "host", "net": cluster.host = try value.requireString()
      case "authorization": try readClusterAuthorization(value, key: key, into: &cluster)
      case "routes":
        let found = errors.count
        let routes = try urls(try value.requireArray(), kind: "route")
        if errors.count == found { cluster.routes = routes }
      case "tls": cluster.tls = try tls(value, in: .cluster)
      case "cluster_advertise", "advertise": cluster.advertise = try value.requireString()
      case "no_advertise": cluster.noAdvertise = try value.requireBoolean()
      case "connect_retries": cluster.connectRetries = try value.requireInt()
      case "connect_backoff": cluster.connectBackoff = try value.requireBoolean()
      case "permissions": try readClusterPermissions(value, into: &cluster)
      case "pool_size": cluster.poolSize = try value.requireInt()
      case "accounts": cluster.pinnedAccounts = strings(value, field: "accounts") ?? []
      case "compression": cluster.compression = try compression(value, key: key, whenOn: .fast)
      case "ping_interval": try readRoutePingInterval(value, into: &cluster)
      case "ping_max": cluster.maxPingsOutstanding = try value.requireInt()
      case "write_deadline": cluster.writeDeadlineNanoseconds = try duration(value, field: "write_deadline")
      case "write_timeout": cluster.writeTimeout = try writeTimeout(value)
      default: unknownField(key, value)
      }
    }
    options.cluster = cluster
  }

  private func nameWithoutSpaces(
    _ value: ConfigurationValue, of owner: String
  ) throws(ConfigurationProblem) -> String {
    let name = try value.requireString()
    guard !name.contains(" ") else {
      throw ConfigurationProblem("\(owner) name cannot contain spaces", at: value)
    }
    return name
  }

  /// One user with a password is all that servers among each other know.
  private func singleUser(
    _ value: ConfigurationValue, of owner: String
  ) throws(ConfigurationProblem) -> Authorization {
    let result = try authorization(value)
    if result.users != nil {
      throw ConfigurationProblem("\(owner) authorization does not allow multiple users", at: value)
    }
    if !result.token.isEmpty {
      throw ConfigurationProblem("\(owner) authorization does not support tokens", at: value)
    }
    if result.callout != nil {
      throw ConfigurationProblem("\(owner) authorization does not support callouts", at: value)
    }
    return result
  }

  private func readClusterAuthorization(
    _ value: ConfigurationValue, key: String, into cluster: inout ClusterOptions
  ) throws(ConfigurationProblem) {
    let result = try singleUser(value, of: "Cluster")
    cluster.user = result.user
    cluster.password = result.password
    cluster.authorizationTimeoutNanoseconds = result.timeoutNanoseconds
    guard let permissions = result.defaultPermissions else { return }
    if let problem = RoutePermissions(permissions).problem { throw ConfigurationProblem(problem, at: value) }
    warn(
      field: key, "setting \"permissions\" within cluster authorization block is deprecated", at: value)
    // Those of the cluster block itself win.
    if cluster.permissions == nil { cluster.permissions = RoutePermissions(permissions) }
  }

  private func readClusterPermissions(
    _ value: ConfigurationValue, into cluster: inout ClusterOptions
  ) throws(ConfigurationProblem) {
    let permissions = try permissions(value, at: nil)
    if permissions.responses != nil {
      throw ConfigurationProblem("Cluster permissions do not support dynamic responses", at: value)
    }
    if let problem = RoutePermissions(permissions).problem { throw ConfigurationProblem(problem, at: value) }
    cluster.permissions = RoutePermissions(permissions)
  }

  private func readRoutePingInterval(
    _ value: ConfigurationValue, into cluster: inout ClusterOptions
  ) throws(ConfigurationProblem) {
    cluster.pingIntervalNanoseconds = try duration(value, field: "ping_interval")
    if cluster.pingIntervalNanoseconds > Self.maximumRoutePingIntervalNanoseconds {
      let maximum = GoText.duration(Self.maximumRoutePingIntervalNanoseconds)
      warn("Cluster 'ping_interval' will reset to \(maximum) which is the max for routes", at: value)
    }
  }

  // MARK: Gateway

  func readGateway(_ block: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = block.map else {
      throw ConfigurationProblem("Expected gateway to be a map, got \(block.typeName)", at: block)
    }
    var gateway = GatewayOptions()
    readFields(of: map) { [self] (name, key, value) throws(ConfigurationProblem) in
      switch name {
      case "name": gateway.name = try nameWithoutSpaces(value, of: "gateway")
      case "listen": (gateway.host, gateway.port) = try listen(value)
      case "port": gateway.port = try value.requireInt()
      case "host", "net": gateway.host = try value.requireString()
      case "authorization":
        let result = try singleUser(value, of: "Gateway")
        gateway.user = result.user
        gateway.password = result.password
        gateway.authorizationTimeoutNanoseconds = result.timeoutNanoseconds
      case "tls": gateway.tls = try tls(value, in: .cluster)
      case "advertise": gateway.advertise = try value.requireString()
      case "connect_retries": gateway.connectRetries = try value.requireInt()
      case "connect_backoff": gateway.connectBackoff = try value.requireBoolean()
      case "gateways": gateway.gateways = try remoteGateways(value)
      case "reject_unknown", "reject_unknown_cluster": gateway.rejectUnknownCluster = try value.requireBoolean()
      case "write_deadline": gateway.writeDeadlineNanoseconds = try duration(value, field: "write_deadline")
      case "write_timeout": gateway.writeTimeout = try writeTimeout(value)
      default: unknownField(key, value)
      }
    }
    options.gateway = gateway
  }

  private func remoteGateways(_ value: ConfigurationValue) throws(ConfigurationProblem) -> [RemoteGatewayOptions] {
    guard let elements = value.array else {
      throw ConfigurationProblem("Expected gateways field to be an array, got \(value.typeName)", at: nil)
    }
    var result: [RemoteGatewayOptions] = []
    for element in elements {
      guard let map = element.map else {
        fail("Expected gateway entry to be a map/struct, got \(element.text)", at: element)
        continue
      }
      var remote = RemoteGatewayOptions()
      readFields(of: map) { [self] (name, key, field) throws(ConfigurationProblem) in
        switch name {
        case "name": remote.name = try field.requireString()
        case "tls": remote.tls = try tls(field, in: .cluster)
        case "url": remote.urls.append(try url(try field.requireString(), kind: "gateway", at: field))
        case "urls": remote.urls = try urls(try field.requireArray(), kind: "gateway")
        default: unknownField(key, field)
        }
      }
      result.append(remote)
    }
    return result
  }
}

extension RoutePermissions {
  /// `import` is read as publish and `export` as subscribe.
  init(_ permissions: Permissions) {
    importing = permissions.publish
    exporting = permissions.subscribe
  }

  /// Routes know no queue permissions.
  var problem: String? {
    let lists: [(String, [String]?)] = [
      ("import allow", importing?.allow), ("import deny", importing?.deny),
      ("export allow", exporting?.allow), ("export deny", exporting?.deny),
    ]
    for (name, subjects) in lists {
      if let problem = PermissionSubjects.problem(subjects ?? [], allowQueue: false) {
        return "cluster \(name): \(problem)"
      }
    }
    return nil
  }
}
