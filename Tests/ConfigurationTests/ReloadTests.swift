import Testing

@testable import Configuration

@Suite("Reload")
struct ReloadTests {
  static let always = ["Reloaded: authorization users", "Reloaded: accounts"]

  func reload(_ old: String, _ new: String, files: [String: String] = [:]) throws -> Result<
    [String], ReloadPlan.Refusal
  > {
    ReloadPlan.compute(old: try started(old, files: files), new: try started(new, files: files)).map {
      Array($0.logLines.dropLast())
    }
  }

  @Test("Every live option, with nats-server's lines in nats-server's order (FEATURES 3.318 to 3.333)")
  func live() throws {
    let new = """
      port: 14333
      server_tags: [a, b]
      server_metadata {a: b}
      max_conn: 10
      max_payload: 1000
      ping_interval: "1m"
      ping_max: 5
      write_deadline: "3s"
      client_advertise: "a:1"
      no_fast_producer_stall: true
      max_control_line: 2k
      max_traced_msg_len: 10
      connect_error_reports: 3
      reconnect_error_reports: 4
      prof_block_rate: 3
      logtime_utc: true
      pid_file: "/p"
      trace_verbose: true
      debug: true
      authorization { user: a, password: b, timeout: 1.5 }
      """
    let lines = [
      "Reload: client_advertise = a:1", "Reloaded: trace = true", "Reloaded: debug = true",
      "Reloaded: trace_verbose = true", "Reloaded: logtime_utc = true", "Reloaded: max_connections = 10",
      "Reloaded: authorization users", "Reloaded: accounts", "Reloaded: authorization username",
      "Reloaded: authorization password", "Reloaded: ping_interval = 1m0s", "Reloaded: ping_max = 5",
      "Reloaded: authorization timeout = 1.5", "Reloaded: max_control_line = 2000", "Reloaded: max_payload = 1000",
      "Reloaded: fast producers will not be stalled", "Reloaded: prof_block_rate = 3", "Reloaded: pid_file = /p",
      "Reloaded: write_deadline = 3s", "Reloaded: max_traced_msg_len = 10", "Reloaded: connect_error_reports = 3",
      "Reloaded: reconnect_error_reports = 4", "Reloaded: tags", "Reloaded: metadata",
    ]
    #expect(try reload("port: 14333", new) == .success(lines))
  }

