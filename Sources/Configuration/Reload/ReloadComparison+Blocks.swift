/// The blocks: clusters, gateways, leaf nodes, JetStream, WebSocket, MQTT (FEATURES 3.323 to 3.328).
extension ReloadComparison {
  mutating func compareCluster() throws(ReloadPlan.Refusal) {
    var before = old.cluster ?? ClusterOptions()
    var after = new.cluster ?? ClusterOptions()
    // Routes are a field of their own.
    before.routes = []
    after.routes = []
    guard before != after else { return }
    if before.host != after.host {
      throw refusal("cluster host", before.host, after.host)
    }
    if before.port != after.port {
      throw refusal("cluster port", "\(before.port)", "\(after.port)")
    }
    add(.cluster)
  }

  func compareGateway() throws(ReloadPlan.Refusal) {
    let before = old.gateway.map(\.withoutTLS) ?? GatewayOptions()
    let after = new.gateway.map(\.withoutTLS) ?? GatewayOptions()
    guard before != after else { return }
    throw refusal(
      "Gateway", "{\(before.name) \(before.host) \(before.port)}", "{\(after.name) \(after.host) \(after.port)}")
  }

  mutating func compareLeafNodes() throws(ReloadPlan.Refusal) {
    let before = old.leafNodes ?? LeafNodeOptions()
    let after = new.leafNodes ?? LeafNodeOptions()
    guard before != after else { return }
    if before.users != after.users {
      throw leafRefusal("Users", "\(before.users.map(\.user))", "\(after.users.map(\.user))")
    }
    try compareLeafListener(before, after)
    if before.tls?.handshakeFirst ?? .off != after.tls?.handshakeFirst ?? .off {
      add(.leafNodeHandshakeFirst(after.tls?.handshakeFirst ?? .off))
    }
    if before.compression != after.compression { add(.leafNodeCompression(after.compression)) }
    try compareRemotes(before.remotes, after.remotes)
  }

  private func leafRefusal(_ field: String, _ before: String, _ after: String) -> ReloadPlan.Refusal {
    ReloadPlan.Refusal(
      text: "config reload not supported for LeafNode: field \"\(field)\": old=\(before), new=\(after)")
  }

  private func compareLeafListener(
    _ before: LeafNodeOptions, _ after: LeafNodeOptions
  ) throws(ReloadPlan.Refusal) {
    func fixed<Value: Equatable>(
      _ field: String, _ path: KeyPath<LeafNodeOptions, Value>, _ shown: (Value) -> String = { "\($0)" }
    ) throws(ReloadPlan.Refusal) {
      if before[keyPath: path] != after[keyPath: path] {
        throw leafRefusal(field, shown(before[keyPath: path]), shown(after[keyPath: path]))
      }
    }
    try fixed("Host", \.host)
    try fixed("Port", \.port)
    try fixed("Username", \.user)
    try fixed("Password", \.password) { $0.isEmpty ? "" : "[REDACTED]" }
    try fixed("ProxyRequired", \.proxyRequired)
    try fixed("Nkey", \.nkey)
    try fixed("Account", \.account)
    try fixed("AuthTimeout", \.authorizationTimeoutNanoseconds) { GoText.seconds($0) }
    try fixed("TLSTimeout", \.tls?.timeoutNanoseconds) { GoText.seconds($0 ?? 0) }
    try fixed("TLSMap", \.tls?.verifyAndMap) { "\($0 ?? false)" }
    try fixed("TLSPinnedCerts", \.tls?.pinnedCertificates) { GoText.list(($0 ?? []).sorted()) }
    try fixed("Advertise", \.advertise)
    try fixed("NoAdvertise", \.noAdvertise)
    try fixed("ReconnectInterval", \.reconnectIntervalNanoseconds) { GoText.duration($0) }
    try fixed("WriteDeadline", \.writeDeadlineNanoseconds) { GoText.duration($0) }
    try fixed("WriteTimeout", \.writeTimeout) { $0 == .default ? "" : $0.rawValue }
    try fixed("MinVersion", \.minimumVersion)
    try fixed("IsolateLeafnodeInterest", \.isolateInterest)
    try fixed("DialTimeout", \.dialTimeoutNanoseconds) { GoText.duration($0) }
  }

  /// Remotes come and go; one that stays may change its TLS, its compression and whether it is disabled.
  private mutating func compareRemotes(
    _ before: [LeafNodeRemoteOptions], _ after: [LeafNodeRemoteOptions]
  ) throws(ReloadPlan.Refusal) {
    let newByName = Dictionary(after.map { ($0.name(redacting: false), $0) }, uniquingKeysWith: { $1 })
    let oldNames = Set(before.map { $0.name(redacting: false) })
    for remote in before {
      guard let now = newByName[remote.name(redacting: false)] else {
        add(.leafNodeRemoteRemoved(remote))
        continue
      }
      guard now != remote else { continue }
      guard now.fixedPart == remote.fixedPart else {
        throw ReloadPlan.Refusal(
          text: "config reload not supported for LeafNode: remote \(now.name(redacting: true)): changed")
      }
      add(.leafNodeRemoteChanged(now))
    }
    for remote in after where !oldNames.contains(remote.name(redacting: false)) {
      add(.leafNodeRemoteAdded(remote))
    }
  }

  // MARK: JetStream

