import Bytes
import JetStreamAPI

/// Changes by the API.
extension ConsumerMachine {
  /// Takes a new configuration, which `ConsumerConfiguration.checkUpdate` has accepted. The port's filters are those of
  /// the new one already.
  public mutating func update(_ new: ConsumerConfiguration, port: some ConsumerPort, now: Int64) {
    let old = configuration
    configuration = new
    // What it was so far decides, not what it becomes.
    if !old.isDurable, new.inactiveThreshold != old.inactiveThreshold { configuration.setThreshold() }
    if new.deliverSubject != old.deliverSubject {
      forceRedelivery(port, now: now)
      isActive = configuration.deliverSubject.withBytes { port.hasInterest($0) }
    }
    if new.ackWait != old.ackWait || new.backoff != old.backoff { resetDeadlines() }
    if new.rateLimit != old.rateLimit {
      pace.setRate(bitsPerSecond: new.rateLimit, burst: identity.largestMessage, now: now)
    }
    if configuration.inactiveThreshold != old.inactiveThreshold || new.deliverSubject != old.deliverSubject {
      setInactiveThreshold(port, now: now)
    }
    if (new.pauseUntil ?? .zero) != (old.pauseUntil ?? .zero) {
      setPauseEnd(now: now)
      publishPause(port, now: now)
    }
    if !new.sampleFrequency.isEmpty { samplePercentage = new.samplePercentage }
    if new.filters != old.filters { findPlaceAgain(port) }
  }

  /// Everything pending is to be delivered again: the client has changed.
  private mutating func forceRedelivery(_ port: some ConsumerPort, now: Int64) {
    var pending: [UInt64] = []
    state.pending.forEach { if !$0.flags.contains(.queued) { pending.append($0.sequence) } }
    for sequence in pending {
      guard let place = state.pending.find(sequence), !exhaust(place, port: port) else { continue }
      state.pending.setFlag(.irregular, true, at: place)
      queue(place)
    }
  }

  /// Goes back, or forward, to a sequence; 0 is the one behind the ack floor (FEATURES 6.045).
  /// - Returns: the sequence it will deliver next.
  public mutating func reset(
    to sequence: UInt64, port: some ConsumerPort, now: Int64
  ) throws(JetStreamError) -> UInt64 {
    var target = sequence
    if sequence == 0 {
      target = state.settledThrough + 1
    } else {
      switch configuration.deliverPolicy {
      case .all: break
      case .byStartSequence:
        guard sequence >= configuration.startSequence else { throw .consumerInvalidReset("below start seq") }
      case .byStartTime:
        let first = port.firstSequence(atOrAfter: configuration.startTime?.unixNanoseconds ?? 0)
        guard sequence >= first else { throw .consumerInvalidReset("below start time") }
      case .last, .new, .lastPerSubject: throw .consumerInvalidReset("not allowed")
      }
    }
    redeliveries.removeAll()
    deadlines.removeAll()
    state.start(at: target)
    delta.start(at: target, skipThrough: 0)
    lastDelivered = nil
    lastAcknowledged = nil
    findPlace(port)
    return target
  }

  /// A consumer that begins beyond the stream's end counts what comes before its beginning, until somebody asks.
  private mutating func limitUndelivered(_ port: some ConsumerPort) {
    let bounds = port.bounds()
    let left = nextSequence > bounds.last ? 0 : min(bounds.messages, bounds.last - nextSequence + 1)
    if undelivered > 0 { undelivered = min(undelivered, Int64(clamping: left)) }
  }

  /// What is known about the consumer (FEATURES 6.041).
  public mutating func info(port: some ConsumerPort, now: Int64) -> ConsumerInfo {
    var info = ConsumerInfo(
      stream: identity.stream, name: identity.name, created: identity.created, configuration: configuration,
      gathered: Timestamp(unixNanoseconds: now))
    let isUntouched = identity.isInMemory && state.delivered == ConsumerState.Position()
    info.delivered = ConsumerSequences(
      consumer: state.delivered.consumer, stream: isUntouched ? nextSequence - 1 : state.delivered.stream,
      lastActive: lastDelivered.map { Timestamp(unixNanoseconds: $0) })
    info.ackFloor = ConsumerSequences(
      consumer: state.ackFloor.consumer, stream: state.ackFloor.stream,
      lastActive: lastAcknowledged.map { Timestamp(unixNanoseconds: $0) })
    info.ackPendingCount = state.pending.count
    if configuration.maxDeliver != 1 {
      info.redeliveredCount = state.pending.redeliveredCount + Int(clamping: state.exhausted.count)
    }
    if !waiting.isEmpty { checkWaiting(port, now: now, dismissesNoWait: false) }
    info.waitingCount = waiting.count
    limitUndelivered(port)
    info.pendingCount = UInt64(max(undelivered, 0))
    if pace.holdsNewMessage {
      // As nats-server counts: the message that waits for its time is taken already, and so is what it answers.
      info.pendingCount -= min(info.pendingCount, 1)
      if !waiting.isEmpty, waiting[waiting.head].wanted == 1 { info.waitingCount -= 1 }
    }
    info.isPushBound = isPush && isActive
    if isPaused(at: now), let until = configuration.pauseUntil {
      info.isPaused = true
      info.pauseRemaining = until.unixNanoseconds.later(by: -now)
    }
    if let group = configuration.priorityGroups.first {
      info.priorityGroups = [
        ConsumerInfo.PriorityGroup(
          group: group, pinnedID: pin.id, pinned: pin.id.isEmpty ? .zero : Timestamp(unixNanoseconds: pin.since))
      ]
    }
    return info
  }
}
