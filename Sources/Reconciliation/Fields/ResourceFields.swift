import JSON

/// The kinds of resources. FEATURES 13.001.
public enum ResourceKind: String, CaseIterable, Sendable {
  case stream = "Stream"
  case consumer = "Consumer"
  case keyValue = "KeyValue"
  case objectStore = "ObjectStore"
  case account = "Account"

  public var plural: String { rawValue.lowercased() + "s" }
  public var singular: String { rawValue.lowercased() }
}

/// Which version of the resource definitions a manifest speaks.
public enum ResourceVersion: String, CaseIterable, Sendable {
  case beta1 = "v1beta1"
  case beta2 = "v1beta2"
}

/// The field table of every kind. FEATURES 13.2.
public enum ResourceFields {
  public static let group = "jetstream.nats.io"

  /// The fields of a kind; nil where the version has no such kind.
  public static func fields(_ kind: ResourceKind, _ version: ResourceVersion = .beta2) -> [Field]? {
    switch (kind, version) {
    case (.stream, .beta2): stream
    case (.consumer, .beta2): consumer
    case (.keyValue, .beta2): keyValue
    case (.objectStore, .beta2): objectStore
    case (.account, .beta2): account
    case (.stream, .beta1): narrowed(stream, to: streamBeta1)
    case (.consumer, .beta1): narrowed(consumer, to: consumerBeta1)
    default: nil
    }
  }

  private static let streamBeta1: Set<String> = [
    "name", "subjects", "retention", "maxConsumers", "maxMsgs", "maxBytes", "maxAge", "maxMsgSize", "storage",
    "replicas", "noAck", "discard", "duplicateWindow", "description", "maxMsgsPerSubject", "mirror", "placement",
    "sources",
  ]
  private static let consumerBeta1: Set<String> = [
    "streamName", "deliverPolicy", "optStartSeq", "optStartTime", "durableName", "deliverSubject", "ackPolicy",
    "ackWait", "maxDeliver", "filterSubject", "replayPolicy", "sampleFreq", "rateLimitBps", "maxAckPending",
    "deliverGroup", "description", "flowControl", "heartbeatInterval",
  ]

  /// The older version had the same fields, only fewer.
  private static func narrowed(_ fields: [Field], to names: Set<String>) -> [Field] {
    fields.filter { names.contains($0.name) }.map { field in
      var field = field
      switch field.shape {
      case .object(let members) where field.name == "mirror": field.shape = .object(withoutNews(members))
      case .objects(let members) where field.name == "sources": field.shape = .objects(withoutNews(members))
      default: break
      }
      return field
    }
  }

  private static func withoutNews(_ origin: [Field]) -> [Field] {
    origin.filter { $0.name != "subjectTransforms" && !$0.isAddition }
  }

  private static func limit(_ name: String, _ summary: String, to member: String) -> Field {
    Field(name, .integer, summary, to: member).defaults(to: JSONValue(-1)).atLeast(-1)
  }

