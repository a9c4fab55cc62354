import Bytes
import JSON

/// A configuration as the server would give it back: defaults filled in, what is implied said, what says nothing left
/// out, lists whose order means nothing sorted. Two configurations mean the same exactly when these are equal.
struct CanonicalConfiguration: Equatable {
  /// Top-level members; those at zero, false or empty are absent.
  var members: [String: JSONValue]

  private static let twoMinutes: Int64 = 120_000_000_000
  private static let thirtySeconds: Int64 = 30_000_000_000

  /// FEATURES 5.003-5.035 and what 2.15 answers.
  init(stream configuration: JSONObject) {
    members = Self.significant(configuration)
    drop("compression", "none")
    drop("persist_mode", "default")
    for limit in ["max_consumers", "max_msgs", "max_bytes", "max_msgs_per_subject", "max_msg_size"]
    where integer(limit) <= 0 {
      members[limit] = JSONValue(-1)
    }
    fill("retention", .string("limits"))
    fill("storage", .string("file"))
    fill("discard", .string("old"))
    fill("num_replicas", JSONValue(1))
    let isCopy = members["mirror"] != nil || members["sources"] != nil
    if !isCopy, let name = members["name"] { fill("subjects", .array([name])) }
    if var republish = members["republish"]?.object, republish["src"] == nil {
      republish["src"] = .string(">")
      members["republish"] = Self.sorted(.object(republish))
    }
    if members["subject_delete_marker_ttl"] != nil {
      members["allow_msg_ttl"] = .bool(true)
      members["allow_rollup_hdrs"] = .bool(true)
    }
    if members["allow_msg_schedules"] != nil { members["allow_rollup_hdrs"] = .bool(true) }
    if members["sealed"] != nil { members.merge(Self.sealedEffects) { _, new in new } }
    for member in ["max_age", "allow_rollup_hdrs"] where members["sealed"] != nil { members[member] = nil }
    if !isCopy {
      let age = integer("max_age")
      fill("duplicate_window", JSONValue(age > 0 ? min(age, Self.twoMinutes) : Self.twoMinutes))
    }
    for list in ["subjects", "sources"] { sortList(list) }
  }

  /// What sealing forces. FEATURES 5.026.
  static let sealedEffects: [String: JSONValue] = [
    "discard": .string("new"), "deny_delete": .bool(true), "deny_purge": .bool(true),
  ]

  /// FEATURES 6.003-6.034 and what 2.15 answers. A pause that is over says nothing.
  init(consumer configuration: JSONObject, streamLimits: JSONValue?, now: Timestamp) {
    members = Self.significant(configuration)
    if members["name"] == members["durable_name"] { members["name"] = nil }
    drop("priority_policy", "none")
    fill("deliver_policy", .string("all"))
    fill("ack_policy", .string("none"))
    fill("replay_policy", .string("instant"))
    if integer("max_deliver") <= 0 { members["max_deliver"] = JSONValue(-1) }
    if integer("max_ack_pending") < -1 { members["max_ack_pending"] = JSONValue(-1) }
    let acknowledges = ["all", "explicit"].contains(members["ack_policy"]?.string ?? "")
    if let first = members["backoff"]?.array?.first { members["ack_wait"] = first }
    if acknowledges {
      fill("ack_wait", JSONValue(Self.thirtySeconds))
      let limit = streamLimits?["max_ack_pending"]?.int64 ?? 0
      fill("max_ack_pending", JSONValue(limit > 0 ? limit : 1000))
    }
    if members["deliver_subject"] == nil { fill("max_waiting", JSONValue(512)) }
    if let idle = streamLimits?["inactive_threshold"]?.int64, idle > 0 { fill("inactive_threshold", JSONValue(idle)) }
    if members["priority_policy"]?.string == "pinned_client" {
      fill("priority_timeout", JSONValue(Self.twoMinutes))
    }
    if let sample = members["sample_freq"]?.string, sample.hasSuffix("%") {
      members["sample_freq"] = .string(String(sample.dropLast()))
    }
    if let text = members["pause_until"]?.string, let until = try? RFC3339.parse(text), until <= now {
      members["pause_until"] = nil
    }
    sortList("filter_subjects")
  }

  func integer(_ member: String) -> Int64 { members[member]?.int64 ?? 0 }

  private mutating func fill(_ member: String, _ value: JSONValue) {
    if members[member] == nil { members[member] = value }
  }

  private mutating func drop(_ member: String, _ word: String) {
    if members[member]?.string == word { members[member] = nil }
  }

  private mutating func sortList(_ member: String) {
    guard let elements = members[member]?.array else { return }
    members[member] = .array(
      elements.map { (String(decoding: $0.json(), as: UTF8.self), $0) }.sorted { $0.0 < $1.0 }.map(\.1))
  }

  // MARK: - Without what says nothing

  private static func significant(_ configuration: JSONObject) -> [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    for member in configuration.members {
      members[member.key] = member.key == "metadata" ? metadata(member.value) : significant(member.value, member.key)
    }
    return members
  }

  /// The server's own entries are not configuration (FEATURES 5.037).
  private static func metadata(_ value: JSONValue) -> JSONValue? {
    guard let object = value.object else { return nil }
    var kept = JSONObject()
    kept.members = object.members.filter { !$0.key.hasPrefix("_nats.") }
    return kept.members.isEmpty ? nil : sorted(.object(kept))
  }

  private static func significant(_ value: JSONValue, _ key: String) -> JSONValue? {
    switch value {
    case .null, .bool(false), .string(""): return nil
    case .bool: return value
    case .number:
      guard let whole = value.int64 else { return value }
      return whole == 0 ? nil : JSONValue(whole)
    case .string(let text):
      let isTime = key == "opt_start_time" || key == "pause_until"
      guard isTime, let time = try? RFC3339.parse(text) else { return value }
      return time.isZero ? nil : .string(RFC3339.string(time))
    case .array(let elements):
      // An origin with its name alone is not empty; an element that is says nothing.
      let kept = elements.compactMap { significant($0, "") }
      guard !kept.isEmpty else { return nil }
      return key == "tags" ? .array(kept.sorted { ($0.string ?? "") < ($1.string ?? "") }) : .array(kept)
    case .object(let object):
      var kept = JSONObject()
      kept.members = object.members.compactMap { member in
        significant(member.value, member.key).map { JSONObject.Member(key: member.key, value: $0) }
      }
      return kept.members.isEmpty ? nil : sorted(.object(kept))
    }
  }

  private static func sorted(_ value: JSONValue) -> JSONValue {
    guard var object = value.object else { return value }
    object.members.sort { $0.key < $1.key }
    return .object(object)
  }
}
