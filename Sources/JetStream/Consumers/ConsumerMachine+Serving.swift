import JetStreamAPI

/// Delivering messages.
extension ConsumerMachine {
  /// Why no more is delivered.
  enum Pause: Equatable {
    /// Nothing to deliver, nobody to deliver to, paused or stalled.
    case idle
    /// As many acknowledgements are open as are allowed.
    case full
    /// The budget is used up or the way out is congested.
    case busy
    /// The next message is due at this time.
    case later(Int64)
  }

  private enum Candidate {
    case message(ConsumerMessage, deliveries: UInt32)
    case full
    case none
  }

  /// Does what the time asks for, delivers up to `budget` messages, and says when to come again.
  public mutating func run(port: some ConsumerPort, now: Int64, budget: Int) -> ConsumerProgress {
    runTimers(port, now: now)
    let pause = serve(port, now: now, budget: budget)
    if pause == .busy { return ConsumerProgress(wakeUp: nextTimer, hasMore: true) }
    if waiting.isEmpty {
      waitingDue = .max
    } else {
      let isAtEnd = pause == .idle && waiting.noWaitCount > 0
      if isAtEnd || waitingDue <= now { checkWaiting(port, now: now, dismissesNoWait: pause != .full) }
    }
    if inactivityDue <= now, checkInactivity(port, now: now) {
      // Said again until it is deleted or used.
      inactivityDue = now
      return ConsumerProgress(isInactive: true)
    }
    var wakeUp = nextTimer ?? .max
    if case .later(let due) = pause { wakeUp = min(wakeUp, due) }
    return ConsumerProgress(wakeUp: wakeUp == .max ? nil : wakeUp)
  }

  private mutating func serve(_ port: some ConsumerPort, now: Int64, budget: Int) -> Pause {
    var left = budget
    let isPush = isPush
    pace.holdsNewMessage = false
    if isPaused(at: now) { return .idle }
    while true {
      if isPush {
        if !isActive || flow.isStalled { return .idle }
      } else if waiting.isEmpty {
        return .idle
      }
      if redeliveries.count == 0 {
        // Cheaper than looking for a message that cannot be delivered.
        if configuration.maxAckPending > 0, state.pending.count >= configuration.maxAckPending { return .full }
        if isAtEnd { return atEnd() }
      }
      if left == 0 || port.isCongested { return .busy }
      let message: ConsumerMessage
      let deliveries: UInt32
      switch candidate(port, now: now) {
      case .none: return atEnd()
      case .full: return .full
      case .message(let found, let count): (message, deliveries) = (found, count)
      }
      if let pause = deliver(message, deliveries: deliveries, port: port, now: now) { return pause }
      left -= 1
    }
  }

  private mutating func atEnd() -> Pause {
    if pace.replayThrough > 0, nextSequence > pace.replayThrough { pace.replayThrough = 0 }
    return .idle
  }

  // MARK: - Which message

  private mutating func candidate(_ port: some ConsumerPort, now: Int64) -> Candidate {
    while let sequence = redeliveries.first {
      guard let place = state.pending.find(sequence), state.pending[place].flags.contains(.queued) else {
        redeliveries.dropFirst()
        continue
      }
      // The limit may be lower than it was.
      if exhaust(place, port: port) { continue }
      if let message = port.load(sequence) {
        return .message(message, deliveries: state.pending[place].deliveries + 1)
      }
      lose(place, port: port, now: now)
    }
    if configuration.maxAckPending > 0, state.pending.count >= configuration.maxAckPending { return .full }
    while let sequence = skipList.last {
      if let message = port.load(sequence) { return .message(message, deliveries: 1) }
      passSkipped()
      undelivered -= 1
    }
    if isAtEnd { return .none }
    if let message = port.next(from: nextSequence) {
      nextSequence = message.sequence
      return .message(message, deliveries: 1)
    }
    isAtEnd = true
    nextSequence = max(nextSequence, port.bounds().last + 1)
    undelivered = 0
    return .none
  }

  /// One of the skip list is done.
  private mutating func passSkipped() {
    nextSequence = skipList.removeLast() + 1
    guard skipList.isEmpty else { return }
    nextSequence = state.skipThrough + 1
    state.endSkipping()
    delta.endSkipping()
  }

  // MARK: - Delivery

