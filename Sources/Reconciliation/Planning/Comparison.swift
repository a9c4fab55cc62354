import JSON

/// Two canonical configurations, and what the manifest leaves to the server.
struct Comparison {
  var wanted: CanonicalConfiguration
  let existing: CanonicalConfiguration
  /// Members whose value is the server's: an update must send it back, or it would change.
  private(set) var adopted: [String: JSONValue] = [:]

  init(wanted: CanonicalConfiguration, existing: CanonicalConfiguration) {
    self.wanted = wanted
    self.existing = existing
  }

  var changes: [ConfigurationChange] {
    // What a newer server has and the manifests cannot say is left alone.
    let known = KnownMembers.all.intersection(Set(wanted.members.keys).union(existing.members.keys))
    return known.sorted().compactMap { member in
      let (new, old) = (wanted.members[member], existing.members[member])
      return new == old ? nil : ConfigurationChange(member: member, observed: old, desired: new)
    }
  }

  mutating func adoptSilent(isStream: Bool, _ specified: JSONObject, answered: CanonicalConfiguration?) {
    if isStream {
      // A mirror takes direct reads over from its origin (FEATURES 5.025).
      if wanted.members["mirror"] != nil, specified["mirror_direct"] == nil { adopt("mirror_direct") }
      // Sealing takes the age away, the window that followed from it stays.
      if existing.members["sealed"] != nil, specified["duplicate_window"] == nil { adopt("duplicate_window") }
    } else {
      if specified["max_waiting"] == nil { adopt("max_waiting") }
      // Pausing by hand is operation, not configuration, unless the manifest says when it ends.
      if wanted.members["pause_until"] == nil { adopt("pause_until") }
    }
    guard let answered else { return }
    for (member, value) in existing.members where specified[member] == nil && answered.members[member] == value {
      adopt(member)
    }
  }

  /// Without an owner of its own the controller leaves others' marks.
  mutating func adoptOwnership() {
    guard let marks = existing.members["metadata"]?.object?.members.filter({ Ownership.isOwnershipKey($0.key) }),
      !marks.isEmpty
    else { return }
    var metadata = wanted.members["metadata"]?.object ?? JSONObject()
    metadata.members = (metadata.members + marks).sorted { $0.key < $1.key }
    wanted.members["metadata"] = .object(metadata)
    adopted["metadata"] = .object(metadata)
  }

  private mutating func adopt(_ member: String) {
    wanted.members[member] = existing.members[member]
    adopted[member] = existing.members[member]
  }
}

/// The members that the field tables or the layouts of buckets can set.
enum KnownMembers {
  static let all: Set<String> = {
    var names: Set<String> = ["name"]
    for kind in ResourceKind.allCases {
      for member in (ResourceFields.fields(kind) ?? []).compactMap(\.member) { names.insert(member) }
    }
    return names
  }()
}

/// What the server refuses to change. FEATURES 5.038, 6.035.
enum ImmutableMembers {
  static func refuses(_ change: ConfigurationChange, of identity: AssetIdentity) -> Bool {
    identity.isStream ? stream(change) : consumer(change)
  }

  private static func stream(_ change: ConfigurationChange) -> Bool {
    switch change.member {
    case "name", "storage", "allow_msg_counter", "persist_mode": true
    case "retention": [change.observed, change.desired].contains(.string("workqueue"))
    case "sealed", "deny_delete", "deny_purge", "allow_msg_ttl", "allow_msg_schedules": change.desired == nil
    // A mirror can only become a stream of its own.
    case "mirror": change.desired != nil
    default: false
    }
  }

  private static func consumer(_ change: ConfigurationChange) -> Bool {
    switch change.member {
    case "durable_name", "name", "deliver_policy", "opt_start_seq", "opt_start_time", "ack_policy", "replay_policy",
      "idle_heartbeat", "flow_control", "max_waiting", "mem_storage":
      true
    // Push stays push, pull stays pull.
    case "deliver_subject": change.desired == nil || change.observed == nil
    default: false
    }
  }
}
