import JSON
import Metrics
import Testing

/// `/varz`, `/subsz`, `/routez`. FEATURES 15.016 to 15.022.
@Suite struct GenericMappingTests {
  @Test(arguments: [
    ("15.018 numbers become gauges", #"{"connections": 3, "cpu": 0.5}"#, ["connections 3", "cpu 0.5"]),
    (
      "15.018 nested numbers are flattened", #"{"jetstream":{"stats":{"api":{"total":7}}}}"#,
      ["jetstream_stats_api_total 7"]
    ),
    ("15.018 booleans, arrays and null are left out", #"{"a":true,"b":[1,{"c":2}],"d":null,"e":1}"#, ["e 1"]),
    (
      "15.019 known texts become labels", #"{"version":"2.15.1","cluster":{"name":"C"}}"#,
      [#"cluster_name|value="C"| 1"#, #"version|value="2.15.1"| 1"#]
    ),
    ("15.019 an empty text stays", #"{"domain":""}"#, [#"domain|value=""| 1"#]),
    ("15.019 other texts are left out", #"{"go":"go1.25","host":"0.0.0.0","uptime":"1s"}"#, []),
    ("15.019 times become milliseconds", #"{"start":"2026-11-21T02:00:00.123456789Z"}"#, ["start 1795226400123"]),
    ("15.019 other times are left out", #"{"now":"2026-11-21T02:00:00Z"}"#, []),
    (
      "15.020 skipped fields",
      #"""
      {"leaf":{"port":1},"trusted_operators_claim":{"a":1},"cluster":{"tls_timeout":1,"cluster_port":2,"auth_timeout":3,
      "pool_size":4},"gateway":{"port":1,"auth_timeout":2,"tls_timeout":3,"connect_retries":4,"reject":5}}
      """#, ["cluster_pool_size 4", "gateway_reject 5"]
    ),
    (
      "15.021 slashes and double underscores", #"{"http_req_stats":{"/":1,"/varz":2,"/a//b":3}}"#,
      ["http_req_stats 1", "http_req_stats_a_b 3", "http_req_stats_varz 2"]
    ),
    ("15.021 what names may not have", #"{"a":{"b.c d-e":1}}"#, ["a_b_c_d_e 1"]),
    ("the first of two fields of one name counts", #"{"a_b":1,"a":{"b":2}}"#, ["a_b 1"]),
    (
      "large numbers keep their value", #"{"mem":18446744073709551615,"max_pending":67108864}"#,
      ["max_pending 67108864", "mem 1.8446744073709552e+19"]
    ),
  ])
  func maps(behaviour: String, json: String, expected: [String]) throws {
    let expected = expected.map { line in
      // `field|labels| value` with further labels, `field value` without.
      let parts = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      if parts.count == 3 { return "gnatsd_varz_\(parts[0]){server_id=\"S\",\(parts[1])}\(parts[2])" }
      let words = line.split(separator: " ")
      return "gnatsd_varz_\(words[0]){server_id=\"S\"} \(words[1])"
    }
    #expect(try samples(.varz, json) == expected, "\(behaviour)")
  }

  /// FEATURES 15.010, 15.017, 15.030, 15.031.
  @Test func namesHaveTheEndpointAndThePrefix() throws {
    #expect(try samples(.subsz, #"{"num_cache":1}"#) == [#"gnatsd_subsz_num_cache{server_id="S"} 1"#])
    #expect(
      try samples(.routez, #"{"num_routes":8,"routes":[{"rid":1}]}"#) == [#"gnatsd_routez_num_routes{server_id="S"} 8"#]
    )
    #expect(try samples(.varz, #"{"mem":1}"#) { $0.prefix = "nats" } == [#"nats_varz_mem{server_id="S"} 1"#])
    #expect(try samples(.jsz, "{}") { $0.prefix = "nats" }.allSatisfy { $0.hasPrefix("nats_server_") })
  }

  @Test(arguments: ["", "[]", "1", #"{"a":1"#, #"{"a":1}x"#, "<html>", #"{"a":01}"#])
  func refusesWhatIsNoDocument(json: String) {
    #expect(throws: JSONError.self) { try samples(.varz, json) }
  }

  @Test func refusesEndlessNesting() {
    let json = String(repeating: #"{"a":"#, count: 5000) + "1" + String(repeating: "}", count: 5000)
    #expect(throws: JSONError.self) { try samples(.varz, json) }
  }
}
