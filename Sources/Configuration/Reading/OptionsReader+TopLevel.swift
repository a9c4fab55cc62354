/// The top level of a configuration (FEATURES 3.032 to 3.105).
extension OptionsReader {
  func read(_ root: ConfigurationMap, path: String) {
    if root.entries.isEmpty { warn("\(path): config has no values or is empty", at: nil) }
    readSystemAccount(root)
    readFields(of: root) { [self] (name, key, value) throws(ConfigurationProblem) in
      if try readGeneral(name, value) { return }
      if try readLimits(name, key, value) { return }
      if try readLogging(name, value) { return }
      if try readMonitoring(name, value) { return }
      if try readSecurity(name, value) { return }
      if try readBlock(name, value) { return }
      unknownField(key, value)
    }
    checkCalloutAccounts()
  }

  /// Read before everything else, because other blocks depend on it.
  private func readSystemAccount(_ root: ConfigurationMap) {
    guard let value = root["system_account"] ?? root["system"] else { return }
    guard let name = value.string else { return fail("system account name must be a string", at: value) }
    options.systemAccount = name
  }

  private func checkCalloutAccounts() {
    guard let callout = options.authorization.callout else { return }
    let names = Set(options.accounts.map(\.name))
    for account in callout.allowedAccounts where !names.contains(account) {
      fail("auth_callout allowed account \(GoText.quoted(account)) not found in configured accounts", at: nil)
    }
  }