  /// - Returns: why nothing was delivered; nil when it was.
  private mutating func deliver<Port: ConsumerPort>(
    _ message: ConsumerMessage, deliveries: UInt32, port: Port, now: Int64
  ) -> Pause? {
    let isFirst = deliveries == 1
    let reply = scratch.ackReply(
      deliveries: UInt64(deliveries), sequence: message.sequence, consumerSequence: state.delivered.consumer + 1,
      timestamp: message.timestamp, pending: UInt64(max(isFirst ? undelivered - 1 : undelivered, 0)))
    var delivery = ConsumerDelivery(
      target: reply, subject: message.subject, reply: reply, header: message.header, payload: message.payload)
    if configuration.headersOnly { removePayload(&delivery) }
    let size = delivery.subject.count + reply.count + delivery.header.count + delivery.payload.count
    if !pace.isUnlimited {
      let due = pace.due(size: size, timestamp: message.timestamp, now: now)
      if due > now {
        pace.holdsNewMessage = isFirst
        return .later(due)
      }
    }
    if isPush {
      let isTaken = configuration.deliverSubject.withBytes { target in
        delivery.target = target
        return port.deliver(delivery)
      }
      guard isTaken else {
        setActive(false, now: now)
        return .idle
      }
    } else {
      let available = isFirst ? undelivered : undelivered + 1
      guard let place = deliverToWaiting(delivery, size: size, available: available, port: port, now: now) else {
        return .idle
      }
      finishRequest(place, port: port, now: now)
    }
    note(message, isFirst: isFirst, port: port, now: now)
    if !pace.isUnlimited { pace.delivered(size: size, timestamp: message.timestamp, now: now) }
    if isPush {
      if flow.size > 0 { countFlow(size - delivery.subject.count + configuration.deliverSubject.utf8.count, port) }
      if configuration.heartbeat > 0 { nextHeartbeat = now.later(by: configuration.heartbeat) }
    }
    return nil
  }

  /// Writes down that a message was delivered.
  @inline(__always)
  private mutating func note(_ message: ConsumerMessage, isFirst: Bool, port: some ConsumerPort, now: Int64) {
    let sequence = message.sequence
    if isFirst {
      if skipList.isEmpty { nextSequence = sequence + 1 } else { passSkipped() }
      if undelivered > 0 { undelivered -= 1 }
      state.deliver(sequence, at: now)
      delta.deliver(sequence, at: now)
    } else {
      redeliveries.dropFirst()
      redeliveries.count -= 1
      state.redeliver(sequence, at: now)
      delta.redeliver(sequence, at: now)
      if let place = state.pending.find(sequence) {
        state.pending.setFlag(.queued, false, at: place)
        setIrregularDeadline(place)
      }
    }
    lastDelivered = now
    lastActivity = now
    if configuration.ackPolicy == .none, identity.keepsForConsumers { port.finished(sequence) }
  }

  /// Finds a waiting request that takes a message and hands it over.
  private mutating func deliverToWaiting<Port: ConsumerPort>(
    _ delivery: ConsumerDelivery, size: Int, available: Int64, port: Port, now: Int64
  ) -> Int32? {
    let isPinned = configuration.priorityPolicy == .pinnedClient
    // Kept: the header may be scratch memory, which the one with the pin takes.
    let header = isPinned ? Array(delivery.header) : []
    var delivery = delivery
    while let (place, hasNewPin) = chooseRequest(size: size, available: available, port: port, now: now) {
      if isPinned { delivery.header = pinnedHeader(header) }
      let reply = waiting[place].reply
      let isTaken = reply.withUnsafeBytes { target in
        delivery.target = target
        return port.deliver(delivery)
      }
      if isTaken { return place }
      if hasNewPin { pin = ConsumerPin() }
      waiting.remove(place, after: -1)
    }
    return nil
  }

  /// A request has got a message: it is done, or it is the next one's turn.
  private mutating func finishRequest(_ place: Int32, port: some ConsumerPort, now: Int64) {
    waiting[place].received += 1
    waiting[place].wanted -= 1
    if waiting[place].wanted > 0 {
      if waiting[place].heartbeat > 0 { waiting[place].nextHeartbeat = now.later(by: waiting[place].heartbeat) }
      waiting.rotate(byPriority: configuration.priorityPolicy == .prioritized)
      return
    }
    if waiting[place].bytesLeft > 0 {
      sendStatus("NATS/1.0 409 Batch Completed\r\n", to: waiting[place], withLeft: true, port)
    }
    waiting.remove(place, after: -1)
  }

  /// FEATURES 6.016.
  private func removePayload(_ delivery: inout ConsumerDelivery) {
    if delivery.header.count < 2 {
      scratch.beginHeader("NATS/1.0\r\n")
    } else {
      scratch.beginHeader(UnsafeRawBufferPointer(rebasing: delivery.header.dropLast(2)))
    }
    scratch.add(field: "Nats-Msg-Size", delivery.payload.count)
    delivery.header = scratch.endHeader()
    delivery.payload = .empty
  }

  /// FEATURES 6.078.
  private func pinnedHeader(_ header: [UInt8]) -> UnsafeRawBufferPointer {
    if header.count < 2 {
      scratch.beginHeader("NATS/1.0\r\n")
    } else {
      header.withUnsafeBytes { scratch.beginHeader(UnsafeRawBufferPointer(rebasing: $0.dropLast(2))) }
    }
    scratch.add("Nats-Pin-Id: ")
    scratch.add(pin.id)
    scratch.add("\r\n")
    return scratch.endHeader()
  }
}
