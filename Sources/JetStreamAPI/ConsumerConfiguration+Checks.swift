import Bytes
import Subjects

/// What a configuration must be like (FEATURES 6.1), in the order in which nats-server looks.
extension ConsumerConfiguration {
  /// Checks a configuration with its defaults. What is checked against other consumers: `checkPlace`.
  public func check(_ context: ConsumerContext) throws(JetStreamError) {
    try checkNames()
    try checkReplicas(context)
    try checkAcknowledgement()
    if description.utf8.count > ConsumerLimits.descriptionLength {
      throw .consumerDescriptionTooLong(String(ConsumerLimits.descriptionLength))
    }
    try isPush ? checkPush(context) : checkPull(context)
    try checkLimits(context)
    if direct {
      if !isPush { throw .consumerDirectRequiresPush }
      if isDurable { throw .consumerDirectRequiresEphemeral }
    }
    try checkFilters()
    try checkStart()
    try checkSampling()
    if flowControl, heartbeat == 0 { throw .consumerWithFlowControlNeedsHeartbeats }
    if !durableName.isEmpty, !name.isEmpty, name != durableName { throw .consumerCreateDurableAndNameMismatch }
    if metadata.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) > ConsumerLimits.metadataBytes {
      throw .consumerMetadataLength("\(ConsumerLimits.metadataBytes / 1024)KB")
    }
    try checkPriority()
  }

  private func checkNames() throws(JetStreamError) {
    if !name.isEmpty, !AssetName.isValid(name) {
      throw .streamInvalidConfig("consumer name can not contain '.', '*', '>', '\\', '/'")
    }
    if !durableName.isEmpty, !AssetName.isValid(durableName) {
      throw .streamInvalidConfig("consumer durable name can not contain '.', '*', '>', '\\', '/'")
    }
  }

  private func checkReplicas(_ context: ConsumerContext) throws(JetStreamError) {
    if replicas > 0, replicas > context.replicas { throw .consumerReplicasExceedsStream }
    if replicas < 0 { throw .replicasCountCannotBeNegative }
    if context.retention != .limits, replicas != 0, replicas != context.replicas {
      throw .consumerReplicasShouldMatchStream
    }
  }

  private func checkAcknowledgement() throws(JetStreamError) {
    if backoff.contains(where: { $0 < 0 }) { throw .consumerBackOffNegative }
    if ackWait < 0 { throw .consumerAckWaitNegative }
    if ackPolicy == .flowControl {
      if !isPush { throw .consumerAckFCRequiresPush }
      if !flowControl { throw .consumerAckFCRequiresFC }
      if heartbeat != ConsumerLimits.flowControlHeartbeat {
        throw .streamInvalidConfig("flow control ack policy heartbeat needs to be 1s")
      }
      if maxAckPending <= 0 { throw .consumerAckFCRequiresMaxAckPending }
      if ackWait != 0 || !backoff.isEmpty { throw .consumerAckFCRequiresNoAckWait }
      if maxDeliver > 0 { throw .consumerAckFCRequiresNoMaxDeliver }
    }
    try checkBackoff()
  }

  func checkBackoff() throws(JetStreamError) {
    if !backoff.isEmpty, maxDeliver != -1, backoff.count > maxDeliver { throw .consumerMaxDeliverBackoff }
  }

  /// FEATURES 6.030.
  private func checkPush(_ context: ConsumerContext) throws(JetStreamError) {
    if !Subject.isLiteral(deliverSubject) { throw .consumerDeliverToWildcards }
    if !Subject.isValid(deliverSubject) { throw .consumerInvalidDeliverSubject }
    if context.subjects.contains(where: { Subject.isSubset(deliverSubject, of: $0) }) { throw .consumerDeliverCycle }
    if maxWaiting != 0 { throw .consumerPushMaxWaiting }
    if maxAckPending > 0, ackPolicy == .none { throw .consumerMaxPendingAckPolicyRequired }
    if heartbeat > 0, heartbeat < ConsumerLimits.smallestHeartbeat { throw .consumerSmallHeartbeat }
  }

  /// FEATURES 6.031.
  private func checkPull(_ context: ConsumerContext) throws(JetStreamError) {
    if ackPolicy == .none, context.retention == .workQueue { throw .consumerPullRequiresAck }
    if rateLimit > 0 { throw .consumerPullWithRateLimit }
    if heartbeat > 0 { throw .consumerHBRequiresPush }
    if flowControl { throw .consumerFCRequiresPush }
    if maxRequestExpires != 0, maxRequestExpires < 1_000_000 { throw .consumerMaxRequestExpiresTooSmall }
    if context.serverMaxRequestBatch > 0, maxRequestBatch > context.serverMaxRequestBatch {
      throw .consumerMaxRequestBatchExceeded(String(context.serverMaxRequestBatch))
    }
  }

  private func checkLimits(_ context: ConsumerContext) throws(JetStreamError) {
    for limit in [context.serverMaxAckPending, context.accountMaxAckPending, context.streamMaxAckPending]
    where limit > 0 && maxAckPending > limit {
      throw .consumerMaxPendingAckExcess(String(limit))
    }
    if context.streamInactiveThreshold > 0, inactiveThreshold > context.streamInactiveThreshold {
      throw .consumerInactiveThresholdExcess(GoDuration.string(nanoseconds: context.streamInactiveThreshold))
    }
  }

  private func checkFilters() throws(JetStreamError) {
    if !filterSubject.isEmpty, !filterSubjects.isEmpty { throw .consumerDuplicateFilterSubjects }
    if !filterSubject.isEmpty, !Subject.isValid(filterSubject) { throw .streamInvalidConfig(Self.badSubject) }
    if filterSubjects.contains("") { throw .consumerEmptyFilter }
    let filters = filters
    for (outer, filter) in filters.enumerated() {
      if !Subject.isValid(filter) { throw .streamInvalidConfig(Self.badSubject) }
      for (inner, other) in filters.enumerated() where inner != outer && Subject.isSubset(filter, of: other) {
        throw .consumerOverlappingSubjectFilters
      }
    }
  }

  private static var badSubject: String { "invalid subject" }

  private func checkStart() throws(JetStreamError) {
    func isSet(_ policy: String, _ what: String) -> JetStreamError {
      .consumerInvalidPolicy("consumer delivery policy is deliver \(policy), but optional start \(what) is also set")
    }
    func isMissing(_ policy: String, _ what: String) -> JetStreamError {
      .consumerInvalidPolicy("consumer delivery policy is deliver \(policy), but optional \(what) is not set")
    }
    switch deliverPolicy {
    case .all, .last, .new, .lastPerSubject:
      let words = deliverPolicy == .lastPerSubject ? "last per subject" : deliverPolicy.rawValue
      if startSequence > 0 { throw isSet(words, "sequence") }
      if startTime != nil { throw isSet(words, "time") }
      if deliverPolicy == .lastPerSubject, filters.isEmpty { throw isMissing(words, "filter subject") }
    case .byStartSequence:
      if startSequence == 0 { throw isMissing("by start sequence", "start sequence") }
      if startTime != nil { throw isSet("by start sequence", "time") }
    case .byStartTime:
      if startTime == nil { throw isMissing("by start time", "start time") }
      if startSequence != 0 { throw isSet("by start time", "start sequence") }
    }
  }

  /// FEATURES 6.012.
  private func checkSampling() throws(JetStreamError) {
    guard !sampleFrequency.isEmpty else { return }
    let text = sampleFrequency.hasSuffix("%") ? String(sampleFrequency.dropLast()) : sampleFrequency
    switch GoInteger.parse(text) {
    case .success(let percentage):
      if percentage < 0 { throw .consumerInvalidSampling("<nil>") }
    case .failure(let problem): throw .consumerInvalidSampling(problem.description)
    }
  }

  /// FEATURES 6.081.
  private func checkPriority() throws(JetStreamError) {
    guard priorityPolicy != .none else {
      if !priorityGroups.isEmpty { throw .consumerPriorityGroupWithPolicyNone }
      if priorityTimeout > 0 { throw .consumerPinnedTTLWithoutPriorityPolicyNone }
      return
    }
    if isPush { throw .consumerPushWithPriorityGroup }
    if priorityGroups.isEmpty { throw .consumerPriorityPolicyWithoutGroup }
    for group in priorityGroups {
      if group.isEmpty { throw .consumerEmptyGroupName }
      if !Self.isValidGroup(group) { throw .consumerInvalidGroupName }
    }
  }

  /// FEATURES 6.026.
  static func isValidGroup(_ name: String) -> Bool {
    (1...ConsumerLimits.groupNameLength).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "="),
          UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}

/// Whole numbers as Go's `Atoi` reads them.
enum GoInteger {
  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  static func parse(_ text: String) -> Result<Int, Problem> {
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    if isNumber, let value = Int(text) { return .success(value) }
    let reason = isNumber ? "value out of range" : "invalid syntax"
    return .failure(Problem(description: "strconv.Atoi: parsing \(GoString.quote(text)): \(reason)"))
  }
}
