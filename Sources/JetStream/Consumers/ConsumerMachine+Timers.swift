import JetStreamAPI

/// What happens because time passes.
extension ConsumerMachine {
  mutating func runTimers(_ port: some ConsumerPort, now: Int64) {
    expirePending(port, now: now)
    if pin.expires <= now {
      let group = pin.group
      pin = ConsumerPin()
      port.publish(.unpinned(group: group, reason: .timeout))
    }
    if pauseEnd <= now {
      pauseEnd = .max
      publishPause(port, now: now)
    }
    if nextHeartbeat <= now { beat(port, now: now) }
  }

  /// When the next of them is; nil for never.
  var nextTimer: Int64? {
    var due = min(waitingDue, pin.expires, pauseEnd, nextHeartbeat, inactivityDue)
    if let deadline = nextDeadline { due = min(due, deadline) }
    return due == .max ? nil : due
  }

  // MARK: - Ack wait

  private var nextDeadline: Int64? {
    var due = deadlines.first?.deadline ?? .max
    let wait = ackWait(deliveries: 1)
    if wait > 0, let entry = state.pending.peekRegular() {
      due = min(due, entry.timestamp.later(by: ackWait(deliveries: entry.deliveries)))
    }
    return due == .max ? nil : due
  }

  /// Queues what was not acknowledged in time, in the order of the stream.
  private mutating func expirePending(_ port: some ConsumerPort, now: Int64) {
    if state.pending.isEmpty {
      if deadlines.count > 0 { deadlines.removeAll() }
      return
    }
    guard let due = nextDeadline, due <= now else { return }
    var expired: [UInt64] = []
    while let place = state.pending.nextRegular() {
      let entry = state.pending[place]
      guard entry.timestamp.later(by: ackWait(deliveries: entry.deliveries)) <= now else { break }
      state.pending.skipRegular()
      state.pending.setFlag(.irregular, true, at: place)
      if !entry.flags.contains(.queued) { expired.append(entry.sequence) }
    }
    let regularCount = expired.count
    while let element = deadlines.first, element.deadline <= now {
      deadlines.removeFirst()
      if place(of: element) != nil { expired.append(element.sequence) }
    }
    if expired.count > regularCount, regularCount > 0 || expired.count > 1 { expired.sort() }
    var last: UInt64 = 0
    for sequence in expired where sequence != last {
      last = sequence
      guard let place = state.pending.find(sequence), !state.pending[place].flags.contains(.queued) else { continue }
      if !exhaust(place, port: port) { queue(place) }
    }
  }

  /// All deadlines anew: the waiting time has changed.
  mutating func resetDeadlines() {
    deadlines.removeAll()
    state.pending.rewind()
    for place in state.pending.head..<state.pending.entries.count {
      let flags = state.pending[place].flags
      if flags.contains(.irregular), flags.isDisjoint(with: [.gone, .queued]) { setIrregularDeadline(place) }
    }
  }

  /// Tells which deadlines are not in the order of the list: of what was put off or delivered again before a restart.
  mutating func findIrregularDeadlines() {
    var earliest = Int64.max
    for place in (state.pending.head..<state.pending.entries.count).reversed() {
      let entry = state.pending[place]
      if entry.flags.contains(.gone) { continue }
      if entry.deliveries == 1, entry.timestamp <= earliest {
        earliest = entry.timestamp
      } else {
        setIrregularDeadline(place)
      }
    }
  }

  // MARK: - Heartbeats and flow control

  /// FEATURES 6.061.
  private mutating func beat(_ port: some ConsumerPort, now: Int64) {
    nextHeartbeat = now.later(by: configuration.heartbeat)
    guard isActive else { return }
    configuration.deliverSubject.withBytes { sendHeartbeat(to: $0, port) }
    if configuration.ackPolicy == .flowControl, state.pendingCount > 0, flow.subject.isEmpty {
      askForFlow(port)
    }
  }