  /// FEATURES 13.032-13.106.
  static let stream: [Field] =
    [
      Field("name", .string(.name), "The stream's name.", to: "name").filled().required(),
      Field("description", .string(.plain), "What the stream is for.", to: "description"),
      Field("subjects", .strings(.plain), "The subjects to store; wildcards allowed.", to: "subjects").filled(),
      Field("retention", Field.choices(same: "limits", "interest", "workqueue"), "When messages go.", to: "retention")
        .defaults(to: .string("limits")),
      limit("maxConsumers", "Consumers at most; -1 without limit.", to: "max_consumers"),
      limit("maxMsgs", "Messages at most; -1 without limit.", to: "max_msgs"),
      limit("maxBytes", "Bytes at most; -1 without limit.", to: "max_bytes"),
      Field("discard", Field.choices(same: "old", "new"), "What goes when the stream is full.", to: "discard")
        .defaults(to: .string("old")),
      .flag("discardPerSubject", "Apply discard new to each subject.", to: "discard_new_per_subject"),
      Field("maxAge", .string(.duration), "The age at which messages go; empty for never.", to: "max_age")
        .defaults(to: .string("")),
      Field("maxMsgsPerSubject", .integer, "Messages of a subject at most.", to: "max_msgs_per_subject")
        .defaults(to: JSONValue(0)),
      limit("maxMsgSize", "The largest message in bytes; -1 without limit.", to: "max_msg_size"),
      Field("storage", Field.choices(same: "file", "memory"), "Where messages are kept.", to: "storage")
        .defaults(to: .string("memory")),
      Field("replicas", .integer, "Copies of each message.", to: "num_replicas").defaults(to: JSONValue(1)).atLeast(1),
      .flag("noAck", "Do not acknowledge what is published.", to: "no_ack"),
      Field("duplicateWindow", .string(.duration), "How long message ids are remembered.", to: "duplicate_window"),
      SharedFields.placement,
      Field("mirror", .object(SharedFields.origin), "The stream that this one copies.", to: "mirror"),
      Field("sources", .objects(SharedFields.origin), "Streams whose messages this one collects.", to: "sources"),
      .flag("sealed", "Close the stream for good.", to: "sealed"),
      .flag("denyDelete", "Refuse to delete messages; cannot be undone.", to: "deny_delete"),
      .flag("denyPurge", "Refuse to purge; cannot be undone.", to: "deny_purge"),
      .flag("allowRollup", "Allow the Nats-Rollup header.", to: "allow_rollup_hdrs"),
      Field("compression", Field.choices(same: "s2", "none", ""), "How file storage is compressed.", to: "compression")
        .defaults(to: .string("")),
      Field("firstSequence", .number, "The sequence that an empty stream starts at.", to: "first_seq")
        .defaults(to: JSONValue(0)).atLeast(0),
      Field(
        "subjectTransform", .object(SharedFields.transform), "Rewrites subjects before storing.",
        to: "subject_transform"),
      SharedFields.republish,
      .flag("allowDirect", "Allow direct reads.", to: "allow_direct"),
      .flag("mirrorDirect", "Answer direct reads for the origin.", to: "mirror_direct"),
      .flag("allowMsgTtl", "Allow the Nats-TTL header.", to: "allow_msg_ttl"),
      Field(
        "subjectDeleteMarkerTtl", .string(.duration), "How long markers of expired subjects stay.",
        to: "subject_delete_marker_ttl"
      ).defaults(to: .string("")),
      .flag("allowMsgCounter", "Make subjects counters.", to: "allow_msg_counter"),
      .flag("allowAtomicPublish", "Allow atomic batches.", to: "allow_atomic"),
      .flag("allowMsgSchedules", "Allow scheduled messages.", to: "allow_msg_schedules"),
      Field("allowBatched", .boolean, "Allow fast batches.", to: "allow_batched").added(),
      Field("persistMode", .string(.plain), "How writes reach the disk: default or async.", to: "persist_mode")
        .defaults(to: .string("")),
      Field(
        "consumerLimits",
        .object([
          Field("inactiveThreshold", .string(.duration), "The longest idle time.", to: "inactive_threshold"),
          Field("maxAckPending", .integer, "Unacknowledged messages at most.", to: "max_ack_pending"),
        ]), "Defaults and bounds for consumers.", to: "consumer_limits"),
      SharedFields.metadata,
    ] + SharedFields.control("stream")

  /// FEATURES 13.107-13.151.
  static let consumer: [Field] =
    [
      Field("durableName", .string(.filledName), "The consumer's name.", to: "durable_name").filled().required(),
      Field("streamName", .string(.plain), "The stream to consume.").required(),
      Field(
        "deliverPolicy",
        Field.choices([
          ("all", "all"), ("last", "last"), ("new", "new"), ("byStartSequence", "by_start_sequence"),
          ("byStartTime", "by_start_time"), ("lastPerSubject", "last_per_subject"),
        ]), "Where to start.", to: "deliver_policy"
      ).defaults(to: .string("all")),
      Field("optStartSeq", .integer, "The sequence to start at.", to: "opt_start_seq").atLeast(0),
      Field("optStartTime", .string(.time), "The time to start at, RFC 3339.", to: "opt_start_time"),
      Field("deliverSubject", .string(.plain), "Where to push; without it clients pull.", to: "deliver_subject"),
      Field(
        "ackPolicy", Field.choices(same: "none", "all", "explicit"), "How messages are acknowledged.", to: "ack_policy"
      )
      .defaults(to: .string("none")),
      Field("ackWait", .string(.duration), "How long to wait for an acknowledgement.", to: "ack_wait")
        .defaults(to: .string("1ns")),
      Field("maxDeliver", .integer, "Deliveries of a message at most.", to: "max_deliver").atLeast(-1),
      Field("backoff", .strings(.duration), "Waits before each redelivery.", to: "backoff"),
      Field("filterSubject", .string(.plain), "Deliver this subject only.", to: "filter_subject"),
      Field("filterSubjects", .strings(.plain), "Deliver these subjects only.", to: "filter_subjects"),
      Field("replayPolicy", Field.choices(same: "instant", "original"), "How fast to replay.", to: "replay_policy")
        .defaults(to: .string("instant")),
      Field("sampleFreq", .string(.percentage), "The share of acknowledgements to report.", to: "sample_freq"),
      Field("maxWaiting", .integer, "Pull requests that may wait.", to: "max_waiting"),
      Field("rateLimitBps", .integer, "Bits per second at most.", to: "rate_limit_bps"),
      Field("maxAckPending", .integer, "Unacknowledged messages at most.", to: "max_ack_pending"),
      Field("deliverGroup", .string(.plain), "The queue group to push to.", to: "deliver_group"),
      Field("description", .string(.plain), "What the consumer is for.", to: "description"),
      .flag("flowControl", "Slow down for a slow subscriber.", to: "flow_control"),
      .flag("headersOnly", "Leave bodies out.", to: "headers_only"),
      Field("heartbeatInterval", .string(.duration), "How often to say that nothing came.", to: "idle_heartbeat"),
      Field("maxRequestBatch", .integer, "Messages of one pull at most.", to: "max_batch"),
      Field("maxRequestExpires", .string(.duration), "The longest pull.", to: "max_expires"),
      Field("maxRequestMaxBytes", .integer, "Bytes of one pull at most.", to: "max_bytes"),
      Field(
        "inactiveThreshold", .string(.duration), "Remove the consumer when idle so long.", to: "inactive_threshold"),
      Field("pauseUntil", .string(.time), "Pause until then, RFC 3339.", to: "pause_until").defaults(to: .string("")),
      Field(
        "priorityPolicy", .string(.plain), "pinned_client, overflow, prioritized or none.", to: "priority_policy"
      ).defaults(to: .string("")),
      Field("pinnedTtl", .string(.duration), "How long an idle client stays pinned.", to: "priority_timeout")
        .defaults(to: .string("")),
      Field("priorityGroups", .strings(.plain), "The priority group.", to: "priority_groups"),
      Field("replicas", .integer, "Copies of the state; 0 as the stream.", to: "num_replicas"),
      .flag("memStorage", "Keep the state in memory.", to: "mem_storage"),
      SharedFields.metadata,
    ] + SharedFields.control("consumer")

