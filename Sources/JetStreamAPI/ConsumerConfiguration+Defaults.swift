/// What is filled in, and what is set right without a word unless the request is pedantic (FEATURES 6.034, 6.040).
extension ConsumerConfiguration {
  /// Completes the configuration of a request.
  public mutating func setDefaults(_ context: ConsumerContext, isPedantic: Bool) throws(JetStreamError) {
    try setRight(isPedantic)
    if isPull, maxWaiting == 0 { maxWaiting = ConsumerLimits.maxWaiting }
    if ackWait == 0, ackPolicy == .explicit || ackPolicy == .all { ackWait = ConsumerLimits.ackWait }
    if let first = backoff.first {
      if isPedantic, ackWait != first { throw .pedantic("first backoff value has to equal batch AckWait") }
      ackWait = first
    }
    try setStreamDefaults(context, isPedantic)
    if isPull, maxRequestBatch == 0, context.serverMaxRequestBatch > 0 {
      if isPedantic { throw .pedantic("max_request_batch must be set if it's JetStream limits are set") }
      maxRequestBatch = context.serverMaxRequestBatch
    }
    if priorityPolicy == .pinnedClient, priorityTimeout == 0 { priorityTimeout = ConsumerLimits.priorityTimeout }
    if ackPolicy == .flowControl, !isPedantic {
      flowControl = true
      heartbeat = ConsumerLimits.flowControlHeartbeat
    }
  }

  /// Numbers that are below what they can be.
  private mutating func setRight(_ isPedantic: Bool) throws(JetStreamError) {
    func refuse(_ text: String) throws(JetStreamError) {
      if isPedantic { throw .pedantic(text) }
    }
    if maxDeliver == 0 || maxDeliver < -1 {
      if maxDeliver < -1 { try refuse("max_deliver must be set to -1") }
      maxDeliver = -1
    }
    if maxWaiting < 0 {
      try refuse("max_waiting must not be negative")
      maxWaiting = 0
    }
    if maxAckPending < -1 {
      try refuse("max_ack_pending must be set to -1")
      maxAckPending = -1
    }
    if maxRequestBatch < 0 {
      try refuse("max_batch must not be negative")
      maxRequestBatch = 0
    }
    if maxRequestExpires < 0 {
      try refuse("max_expires must not be negative")
      maxRequestExpires = 0
    }
    if maxRequestMaxBytes < 0 {
      try refuse("max_bytes must not be negative")
      maxRequestMaxBytes = 0
    }
    if heartbeat < 0 {
      try refuse("idle_heartbeat must not be negative")
      heartbeat = 0
    }
    if inactiveThreshold < 0 {
      try refuse("inactive_threshold must not be negative")
      inactiveThreshold = 0
    }
    if priorityTimeout < 0 {
      try refuse("priority_timeout must not be negative")
      priorityTimeout = 0
    }
  }

  /// What the stream, the account and the server say.
  private mutating func setStreamDefaults(_ context: ConsumerContext, _ isPedantic: Bool) throws(JetStreamError) {
    if maxAckPending == 0 {
      if isPedantic, context.streamMaxAckPending > 0 {
        throw .pedantic("max_ack_pending must be set if it's configured in stream limits")
      }
      maxAckPending = context.streamMaxAckPending
    }
    if inactiveThreshold == 0 {
      if isPedantic, context.streamInactiveThreshold > 0 {
        throw .pedantic("inactive_threshold must be set if it's configured in stream limits")
      }
      inactiveThreshold = context.streamInactiveThreshold
    }
    if maxAckPending == 0, ackPolicy != .none {
      maxAckPending = ConsumerLimits.maxAckPending
      for limit in [context.serverMaxAckPending, context.accountMaxAckPending] where limit > 0 {
        maxAckPending = min(maxAckPending, limit)
      }
    }
  }
}