  /// Counts a delivery of so many bytes, and asks whether it has arrived when half the window is under way
  /// (FEATURES 6.062).
  mutating func countFlow(_ bytes: Int, _ port: some ConsumerPort) {
    flow.outstanding += bytes
    if flow.subject.isEmpty {
      let isFull =
        configuration.ackPolicy == .flowControl && configuration.maxAckPending > 0
        && state.pending.count >= configuration.maxAckPending
      if flow.outstanding > flow.size / 2 || isFull { askForFlow(port) }
    } else if flow.outstanding - flow.asked >= flow.size {
      flow.asked += bytes
    }
  }

  private mutating func askForFlow(_ port: some ConsumerPort) {
    var left = port.random() >> 1
    var subject = identity.subjects.flowControlPrefix
    for _ in 0..<4 {
      let digit = UInt8(left % 62)
      subject.append(digit < 10 ? 0x30 + digit : digit < 36 ? 0x41 + digit - 10 : 0x61 + digit - 36)
      left /= 62
    }
    flow.subject = subject
    flow.asked = flow.outstanding
    scratch.beginHeader("NATS/1.0 100 FlowControl Request\r\n")
    let header = scratch.endHeader()
    configuration.deliverSubject.withBytes { target in
      subject.withUnsafeBytes { port.sendStatus(header, to: target, reply: $0) }
    }
  }

  /// A client has answered to a flow-control request.
  /// - Parameters:
  ///   - subject: where it answered.
  ///   - lastConsumer: `Nats-Last-Consumer` of its header, 0 without; it acknowledges with policy `flow_control`.
  ///   - lastStream: `Nats-Last-Stream` of its header, 0 without.
  public mutating func answerFlowControl(
    subject: UnsafeRawBufferPointer, lastConsumer: UInt64, lastStream: UInt64, port: some ConsumerPort, now: Int64
  ) {
    guard !flow.subject.isEmpty, flow.subject.elementsEqual(subject) else { return }
    flow.answered()
    guard configuration.ackPolicy == .flowControl, lastStream > 0 else { return }
    let ack = AckSubject(deliveries: 1, streamSequence: lastStream, consumerSequence: lastConsumer)
    _ = settle(ack, samples: false, port: port, now: now)
  }

  // MARK: - Interest

  /// Somebody listens to the deliver subject, or nobody any more (FEATURES 6.064).
  public mutating func setActive(_ isActive: Bool, now: Int64) {
    guard isPush, self.isActive != isActive else { return }
    self.isActive = isActive
    if isActive {
      inactivityDue = .max
    } else if inactiveThreshold > 0 {
      inactivityDue = now.later(by: inactiveThreshold)
    }
  }

  /// Whether the consumer has not been used for its inactive threshold; else sets when to look again.
  mutating func checkInactivity(_ port: some ConsumerPort, now: Int64) -> Bool {
    inactivityDue = .max
    guard inactiveThreshold > 0 else { return false }
    if isPush { return !isActive }
    if lastActivity.later(by: inactiveThreshold) > now {
      inactivityDue = lastActivity.later(by: inactiveThreshold)
      return false
    }
    checkWaiting(port, now: now, dismissesNoWait: true)
    if !waiting.isEmpty {
      inactivityDue = now.later(by: inactiveThreshold)
      return false
    }
    // A client may be at work on a message for as long as it may take to acknowledge it.
    var latest = Int64.min
    state.pending.forEach { latest = max(latest, $0.timestamp.later(by: ackWait(deliveries: $0.deliveries))) }
    guard latest > .min, latest.later(by: inactiveThreshold) > now else { return true }
    inactivityDue = latest.later(by: inactiveThreshold)
    return false
  }

  func publishPause(_ port: some ConsumerPort, now: Int64) {
    port.publish(configuration.pauseAdvisory(isPaused: isPaused(at: now)))
  }

  /// After a request to create the consumer, also one that changed nothing.
  func publishPauseIfPaused(_ port: some ConsumerPort, now: Int64) {
    if isPaused(at: now) { publishPause(port, now: now) }
  }
}
