import JetStreamAPI

extension ConsumerMachine {
  /// Begins a new consumer: selects where it starts (FEATURES 6.003).
  public mutating func start(port: some ConsumerPort, now: Int64) {
    let (sequence, skipThrough) = startingSequence(port)
    state.start(at: sequence, skipThrough: skipThrough)
    delta.start(at: sequence, skipThrough: skipThrough)
    lastActivity = now
    settleIn(port, now: now)
  }

  /// Goes on with the state of before a restart.
  public mutating func resume(port: some ConsumerPort, now: Int64) {
    lastActivity = now
    if !state.isStarted {
      // Made, but the log ends before its first delta.
      start(port: port, now: now)
      return
    }
    // What has left the stream meanwhile is found out when it is to be delivered.
    settleIn(port, now: now)
    findIrregularDeadlines()
  }

  /// What holds for new consumers and for those of before.
  private mutating func settleIn(_ port: some ConsumerPort, now: Int64) {
    findPlace(port)
    if configuration.flowControl {
      flow.start(largest: configuration.sourcing ? identity.largestCopyWindow : FlowControlWindow.limit)
    }
    pace.setRate(bitsPerSecond: configuration.rateLimit, burst: identity.largestMessage, now: now)
    if configuration.replayPolicy == .original { pace.replayThrough = port.bounds().last }
    if configuration.heartbeat > 0, isPush { nextHeartbeat = now.later(by: configuration.heartbeat) }
    if isPush { isActive = configuration.deliverSubject.withBytes { port.hasInterest($0) } }
    setInactiveThreshold(port, now: now)
    setPauseEnd(now: now)
  }

  /// Sets what follows from the state and the stream: the next message, what is to be skipped, how much there is.
  mutating func findPlace(_ port: some ConsumerPort) {
    nextSequence = state.delivered.stream + 1
    isAtEnd = false
    skipList = []
    if state.skipThrough >= nextSequence {
      let next = nextSequence
      skipList = port.lastPerSubject(through: state.skipThrough).filter { $0 >= next }.reversed()
      if skipList.isEmpty {
        nextSequence = state.skipThrough + 1
        state.endSkipping()
        delta.endSkipping()
      }
    }
    countUndelivered(port)
  }

  /// Whoever counts anew for a `last_per_subject` consumer counts subjects, as nats-server does, whatever it will get.
  mutating func countUndelivered(_ port: some ConsumerPort) {
    let countsSubjects = configuration.deliverPolicy == .lastPerSubject
    undelivered = Int64(clamping: port.pendingCount(from: nextSequence, lastPerSubject: countsSubjects))
  }

  /// The first sequence, and up to where a `last_per_subject` consumer looks at last messages only.
  private func startingSequence(_ port: some ConsumerPort) -> (sequence: UInt64, skipThrough: UInt64) {
    let bounds = port.bounds()
    var sequence: UInt64
    var skipThrough: UInt64 = 0
    switch configuration.deliverPolicy {
    case .all: sequence = bounds.first
    case .new: sequence = bounds.last + 1
    case .last: sequence = filters.isEmpty ? bounds.last : port.lastMatching() ?? 0
    case .byStartSequence:
      // A sequence beyond the end is kept.
      return (max(configuration.startSequence, bounds.first), 0)
    case .byStartTime: sequence = port.firstSequence(atOrAfter: configuration.startTime?.unixNanoseconds ?? 0)
    case .lastPerSubject:
      if identity.keepsOnePerSubject {
        sequence = bounds.first
      } else if let first = port.lastPerSubject(through: bounds.last).first {
        sequence = first
        skipThrough = bounds.last
      } else {
        sequence = bounds.last
      }
    }
    sequence = min(max(sequence, bounds.first), bounds.last + 1)
    return (max(sequence, 1), skipThrough)
  }

  /// Clients may be silent this long; a consumer that is pulled from gets a random addition of 100 to 1000 ms.
  mutating func setInactiveThreshold(_ port: some ConsumerPort, now: Int64) {
    let threshold = configuration.inactiveThreshold
    let isDefault = !configuration.isDurable && threshold == ConsumerLimits.inactiveThreshold
    if threshold <= 0 {
      inactiveThreshold = 0
    } else if isDefault || configuration.isPull {
      inactiveThreshold = threshold.later(by: 100_000_000 + Int64(port.random() % 900) * 1_000_000)
    } else {
      inactiveThreshold = threshold
    }
    inactivityDue = inactiveThreshold > 0 && !(isPush && isActive) ? now.later(by: inactiveThreshold) : .max
  }

  mutating func setPauseEnd(now: Int64) {
    pauseEnd = isPaused(at: now) ? configuration.pauseUntil!.unixNanoseconds : .max
  }
}

extension String {
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = self
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}
