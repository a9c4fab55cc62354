import Bytes
import JSON
import Testing

@testable import Reconciliation

/// Stores what it is asked to, with the defaults that nats-server 2.15 fills in.
struct RecordingServer {
  var state = ObservedState()
  var requests = 0

  mutating func apply(_ plan: Plan) throws {
    for request in plan.requests {
      requests += 1
      let parts = request.subject.split(separator: ".").map(String.init)
      let body = request.body.isEmpty ? nil : try JSONValue(parsing: request.body)
      switch (parts[2], parts[3]) {
      case ("STREAM", "DELETE"):
        state.configurations = state.configurations.filter { $0.key.stream != parts[4] }
      case ("STREAM", _): state.configurations[.stream(parts[4])] = stream(body!.object!)
      case ("CONSUMER", "DELETE"): state.configurations[.consumer(stream: parts[4], name: parts[5])] = nil
      case ("CONSUMER", "PAUSE"):
        state.configurations[.consumer(stream: parts[4], name: parts[5])]?["pause_until"] = body?["pause_until"]
      default:
        #expect(state.configurations[.stream(parts[4])] != nil, "a consumer before its stream")
        state.configurations[.consumer(stream: parts[4], name: parts[5])] = consumer(
          body!["config"]!.object!, state.configurations[.stream(parts[4])]?["consumer_limits"]?["max_ack_pending"])
      }
    }
  }

  private func stream(_ sent: JSONObject) -> JSONObject {
    var stored = sent
    for limit in ["max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size"]
    where (stored[limit]?.int64 ?? 0) == 0 {
      stored[limit] = JSONValue(-1)
    }
    if stored["compression"] == nil { stored["compression"] = .string("none") }
    for flag in ["allow_direct", "deny_delete", "sealed"] where stored[flag] == nil { stored[flag] = .bool(false) }
    if stored["mirror"] == nil, stored["sources"]?.array?.isEmpty != false {
      if stored["subjects"] == nil { stored["subjects"] = .array([stored["name"]!]) }
      let age = stored["max_age"]?.int64 ?? 0
      if stored["duplicate_window"] == nil {
        stored["duplicate_window"] = JSONValue(age > 0 && age < 120_000_000_000 ? age : 120_000_000_000)
      }
    }
    if stored["storage"] == nil { stored["storage"] = .string("file") }
    var metadata = stored["metadata"]?.object ?? JSONObject()
    metadata["_nats.ver"] = .string("2.15.1")
    stored["metadata"] = .object(metadata)
    stored["consumer_limits"] = stored["consumer_limits"] ?? .object(JSONObject())
    return stored
  }

  private func consumer(_ sent: JSONObject, _ limit: JSONValue?) -> JSONObject {
    var stored = sent
    if stored["max_deliver"] == nil { stored["max_deliver"] = JSONValue(-1) }
    if stored["deliver_subject"] == nil, stored["max_waiting"] == nil { stored["max_waiting"] = JSONValue(512) }
    if stored["ack_policy"] != .string("none"), stored["max_ack_pending"] == nil {
      stored["max_ack_pending"] = limit ?? JSONValue(1000)
    }
    if let first = stored["backoff"]?.array?.first { stored["ack_wait"] = first }
    return stored
  }
}