  mutating func compareJetStream() throws(ReloadPlan.Refusal) {
    live(\.jetStream.enabled) { .jetStream($0) }
    try fixed("NoJetStreamStrict", \.jetStream.strict) { "\(!$0)" }
    let lostLimits = try compareJetStreamSizes()
    try fixed("JetStreamDomain", \.jetStream.domain)
    try fixed("JetStreamExtHint", \.jetStream.extensionHint)
    try fixed("JetStreamKey", \.jetStream.key) { $0.isEmpty ? "" : "[REDACTED]" }
    try fixed("JetStreamOldKey", \.jetStream.previousKey) { $0.isEmpty ? "" : "[REDACTED]" }
    try fixed("JetStreamCipher", \.jetStream.cipher) { $0.rawValue }
    try fixed("JetStreamUniqueTag", \.jetStream.uniqueTag)
    live(\.jetStream.limits) { _ in .jetStreamLimits }
    try fixed("JetStreamTpm", \.jetStream.tpm) {
      // Between file and register stand the passwords.
      "{\($0?.keysFile ?? "")   \($0?.pcr ?? 0)}"
    }
    try fixed("JetStreamMaxCatchup", \.jetStream.maxCatchup)
    try fixed("JetStreamRequestQueueLimit", \.jetStream.requestQueueLimit)
    try fixed("JetStreamInfoQueueLimit", \.jetStream.infoQueueLimit)
    if new.jetStream.enabled { try fixed("JetStreamConcurrentIOs", \.jetStream.maxConcurrentIO) }
    try fixed("StreamMaxBufferedMsgs", \.jetStream.maxBufferedMessages)
    try fixed("StreamMaxBufferedSize", \.jetStream.maxBufferedSize)
    try compareStore(lostLimits: lostLimits)
    try fixed("SyncInterval", \.jetStream.syncIntervalNanoseconds) { GoText.duration($0) }
    try fixed("SyncAlways", \.jetStream.syncAlways)
    try fixed("JsAccDefaultDomain", \.jetStream.defaultDomains) { GoText.map($0) }
  }

  /// Sizes may be raised. Whether one was taken away is answered, for that is refused only if JetStream stays.
  private mutating func compareJetStreamSizes() throws(ReloadPlan.Refusal) -> Bool {
    guard old.jetStream.enabled else { return false }
    var lost = false
    var raised: (memory: Int64?, store: Int64?) = (nil, nil)
    for (isMemory, before, after) in [
      (true, old.jetStream.maxMemory, new.jetStream.maxMemory),
      (false, old.jetStream.maxStore, new.jetStream.maxStore),
    ] where before != after {
      if before == -1 {
        throw ReloadPlan.Refusal(text: "config reload not supported for jetstream dynamic max memory and store")
      } else if after == -1 {
        lost = true
      } else if after < before {
        throw ReloadPlan.Refusal(text: "config reload not supported for decreasing jetstream max memory and store")
      } else if isMemory {
        raised.memory = after
      } else {
        raised.store = after
      }
    }
    if raised.memory != nil || raised.store != nil {
      add(.jetStreamSizes(maxMemory: raised.memory, maxStore: raised.store))
    }
    return lost
  }

  private func compareStore(lostLimits: Bool) throws(ReloadPlan.Refusal) {
    guard old.jetStream.enabled else { return }
    let isMoved = old.jetStream.storeDirectory != new.jetStream.storeDirectory
    if isMoved, !new.jetStream.storeDirectory.isEmpty {
      throw ReloadPlan.Refusal(text: "config reload not supported for jetstream storage directory")
    }
    guard new.jetStream.enabled else { return }
    if lostLimits {
      throw ReloadPlan.Refusal(text: "config reload not supported for jetstream max memory and max store")
    }
    if isMoved { throw ReloadPlan.Refusal(text: "config reload not supported for jetstream storage dir") }
  }

  // MARK: WebSocket, MQTT

  func compareWebSocket() throws(ReloadPlan.Refusal) {
    var before = old.webSocket ?? WebSocketOptions()
    var after = new.webSocket ?? WebSocketOptions()
    before.tls = nil
    after.tls = nil
    if before != after {
      throw refusal("Websocket", "{\(before.host) \(before.port)}", "{\(after.host) \(after.port)}")
    }
  }

  mutating func compareMQTT() throws(ReloadPlan.Refusal) {
    let before = old.mqtt ?? MQTTOptions()
    let after = new.mqtt ?? MQTTOptions()
    guard before != after else { return }
    guard before.fixedPart == after.fixedPart else {
      throw refusal("MQTT", "{\(before.host) \(before.port)}", "{\(after.host) \(after.port)}")
    }
    let values = [
      ("ack_wait", GoText.duration(after.ackWaitNanoseconds)), ("max_ack_pending", "\(after.maxAckPending)"),
      ("stream_replicas", "\(after.streamReplicas)"), ("consumer_replicas", "\(after.consumerReplicas)"),
      ("consumer_memory_storage", "\(after.consumerMemoryStorage)"),
      ("consumer_inactive_threshold", GoText.duration(after.consumerInactiveThresholdNanoseconds)),
    ]
    for (name, value) in values { add(.mqtt(name: name, value: value)) }
  }
}

extension GatewayOptions {
  fileprivate var withoutTLS: GatewayOptions {
    var part = self
    part.tls = nil
    for index in part.gateways.indices { part.gateways[index].tls = nil }
    part.gateways.sort { $0.name < $1.name }
    return part
  }
}

extension LeafNodeRemoteOptions {
  /// What a remote cannot change without becoming another.
  fileprivate var fixedPart: LeafNodeRemoteOptions {
    var part = self
    part.compression = CompressionOptions()
    part.disabled = false
    part.tls = nil
    return part
  }
}

extension MQTTOptions {
  fileprivate var fixedPart: MQTTOptions {
    var part = self
    part.tls = nil
    part.ackWaitNanoseconds = 0
    part.maxAckPending = 0
    part.streamReplicas = 0
    part.consumerReplicas = 0
    part.consumerMemoryStorage = false
    part.consumerInactiveThresholdNanoseconds = 0
    return part
  }
}
