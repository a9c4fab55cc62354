import Bytes
import Configuration
import JSON

/// The answer of `/varz` (FEATURES 11.025).
struct Varz: Sendable, JSONWritable {
  let info: ServerInfo
  let options: ServerOptions
  let statistics: ServerStatistics
  let requests: [(path: String, count: UInt64)]
  let configurationLoaded: Int64
  let certificateEnds: Int64?
  let systemAccount: String
  /// nil without JetStream.
  let jetStream: (any JSONWritable & Sendable)?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeIdentity(to: &writer)
    writeLimits(to: &writer)
    VarzBlocks(options: options).write(to: &writer)
    writer.key("jetstream")
    (jetStream ?? EmptyObject()).write(to: &writer)
    writeState(to: &writer)
    writeTotals(to: &writer)
    writeConfiguration(to: &writer)
    writeEvents(to: &writer)
    writer.endObject()
  }

  private func writeIdentity(to writer: inout JSONWriter) {
    writer.field("server_id", info.serverID)
    writer.field("server_name", info.serverName)
    writer.field("version", Version.compatibleServer)
    writer.field("proto", 1)
    writer.field("go", ServerInfo.language)
    writer.field("host", info.host)
    writer.field("port", info.port)
    writer.field("auth_required", info.authRequired, omitEmpty: true)
    writer.field("tls_required", info.tlsRequired, omitEmpty: true)
    writer.field("tls_verify", info.tlsVerify, omitEmpty: true)
    writer.field("connect_urls", info.connectURLs, omitEmpty: true)
  }

  private func writeLimits(to writer: inout JSONWriter) {
    writer.field("max_connections", options.maxConnections)
    writer.field("max_subscriptions", options.maxSubscriptions, omitEmpty: true)
    writer.field("ping_interval", options.pingIntervalNanoseconds)
    writer.field("ping_max", options.maxPingsOutstanding)
    writer.field("http_host", options.monitoring.host)
    writer.field("http_port", options.monitoring.port)
    writer.field("http_base_path", options.monitoring.basePath == "/" ? "" : options.monitoring.basePath)
    writer.field("https_port", options.monitoring.tlsPort)
    writer.field("auth_timeout", VarzBlocks.seconds(options.authorization.timeoutNanoseconds))
    writer.field("max_control_line", options.maxControlLine)
    writer.field("max_payload", options.maxPayload)
    writer.field("max_pending", options.maxPending)
  }

  private func writeState(to writer: inout JSONWriter) {
    writer.field(
      "tls_timeout", VarzBlocks.seconds(options.tls?.timeoutNanoseconds ?? Defaults.tlsTimeoutNanoseconds))
    writer.field("write_deadline", options.writeDeadlineNanoseconds)
    writer.field("write_timeout", options.writeTimeout.shown, omitEmpty: true)
    writer.field("start", Timestamp(unixNanoseconds: statistics.start))
    writer.field("now", Timestamp(unixNanoseconds: statistics.now))
    writer.field("uptime", MonitoringText.uptime(nanoseconds: statistics.now - statistics.start))
    writer.field("mem", statistics.memory)
    writer.field("cores", ProcessUsage.processors)
    writer.field("gomaxprocs", ProcessUsage.usableProcessors)
    writer.field("gomemlimit", ProcessUsage.memoryLimit ?? 0, omitEmpty: true)
    writer.field("cpu", statistics.cpuPercent)
  }

  private func writeTotals(to writer: inout JSONWriter) {
    let traffic = statistics.traffic
    writer.field("connections", statistics.connections)
    writer.field("total_connections", statistics.totalConnections)
    writer.field("routes", 0)
    writer.field("remotes", 0)
    writer.field("leafnodes", 0)
    writer.field("in_msgs", traffic.inMessages)
    writer.field("in_bytes", traffic.inBytes)
    writer.field("in_client_msgs", traffic.inMessages)
    writer.field("in_client_bytes", traffic.inBytes)
    writer.field("out_msgs", traffic.outMessages)
    writer.field("out_bytes", traffic.outBytes)
    writer.field("out_client_msgs", traffic.outMessages)
    writer.field("out_client_bytes", traffic.outBytes)
    writer.field("slow_consumers", statistics.slowConsumers)
    writer.field("stale_connections", statistics.staleConnections)
    writer.field("stalled_clients", statistics.stalls)
    writer.field("subscriptions", statistics.subscriptions)
    writer.key("http_req_stats")
    writer.beginObject()
    for request in requests {
      writer.key(request.path)
      writer.value(request.count)
    }
    writer.endObject()
  }

  private func writeConfiguration(to writer: inout JSONWriter) {
    writer.field("config_load_time", Timestamp(unixNanoseconds: configurationLoaded))
    writer.field("config_digest", options.configurationDigest)
    writer.field("tags", options.serverTags, omitEmpty: true)
    writer.map("metadata", options.serverMetadata)
    writer.flags("feature_flags", FeatureFlags.merged(options.featureFlags))
    writer.field("system_account", systemAccount, omitEmpty: true)
  }

  private func writeEvents(to writer: inout JSONWriter) {
    writer.peers("slow_consumer_stats", clients: statistics.slowConsumers)
    writer.peers("stale_connection_stats", clients: statistics.staleConnections)
    // Nothing waits for disks while nothing is stored.
    writer.key("disk_io_wait_stats")
    writer.beginObject()
    writer.field("waiters", 0)
    writer.field("waits", 0)
    writer.field("wait_time", 0)
    writer.field("max_wait_time", 0)
    writer.endObject()
    if let proxies = options.trustedProxies {
      writer.key("proxies")
      writer.beginObject()
      if !proxies.isEmpty {
        writer.key("trusted")
        writer.beginArray()
        for proxy in proxies {
          writer.beginObject()
          writer.field("key", proxy)
          writer.endObject()
        }
        writer.endArray()
      }
      writer.endObject()
    }
    if let certificateEnds {
      writer.field("tls_cert_not_after", Timestamp(seconds: certificateEnds))
    }
  }
}

