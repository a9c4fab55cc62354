import JSON
import Metrics
import Testing

/// `/jsz`. FEATURES 15.032 to 15.037, 15.007.
@Suite struct JetStreamMappingTests {
  // Rows stand before what their labels are made of, on purpose.
  static let document = #"""
    {"account_details":[{"stream_detail":[{"consumer_detail":[{"name":"C1","config":{"description":"d","metadata":
    {"team":"x"}},"delivered":{"consumer_seq":1,"stream_seq":2,"last_active":"2026-11-21T02:00:00Z"},"ack_floor":
    {"consumer_seq":3,"stream_seq":4},"num_ack_pending":5,"num_redelivered":6,"num_waiting":7,"num_pending":8,
    "cluster":{"leader":"n1"},"ts":"2026-11-21T02:00:03.5Z"}],"name":"ORDERS","cluster":{"leader":"n2"},
    "config":{"max_bytes":-1,"max_msgs":100,"metadata":{"team":"core","x":"y"}},"state":{"messages":10,"bytes":11,
    "first_seq":12,"last_seq":13,"num_subjects":14,"consumer_count":15},"stream_raft_group":"S-R3",
    "mirror":{"name":"M","lag":1,"active":-1,"external":{"api":"$JS.x.API","deliver":"d.x"}},
    "sources":[{"name":"A","lag":2,"active":3},{"name":"B","lag":4,"active":5}]}],
    "name":"APP","id":"AID","memory":1,"storage":2,"reserved_memory":18446744073709551615,"reserved_storage":4}],
    "meta_cluster":{"name":"C","leader":"n1"},"config":{"max_memory":1,"max_storage":2,"domain":"hub"},
    "streams":3,"consumers":4,"messages":5,"bytes":6}
    """#
  static let server = #"cluster="C",domain="hub",is_meta_leader="true",meta_leader="n1",server_id="S",server_name="n1""#

  @Test func serverAndAccount() throws {
    let found = try samples(.jsz, Self.document)
    for (name, value) in [
      ("jetstream_disabled", "0"), ("total_streams", "3"), ("total_consumers", "4"), ("total_messages", "5"),
      ("total_message_bytes", "6"), ("max_memory", "1"), ("max_storage", "2"),
    ] {
      #expect(found.contains("jetstream_server_\(name){\(Self.server)} \(value)"), "\(name)")
    }
    let labels = #"account="APP",account_id="AID",account_name="APP","# + Self.server
    for (name, value) in [
      ("max_memory", "1.8446744073709552e+19"), ("max_storage", "4"), ("memory_used", "1"), ("storage_used", "2"),
    ] {
      #expect(found.contains("jetstream_account_\(name){\(labels)} \(value)"), "\(name)")
    }
    #expect(found.count == 7 + 4 + 8 + 2 + 4 + 9)
  }

  @Test func streamsWithSourcesAndMirror() throws {
    let found = try samples(.jsz, Self.document)
    let start =
      #"account="APP",account_id="AID",account_name="APP",cluster="C",domain="hub",is_meta_leader="true","#
      + #"is_stream_leader="false",meta_leader="n1","#
    let end = #"server_id="S",server_name="n1","#
    let stream = #"stream_leader="n2",stream_name="ORDERS",stream_raft_group="S-R3""#
    for (name, value) in [
      ("total_messages", 10), ("total_bytes", 11), ("first_seq", 12), ("last_seq", 13), ("subject_count", 14),
      ("consumer_count", 15), ("limit_bytes", -1), ("limit_messages", 100),
    ] {
      #expect(found.contains("jetstream_stream_\(name){\(start)\(end)\(stream)} \(value)"), "\(name)")
    }
    let mirror = start + #"mirror_api="$JS.x.API",mirror_deliver="d.x",mirror_name="M","# + end + stream
    #expect(found.contains("jetstream_stream_mirror_lag{\(mirror)} 1"))
    #expect(found.contains("jetstream_stream_mirror_active_duration_ns{\(mirror)} -1"))
    let source = start + end + #"source_api="",source_deliver="",source_name="B","# + stream
    #expect(found.contains("jetstream_stream_source_lag{\(source)} 4"))
    #expect(found.contains("jetstream_stream_source_active_duration_ns{\(source)} 5"))
  }

  @Test func consumers() throws {
    let found = try samples(.jsz, Self.document).filter { $0.hasPrefix("jetstream_consumer_") }
    let labels =
      #"account="APP",account_id="AID",account_name="APP",cluster="C",consumer_desc="d","#
      + #"consumer_leader="n1",consumer_name="C1",domain="hub",is_consumer_leader="true",is_meta_leader="true","#
      + #"is_stream_leader="false",meta_leader="n1",server_id="S",server_name="n1",stream_leader="n2","#
      + #"stream_name="ORDERS",stream_raft_group="S-R3""#
    // Nothing was acknowledged: there is no time since the last acknowledgement.
    #expect(
      found
        == [
          ("ack_floor_consumer_seq", "3"), ("ack_floor_stream_seq", "4"), ("delivered_consumer_seq", "1"),
          ("delivered_stream_seq", "2"), ("last_delivery_seconds", "3.5"), ("num_ack_pending", "5"),
          ("num_pending", "8"),
          ("num_redelivered", "6"), ("num_waiting", "7"),
        ].map { "jetstream_consumer_\($0.0){\(labels)} \($0.1)" })
  }

  @Test func metadataBecomesLabels() throws {
    let found = try samples(.jsz, Self.document) {
      $0.streamMetadata = [.init(streamKey: "team"), .init(streamKey: "not-there")]
      $0.consumerMetadata = [.init(consumerKey: "team")]
    }
    let stream = found.filter { $0.hasPrefix("jetstream_stream_total_messages{") }
    #expect(
      stream.allSatisfy { $0.contains(#"stream_meta_not_there="",stream_meta_team="core","#) } && stream.count == 1)
    let consumer = found.filter { $0.hasPrefix("jetstream_consumer_num_pending{") }
    #expect(consumer.count == 1)
    #expect(consumer.allSatisfy { $0.contains(#"consumer_meta_team="x""#) && $0.contains(#"stream_meta_team="core""#) })
    // The original declares these labels for sources and mirrors, too, and dies of it.
    #expect(found.filter { $0.contains("source_lag{") }.allSatisfy { $0.contains(#"stream_meta_team="core""#) })
  }

  @Test func aServerThatIsNoClusterLeadsItself() throws {
    let found = try samples(.jsz, #"{"disabled":true,"account_details":[{"stream_detail":[{"name":"S"}]}]}"#)
    #expect(found.contains { $0.hasPrefix("jetstream_server_jetstream_disabled{") && $0.hasSuffix(" 1") })
    #expect(found.allSatisfy { $0.contains(#"is_meta_leader="true""#) })
    #expect(found.filter { $0.contains("stream_name") }.allSatisfy { $0.contains(#"is_stream_leader="true""#) })
    // The configuration was not asked for: no limits.
    #expect(!found.contains { $0.contains("limit_") })
  }

  /// A document that is cut anywhere gives nothing, and no crash.
  @Test func refusesEveryCutDocument() {
    let bytes = Array(Self.document.utf8)
    let mapping = MetricMapping(serverID: "S")
    for length in 0..<bytes.count {
      #expect(throws: JSONError.self) { try mapping.map(.jsz, Array(bytes[..<length])) }
    }
  }

  /// Any one byte changed: mapped or refused, never a crash.
  @Test func survivesEveryChangedByte() {
    let bytes = Array(Self.document.utf8)
    let seed = UInt64.random(in: .min ... .max)
    var state = seed
    let mapping = MetricMapping(serverID: "S")
    for index in bytes.indices {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var changed = bytes
      changed[index] = UInt8(truncatingIfNeeded: state >> 33)
      guard let set = try? mapping.map(.jsz, changed) else { continue }
      let text = String(decoding: Exposition.bytes([set]), as: UTF8.self)
      #expect(text.hasSuffix("\n"), "seed \(seed), byte \(index)")
    }
  }
}
