import JSON

extension ConsumerConfiguration {
  /// Reads the members of the current object into the configuration.
  mutating func decode(_ decoding: inout ConsumerDecoding) throws(JSONError) {
    var copy = self
    try decoding.object("ConsumerConfig") { (decoding) throws(JSONError) in
      try copy.decodeCommon(&decoding) || copy.decodeRest(&decoding)
    }
    self = copy
  }

  /// - Returns: whether the current member is one of these.
  private mutating func decodeCommon(_ decoding: inout ConsumerDecoding) throws(JSONError) -> Bool {
    if decoding.keyIs("durable_name") {
      try decoding.read(&durableName)
    } else if decoding.keyIs("name") {
      try decoding.read(&name)
    } else if decoding.keyIs("description") {
      try decoding.read(&description)
    } else if decoding.keyIs("deliver_policy") {
      try decodeDeliverPolicy(&decoding)
    } else if decoding.keyIs("opt_start_seq") {
      try decoding.read(&startSequence)
    } else if decoding.keyIs("opt_start_time") {
      try decoding.readTime(&startTime, offset: &startTimeOffset)
    } else if decoding.keyIs("ack_policy") {
      try decoding.read(&ackPolicy)
    } else if decoding.keyIs("ack_wait") {
      try decoding.readDuration(&ackWait)
    } else if decoding.keyIs("max_deliver") {
      try decoding.read(&maxDeliver)
    } else if decoding.keyIs("backoff") {
      try decoding.readDurations(&backoff)
    } else if decoding.keyIs("filter_subject") {
      try decoding.read(&filterSubject)
    } else if decoding.keyIs("filter_subjects") {
      try decoding.read(&filterSubjects)
    } else if decoding.keyIs("replay_policy") {
      try decoding.read(&replayPolicy)
    } else if decoding.keyIs("max_ack_pending") {
      try decoding.read(&maxAckPending)
    } else if decoding.keyIs("max_waiting") {
      try decoding.read(&maxWaiting)
    } else if decoding.keyIs("deliver_subject") {
      try decoding.read(&deliverSubject)
    } else if decoding.keyIs("deliver_group") {
      try decoding.read(&deliverGroup)
    } else if decoding.keyIs("num_replicas") {
      try decoding.read(&replicas)
    } else {
      return false
    }
    return true
  }

  private mutating func decodeRest(_ decoding: inout ConsumerDecoding) throws(JSONError) -> Bool {
    if decoding.keyIs("rate_limit_bps") {
      try decoding.read(&rateLimit)
    } else if decoding.keyIs("sample_freq") {
      try decoding.read(&sampleFrequency)
    } else if decoding.keyIs("flow_control") {
      try decoding.read(&flowControl)
    } else if decoding.keyIs("headers_only") {
      try decoding.read(&headersOnly)
    } else if decoding.keyIs("max_batch") {
      try decoding.read(&maxRequestBatch)
    } else if decoding.keyIs("max_expires") {
      try decoding.readDuration(&maxRequestExpires)
    } else if decoding.keyIs("max_bytes") {
      try decoding.read(&maxRequestMaxBytes)
    } else if decoding.keyIs("idle_heartbeat") {
      try decoding.readDuration(&heartbeat)
    } else if decoding.keyIs("inactive_threshold") {
      try decoding.readDuration(&inactiveThreshold)
    } else if decoding.keyIs("mem_storage") {
      try decoding.read(&memoryStorage)
    } else if decoding.keyIs("direct") {
      try decoding.read(&direct)
    } else if decoding.keyIs("sourcing") {
      try decoding.read(&sourcing)
    } else if decoding.keyIs("metadata") {
      try decoding.read(&metadata)
    } else if decoding.keyIs("pause_until") {
      try decoding.readTime(&pauseUntil, offset: &pauseUntilOffset)
    } else if decoding.keyIs("priority_groups") {
      try decoding.read(&priorityGroups)
    } else if decoding.keyIs("priority_policy") {
      try decoding.read(&priorityPolicy, refusal: "unknown priority policy: ", isQuoted: false)
    } else if decoding.keyIs("priority_timeout") {
      try decoding.readDuration(&priorityTimeout)
    } else {
      return false
    }
    return true
  }

  /// `undefined` is another word for `all`.
  private mutating func decodeDeliverPolicy(_ decoding: inout ConsumerDecoding) throws(JSONError) {
    var probe = decoding.reader
    let raw = try probe.readRaw()
    if raw.elementsEqual("\"undefined\"".utf8) {
      decoding.reader = probe
      deliverPolicy = .all
    } else {
      try decoding.read(&deliverPolicy)
    }
  }

  /// Reads a configuration that was written by `write`, for example from the log.
  public init(stored bytes: UnsafeRawBufferPointer) throws(JSONError) {
    self.init()
    var copy = self
    try ConsumerDecoding.decode(bytes, root: "ConsumerConfig", isStrict: false) { (decoding) throws(JSONError) in
      try copy.decode(&decoding)
    }
    self = copy
  }
}
