import Subjects

/// What becomes of a request for a consumer (FEATURES 6.035 to 6.042).
public enum ConsumerChange: Sendable {
  /// A new consumer. Its name may be empty: the server gives one then.
  case create(ConsumerConfiguration)
  /// An existing one with another configuration, or the same.
  case update(ConsumerConfiguration)
}

extension ConsumerCreateRequest {
  /// Decides about a request on one server, after `bind`.
  ///
  /// - Parameters:
  ///   - existing: the consumer of the requested name, if there is one.
  ///   - others: all consumers of the stream.
  ///   - isBound: whether somebody listens to a subject.
  public func plan(
    _ context: ConsumerContext, existing: ConsumerNeighbour?, others: [ConsumerNeighbour],
    isBound: (_ subject: String) -> Bool
  ) throws(JetStreamError) -> ConsumerChange {
    var new = configuration
    if let existing {
      new.pauseUntil = existing.configuration.pauseUntil
      new.pauseUntilOffset = existing.configuration.pauseUntilOffset
    }
    new.setStoredMetadata()
    try new.setDefaults(context, isPedantic: isPedantic)
    try new.check(context)
    let name = new.isDurable ? new.durableName : new.name
    if !name.isEmpty, let existing, existing.name == name {
      if action == .create {
        let levelKey = AssetMetadata.requiredLevelKey
        new.metadata[levelKey] = existing.configuration.metadata[levelKey]
        if new != existing.configuration { throw .consumerAlreadyExists }
      }
      if context.retention == .workQueue, !Self.isUnique(new.filters, named: name, among: others) {
        throw .consumerWQConsumerNotUnique
      }
      try existing.configuration.checkUpdate(to: new, isBound: isBound)
      new.pauseUntilOffset = 0
      return .update(new)
    }
    if action == .update { throw .consumerDoesNotExist }
    try Self.checkPlace(new, named: name, context, others: others)
    if name.utf8.count > ConsumerLimits.nameLength {
      throw new.isDurable
        ? .consumerNameTooLong(String(ConsumerLimits.nameLength))
        : JetStreamError(10012, 500, "error creating store for consumer")
    }
    return .create(new)
  }

  /// Whether there is room for a consumer, and a workqueue gives it messages of its own.
  private static func checkPlace(
    _ new: ConsumerConfiguration, named name: String, _ context: ConsumerContext, others: [ConsumerNeighbour]
  ) throws(JetStreamError) {
    let counted = others.count { !$0.configuration.direct && !$0.configuration.sourcing }
    var limit = context.streamMaxConsumers
    if limit <= 0 || (context.accountMaxConsumers > 0 && context.accountMaxConsumers < limit) {
      limit = context.accountMaxConsumers
    }
    if limit > 0, counted >= limit { throw .maximumConsumersLimit }
    guard context.retention == .workQueue, !new.direct, !new.sourcing else { return }
    if new.ackPolicy != .explicit, new.ackPolicy != .flowControl { throw .consumerWQRequiresExplicitAck }
    if new.deliverPolicy != .all { throw .consumerWQConsumerNotDeliverAll }
    guard counted > 0 else { return }
    if new.filters.isEmpty { throw .consumerWQMultipleUnfiltered }
    if !isUnique(new.filters, named: name, among: others) { throw .consumerWQConsumerNotUnique }
  }

  /// Whether no other consumer of a workqueue gets a message of these subjects.
  private static func isUnique(_ filters: [String], named name: String, among others: [ConsumerNeighbour]) -> Bool {
    filters.allSatisfy { filter in
      others.allSatisfy { other in
        if other.name == name || other.configuration.direct || other.configuration.sourcing { return true }
        let theirs = other.configuration.filters
        return !theirs.isEmpty && !theirs.contains { Subject.collide(filter, $0) }
      }
    }
  }
}

extension ConsumerConfiguration {
  /// Refuses what may not change (FEATURES 6.035).
  public func checkUpdate(
    to new: ConsumerConfiguration, isBound: (_ subject: String) -> Bool
  ) throws(JetStreamError) {
    func refuse(_ isChanged: Bool, _ what: String) throws(JetStreamError) {
      if isChanged { throw .consumerCreate("\(what) can not be updated") }
    }
    try refuse(deliverPolicy != new.deliverPolicy, "deliver policy")
    try refuse(memoryStorage != new.memoryStorage, "storage type")
    try refuse(direct != new.direct, "direct")
    try refuse(sourcing != new.sourcing, "sourcing")
    try refuse(startSequence != new.startSequence, "start sequence")
    try refuse(startTime != new.startTime, "start time")
    try refuse(ackPolicy != new.ackPolicy, "ack policy")
    try refuse(replayPolicy != new.replayPolicy, "replay policy")
    try refuse(heartbeat != new.heartbeat, "heart beats")
    try refuse(flowControl != new.flowControl, "flow control")
    if deliverSubject != new.deliverSubject {
      if deliverSubject.isEmpty { throw .consumerCreate("can not update pull consumer to push based") }
      if new.deliverSubject.isEmpty { throw .consumerCreate("can not update push consumer to pull based") }
      if isBound(deliverSubject) { throw .consumerNameExist }
    }
    try refuse(maxWaiting != new.maxWaiting, "max waiting")
    try new.checkBackoff()
  }
}
