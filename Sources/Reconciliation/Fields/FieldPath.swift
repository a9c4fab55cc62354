import JSON

/// Which field of a manifest stands behind a member of the server's configuration, or behind a refusal.
public enum FieldPath {
  /// `spec.maxAge` for `max_age` of a Stream, `spec.ttl` of a KeyValue; `spec` for a member that no field sets.
  public static func path(member: String, in resource: Resource) -> String {
    let fields = ResourceFields.fields(resource.kind, resource.version) ?? []
    if let field = fields.first(where: { $0.member == member }) { return "spec.\(field.name)" }
    switch (resource.kind, member) {
    case (.keyValue, "name"), (.keyValue, "subjects"), (.objectStore, "name"), (.objectStore, "subjects"):
      return "spec.bucket"
    case (.consumer, "name"): return "spec.durableName"
    default: return "spec"
    }
  }

  /// The paths of changed members, without repetition.
  public static func paths(_ changes: [ConfigurationChange], in resource: Resource) -> [String] {
    var paths: [String] = []
    for change in changes {
      let path = path(member: change.member, in: resource)
      if !paths.contains(path) { paths.append(path) }
    }
    return paths
  }

  /// The fields that a refusal of the server is about; empty when nothing points to one.
  ///
  /// - Parameters:
  ///   - errorCode: JetStream's, `err_code`.
  ///   - text: the error's description.
  ///   - changes: what the refused update would have changed; empty for a create.
  public static func refused(
    errorCode: Int, text: String, changes: [ConfigurationChange], in resource: Resource
  ) -> [String] {
    let changed = paths(changes, in: resource)
    let members = membersByCode[errorCode] ?? membersByWord(text)
    let named = members.map { path(member: $0, in: resource) }.filter { $0 != "spec" }
    let mentioned = named.filter { isMentioned($0, in: resource) }
    // Of several candidates, one that the manifest sets; of a refused update, what it changed.
    let both = named.filter { changed.contains($0) }
    if !both.isEmpty { return [both[0]] }
    guard changed.isEmpty || (membersByCode[errorCode] != nil && !named.isEmpty) else { return changed }
    return Array((mentioned.isEmpty ? named : mentioned).prefix(1))
  }

  /// Whether the manifest sets the field, to something else than its default.
  private static func isMentioned(_ path: String, in resource: Resource) -> Bool {
    let name = String(path.dropFirst("spec.".utf8.count))
    let field = ResourceFields.fields(resource.kind, resource.version)?.first { $0.name == name }
    guard let value = resource.specification[name] else { return false }
    return value != field?.defaultValue
  }

