import Testing

@testable import Configuration

/// A configuration, and what holds of its options.
private struct Row: Sendable {
  let text: String
  let holds: @Sendable (ServerOptions) -> Bool

  init(_ text: String, _ holds: @escaping @Sendable (ServerOptions) -> Bool) {
    self.text = text
    self.holds = holds
  }
}

@Suite("Options")
struct OptionsTests {
  @Test("Without a file everything has its default (FEATURES 3.032 to 3.105)")
  func defaults() throws {
    let options = try started("# nothing\n")
    var expected = ServerOptions()
    expected.configurationFile = options.configurationFile
    expected.configurationDigest = options.configurationDigest
    #expect(options == expected)
    #expect(options.port == 4222)
    #expect(options.maxPayload == 1_048_576)
    #expect(options.authorization.timeoutNanoseconds == 2_000_000_000)
  }

  fileprivate static let topLevelRows: [Row] = [
    Row("listen: 'localhost:4333'", { $0.host == "localhost" && $0.port == 4333 }),
    Row("listen: 4333", { $0.host == "0.0.0.0" && $0.port == 4333 }),
    Row("net: 127.0.0.1\nport: -1", { $0.host == "127.0.0.1" && $0.port == 0 }),
    Row("host: a\nhttp_port: 8222", { $0.monitoring.host == "a" && $0.monitoring.port == 8222 }),
    Row("http: 'b:1'\nhttps_port: 2", { $0.monitoring.host == "b" && $0.monitoring.tlsPort == 2 }),
    Row("http_base_path: a/", { $0.monitoring.normalizedBasePath == "/a" }),
    Row("max_payload: 8MB", { $0.maxPayload == 8_388_608 }),
    Row(
      "max_payload: 0\nping_interval: '0s'",
      { $0.maxPayload == 1 << 20 && $0.pingIntervalNanoseconds == 120 * second }),
    Row("max_conn: 0", { $0.maxConnections == -1 }),
    Row("max_subs: 7\nmax_sub_tokens: 9", { $0.maxSubscriptions == 7 && $0.maxSubscriptionTokens == 9 }),
    Row(
      "ping_interval: '1m30s'\nping_max: 3",
      { $0.pingIntervalNanoseconds == 90 * second && $0.maxPingsOutstanding == 3 }
    ),
    Row(
      "write_deadline: '3s'\nwrite_timeout: retry",
      { $0.writeDeadlineNanoseconds == 3 * second && $0.writeTimeout == .retry }
    ),
    Row("trace_verbose: true", { $0.log.trace && $0.log.traceVerbose }),
    Row(
      "logfile: x\nlog_size_limit: 1k\nlogtime: no",
      { $0.log.file == "x" && $0.log.sizeLimit == 1000 && !$0.log.time }),
    Row("server_tags: [A, ' b ', a]", { $0.serverTags == ["a", "b"] }),
    Row(
      "server_metadata { a: b }\nfeature_flags { x: true }",
      { $0.serverMetadata == ["a": "b"] && $0.featureFlags == ["x": true] }
    ),
    Row("lame_duck_duration: '40s'", { $0.lameDuckDurationNanoseconds == 40 * second }),
    Row("no_system: true\nno_fast_producer_stall: true", { $0.noSystemAccount && $0.noFastProducerStall }),
    Row("pidfile: a\nports_file_dir: b", { $0.pidFile == "a" && $0.portsFileDirectory == "b" }),
  ]

  @Test("Top level", arguments: topLevelRows.indices)
  func topLevel(index: Int) throws {
    let row = Self.topLevelRows[index]
    #expect(try row.holds(started(row.text)), "\(row.text)")
  }