/// splitmix64.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct PlannerTests {
  static let now = try! RFC3339.parse("2026-06-01T00:00:00Z")

  private func desired(_ resources: [Resource]) -> DesiredState {
    var state = DesiredState()
    for resource in resources { #expect(state.insert(resource) == nil) }
    return state
  }

  private func planner(prunes: Bool = false) -> Planner {
    var planner = Planner(now: Self.now)
    planner.ownership = Ownership(owner: "test")
    planner.prunes = prunes
    return planner
  }

  static let streamSpecs = [
    "maxAge: 1m", "maxMsgs: 5", "replicas: 3", "storage: file", "discard: new", "compression: s2", "allowDirect: true",
    "subjects: [b, a]", "duplicateWindow: 5s", "description: text", "metadata: {k: v}", "denyPurge: true",
    "allowMsgTtl: true", "subjectDeleteMarkerTtl: 5s", "republish: {destination: 'x.>'}", "maxMsgsPerSubject: 3",
    "placement: {tags: [b, a]}", "consumerLimits: {maxAckPending: 5}", "sealed: true", "allowMsgSchedules: true",
  ]
  static let consumerSpecs = [
    "ackPolicy: explicit", "ackWait: 30s", "filterSubject: a", "headersOnly: true", "sampleFreq: '50'",
    "maxAckPending: 7",
    "inactiveThreshold: 1h", "backoff: [1s, 2s]", "pauseUntil: '2099-01-01T00:00:00+01:00'", "metadata: {k: v}",
    "pauseUntil: '2020-01-01T00:00:00Z'", "deliverPolicy: byStartTime, optStartTime: '2024-01-01T00:00:00+01:00'",
  ]

  private func randomResources(_ random: inout SeededGenerator) throws -> [Resource] {
    var resources: [Resource] = []
    for index in 0..<4 {
      var parts = Self.streamSpecs.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
      if index > 1 {
        parts = parts.filter { !$0.hasPrefix("subjects") && !$0.hasPrefix("allowMsgSchedules") }
        parts.append("sources: [{name: S\(index - 1)}]")
      }
      resources.append(
        try resource(.stream, (["name: S\(index)"] + parts).joined(separator: ", "), name: "s\(index)"))
      var consumer = Self.consumerSpecs.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
      if consumer.filter({ $0.hasPrefix("pauseUntil") }).count > 1 { consumer.removeAll { $0.hasPrefix("pauseUntil") } }
      let spec = ["streamName: S\(index), durableName: c"] + consumer
      resources.append(try resource(.consumer, spec.joined(separator: ", "), name: "c\(index)"))
    }
    resources.append(try resource(.keyValue, "bucket: kv, history: 3, compression: true", name: "kv"))
    resources.append(try resource(.objectStore, "bucket: obj, ttl: 1h", name: "obj"))
    return resources
  }

  @Test(
    "reconciling twice changes nothing, drift is repaired, order does not matter",
    arguments: 1...60 as ClosedRange<UInt64>)
  func properties(_ seed: UInt64) throws {
    var random = SeededGenerator(state: seed)
    let resources = try randomResources(&random)
    let wanted = desired(resources)
    var server = RecordingServer()
    let first = planner().plan(desired: wanted, observed: server.state)
    #expect(first.counts.created == resources.count, "seed \(seed)")
    try server.apply(first)
    let second = planner().plan(desired: wanted, observed: server.state)
    #expect(second.requests.isEmpty && !second.hasDifferences, "seed \(seed): \(second.text)")

    let shuffled = planner().plan(desired: desired(resources.shuffled(using: &random)), observed: ObservedState())
    #expect(shuffled.requests == first.requests, "seed \(seed)")

    let identity = server.state.configurations.keys.sorted { "\($0)" < "\($1)" }.randomElement(using: &random)!
    let drift: [(String, JSONValue)] =
      identity.isStream
      ? [
        ("max_age", JSONValue(777_000_000_000)), ("max_msgs", JSONValue(99)), ("description", .string("other")),
        ("num_replicas", JSONValue(5)), ("no_ack", .bool(true)), ("subjects", .array([.string("z")])),
      ] : [("description", .string("other")), ("max_deliver", JSONValue(9)), ("max_ack_pending", JSONValue(77))]
    let (member, value) = drift.randomElement(using: &random)!
    server.state.configurations[identity]![member] = value
    let isForced = member == "max_age" && wanted.assets[identity]!.configuration["sealed"] != nil
    let repair = planner().plan(desired: wanted, observed: server.state)
    #expect(repair.counts.updated == (isForced ? 0 : 1), "seed \(seed) \(identity) \(member): \(repair.text)")
    try server.apply(repair)
    let last = planner().plan(desired: wanted, observed: server.state)
    #expect(!last.hasDifferences, "seed \(seed): \(last.text)")
  }

  @Test(
    "what the server cannot change is refused with the field (5.038, 6.035)",
    arguments: [
      (ResourceKind.stream, "storage: file", "storage: memory", "storage"),
      (.stream, "retention: workqueue", "retention: limits", "retention"),
      (.stream, "denyDelete: true", "denyDelete: false", "deny_delete"),
      (.stream, "allowMsgTtl: true", "noAck: false", "allow_msg_ttl"),
      (.stream, "allowMsgCounter: true", "noAck: false", "allow_msg_counter"),
      (.stream, "sealed: true", "denyDelete: true, denyPurge: true, discard: new", "sealed"),
      (.stream, "mirror: {name: A}", "mirror: {name: B}", "mirror"),
      (.stream, "persistMode: async", "noAck: false", "persist_mode"),
      (.consumer, "ackPolicy: none", "ackPolicy: explicit, ackWait: 1s", "ack_policy"),
      (.consumer, "deliverPolicy: all", "deliverPolicy: new", "deliver_policy"),
      (.consumer, "deliverSubject: d", "headersOnly: false", "deliver_subject"),
      (.consumer, "memStorage: true", "memStorage: false", "mem_storage"),
      (.consumer, "maxWaiting: 5", "maxWaiting: 6", "max_waiting"),
    ])
  func immutable(_ kind: ResourceKind, _ before: String, _ after: String, _ member: String) throws {
    let head = kind == .stream ? "name: S, " : "streamName: S, durableName: c, "
    var server = RecordingServer()
    let stream = try resource(.stream, "name: S")
    let others = kind == .stream ? [] : [stream]
    try server.apply(planner().plan(desired: desired(others + [resource(kind, head + before)]), observed: server.state))
    let plan = planner().plan(desired: desired(others + [try resource(kind, head + after)]), observed: server.state)
    guard case .refused(.immutable, _, let message)? = plan.steps.last?.outcome else {
      Issue.record("\(plan.text)")
      return
    }
    #expect(message.contains(member))
    #expect(plan.requests.isEmpty)
    #expect(Plan.exitCode(plans: [plan]) == 2)
  }

  @Test("origins come before what copies them, streams before consumers, deletions first and the other way round")
  func order() throws {
    let resources = [
      try resource(.stream, "name: A, mirror: {name: B}", name: "a"),
      try resource(.stream, "name: B, sources: [{name: C}]", name: "b"), try resource(.stream, "name: C", name: "c"),
      try resource(.consumer, "streamName: C, durableName: x", name: "x"),
    ]
    var server = RecordingServer()
    let plan = planner().plan(desired: desired(resources), observed: server.state)
    #expect(plan.steps.map { "\($0.identity)" } == ["stream C", "stream B", "stream A", "consumer C/x"])
    try server.apply(plan)
    let prune = planner(prunes: true).plan(desired: DesiredState(), observed: server.state)
    #expect(prune.steps.map { "\($0.identity)" } == ["consumer C/x", "stream A", "stream B", "stream C"])
    #expect(prune.counts.deleted == 4)
  }

  @Test("pruning touches only what is owned, not kept and not named; without it nothing is deleted (13.008, 13.010)")
  func prune() throws {
    var server = RecordingServer()
    let all = [
      try resource(.stream, "name: GONE", name: "a"),
      try resource(.stream, "name: KEPT, preventDelete: true", name: "b"),
      try resource(.stream, "name: NAMED", name: "c"), try resource(.stream, "name: LIVE", name: "d"),
    ]
    try server.apply(planner().plan(desired: desired(all), observed: server.state))
    server.state.configurations[.stream("FOREIGN")] = ["name": .string("FOREIGN")]
    let rest = desired([all[3], try resource(.consumer, "streamName: NAMED, durableName: c")])
    #expect(planner().plan(desired: rest, observed: server.state).counts.deleted == 0)
    let plan = planner(prunes: true).plan(desired: rest, observed: server.state)
    #expect(
      plan.steps.filter { if case .delete = $0.outcome { true } else { false } }.map(\.identity) == [.stream("GONE")])
    #expect(plan.counts.refused == 2)
    // A resource that goes while another still describes the asset deletes nothing.
    let deleting = try resource(.stream, "name: LIVE", name: "other")
    #expect(planner().plan(desired: rest, deleting: [deleting], observed: server.state).counts.deleted == 0)
    let gone = planner().plan(desired: rest, deleting: [all[0], all[1]], observed: server.state)
    #expect(gone.counts.deleted == 1)
  }

  @Test("preventUpdate, read-only, missing stream, and exit codes")
  func refusals() throws {
    var server = RecordingServer()
    server.state.configurations[.stream("S")] = ["name": .string("S"), "max_msgs": JSONValue(3)]
    let kept = desired([try resource(.stream, "name: S, storage: file, preventUpdate: true")])
    let plan = planner().plan(desired: kept, observed: server.state)
    #expect(plan.counts.refused == 1 && Plan.exitCode(plans: [plan]) == 0)
    var reader = planner()
    reader.isReadOnly = true
    let changed = desired([
      try resource(.stream, "name: S, storage: file"), try resource(.stream, "name: T", name: "t"),
    ])
    let readOnly = reader.plan(desired: changed, observed: server.state)
    #expect(readOnly.counts.refused == 2 && readOnly.requests.isEmpty && Plan.exitCode(plans: [readOnly]) == 2)
    let orphan = desired([try resource(.consumer, "streamName: NO, durableName: c")])
    #expect(
      planner().plan(desired: orphan, observed: server.state).text.hasPrefix("! consumer NO/c (Consumer default/r): "))
    #expect(Plan.exitCode(plans: [], diagnostics: [Diagnostic(at: nil, "x")]) == 1)
  }

  @Test("an existing asset is adopted: what the manifest says is set, what it cannot say is kept (13.014)")
  func adoption() throws {
    var server = RecordingServer()
    server.state.configurations[.stream("S")] = [
      "name": .string("S"), "max_msgs": JSONValue(3), "storage": .string("file"), "from_the_future": .bool(true),
    ]
    let plan = planner().plan(
      desired: desired([try resource(.stream, "name: S, storage: file")]), observed: server.state)
    #expect(
      plan.text.hasPrefix("~ stream S (Stream default/r): update\n    max_msgs: 3 -> -1\n    metadata: (none) -> "))
    #expect(plan.json["counts"]?["update"] == JSONValue(1))
    try server.apply(plan)
    #expect(server.state.configurations[.stream("S")]?["from_the_future"] == .bool(true))
  }

  @Test("where a manifest is silent, the server's answer to the last apply is right")
  func settled() throws {
    let stream = try resource(.stream, "name: S, storage: file")
    var server = RecordingServer()
    try server.apply(planner().plan(desired: desired([stream]), observed: server.state))
    server.state.configurations[.stream("S")]!["duplicate_window"] = JSONValue(1_000_000_000)
    var later = planner()
    #expect(later.plan(desired: desired([stream]), observed: server.state).counts.updated == 1)
    later.settled[.stream("S")] = SettledConfiguration(
      sent: try #require(DesiredAsset(stream)).configuration, answered: server.state.configurations[.stream("S")]!)
    #expect(later.plan(desired: desired([stream]), observed: server.state).counts.unchanged == 1)
  }
}