  @Test("The last line carries the digest (FEATURES 3.333)")
  func lastLine() throws {
    let options = try started("port: 14333\n")
    let plan = try ReloadPlan.compute(old: options, new: options).get()
    #expect(
      plan.logLines == Self.always + [
        "Reloaded server configuration (sha256:1f479d37b6215897f4394c6ebc8d2fa01c5c3469381b2842b5c1f3d84b929754)"
      ])
    #expect(ReloadPlan.noFile.text == "can only reload config when a file is provided using -c or --config")
  }

  @Test(
    "Other options refuse the reload as a whole (FEATURES 3.329, 3.331, 3.332)",
    arguments: [
      ("port: 14334", "Port: old=14333, new=14334"),
      ("host: 127.0.0.1", "Host: old=0.0.0.0, new=127.0.0.1"),
      ("server_name: a", "ServerName: old=, new=a"),
      ("max_pending: 1000000000", "MaxPending: old=67108864, new=1000000000"),
      ("write_timeout: close", "WriteTimeout: old=, new=close"),
      ("max_subs: 3", "MaxSubs: old=0, new=3"),
      ("max_sub_tokens: 10", "MaxSubTokens: old=0, new=10"),
      ("max_closed_clients: 3", "MaxClosedClients: old=10000, new=3"),
      ("http: 8333", "HTTPPort: old=0, new=8333"),
      ("http: 'localhost:8444'", "HTTPHost: old=0.0.0.0, new=localhost"),
      ("http_base_path: abc", "HTTPBasePath: old=, new=abc"),
      ("feature_flags {a: true}", "FeatureFlags: old=map[], new=map[a:true]"),
      ("lame_duck_duration: '3m'", "LameDuckDuration: old=2m0s, new=3m0s"),
      ("log_size_limit: 1000", "LogSizeLimit: old=0, new=1000"),
      ("no_header_support: true", "NoHeaderSupport: old=false, new=true"),
      ("no_auth_user: a\nauthorization {users: [{user: a}]}", "NoAuthUser: old=, new=a"),
      ("system_account: X\naccounts {X {}}", "SystemAccount: old=, new=X"),
      ("no_system_account: true", "NoSystemAccount: old=false, new=true"),
      ("proxy_protocol: true", "ProxyProtocol: old=false, new=true"),
      ("allow_non_tls: true", "AllowNonTLS: old=false, new=true"),
      ("prof_port: 2", "ProfPort: old=0, new=2"),
      ("jetstream {enabled: false, strict: false}", "NoJetStreamStrict: old=false, new=true"),
      ("jetstream {enabled: false, domain: x}", "JetStreamDomain: old=, new=x"),
      ("jetstream {enabled: false, cipher: aes}", "JetStreamCipher: old=ChaCha20-Poly1305, new=AES-GCM"),
      ("jetstream {enabled: false, sync: '1s'}", "SyncInterval: old=2m0s, new=1s"),
      ("jetstream {enabled: false, tpm {pcr: 3}}", "JetStreamTpm: old={   0}, new={   3}"),
      ("default_js_domain {A: b}\naccounts {A {}}", "JsAccDefaultDomain: old=map[], new=map[A:b]"),
      ("cluster { port: 6444 }", "cluster host: old=, new=0.0.0.0"),
      ("leafnodes {port: 17422}", "LeafNode: field \"Host\": old=, new=0.0.0.0"),
      (
        "authorization { auth_callout { issuer: \(accountKey), users: [a] } }",
        "AuthCallout: old=<nil>, new=&{\(accountKey) $G [a]  []}"
      ),
    ])
  func refused(line: String, text: String) throws {
    let new = line.hasPrefix("port") ? line : "port: 14333\n" + line
    #expect(
      try reload("port: 14333", new) == .failure(.init(text: "config reload not supported for \(text)")))
  }

  @Test("Moving to a resolver is refused in its own words (FEATURES 3.332)")
  func resolver() throws {
    #expect(
      try reload("port: 1", "port: 1\nresolver: MEM")
        == .failure(.init(text: "config reload does not support moving to or from an account resolver")))
  }

  @Test("A random port keeps what is open (FEATURES 3.330)")
  func port() throws {
    var old = try started("port: -1")
    old.port = 40123
    let plan = try ReloadPlan.compute(old: old, new: try started("port: -1")).get()
    #expect(plan.options.port == 40123)
  }

  @Test("no_auth_user may go together with its user only")
  func noAuthUser() throws {
    let old = "no_auth_user: a\nauthorization {users: [{user: a}, {user: b}]}"
    #expect(try reload(old, "authorization {users: [{user: b}]}") == .success(Self.always))
    #expect(
      try reload(old, "authorization {users: [{user: a}]}")
        == .failure(.init(text: "config reload not supported for NoAuthUser: old=a, new=")))
  }

  @Test("TLS: changes, renewed files, what cannot change (FEATURES 3.319)")
  func tls() throws {
    let files = ["c": "-----BEGIN C-----", "k": "-----BEGIN K-----"]
    let plain = "tls { cert_file: c, key_file: k }"
    #expect(try reload(plain, plain, files: files) == .success(Self.always))
    let renewed = try started(plain, files: files.merging(["c": "-----BEGIN C-----2"]) { $1 })
    let plan = try ReloadPlan.compute(old: try started(plain, files: files), new: renewed).get()
    #expect(plan.changes.contains(.tls(true)))
    #expect(
      try reload(plain, "tls { cert_file: c, key_file: k, timeout: 3.5, first: auto }", files: files)
        == .success(
          Self.always + [
            "Reloaded: authorization timeout = 4.5", "Reloaded: tls timeout = 3.5",
            "Reloaded: Client TLS handshake first: true", "Reloaded: Client TLS handshake first fallback delay: 50ms",
          ]))
    #expect(
      try reload(plain, "port: 4222", files: files)
        == .success(Self.always + ["Reloaded: authorization timeout = 2", "Reloaded: tls = disabled"]))
    #expect(
      try reload(plain, "tls { cert_file: c, key_file: k, verify_and_map: true }", files: files)
        == .failure(.init(text: "config reload not supported for TLSMap: old=false, new=true")))
    let withCA = "tls { cert_file: c, key_file: k, ca_file: c }"
    #expect(try reload(withCA, withCA, files: files) == .success(Self.always + ["Reloaded: tls = enabled"]))
  }

  @Test("JetStream sizes may grow only (FEATURES 3.325)")
  func jetStream() throws {
    func text(_ size: String) -> String { "jetstream { max_mem: \(size) }" }
    #expect(
      try reload(text("1GB"), text("2GB"))
        == .success(Self.always + ["Reloaded: JetStream max_mem_store = 2.00 GB"]))
    #expect(
      try reload(text("2GB"), text("1GB"))
        == .failure(.init(text: "config reload not supported for decreasing jetstream max memory and store")))
    #expect(
      try reload("jetstream: true", text("1GB"))
        == .failure(.init(text: "config reload not supported for jetstream dynamic max memory and store")))
  }

  @Test("Routes, leaf node remotes and MQTT options are live (FEATURES 3.323, 3.324, 3.326)")
  func blocks() throws {
    #expect(
      try reload("port: 1", "port: 1\ncluster {no_advertise: true, routes: ['nats://a:1']}")
        == .success(Self.always + ["Reloaded: cluster", "Reloaded: cluster routes"]))
    #expect(
      try reload("leafnodes {remotes: [{url: 'nats://a:1'}]}", "port: 4222")
        == .success(Self.always + ["Reloaded: LeafNode Remote urls=[\"nats://a:1\"], account=\"$G\" removed"]))
    #expect(
      try reload("port: 1", "port: 1\nmqtt {ack_wait: '3s'}")
        == .success(
          Self.always + [
            "Reloaded: MQTT ack_wait = 3s", "Reloaded: MQTT max_ack_pending = 0", "Reloaded: MQTT stream_replicas = 0",
            "Reloaded: MQTT consumer_replicas = 0", "Reloaded: MQTT consumer_memory_storage = false",
            "Reloaded: MQTT consumer_inactive_threshold = 0s",
          ]))
  }

  @Test("Flags are kept over a reload (FEATURES 3.016)")
  func flags() throws {
    let files = ["main.conf": "debug: true\nport: 1\n"]
    guard case .run(let plan) = Launch.decide(["-c", "main.conf", "-D=false", "-p", "2"], access: memory(files)) else {
      Issue.record("no plan")
      return
    }
    let again = try plan.reading(access: memory(["main.conf": "debug: true\nport: 3\nmax_conn: 5\n"])).get()
    #expect(!again.options.log.debug && again.options.port == 2 && again.options.maxConnections == 5)
    #expect(
      plan.reading(access: memory(["main.conf": "foo: 1"]))
        == .failure(.init(text: "main.conf:1:0: unknown field \"foo\"\n")))
  }
}
