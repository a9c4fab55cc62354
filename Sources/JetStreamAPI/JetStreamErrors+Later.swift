// All errors by number, continued (ERRORS.md).

extension JetStreamError {
  public static var noLimits: Self { Self(10120, 400, "no JetStream default or applicable tiered limit present") }
  public static func consumerMaxPendingAckExcess(_ limit: String) -> Self {
    Self(10121, 400, "consumer max ack pending exceeds system limit of \(limit)")
  }
  public static var streamMaxStreamBytesExceeded: Self {
    Self(10122, 400, "stream max bytes exceeds account limit max stream bytes")
  }
  public static var streamMoveAndScale: Self { Self(10123, 400, "can not move and scale a stream in a single update") }
  public static var streamMoveInProgress: Self { Self(10124, 400, "stream move already in progress") }
  public static func consumerMaxRequestBatchExceeded(_ limit: String) -> Self {
    Self(10125, 400, "consumer max request batch exceeds server limit of \(limit)")
  }
  public static var consumerReplicasExceedsStream: Self {
    Self(10126, 400, "consumer config replica count exceeds parent stream")
  }
  public static var consumerNameContainsPathSeparators: Self {
    Self(10127, 400, "Consumer name can not contain path separators")
  }
  public static var streamNameContainsPathSeparators: Self {
    Self(10128, 400, "Stream name can not contain path separators")
  }
  public static var streamReconfigureNotInProgress: Self { Self(10129, 400, "stream reconfiguration not in progress") }
  public static var streamNameExistRestoreFailed: Self {
    Self(10130, 400, "stream name already in use, cannot restore")
  }
  public static var consumerCreateFilterSubjectMismatch: Self {
    Self(10131, 400, "Consumer create request did not match filtered subject from create subject")
  }
  public static var consumerCreateDurableAndNameMismatch: Self {
    Self(10132, 400, "Consumer Durable and Name have to be equal if both are provided")
  }
  public static var replicasCountCannotBeNegative: Self { Self(10133, 400, "replicas count cannot be negative") }
  public static var consumerReplicasShouldMatchStream: Self {
    Self(10134, 400, "consumer config replicas must match interest retention stream's replicas")
  }
  public static func consumerMetadataLength(_ limit: String) -> Self {
    Self(10135, 400, "consumer metadata exceeds maximum size of \(limit)")
  }
  public static var consumerDuplicateFilterSubjects: Self {
    Self(10136, 400, "consumer cannot have both FilterSubject and FilterSubjects specified")
  }
  public static var consumerMultipleFiltersNotAllowed: Self {
    Self(10137, 400, "consumer with multiple subject filters cannot use subject based API")
  }
  public static var consumerOverlappingSubjectFilters: Self {
    Self(10138, 400, "consumer subject filters cannot overlap")
  }
  public static var consumerEmptyFilter: Self { Self(10139, 400, "consumer filter in FilterSubjects cannot be empty") }
  public static var sourceDuplicateDetected: Self { Self(10140, 400, "duplicate source configuration detected") }
  public static var sourceInvalidStreamName: Self { Self(10141, 400, "sourced stream name is invalid") }
  public static var mirrorInvalidStreamName: Self { Self(10142, 400, "mirrored stream name is invalid") }
  public static var mirrorWithFirstSeq: Self {
    Self(10143, 400, "stream mirrors can not have first sequence configured")
  }
  public static var sourceMultipleFiltersNotAllowed: Self {
    Self(10144, 400, "source with multiple subject transforms cannot also have a single subject filter")
  }
  public static func sourceInvalidSubjectFilter(_ reason: String) -> Self {
    Self(10145, 400, "source transform source: \(reason)")
  }
  public static func sourceInvalidTransformDestination(_ reason: String) -> Self {
    Self(10146, 400, "source transform: \(reason)")
  }
  public static var sourceOverlappingSubjectFilters: Self { Self(10147, 400, "source filters can not overlap") }
  public static var consumerAlreadyExists: Self { Self(10148, 400, "consumer already exists") }
  public static var consumerDoesNotExist: Self { Self(10149, 400, "consumer does not exist") }
  public static var mirrorMultipleFiltersNotAllowed: Self {
    Self(10150, 400, "mirror with multiple subject transforms cannot also have a single subject filter")
  }
  public static func mirrorInvalidSubjectFilter(_ reason: String) -> Self {
    Self(10151, 400, "mirror transform source: \(reason)")
  }
  public static var mirrorOverlappingSubjectFilters: Self { Self(10152, 400, "mirror subject filters can not overlap") }
  public static func consumerInactiveThresholdExcess(_ limit: String) -> Self {
    Self(10153, 400, "consumer inactive threshold exceeds system limit of \(limit)")
  }
  public static func mirrorInvalidTransformDestination(_ reason: String) -> Self {
    Self(10154, 400, "mirror transform: \(reason)")
  }
  public static func streamTransformInvalidSource(_ reason: String) -> Self {
    Self(10155, 400, "stream transform source: \(reason)")
  }
  public static func streamTransformInvalidDestination(_ reason: String) -> Self {
    Self(10156, 400, "stream transform: \(reason)")
  }
  public static func pedantic(_ reason: String) -> Self {
    Self(10157, 400, "pedantic mode: \(reason)")
  }
  public static var streamDuplicateMessageConflict: Self { Self(10158, 409, "duplicate message id is in process") }
  public static var consumerPriorityPolicyWithoutGroup: Self {
    Self(10159, 400, "Setting PriorityPolicy requires at least one PriorityGroup to be set")
  }
  public static var consumerInvalidPriorityGroup: Self {
    Self(10160, 400, "Provided priority group does not exist for this consumer")
  }
  public static var consumerEmptyGroupName: Self { Self(10161, 400, "Group name cannot be an empty string") }
  public static var consumerInvalidGroupName: Self {
    Self(10162, 400, "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters")
  }
  public static var streamExpectedLastSeqPerSubjectNotReady: Self {
    Self(10163, 503, "expected last sequence per subject temporarily unavailable")
  }
  public static var streamWrongLastSequenceConstant: Self { Self(10164, 400, "wrong last sequence") }
  public static var messageTTLInvalid: Self { Self(10165, 400, "invalid per-message TTL") }
  public static var messageTTLDisabled: Self { Self(10166, 400, "per-message TTL is disabled") }
  public static var streamTooManyRequests: Self { Self(10167, 429, "too many requests") }
  public static var messageIncrDisabled: Self { Self(10168, 400, "message counters is disabled") }
  public static var messageIncrMissing: Self { Self(10169, 400, "message counter increment is missing") }
  public static var messageIncrPayload: Self { Self(10170, 400, "message counter has payload") }
  public static var messageIncrInvalid: Self { Self(10171, 400, "message counter increment is invalid") }
  public static var messageCounterBroken: Self { Self(10172, 400, "message counter is broken") }
  public static var mirrorWithCounters: Self { Self(10173, 400, "stream mirrors can not also calculate counters") }
  public static var atomicPublishDisabled: Self { Self(10174, 400, "atomic publish is disabled") }
  public static var atomicPublishMissingSeq: Self { Self(10175, 400, "atomic publish sequence is missing") }
  public static var atomicPublishIncompleteBatch: Self { Self(10176, 400, "atomic publish batch is incomplete") }
  public static func atomicPublishUnsupportedHeaderBatch(_ header: String) -> Self {
    Self(10177, 400, "atomic publish unsupported header used: \(header)")
  }
  public static var consumerPushWithPriorityGroup: Self {
    Self(10178, 400, "priority groups can not be used with push consumers")
  }
  public static var atomicPublishInvalidBatchID: Self { Self(10179, 400, "atomic publish batch ID is invalid") }
  public static var streamMinLastSeq: Self { Self(10180, 412, "min last sequence") }
  public static var consumerAckPolicyInvalid: Self { Self(10181, 400, "consumer ack policy invalid") }
  public static var consumerReplayPolicyInvalid: Self { Self(10182, 400, "consumer replay policy invalid") }
  public static var consumerAckWaitNegative: Self { Self(10183, 400, "consumer ack wait needs to be positive") }
  public static var consumerBackOffNegative: Self { Self(10184, 400, "consumer backoff needs to be positive") }
  public static var requiredApiLevel: Self { Self(10185, 412, "JetStream minimum api level required") }
  public static var mirrorWithMsgSchedules: Self { Self(10186, 400, "stream mirrors can not also schedule messages") }
  public static var sourceWithMsgSchedules: Self { Self(10187, 400, "stream source can not also schedule messages") }
  public static var messageSchedulesDisabled: Self { Self(10188, 400, "message schedules is disabled") }
  public static var messageSchedulesPatternInvalid: Self { Self(10189, 400, "message schedules pattern is invalid") }
  public static var messageSchedulesTargetInvalid: Self { Self(10190, 400, "message schedules target is invalid") }
  public static var messageSchedulesTTLInvalid: Self { Self(10191, 400, "message schedules invalid per-message TTL") }
  public static var messageSchedulesRollupInvalid: Self { Self(10192, 400, "message schedules invalid rollup") }
  public static var streamExpectedLastSeqPerSubjectInvalid: Self {
    Self(10193, 400, "missing sequence for expected last sequence per subject")
  }
  public static func streamOfflineReason(_ reason: String) -> Self {
    Self(10194, 500, "stream is offline: \(reason)")
  }
  public static func consumerOfflineReason(_ reason: String) -> Self {
    Self(10195, 500, "consumer is offline: \(reason)")
  }
  public static var consumerPriorityGroupWithPolicyNone: Self {
    Self(10196, 400, "consumer can not have priority groups when policy is none")
  }
  public static var consumerPinnedTTLWithoutPriorityPolicyNone: Self {
    Self(10197, 400, "PinnedTTL cannot be set when PriorityPolicy is none")
  }
  public static var mirrorWithAtomicPublish: Self {
    Self(10198, 400, "stream mirrors can not also use atomic publishing")
  }
  public static func atomicPublishTooLargeBatch(_ size: String) -> Self {
    Self(10199, 400, "atomic publish batch is too large: \(size)")
  }
  public static var atomicPublishInvalidBatchCommit: Self { Self(10200, 400, "atomic publish batch commit is invalid") }
  public static var atomicPublishContainsDuplicateMessage: Self {
    Self(10201, 400, "atomic publish batch contains duplicate message id")
  }
  public static var clusterServerMemberChangeInflight: Self { Self(10202, 400, "cluster member change is in progress") }
  public static var messageSchedulesSourceInvalid: Self { Self(10203, 400, "message schedules source is invalid") }
  public static func consumerInvalidReset(_ reason: String) -> Self {
    Self(10204, 400, "invalid reset: \(reason)")
  }
  public static var batchPublishDisabled: Self { Self(10205, 400, "batch publish is disabled") }
  public static var batchPublishInvalidPattern: Self { Self(10206, 400, "batch publish pattern is invalid") }
  public static var batchPublishInvalidBatchID: Self { Self(10207, 400, "batch publish ID is invalid") }
  public static var batchPublishUnknownBatchID: Self { Self(10208, 400, "batch publish ID unknown") }
  public static var mirrorWithBatchPublish: Self {
    Self(10209, 400, "stream mirrors can not also use batch publishing")
  }
  public static var atomicPublishTooManyInflight: Self { Self(10210, 429, "atomic publish too many inflight") }
  public static var batchPublishTooManyInflight: Self { Self(10211, 429, "batch publish too many inflight") }
  public static var messageSchedulesSchedulerInvalid: Self { Self(10212, 400, "message schedules invalid scheduler") }
  public static var mirrorDurableConsumerCfgInvalid: Self {
    Self(10213, 400, "stream mirror consumer config is invalid")
  }
  public static var mirrorConsumerRequiresAckFC: Self {
    Self(10214, 400, "stream mirror consumer requires flow control ack policy")
  }
  public static var sourceDurableConsumerCfgInvalid: Self {
    Self(10215, 400, "stream source consumer config is invalid")
  }
  public static var sourceDurableConsumerDuplicateDetected: Self {
    Self(10216, 400, "duplicate stream source consumer detected")
  }
  public static var sourceConsumerRequiresAckFC: Self {
    Self(10217, 400, "stream source consumer requires flow control ack policy")
  }
  public static var consumerAckFCRequiresPush: Self {
    Self(10218, 400, "flow control ack policy requires a push based consumer")
  }
  public static var consumerAckFCRequiresFC: Self { Self(10219, 400, "flow control ack policy requires flow control") }
  public static var consumerAckFCRequiresMaxAckPending: Self {
    Self(10220, 400, "flow control ack policy requires max ack pending")
  }
  public static var consumerAckFCRequiresNoAckWait: Self {
    Self(10221, 400, "flow control ack policy requires unset ack wait")
  }
  public static var consumerAckFCRequiresNoMaxDeliver: Self {
    Self(10222, 400, "flow control ack policy requires unset max deliver")
  }
  public static var messageSchedulesTimeZoneInvalid: Self { Self(10223, 400, "message schedules time zone is invalid") }
  public static func clusterRescue(_ reason: String) -> Self {
    Self(10224, 400, "JetStream system rescue not applied: \(reason)")
  }
  public static func consumerStreamIdentityMismatch(_ reason: String) -> Self {
    Self(10225, 400, "consumer's stream identity does not match: \(reason)")
  }
  public static var streamReconfigureInProgress: Self { Self(10226, 400, "stream reconfiguration already in progress") }
  public static var messageSourceHdrNotAllowed: Self { Self(10227, 400, "message stream source header is not allowed") }
}
