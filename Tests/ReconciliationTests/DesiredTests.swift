import JSON
import Testing

@testable import Reconciliation

/// A resource from the text of its spec in YAML flow style; fails the test when it has an error.
func resource(_ kind: ResourceKind, _ spec: String, name: String = "r") throws -> Resource {
  let text = "apiVersion: jetstream.nats.io/v1beta2\nkind: \(kind.rawValue)\nmetadata: {name: \(name)}\nspec: {\(spec)}"
  let (resources, diagnostics) = ResourceReader.read(Array(text.utf8), file: "t.yaml")
  return try #require(resources.first, "\(diagnostics)")
}

@Suite struct DesiredTests {
  private func expectMember(_ kind: ResourceKind, _ required: String, _ field: String, _ member: String) throws {
    let expected = try JSONValue(parsing: member).object?.members.first
    let asset = try #require(DesiredAsset(resource(kind, "\(required), \(field)")))
    #expect(asset.configuration[expected!.key] == expected!.value, "\(field)")
  }

  @Test(
    "stream fields (13.032-13.094)",
    arguments: [
      ("description: d", #"{"description":"d"}"#), ("subjects: [a, b.>]", #"{"subjects":["a","b.>"]}"#),
      ("retention: workqueue", #"{"retention":"workqueue"}"#), ("maxConsumers: 3", #"{"max_consumers":3}"#),
      ("maxMsgs: 5", #"{"max_msgs":5}"#), ("maxBytes: 1048576", #"{"max_bytes":1048576}"#),
      ("discard: new", #"{"discard":"new"}"#), ("maxAge: 1h30m", #"{"max_age":5400000000000}"#),
      ("maxMsgsPerSubject: 7", #"{"max_msgs_per_subject":7}"#), ("maxMsgSize: 9", #"{"max_msg_size":9}"#),
      ("storage: file", #"{"storage":"file"}"#), ("description: x", #"{"storage":"memory"}"#),
      ("replicas: 3", #"{"num_replicas":3}"#), ("noAck: true", #"{"no_ack":true}"#),
      ("duplicateWindow: 10s", #"{"duplicate_window":10000000000}"#),
      ("placement: {cluster: c, tags: [t]}", #"{"placement":{"cluster":"c","tags":["t"]}}"#),
      (
        "mirror: {name: O, optStartSeq: 4, filterSubject: f, externalApiPrefix: p, externalDeliverPrefix: q}",
        #"{"mirror":{"name":"O","opt_start_seq":4,"filter_subject":"f","external":{"api":"p","deliver":"q"}}}"#
      ),
      (
        "sources: [{name: O, optStartTime: '2026-01-01T00:00:00Z', subjectTransforms: [{source: a, dest: b}]}]",
        #"{"sources":[{"name":"O","opt_start_time":"2026-01-01T00:00:00Z","subject_transforms":[{"src":"a","dest":"b"}]}]}"#
      ),
      (
        "mirror: {name: O, consumer: {name: c, deliverSubject: d}}",
        #"{"mirror":{"name":"O","consumer":{"name":"c","deliver_subject":"d"}}}"#
      ),
      ("sealed: true", #"{"sealed":true}"#), ("denyDelete: true", #"{"deny_delete":true}"#),
      ("denyPurge: true", #"{"deny_purge":true}"#), ("allowRollup: true", #"{"allow_rollup_hdrs":true}"#),
      ("compression: s2", #"{"compression":"s2"}"#), ("firstSequence: 10", #"{"first_seq":10}"#),
      ("subjectTransform: {source: a, dest: b}", #"{"subject_transform":{"src":"a","dest":"b"}}"#),
      (
        "republish: {source: a, destination: b, headersOnly: true}",
        #"{"republish":{"dest":"b","src":"a","headers_only":true}}"#
      ),
      ("allowDirect: yes", #"{"allow_direct":true}"#), ("mirrorDirect: true", #"{"mirror_direct":true}"#),
      ("allowMsgTtl: true", #"{"allow_msg_ttl":true}"#),
      ("subjectDeleteMarkerTtl: 1s", #"{"subject_delete_marker_ttl":1000000000}"#),
      ("allowMsgCounter: true", #"{"allow_msg_counter":true}"#),
      ("allowAtomicPublish: true", #"{"allow_atomic":true}"#),
      ("allowMsgSchedules: true", #"{"allow_msg_schedules":true}"#), ("allowBatched: true", #"{"allow_batched":true}"#),
      ("persistMode: async", #"{"persist_mode":"async"}"#),
      (
        "consumerLimits: {inactiveThreshold: 1m, maxAckPending: 5}",
        #"{"consumer_limits":{"inactive_threshold":60000000000,"max_ack_pending":5}}"#
      ),
      ("metadata: {a: b}", #"{"metadata":{"a":"b"}}"#),
    ])
  func stream(_ field: String, _ member: String) throws {
    try expectMember(.stream, "name: S", field, member)
  }

  @Test(
    "consumer fields (13.107-13.139)",
    arguments: [
      ("description: d", #"{"durable_name":"C"}"#), ("description: d", #"{"name":"C"}"#),
      ("deliverPolicy: byStartSequence, optStartSeq: 4", #"{"deliver_policy":"by_start_sequence"}"#),
      ("deliverPolicy: byStartSequence, optStartSeq: 4", #"{"opt_start_seq":4}"#),
      (
        "deliverPolicy: byStartTime, optStartTime: '2026-01-01T00:00:00Z'",
        #"{"opt_start_time":"2026-01-01T00:00:00Z"}"#
      ),
      ("deliverPolicy: lastPerSubject", #"{"deliver_policy":"last_per_subject"}"#),
      ("deliverSubject: d", #"{"deliver_subject":"d"}"#), ("ackPolicy: all", #"{"ack_policy":"all"}"#),
      ("description: d", #"{"ack_wait":1}"#), ("ackWait: 30s", #"{"ack_wait":30000000000}"#),
      ("maxDeliver: 4", #"{"max_deliver":4}"#), ("backoff: [1s, 2s]", #"{"backoff":[1000000000,2000000000]}"#),
      ("filterSubject: f", #"{"filter_subject":"f"}"#), ("filterSubjects: [f, g]", #"{"filter_subjects":["f","g"]}"#),
      ("replayPolicy: original", #"{"replay_policy":"original"}"#), ("sampleFreq: 50%", #"{"sample_freq":"50%"}"#),
      ("maxWaiting: 3", #"{"max_waiting":3}"#), ("deliverSubject: d, rateLimitBps: 9", #"{"rate_limit_bps":9}"#),
      ("maxAckPending: 8", #"{"max_ack_pending":8}"#),
      ("deliverSubject: d, deliverGroup: g", #"{"deliver_group":"g"}"#),
      ("deliverSubject: d, flowControl: true", #"{"flow_control":true}"#),
      ("headersOnly: true", #"{"headers_only":true}"#),
      ("deliverSubject: d, heartbeatInterval: 1s", #"{"idle_heartbeat":1000000000}"#),
      ("maxRequestBatch: 2", #"{"max_batch":2}"#), ("maxRequestExpires: 1s", #"{"max_expires":1000000000}"#),
      ("maxRequestMaxBytes: 6", #"{"max_bytes":6}"#),
      ("inactiveThreshold: 1h", #"{"inactive_threshold":3600000000000}"#),
      ("pauseUntil: '2099-01-01T00:00:00Z'", #"{"pause_until":"2099-01-01T00:00:00Z"}"#),
      ("priorityPolicy: pinned_client, pinnedTtl: 1m, priorityGroups: [g]", #"{"priority_timeout":60000000000}"#),
      ("priorityPolicy: overflow, priorityGroups: [g]", #"{"priority_groups":["g"]}"#),
      ("replicas: 3", #"{"num_replicas":3}"#), ("memStorage: true", #"{"mem_storage":true}"#),
      ("metadata: {a: b}", #"{"metadata":{"a":"b"}}"#),
    ])
  func consumer(_ field: String, _ member: String) throws {
    try expectMember(.consumer, "durableName: C, streamName: S", field, member)
  }

  @Test(
    "key-value and object store fields (13.178-13.236, 8.010, 8.019)",
    arguments: [
      (ResourceKind.keyValue, "description: d", #"{"name":"KV_b"}"#),
      (.keyValue, "description: d", #"{"subjects":["$KV.b.>"]}"#),
      (.keyValue, "history: 5", #"{"max_msgs_per_subject":5}"#),
      (.keyValue, "description: d", #"{"max_msgs_per_subject":1}"#), (.keyValue, "ttl: 1s", #"{"max_age":1000000000}"#),
      (.keyValue, "maxValueSize: 3", #"{"max_msg_size":3}"#),
      (.keyValue, "limitMarkerTtl: 5", #"{"allow_msg_ttl":true}"#),
      (.keyValue, "compression: true", #"{"compression":"s2"}"#),
      (.keyValue, "description: d", #"{"deny_delete":true}"#),
      (.keyValue, "mirror: {name: o}", #"{"mirror":{"name":"KV_o"}}"#),
      (.keyValue, "mirror: {name: o}", #"{"mirror_direct":true}"#),
      (
        .keyValue, "sources: [{name: o}]",
        #"{"sources":[{"name":"KV_o","subject_transforms":[{"src":"$KV.o.>","dest":"$KV.b.>"}]}]}"#
      ),
      (.objectStore, "maxBytes: 4", #"{"subjects":["$O.b.C.>","$O.b.M.>"]}"#),
      (.objectStore, "maxBytes: 4", #"{"max_bytes":4}"#), (.objectStore, "replicas: 3", #"{"num_replicas":3}"#),
      (.objectStore, "ttl: 1s", #"{"allow_rollup_hdrs":true}"#),
      (.objectStore, "storage: memory", #"{"storage":"memory"}"#),
      (.objectStore, "metadata: {a: b}", #"{"metadata":{"a":"b"}}"#),
    ])
  func buckets(_ kind: ResourceKind, _ field: String, _ member: String) throws {
    try expectMember(kind, "bucket: b", field, member)
  }

  @Test("connection settings and accounts (13.015, 13.016)")
  func connections() throws {
    let stream = try resource(
      .stream,
      "name: S, account: a, servers: ['nats://h'], creds: c, nkey: n, tlsFirst: true, jsDomain: d, "
        + "tls: {clientCert: x, clientKey: y, rootCas: [z]}")
    #expect(
      stream.connection
        == ConnectionSettings(
          account: "a", servers: ["nats://h"], credentialsFile: "c", nkeyFile: "n", clientCertificate: "x",
          clientKey: "y", authorities: ["z"], startsWithTLS: true, domain: "d", namespace: "default"))
    let account = try #require(
      AccountSettings(
        resource(.account, "name: a, servers: [s], creds: {secret: {name: k}, file: f}, user: {user: u, password: p}")))
    #expect(account.credentials == AccountSettings.Reference(secret: "k", values: ["file": "f"]))
    #expect(account.user == AccountSettings.Reference(secret: nil, values: ["user": "u", "password": "p"]))
    #expect(account.token == nil)
  }

  @Test("two manifests of one asset: the second is refused")
  func duplicates() throws {
    let both = [try resource(.stream, "name: S", name: "a"), try resource(.stream, "name: S", name: "b")]
    #expect(
      DesiredState.byConnection(both.reversed()).diagnostics.map(\.message) == [
        "stream S is already described by Stream default/a"
      ])
  }
}