  /// What each error is about, the likeliest member first.
  private static let membersByCode: [Int: [String]] = [
    10005: ["placement", "num_replicas"], 10011: ["placement"], 10021: ["mirror", "sources"],
    10022: ["mirror", "sources"], 10024: ["mirror", "sources"], 10028: ["max_bytes", "storage"],
    10030: ["max_msg_size"],
    10031: ["mirror"], 10032: ["mirror"], 10033: ["mirror"], 10034: ["subjects"], 10045: ["sources"],
    10046: ["max_msg_size"], 10047: ["max_bytes"], 10055: ["mirror"], 10058: ["name"], 10061: ["num_replicas"],
    10065: ["subjects"], 10074: ["num_replicas"], 10079: ["deliver_subject"], 10080: ["max_waiting"],
    10081: ["deliver_subject"], 10082: ["max_ack_pending"], 10083: ["idle_heartbeat"], 10084: ["ack_policy"],
    10086: ["rate_limit_bps"], 10087: ["max_waiting"], 10088: ["idle_heartbeat"], 10089: ["flow_control"],
    10093: ["filter_subject", "filter_subjects"], 10094: ["deliver_policy"], 10095: ["sample_freq"],
    10098: ["ack_policy"], 10099: ["filter_subject"], 10100: ["filter_subject", "filter_subjects"],
    10101: ["deliver_policy"], 10102: ["durable_name"], 10103: ["durable_name"], 10105: ["deliver_subject"],
    10107: ["description"], 10108: ["idle_heartbeat"], 10109: ["sealed"], 10112: ["deliver_subject"],
    10113: ["max_bytes"], 10114: ["max_batch"], 10115: ["max_expires"], 10116: ["max_deliver"],
    10121: ["max_ack_pending"], 10122: ["max_bytes"], 10123: ["placement", "num_replicas"], 10125: ["max_batch"],
    10126: ["num_replicas"], 10127: ["durable_name"], 10128: ["name"], 10133: ["num_replicas"],
    10134: ["num_replicas"], 10135: ["metadata"], 10136: ["filter_subjects"], 10137: ["filter_subjects"],
    10138: ["filter_subjects"], 10139: ["filter_subjects"], 10140: ["sources"], 10141: ["sources"],
    10142: ["mirror"], 10143: ["first_seq"], 10144: ["sources"], 10145: ["sources"], 10146: ["sources"],
    10147: ["sources"], 10150: ["mirror"], 10151: ["mirror"], 10152: ["mirror"], 10153: ["inactive_threshold"],
    10154: ["mirror"], 10155: ["subject_transform"], 10156: ["subject_transform"],
    10159: ["priority_groups"], 10160: ["priority_groups"], 10161: ["priority_groups"], 10162: ["priority_groups"],
    10173: ["allow_msg_counter"], 10178: ["priority_groups"], 10181: ["ack_policy"], 10182: ["replay_policy"],
    10183: ["ack_wait"], 10184: ["backoff"], 10186: ["allow_msg_schedules"], 10187: ["allow_msg_schedules"],
    10196: ["priority_groups"], 10197: ["priority_timeout"], 10198: ["allow_atomic"], 10209: ["allow_batched"],
    10213: ["mirror"], 10214: ["mirror"], 10215: ["sources"], 10216: ["sources"], 10217: ["sources"],
  ]

  /// Errors that stand for many things say in words what they are about.
  private static func membersByWord(_ text: String) -> [String] {
    let text = Array(text.lowercased().utf8)
    return words.filter { word in
      let wanted = Array(word.word.utf8)
      return text.indices.contains { text[$0...].starts(with: wanted) }
    }.map(\.member)
  }

  private static let words: [(word: String, member: String)] = [
    ("duplicate", "duplicate_window"), ("max age", "max_age"), ("per subject", "discard_new_per_subject"),
    ("max msgs per subject", "max_msgs_per_subject"), ("message size", "max_msg_size"), ("max bytes", "max_bytes"),
    ("retention", "retention"), ("storage", "storage"), ("replica", "num_replicas"), ("sealed", "sealed"),
    ("deny delete", "deny_delete"), ("deny purge", "deny_purge"), ("roll-up", "allow_rollup_hdrs"),
    ("rollup", "allow_rollup_hdrs"), ("republish", "republish"), ("subject transform", "subject_transform"),
    ("mirror", "mirror"), ("source", "sources"), ("cycle", "mirror"), ("cycle", "sources"),
    ("first sequence", "first_seq"), ("compression", "compression"),
    ("counter", "allow_msg_counter"), ("schedul", "allow_msg_schedules"), ("atomic", "allow_atomic"),
    ("batch", "allow_batched"), ("persist mode", "persist_mode"), ("delete marker", "subject_delete_marker_ttl"),
    ("ttl", "allow_msg_ttl"), ("max consumers", "max_consumers"), ("consumer limits", "consumer_limits"),
    ("inactive", "inactive_threshold"), ("ack pending", "max_ack_pending"), ("ack wait", "ack_wait"),
    ("ack policy", "ack_policy"), ("deliver policy", "deliver_policy"), ("deliver subject", "deliver_subject"),
    ("deliver group", "deliver_group"), ("start sequence", "opt_start_seq"), ("start time", "opt_start_time"),
    ("replay policy", "replay_policy"), ("flow control", "flow_control"), ("heartbeat", "idle_heartbeat"),
    ("max waiting", "max_waiting"), ("backoff", "backoff"), ("max deliver", "max_deliver"),
    ("filter", "filter_subject"), ("placement", "placement"), ("metadata", "metadata"), ("subject", "subjects"),
  ]
}
