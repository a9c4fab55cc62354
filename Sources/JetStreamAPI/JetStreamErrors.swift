// All errors by number (ERRORS.md). Functions fill in the variable part.

extension JetStreamError {
  public static var accountResourcesExceeded: Self { Self(10002, 400, "resource limits exceeded for account") }
  public static var badRequest: Self { Self(10003, 400, "bad request") }
  public static var clusterIncomplete: Self { Self(10004, 503, "incomplete results") }
  public static func clusterNoPeers(_ reason: String) -> Self {
    Self(10005, 400, "\(reason)")
  }
  public static var clusterNotActive: Self { Self(10006, 500, "JetStream not in clustered mode") }
  public static var clusterNotAssigned: Self { Self(10007, 500, "JetStream cluster not assigned to this server") }
  public static var clusterNotAvail: Self { Self(10008, 503, "JetStream system temporarily unavailable") }
  public static var clusterNotLeader: Self { Self(10009, 500, "JetStream cluster can not handle request") }
  public static var clusterRequired: Self { Self(10010, 503, "JetStream clustering support required") }
  public static var clusterTags: Self { Self(10011, 400, "tags placement not supported for operation") }
  public static func consumerCreate(_ reason: String) -> Self {
    Self(10012, 500, "\(reason)")
  }
  public static var consumerNameExist: Self { Self(10013, 400, "consumer name already in use") }
  public static var consumerNotFound: Self { Self(10014, 404, "consumer not found") }
  public static var snapshotDeliverSubjectInvalid: Self { Self(10015, 400, "deliver subject not valid") }
  public static var consumerDurableNameNotInSubject: Self {
    Self(10016, 400, "consumer expected to be durable but no durable name set in subject")
  }
  public static var consumerDurableNameNotMatchSubject: Self {
    Self(10017, 400, "consumer name in subject does not match durable name in request")
  }
  public static var consumerDurableNameNotSet: Self {
    Self(10018, 400, "consumer expected to be durable but a durable name was not set")
  }
  public static var consumerEphemeralWithDurableInSubject: Self {
    Self(10019, 400, "consumer expected to be ephemeral but detected a durable name set in subject")
  }
  public static var consumerEphemeralWithDurableName: Self {
    Self(10020, 400, "consumer expected to be ephemeral but a durable name was set in request")
  }
  public static func streamExternalApiOverlap(_ prefix: String, _ subject: String) -> Self {
    Self(10021, 400, "stream external api prefix \(prefix) must not overlap with \(subject)")
  }
  public static func streamExternalDelPrefixOverlaps(_ prefix: String, _ subject: String) -> Self {
    Self(10022, 400, "stream external delivery prefix \(prefix) overlaps with stream subject \(subject)")
  }
  public static var insufficientResources: Self { Self(10023, 503, "insufficient resources") }
  public static func streamInvalidExternalDeliverySubj(_ prefix: String) -> Self {
    Self(10024, 400, "stream external delivery prefix \(prefix) must not contain wildcards")
  }
  public static func invalidJSON(_ reason: String) -> Self {
    Self(10025, 400, "invalid JSON: \(reason)")
  }
  public static var maximumConsumersLimit: Self { Self(10026, 400, "maximum consumers limit reached") }
  public static var maximumStreamsLimit: Self { Self(10027, 400, "maximum number of streams reached") }
  public static var memoryResourcesExceeded: Self { Self(10028, 500, "insufficient memory resources available") }
  public static func mirrorConsumerSetupFailed(_ reason: String) -> Self {
    Self(10029, 500, "\(reason)")
  }
  public static var mirrorMaxMessageSizeTooBig: Self {
    Self(10030, 400, "stream mirror must have max message size >= source")
  }
  public static var mirrorWithSources: Self { Self(10031, 400, "stream mirrors can not also contain other sources") }
  public static var mirrorWithStartSeqAndTime: Self {
    Self(10032, 400, "stream mirrors can not have both start seq and start time configured")
  }
  public static var mirrorWithSubjectFilters: Self {
    Self(10033, 400, "stream mirrors can not contain filtered subjects")
  }
  public static var mirrorWithSubjects: Self { Self(10034, 400, "stream mirrors can not contain subjects") }
  public static var noAccount: Self { Self(10035, 503, "account not found") }
  public static var clusterUnSupportFeature: Self { Self(10036, 503, "not currently supported in clustered mode") }
  public static var noMessageFound: Self { Self(10037, 404, "no message found") }
  public static var notEmptyRequest: Self { Self(10038, 400, "expected an empty request payload") }
  public static var notEnabledForAccount: Self { Self(10039, 503, "JetStream not enabled for account") }
  public static var clusterPeerNotMember: Self { Self(10040, 400, "peer not a member") }
  public static func raftGeneral(_ reason: String) -> Self {
    Self(10041, 500, "\(reason)")
  }
  public static func restoreSubscribeFailed(_ subject: String, _ reason: String) -> Self {
    Self(10042, 500, "JetStream unable to subscribe to restore snapshot \(subject): \(reason)")
  }
  public static func sequenceNotFound(_ sequence: UInt64) -> Self {
    Self(10043, 400, "sequence \(sequence) not found")
  }
  public static var clusterServerNotMember: Self { Self(10044, 400, "server is not a member of the cluster") }
  public static func sourceConsumerSetupFailed(_ reason: String) -> Self {
    Self(10045, 500, "\(reason)")
  }
  public static var sourceMaxMessageSizeTooBig: Self {
    Self(10046, 400, "stream source must have max message size >= target")
  }
  public static var storageResourcesExceeded: Self { Self(10047, 500, "insufficient storage resources available") }
  public static func streamAssignment(_ reason: String) -> Self {
    Self(10048, 500, "\(reason)")
  }
  public static func streamCreate(_ reason: String) -> Self {
    Self(10049, 500, "\(reason)")
  }
  public static func streamDelete(_ reason: String) -> Self {
    Self(10050, 500, "\(reason)")
  }
  public static func streamGeneralError(_ reason: String) -> Self {
    Self(10051, 500, "\(reason)")
  }
  public static func streamInvalidConfig(_ reason: String) -> Self {
    Self(10052, 500, "\(reason)")
  }
  public static func streamLimits(_ reason: String) -> Self {
    Self(10053, 500, "\(reason)")
  }
  public static var streamMessageExceedsMaximum: Self { Self(10054, 400, "message size exceeds maximum allowed") }
  public static var streamMirrorNotUpdatable: Self {
    Self(10055, 400, "stream mirror configuration can not be updated")
  }
  public static var streamMismatch: Self { Self(10056, 400, "stream name in subject does not match request") }
  public static func streamMsgDeleteFailed(_ reason: String) -> Self {
    Self(10057, 500, "\(reason)")
  }
  public static var streamNameExist: Self {
    Self(10058, 400, "stream name already in use with a different configuration")
  }
  public static var streamNotFound: Self { Self(10059, 404, "stream not found") }
  public static var streamNotMatch: Self { Self(10060, 400, "expected stream does not match") }
  public static var streamReplicasNotUpdatable: Self { Self(10061, 400, "Replicas configuration can not be updated") }
  public static func streamRestore(_ reason: String) -> Self {
    Self(10062, 500, "restore failed: \(reason)")
  }
  public static var streamSequenceNotMatch: Self { Self(10063, 503, "expected stream sequence does not match") }
  public static func streamSnapshot(_ reason: String) -> Self {
    Self(10064, 500, "snapshot failed: \(reason)")
  }
  public static var streamSubjectOverlap: Self { Self(10065, 400, "subjects overlap with an existing stream") }
  public static func streamTemplateCreate(_ reason: String) -> Self {
    Self(10066, 500, "\(reason)")
  }
  public static func streamTemplateDelete(_ reason: String) -> Self {
    Self(10067, 500, "\(reason)")
  }
  public static var streamTemplateNotFound: Self { Self(10068, 404, "template not found") }
  public static func streamUpdate(_ reason: String) -> Self {
    Self(10069, 500, "\(reason)")
  }
  public static func streamWrongLastMsgID(_ id: String) -> Self {
    Self(10070, 400, "wrong last msg ID: \(id)")
  }
  public static func streamWrongLastSequence(_ sequence: UInt64) -> Self {
    Self(10071, 400, "wrong last sequence: \(sequence)")
  }
  public static var tempStorageFailed: Self { Self(10072, 500, "JetStream unable to open temp storage for restore") }
  public static var templateNameNotMatchSubject: Self {
    Self(10073, 400, "template name in subject does not match request")
  }
  public static var streamReplicasNotSupported: Self {
    Self(10074, 500, "replicas > 1 not supported in non-clustered mode")
  }
  public static var peerRemap: Self { Self(10075, 503, "peer remap failed") }
  public static var notEnabled: Self { Self(10076, 503, "JetStream not enabled") }
  public static func streamStoreFailed(_ reason: String) -> Self {
    Self(10077, 503, "\(reason)")
  }
  public static var consumerConfigRequired: Self { Self(10078, 400, "consumer config required") }
  public static var consumerDeliverToWildcards: Self { Self(10079, 400, "consumer deliver subject has wildcards") }
  public static var consumerPushMaxWaiting: Self { Self(10080, 400, "consumer in push mode can not set max waiting") }
  public static var consumerDeliverCycle: Self { Self(10081, 400, "consumer deliver subject forms a cycle") }
  public static var consumerMaxPendingAckPolicyRequired: Self {
    Self(10082, 400, "consumer requires ack policy for max ack pending")
  }
  public static var consumerSmallHeartbeat: Self { Self(10083, 400, "consumer idle heartbeat needs to be >= 100ms") }
  public static var consumerPullRequiresAck: Self {
    Self(10084, 400, "consumer in pull mode requires explicit ack policy on workqueue stream")
  }
  public static var consumerPullNotDurable: Self { Self(10085, 400, "consumer in pull mode requires a durable name") }
  public static var consumerPullWithRateLimit: Self {
    Self(10086, 400, "consumer in pull mode can not have rate limit set")
  }
  public static var consumerMaxWaitingNegative: Self { Self(10087, 400, "consumer max waiting needs to be positive") }
  public static var consumerHBRequiresPush: Self {
    Self(10088, 400, "consumer idle heartbeat requires a push based consumer")
  }
  public static var consumerFCRequiresPush: Self {
    Self(10089, 400, "consumer flow control requires a push based consumer")
  }
  public static var consumerDirectRequiresPush: Self {
    Self(10090, 400, "consumer direct requires a push based consumer")
  }
  public static var consumerDirectRequiresEphemeral: Self {
    Self(10091, 400, "consumer direct requires an ephemeral consumer")
  }
  public static var consumerOnMapped: Self { Self(10092, 400, "consumer direct on a mapped consumer") }
  public static var consumerFilterNotSubset: Self {
    Self(10093, 400, "consumer filter subject is not a valid subset of the interest subjects")
  }
  public static func consumerInvalidPolicy(_ reason: String) -> Self {
    Self(10094, 400, "\(reason)")
  }
  public static func consumerInvalidSampling(_ reason: String) -> Self {
    Self(10095, 400, "failed to parse consumer sampling configuration: \(reason)")
  }
  public static var streamInvalid: Self { Self(10096, 500, "stream not valid") }
  public static var streamHeaderExceedsMaximum: Self { Self(10097, 400, "header size exceeds maximum allowed of 64k") }
  public static var consumerWQRequiresExplicitAck: Self { Self(10098, 400, "workqueue stream requires explicit ack") }
  public static var consumerWQMultipleUnfiltered: Self {
    Self(10099, 400, "multiple non-filtered consumers not allowed on workqueue stream")
  }
  public static var consumerWQConsumerNotUnique: Self {
    Self(10100, 400, "filtered consumer not unique on workqueue stream")
  }
  public static var consumerWQConsumerNotDeliverAll: Self {
    Self(10101, 400, "consumer must be deliver all on workqueue stream")
  }
  public static func consumerNameTooLong(_ maximum: String) -> Self {
    Self(10102, 400, "consumer name is too long, maximum allowed is \(maximum)")
  }
  public static var consumerBadDurableName: Self { Self(10103, 400, "durable name can not contain '.', '*', '>'") }
  public static func consumerStoreFailed(_ reason: String) -> Self {
    Self(10104, 500, "error creating store for consumer: \(reason)")
  }
  public static var consumerExistingActive: Self { Self(10105, 400, "consumer already exists and is still active") }
  public static var consumerReplacementWithDifferentName: Self {
    Self(10106, 400, "consumer replacement durable config not the same")
  }
  public static func consumerDescriptionTooLong(_ maximum: String) -> Self {
    Self(10107, 400, "consumer description is too long, maximum allowed is \(maximum)")
  }
  public static var consumerWithFlowControlNeedsHeartbeats: Self {
    Self(10108, 400, "consumer with flow control also needs heartbeats")
  }
  public static var streamSealed: Self { Self(10109, 400, "invalid operation on sealed stream") }
  public static func streamPurgeFailed(_ reason: String) -> Self {
    Self(10110, 500, "\(reason)")
  }
  public static func streamRollupFailed(_ reason: String) -> Self {
    Self(10111, 500, "\(reason)")
  }
  public static var consumerInvalidDeliverSubject: Self { Self(10112, 400, "invalid push consumer deliver subject") }
  public static var streamMaxBytesRequired: Self {
    Self(10113, 400, "account requires a stream config to have max bytes set")
  }
  public static var consumerMaxRequestBatchNegative: Self {
    Self(10114, 400, "consumer max request batch needs to be > 0")
  }
  public static var consumerMaxRequestExpiresTooSmall: Self {
    Self(10115, 400, "consumer max request expires needs to be >= 1ms")
  }
  public static var consumerMaxDeliverBackoff: Self {
    Self(10116, 400, "max deliver is required to be > length of backoff values")
  }
  public static var streamInfoMaxSubjects: Self { Self(10117, 500, "subject details would exceed maximum allowed") }
  public static var streamOffline: Self { Self(10118, 500, "stream is offline") }
  public static var consumerOffline: Self { Self(10119, 500, "consumer is offline") }
}