/// Switches of nats-server, with the values that its release has; the configuration may change those it knows.
enum FeatureFlags {
  static let defaults = [
    "js_ack_fc_v2": false, "js_api_reply_v2": false, "js_raft_delete_range": true, "js_snapshot_sources": false,
  ]

  static func merged(_ configured: [String: Bool]) -> [String: Bool] {
    defaults.merging(configured.filter { defaults[$0.key] != nil }) { _, new in new }
  }
}

extension JSONWriter {
  mutating func map(_ name: StaticString, _ members: [String: String]) {
    map(name, members) { $0.value($1) }
  }

  mutating func flags(_ name: StaticString, _ members: [String: Bool]) {
    map(name, members) { $0.value($1) }
  }

  /// Sorted by key; left out when empty.
  private mutating func map<Value>(
    _ name: StaticString, _ members: [String: Value], _ write: (inout JSONWriter, Value) -> Void
  ) {
    if members.isEmpty { return }
    key(name)
    beginObject()
    for (name, value) in members.sorted(by: { $0.key < $1.key }) {
      key(name)
      write(&self, value)
    }
    endObject()
  }

  /// A count by kind of connection (FEATURES 11.036, 11.037).
  mutating func peers(_ name: StaticString, clients: UInt64) {
    key(name)
    beginObject()
    field("clients", clients)
    field("routes", 0)
    field("gateways", 0)
    field("leafs", 0)
    endObject()
  }
}

extension WriteTimeoutPolicy {
  fileprivate var shown: String { self == .default ? "" : rawValue }
}

extension Monitor {
  func varz() -> Varz {
    let settings = server.settings
    return Varz(
      info: server.info, options: settings.options, statistics: statistics, requests: requests.all,
      configurationLoaded: server.configurationWall, certificateEnds: settings.certificateEnds,
      systemAccount: settings.systemAccount?.name ?? "",
      jetStream: server.jetStream?.summary(showsDirectory: true))
  }
}
