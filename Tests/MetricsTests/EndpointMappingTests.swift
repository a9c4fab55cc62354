import Metrics
import Testing

/// `/connz`, `/gatewayz`, `/leafz`, `/accstatz`, `/accountz`, `/healthz`. FEATURES 15.023 to 15.029.
@Suite struct EndpointMappingTests {
  static let connections = #"""
    {"server_id":"N","now":"2026-11-21T02:00:00Z","num_connections":2,"total":2,"offset":0,"limit":1024,"connections":[
    {"cid":5,"kind":"Client","type":"nats","ip":"127.0.0.1","port":4000,"start":"2026-11-21T02:00:00.5Z",
     "last_activity":"2026-11-21T02:00:01Z","rtt":"1.5ms","uptime":"1d2h3m4s","idle":"3s","pending_bytes":1,
     "in_msgs":2,"out_msgs":3,"in_bytes":4,"out_bytes":5,"subscriptions":6,"name":"a \"b\"\\\n","lang":"go",
     "version":"1.48","account":"APP","name_tag":"App","tls_version":"1.3","tls_cipher_suite":"TLS_AES"},
    {"cid":6,"ip":"::1","port":1,"pending_bytes":10,"in_msgs":20,"out_msgs":30,"in_bytes":40,"out_bytes":50,
     "subscriptions":60,"start":"x","uptime":"1x"}]}
    """#

  @Test func connectionsAreSummedUp() throws {
    let found = try samples(.connz, Self.connections)
    #expect(
      found
        == [
          ("in_bytes", 44), ("in_msgs", 22), ("limit", 1024), ("num_connections", 2), ("offset", 0), ("out_bytes", 55),
          ("out_msgs", 33), ("pending_bytes", 11), ("subscriptions", 66), ("total", 2),
        ].map { #"gnatsd_connz_\#($0.0){server_id="S"} \#($0.1)"# })
  }

  @Test func connectionsInDetail() throws {
    let found = try samples(.connzDetailed, Self.connections)
    let labels =
      #"account="APP",account_id="APP",cid="5",ip="127.0.0.1",kind="Client",lang="go","#
      + #"name="a \"b\"\\\n",name_tag="App",port="4000",server_id="S",tls_cipher_suite="TLS_AES",tls_version="1.3","#
      + #"type="nats",version="1.48""#
    for (name, value) in [
      ("pending_bytes", "1"), ("subscriptions", "6"), ("in_bytes", "4"), ("out_bytes", "5"), ("in_msgs", "2"),
      ("out_msgs", "3"), ("start", "1795226400500"), ("last_activity", "1795226401000"), ("rtt", "1500"),
      ("uptime", "93784000"), ("idle", "3000"),
    ] {
      #expect(found.contains("gnatsd_connz_\(name){\(labels)} \(value)"), "\(name)")
    }
    #expect(found.count == 10 + 2 * 11)
    // What is no time is -1, what is missing 0.
    let second = found.filter { $0.contains(#"cid="6""#) }
    #expect(second.contains { $0.hasPrefix("gnatsd_connz_start{") && $0.hasSuffix(" -1") })
    #expect(second.contains { $0.hasPrefix("gnatsd_connz_uptime{") && $0.hasSuffix(" -1") })
    #expect(second.contains { $0.hasPrefix("gnatsd_connz_rtt{") && $0.hasSuffix(" 0") })
  }

  @Test(arguments: [
    ("1s", 1000), ("59.5s", 59_500), ("1m2s", 62_000), ("3h0m1s", 10_801_000), ("1d0h0m0s", 86_400_000),
    ("1y1d1h1m1s", 31_626_061_000), ("", -1), ("d", -1), ("1x", -1), ("-1d1s", -1), ("99999999999d", -1),
  ])
  func idleTimes(text: String, milliseconds: Int) throws {
    let json = #"{"connections":[{"cid":1,"port":1,"idle":"\#(text)"}]}"#
    let found = try samples(.connzDetailed, json).first { $0.hasPrefix("gnatsd_connz_idle{") }
    #expect(found?.hasSuffix("} \(milliseconds)") == true, "\(text): \(found ?? "")")
  }

  @Test func gateways() throws {
    let connection = #"""
      {"cid":22,"start":"2026-11-21T02:00:00.9Z","last_activity":"2026-11-21T02:00:01.9Z","rtt":"225µs","uptime":"30s",
      "idle":"3s","pending_bytes":1,"in_msgs":2,"out_msgs":3,"in_bytes":4,"out_bytes":5,"subscriptions":6}
      """#
    let found = try samples(
      .gatewayz,
      #"""
      {"outbound_gateways":{"B":{"configured":true,"connection":\#(connection)}},
       "inbound_gateways":{"B":[{"configured":false,"connection":\#(connection)}]},"name":"A"}
      """#)
    let labels = #"{cid="22",gateway_name="A",remote_gateway_name="B",server_id="S"}"#
    for direction in ["inbound", "outbound"] {
      for (name, value) in [
        ("configured", direction == "inbound" ? "0" : "1"), ("conn_start_time_seconds", "1795226400"),
        ("conn_last_activity_seconds", "1795226401"), ("conn_uptime_seconds", "30"), ("conn_idle_seconds", "3"),
        ("conn_rtt", "0.000225"), ("conn_pending_bytes", "1"), ("conn_in_msgs", "2"), ("conn_out_msgs", "3"),
        ("conn_in_bytes", "4"), ("conn_out_bytes", "5"), ("conn_subscriptions", "6"),
      ] {
        #expect(
          found.contains("gnatsd_gatewayz_\(direction)_gateway_\(name)\(labels) \(value)"), "\(direction) \(name)")
      }
    }
    #expect(found.count == 24)
  }

  @Test func leafNodes() throws {
    let found = try samples(
      .leafz,
      #"""
      {"leafnodes":1,"leafs":[{"name":"l1","account":"APP","ip":"127.0.0.1","port":4978,"rtt":"309µs","in_msgs":1,
      "out_msgs":2,"in_bytes":3,"out_bytes":4,"subscriptions":5,"subscriptions_list":["a.>"]}]}
      """#)
    let labels = #"account="APP",account_id="APP",ip="127.0.0.1",name="l1",port="4978",server_id="S""#
    #expect(
      found
        == [
          "conn_in_bytes{\(labels)} 3", "conn_in_msgs{\(labels)} 1", #"conn_nodes_total{server_id="S"} 1"#,
          "conn_out_bytes{\(labels)} 4", "conn_out_msgs{\(labels)} 2", "conn_rtt{\(labels)} 0.000309",
          #"conn_subscriptions{\#(labels),subscription="a.>"} 0"#, "conn_subscriptions_total{\(labels)} 5",
          "info{\(labels)} 1",
        ].map { "gnatsd_leafz_" + $0 })
  }

  @Test func accountStatistics() throws {
    let found = try samples(
      .accstatz,
      #"""
      {"account_statz":[{"acc":"A","name":"App","conns":1,"leafnodes":2,"total_conns":3,"num_subscriptions":4,
      "sent":{"msgs":5,"bytes":6},"received":{"msgs":7,"bytes":8},"slow_consumers":9}]}
      """#)
    let labels = #"{account="A",account_id="A",account_name="App",server_id="S"}"#
    #expect(
      found
        == [
          ("current_connections", 1), ("leaf_nodes", 2), ("received_bytes", 8), ("received_messages", 7),
          ("sent_bytes", 6), ("sent_messages", 5), ("slow_consumers", 9), ("subscriptions", 4),
          ("total_connections", 3),
        ].map { "gnatsd_accstatz_\($0.0)\(labels) \($0.1)" })
  }

  @Test func accounts() throws {
    let found = try samples(
      .accountz,
      #"""
      {"account_detail":{"account_name":"A","name_tag":"App","is_system":true,"expired":false,"complete":true,
      "jetstream_enabled":true,"leafnode_connections":1,"client_connections":2,"subscriptions":3,"decoded_jwt":{"nats":
      {"limits":{"subs":-1,"data":5,"payload":6,"imports":7,"exports":8,"wildcards":true,"conn":9,"leaf":10,"mem":1}}}}}
      """#)
    let labels = #"{account_id="A",account_name="App",server_id="S"}"#
    #expect(
      found
        == [
          ("client_connections", 2), ("complete", 1), ("expired", 0), ("is_system", 1), ("jetstream_enabled", 1),
          ("leafnode_connections", 1), ("limit_conn", 9), ("limit_data", 5), ("limit_exports", 8), ("limit_imports", 7),
          ("limit_leaf", 10), ("limit_payload", 6), ("limit_subs", -1), ("limit_wildcards", 1), ("subscriptions", 3),
        ].map { "gnatsd_accountz_\($0.0)\(labels) \($0.1)" })
    let list = Array(#"{"accounts":["A","$SYS"]}"#.utf8)
    #expect(try list.withUnsafeBytes { try MetricMapping.accounts($0) } == ["A", "$SYS"])
  }

  @Test(arguments: [
    (#"{"status":"ok"}"#, 0, "ok", 1), (#"{"status":"unavailable","error":"x"}"#, 1, "unavailable", 0),
    ("{}", 1, "", 0),
  ])
  func health(json: String, status: Int, value: String, isHealthy: Int) throws {
    for (endpoint, name) in [
      (MonitoringEndpoint.healthz, "healthz"), (.healthzJetStreamEnabledOnly, "healthz_js_enabled_only"),
      (.healthzJetStreamServerOnly, "healthz_js_server_only"),
    ] {
      #expect(
        try samples(endpoint, json) == [
          #"gnatsd_\#(name)_status{server_id="S"} \#(status)"#,
          #"gnatsd_\#(name)_status_value{server_id="S",value="\#(value)"} \#(isHealthy)"#,
        ])
    }
  }

  /// FEATURES 15.015.
  @Test func healthOfAnUnreachableServerIsBad() {
    let mapping = MetricMapping(serverID: "S")
    #expect(
      lines([mapping.mapUnreachable(.healthz)]) == [
        #"gnatsd_healthz_status{server_id="S"} 1"#,
        #"gnatsd_healthz_status_value{server_id="S",value="unreachable"} 0"#,
      ])
    #expect(mapping.mapUnreachable(.varz).isEmpty)
  }
}