  private static let bucketStorage = Field(
    "storage", Field.choices(same: "file", "memory"), "Where values are kept.", to: "storage")
  private static let bucketReplicas = Field("replicas", .integer, "Copies of each value.", to: "num_replicas")
    .defaults(to: JSONValue(1)).atLeast(1).atMost(5)
  private static let bucketCompression = Field("compression", .boolean, "Compress with s2.", to: "compression")

  /// FEATURES 13.178-13.225.
  static let keyValue: [Field] =
    [
      Field("bucket", .string(.plain), "The bucket's name.").required(),
      Field("description", .string(.plain), "What the bucket is for.", to: "description"),
      Field("maxValueSize", .integer, "The largest value in bytes.", to: "max_msg_size"),
      Field("history", .integer, "Values kept of a key, 1 to 64.", to: "max_msgs_per_subject"),
      Field("ttl", .string(.duration), "How long values stay.", to: "max_age"),
      Field(
        "limitMarkerTtl", .integer, "Nanoseconds that markers of expired keys stay.", to: "subject_delete_marker_ttl"),
      Field("maxBytes", .integer, "Bytes of the bucket at most.", to: "max_bytes"),
      bucketStorage, bucketReplicas, SharedFields.placement, SharedFields.republish,
      Field("mirror", .object(SharedFields.origin), "The bucket that this one copies.", to: "mirror"),
      bucketCompression,
      Field("sources", .objects(SharedFields.origin), "Buckets that this one collects.", to: "sources"),
      SharedFields.metadata.added(),
    ] + SharedFields.control("bucket")

  /// FEATURES 13.226-13.248.
  static let objectStore: [Field] =
    [
      Field("bucket", .string(.plain), "The object store's name.").required(),
      Field("description", .string(.plain), "What the store is for.", to: "description"),
      Field("ttl", .string(.duration), "How long objects stay.", to: "max_age"),
      Field("maxBytes", .integer, "Bytes of the store at most.", to: "max_bytes"),
      bucketStorage, bucketReplicas, SharedFields.placement, bucketCompression, SharedFields.metadata,
    ] + SharedFields.control("object store")

  /// FEATURES 13.152-13.177.
  static let account: [Field] = [
    Field("name", .string(.name), "A name for the account.").filled(),
    secret("creds", "Credentials of the connection.", [("file", "The secret's key, or the file.")]),
    secret("nkey", "The NKey of the connection.", [("seed", "The secret's key, or the file.")]),
    Field("servers", .strings(.plain), "URLs of the servers to connect to.").filled(),
    secret(
      "tls", "TLS of the connection.",
      [
        ("ca", "The authority: the secret's key, or the file."),
        ("cert", "The certificate: the secret's key, or the file."),
        ("key", "The certificate's key: the secret's key, or the file."),
      ]),
    secret("token", "The token of the connection.", [("token", "The secret's key, or the token.")]),
    secret(
      "user", "User and password of the connection.",
      [("user", "The secret's key, or the user."), ("password", "The secret's key, or the password.")]),
    .flag("tlsFirst", "Start TLS before the server's INFO."),
  ]

  private static func secret(_ name: String, _ summary: String, _ keys: [(String, String)]) -> Field {
    let reference = Field("secret", .object([Field("name", .string(.plain), "The secret's name.")]), "A Secret.")
    return Field(name, .object([reference] + keys.map { Field($0.0, .string(.plain), $0.1) }), summary)
  }
}