  fileprivate static let securityRows: [Row] = [
    Row(
      "authorization { user: a, password: b, timeout: 0.5 }",
      { $0.authorization.user == "a" && $0.authorization.timeoutNanoseconds == 500_000_000 }
    ),
    Row("authorization { token: \"$2a$11$x\" }", { $0.authorization.token == "$2a$11$x" }),
    Row(
      "authorization { default_permissions { publish: a }\n "
        + "users: [ {user: x}, {user: y, permissions {subscribe: 'b q'}} ] }",
      {
        $0.authorization.users.map(\.permissions?.publish?.allow) == [["a"], nil]
          && $0.authorization.users[1].permissions?.subscribe?.allow == ["b q"]
      }
    ),
    Row(
      "authorization { users: [ {user: a, permissions {publish {deny: x}, allow_responses: true}} ] }",
      {
        let permissions = $0.authorization.users[0].permissions
        return permissions?.publish == SubjectPermission(allow: [], deny: ["x"])
          && permissions?.responses?.maxMessages == 1 && permissions?.responses?.expiresNanoseconds == 120 * second
      }
    ),
    Row(
      "authorization { users: [ {nkey: \(userKey), connection_types: [mqtt, Standard], proxy_required: true} ] }",
      {
        $0.authorization.nkeyUsers[0].allowedConnectionTypes == [.mqtt, .standard]
          && $0.authorization.nkeyUsers[0].proxyRequired
      }
    ),
    Row(
      "accounts { A { nkey: \(accountKey), users: [ {user: a, password: b} ], limits {max_conn: 3} }, B {} }",
      {
        $0.accounts.map(\.name) == ["A", "B"] && $0.accounts[0].limits.maxConnections == 3
          && $0.accounts[0].limits.maxSubscriptions == -1 && $0.hasUser("a")
      }
    ),
    Row(
      "accounts { A { exports: [ {service: q, threshold: '1s', accounts: [B], latency {sampling: '10%', subject: l}} ] }\n "
        + "B {imports: [ {service {account: A, subject: q}, to: r, share: true} ] } }",
      {
        let service = $0.accounts[0].serviceExports.first
        return service?.responseThresholdNanoseconds == second && service?.accounts == ["B"]
          && service?.latency?.sampling == 10
          && $0.accounts[1].serviceImports[0].to == "r" && $0.accounts[1].serviceImports[0].share
      }
    ),
    Row(
      "mappings { a: [ {dest: b, weight: 30%}, {dest: c, weight: 20, cluster: x} ] }",
      {
        $0.accounts[0].name == "$G"
          && $0.accounts[0].mappings[0].destinations
            == [
              MappingDestination(subject: "b", weight: 30), MappingDestination(subject: "c", weight: 20, cluster: "x"),
            ]
      }
    ),
    Row(
      "accounts { A { msg_trace {dest: t, sampling: '5%'} } }",
      { $0.accounts[0].messageTrace == MessageTraceOptions(destination: "t", sampling: 5) }
    ),
    Row(
      "tls { cert_file: c, key_file: k, ca_file: c, verify_and_map: true, timeout: 3, "
        + "min_version: \"1.3\", first: auto }",
      {
        $0.tls?.verify == true && $0.tls?.minimumVersion == .tls13
          && $0.tls?.handshakeFirst == .auto(fallbackNanoseconds: 50_000_000)
          && $0.authorization.timeoutNanoseconds == 4 * second
      }
    ),
  ]

  @Test("Users, accounts, TLS (FEATURES 3.210 to 3.280)", arguments: securityRows.indices)
  func security(index: Int) throws {
    let row = Self.securityRows[index]
    let files = ["c": "-----BEGIN CERTIFICATE-----", "k": "-----BEGIN KEY-----"]
    #expect(try row.holds(started(row.text, files: files)), "\(row.text)")
  }

  fileprivate static let blocksRows: [Row] = [
    Row(
      "cluster { listen: 'a:6222', routes: ['nats://u:p@b:1'], pool_size: 5, compression: on, accounts: [X] }",
      {
        $0.cluster?.routes == [ServerURL(scheme: "nats", user: "u", password: "p", host: "b", port: 1)]
          && $0.cluster?.compression.mode == .fast && $0.cluster?.pinnedAccounts == ["X", "$SYS"]
      }
    ),
    Row(
      "leafnodes { remotes: [ {url: 'nats-leaf://a', compression {mode: auto, rtts: ['5ms', '0s']}} ] }",
      {
        let remote = $0.leafNodes?.remotes.first
        return remote?.urls.first?.port == 7422 && remote?.localAccount == "$G"
          && remote?.compression.roundTripThresholdsNanoseconds == [5_000_000]
          && remote?.firstInfoTimeoutNanoseconds == second
      }
    ),
    Row(
      "jetstream { max_mem: '1G', sync: always, cipher: aes, info_queue_limit: 0, request_queue_limit: 5 }",
      {
        $0.jetStream.enabled && $0.jetStream.maxMemory == 1 << 30 && $0.jetStream.syncAlways
          && $0.jetStream.cipher == .aes && $0.jetStream.infoQueueLimit == 5
      }
    ),
    Row("websocket { port: 8443, no_tls: true, headers {A: b} }", { $0.webSocket?.headers == ["A": "b"] }),
    Row("jetstream: enabled\nmqtt { port: 1883, max_inflight: 10 }", { $0.mqtt?.maxAckPending == 10 }),
    Row("server_name: s\ngateway { name: G, port: 7222 }", { $0.gateway?.host == "0.0.0.0" }),
  ]

  @Test("Blocks of features to come (FEATURES 3.106 to 3.209, 3.281 to 3.317)", arguments: blocksRows.indices)
  func blocks(index: Int) throws {
    let row = Self.blocksRows[index]
    #expect(try row.holds(started(row.text)), "\(row.text)")
  }

  @Test("Configured features that this build lacks are named, each once")
  func unsupported() throws {
    #expect(unsupportedFeatures(in: ServerOptions()) == [])
    #expect(unsupportedFeatures(in: try started("jetstream: true\nocsp: false")) == [])
    let rows = [
      ("jetstream { key: secret }", "encryption of jetstream"), ("cluster { port: 6222 }", "cluster"),
      ("leafnodes {}", "leafnodes"),
      ("gateway { name: A, port: 1 }", "gateway"), ("websocket { no_tls: true }", "websocket"), ("mqtt {}", "mqtt"),
      ("proxy_protocol: true", "proxy_protocol"), ("ocsp: true", "ocsp"), ("proxies { trusted: [] }", "proxies"),
      ("resolver: MEM", "resolver"), ("ocsp_cache: true", "ocsp_cache"),
      ("authorization { users: [ {user: a, proxy_required: true} ] }", "proxy_required"),
    ]
    for (text, name) in rows {
      let lines = unsupportedFeatures(in: try started(text))
      #expect(lines == ["\(name) is configured, but this build does not support it yet"], "\(text)")
    }
  }
}

let second: Int64 = 1_000_000_000