  private func readGeneral(_ name: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "listen": (options.host, options.port) = try listen(value)
    case "client_advertise": options.clientAdvertise = try value.requireString()
    case "port": options.port = try value.requireInt()
    case "host", "net": options.host = try value.requireString()
    case "server_name":
      let text = try value.requireString()
      guard !text.contains(" ") else {
        throw ConfigurationProblem("server name cannot contain spaces", at: value)
      }
      options.serverName = text
    case "server_tags": try readTags(value)
    case "server_metadata": try readMetadata(value)
    case "feature_flags": try readFeatureFlags(value)
    case "pidfile", "pid_file": options.pidFile = try value.requireString()
    case "ports_file_dir": options.portsFileDirectory = try value.requireString()
    case "config_watch": options.watchesConfiguration = try value.requireBoolean()
    case "prof_port": options.profilePort = try value.requireInt()
    case "prof_block_rate": options.profileBlockRate = try value.requireInt()
    case "disable_sublist_cache", "no_sublist_cache": options.noSublistCache = try value.requireBoolean()
    case "no_header_support": options.noHeaderSupport = try value.requireBoolean()
    case "no_fast_producer_stall": options.noFastProducerStall = try value.requireBoolean()
    case "proxy_protocol": options.proxyProtocol = try value.requireBoolean()
    case "allow_non_tls": options.allowNonTLS = try value.requireBoolean()
    default: return false
    }
    return true
  }

  private func readLimits(
    _ name: String, _ key: String, _ value: ConfigurationValue
  ) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "max_control_line": options.maxControlLine = try int32(value, key: key)
    case "max_payload": options.maxPayload = try int32(value, key: key)
    case "max_pending": options.maxPending = try value.requireInteger()
    case "max_connections", "max_conn":
      let number = try value.requireInt()
      options.maxConnections = number == 0 ? -1 : number
    case "max_subscriptions", "max_subs": options.maxSubscriptions = try value.requireInt()
    case "max_sub_tokens", "max_subscription_tokens":
      let number = try value.requireInt()
      guard number <= Int(UInt8.max) else { throw ConfigurationProblem("\(key) value is too big", at: value) }
      guard number > 0 else { throw ConfigurationProblem("\(key) value can not be negative", at: value) }
      options.maxSubscriptionTokens = number
    case "max_closed_clients": options.maxClosedClients = try value.requireInt()
    case "ping_interval":
      options.pingIntervalNanoseconds = try duration(value, field: "ping_interval")
    case "ping_max": options.maxPingsOutstanding = try value.requireInt()
    case "write_deadline":
      options.writeDeadlineNanoseconds = try duration(value, field: "write_deadline")
    case "write_timeout": options.writeTimeout = try writeTimeout(value)
    case "lame_duck_duration": try readLameDuckDuration(value)
    case "lame_duck_grace_period": try readLameDuckGracePeriod(value)
    case "connect_error_reports": options.connectErrorReports = try value.requireInt()
    case "reconnect_error_reports": options.reconnectErrorReports = try value.requireInt()
    default: return false
    }
    return true
  }

  private func readLogging(_ name: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "debug": options.log.debug = try value.requireBoolean()
    case "trace": options.log.trace = try value.requireBoolean()
    case "trace_verbose":
      options.log.traceVerbose = try value.requireBoolean()
      options.log.trace = options.log.traceVerbose
    case "trace_headers":
      options.log.traceHeaders = try value.requireBoolean()
      options.log.trace = options.log.traceHeaders
    case "logtime": options.log.time = try value.requireBoolean()
    case "logtime_utc": options.log.timeInUTC = try value.requireBoolean()
    case "logfile", "log_file": options.log.file = try value.requireString()
    case "logfile_size_limit", "log_size_limit": options.log.sizeLimit = try value.requireInteger()
    case "logfile_max_num", "log_max_num": options.log.maxFiles = try value.requireInteger()
    case "syslog": options.log.syslog = try value.requireBoolean()
    case "remote_syslog": options.log.remoteSyslog = try value.requireString()
    case "log_format":
      let name = try value.requireString()
      guard let format = LogLineFormat(rawValue: name.lowercased()) else {
        throw ConfigurationProblem("log_format should be \"text\" or \"json\", got \(GoText.quoted(name))", at: value)
      }
      options.log.format = format
    case "max_traced_msg_len": options.log.maxTracedMessageLength = try value.requireInt()
    default: return false
    }
    return true
  }

  private func readMonitoring(_ name: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "http": (options.monitoring.host, options.monitoring.port) = try listen(value)
    case "https": (options.monitoring.host, options.monitoring.tlsPort) = try listen(value)
    case "http_port", "monitor_port": options.monitoring.port = try value.requireInt()
    case "https_port": options.monitoring.tlsPort = try value.requireInt()
    case "http_base_path": options.monitoring.basePath = try value.requireString()
    default: return false
    }
    return true
  }

  private func readSecurity(_ name: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "tls": options.tls = try tls(value)
    case "ocsp": try readOCSP(value)
    case "ocsp_cache": try readOCSPCache(value)
    case "authorization": try readAuthorization(value)
    case "accounts": readAccounts(value)
    case "mappings", "maps": readGlobalMappings(value)
    case "no_auth_user": options.noAuthUser = try value.requireString()
    case "system_account", "system": break
    case "no_system_account", "no_system", "no_sys_acc": options.noSystemAccount = try value.requireBoolean()
    case "default_sentinel": options.operatorMode.defaultSentinel = try value.requireString()
    case "operator", "operators", "roots", "root", "root_operators", "root_operator": readOperators(value)
    case "resolver", "account_resolver", "accounts_resolver": try readResolver(value)
    case "resolver_tls": options.operatorMode.resolverTLS = try tls(value)
    case "resolver_preload": try readResolverPreload(value)
    case "resolver_pinned_accounts": try readResolverPinnedAccounts(value)
    case "trusted", "trusted_keys": readTrustedKeys(value)
    case "proxies": try readProxies(value)
    default: return false
    }
    return true
  }

  private func readBlock(_ name: String, _ value: ConfigurationValue) throws(ConfigurationProblem) -> Bool {
    switch name {
    case "cluster": try readCluster(value)
    case "gateway": try readGateway(value)
    case "leaf", "leafnodes": try readLeafNodes(value)
    case "jetstream": try readJetStream(value)
    case "store_dir", "storedir":
      guard options.jetStream.storeDirectory.isEmpty else {
        throw ConfigurationProblem("Duplicate 'store_dir' configuration", at: value)
      }
      options.jetStream.storeDirectory = try value.requireString()
    case "default_js_domain": try readDefaultDomains(value)
    case "websocket", "ws": try readWebSocket(value)
    case "mqtt": try readMQTT(value)
    default: return false
    }
    return true
  }

  // MARK: Single options with rules

  private func int32(_ value: ConfigurationValue, key: String) throws(ConfigurationProblem) -> Int {
    let number = try value.requireInteger()
    guard number <= Int64(Int32.max) else { throw ConfigurationProblem("\(key) value is too big", at: value) }
    return Int(Int32(truncatingIfNeeded: number))
  }

  private func readLameDuckDuration(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    switch plainDuration(try value.requireString()) {
    case .failure(let failure):
      throw ConfigurationProblem("error parsing lame_duck_duration: \(failure.description)", at: value)
    case .success(let nanoseconds):
      guard nanoseconds >= 30 * Defaults.second else {
        throw ConfigurationProblem(
          "invalid lame_duck_duration of \(GoText.duration(nanoseconds)), minimum is 30 seconds", at: value)
      }
      options.lameDuckDurationNanoseconds = nanoseconds
    }
  }

  private func readLameDuckGracePeriod(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    switch plainDuration(try value.requireString()) {
    case .failure(let failure):
      throw ConfigurationProblem("error parsing lame_duck_grace_period: \(failure.description)", at: value)
    case .success(let nanoseconds):
      guard nanoseconds >= 0 else {
        throw ConfigurationProblem("invalid lame_duck_grace_period, needs to be positive", at: value)
      }
      options.lameDuckGracePeriodNanoseconds = nanoseconds
    }
  }

  /// Tags are kept in lower case, each once.
  private func readTags(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    func add(_ tag: String) {
      let tag = tag.trimmingSpaces().lowercased()
      if !tag.isEmpty, !options.serverTags.contains(tag) { options.serverTags.append(tag) }
    }
    switch value.content {
    case .string(let text): add(text)
    case .array(let elements):
      for element in elements {
        guard let text = element.string else {
          throw ConfigurationProblem(
            "error parsing tags: unsupported type *conf.token where string is expected", at: value)
        }
        add(text)
      }
    default: throw ConfigurationProblem("error parsing tags: unsupported type \(value.typeName)", at: value)
    }
  }

  private func readMetadata(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("error parsing metadata: unsupported type \(value.typeName)", at: value)
    }
    readFields(of: map) { [self] (_, key, field) throws(ConfigurationProblem) in
      options.serverMetadata[key] = try field.requireString()
    }
  }

  private func readFeatureFlags(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("error parsing feature flags: unsupported type \(value.typeName)", at: value)
    }
    readFields(of: map) { [self] (_, key, field) throws(ConfigurationProblem) in
      guard let flag = field.boolean else {
        throw ConfigurationProblem(
          "error parsing feature flag \(GoText.quoted(key)): expected bool, got \(field.typeName)", at: field)
      }
      options.featureFlags[key] = flag
    }
  }

  private func readDefaultDomains(_ value: ConfigurationValue) throws(ConfigurationProblem) {
    guard let map = value.map else {
      throw ConfigurationProblem("error default_js_domain config: unsupported type \(value.typeName)", at: value)
    }
    var domains: [String: String] = [:]
    for (account, domain) in map.entries { domains[account] = try domain.requireString(blaming: value) }
    options.jetStream.defaultDomains = domains
  }
}
