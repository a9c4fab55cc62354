import JetStreamAPI

/// Acknowledgements (FEATURES 6.049 to 6.059).
extension ConsumerMachine {
  /// A message on one of the consumer's ack subjects.
  /// - Parameters:
  ///   - subject: where it was sent.
  ///   - payload: without header.
  ///   - reply: where a confirmation is wanted; empty for nowhere.
  /// - Returns: the text behind `-NAK` that is no delay, to be warned about; nil nearly always.
  @discardableResult
  public mutating func acknowledge(
    subject: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer,
    port: some ConsumerPort, now: Int64
  ) -> UnsafeRawBufferPointer? {
    lastActivity = now
    guard let ack = AckSubject(parsing: subject), ack.streamSequence > 0 else { return nil }
    var isConfirmed = true
    var unclear: UnsafeRawBufferPointer?
    switch AckVerb(parsing: payload) {
    case .acknowledge:
      isConfirmed = settle(ack, samples: true, port: port, now: now)
    case .next(let requestStart):
      _ = settle(ack, samples: true, port: port, now: now)
      pull(UnsafeRawBufferPointer(rebasing: payload[requestStart...]), reply: reply, port: port, now: now)
      isConfirmed = false
    case .again: deliverAgain(ack, after: nil, port: port, now: now)
    case .againUnclear:
      deliverAgain(ack, after: nil, port: port, now: now)
      unclear = UnsafeRawBufferPointer(rebasing: payload[4...])
    case .againAfter(let delay): deliverAgain(ack, after: delay, port: port, now: now)
    case .inProgress: postpone(ack.streamSequence, to: now)
    case .terminate(let reason):
      isConfirmed = settle(ack, samples: false, port: port, now: now)
      port.publish(
        .terminated(
          consumerSequence: ack.consumerSequence, streamSequence: ack.streamSequence, deliveries: ack.deliveries,
          reason: reason))
    case nil: break
    }
    if isConfirmed, !reply.isEmpty { port.confirm(reply) }
    return unclear
  }

  /// Takes an acknowledgement.
  /// - Returns: whether a confirmation is due: not for messages that were not delivered.
  mutating func settle(_ ack: AckSubject, samples: Bool, port: some ConsumerPort, now: Int64) -> Bool {
    let sequence = ack.streamSequence
    guard sequence < nextSequence || configuration.flowControl else { return false }
    switch configuration.ackPolicy {
    case .none: return false
    case .explicit:
      if let place = state.pending.find(sequence) {
        if samples { sample(ack, sentAt: state.pending[place].timestamp, port, now: now) }
        unqueue(place)
      } else if !state.exhausted.contains(sequence) {
        lastAcknowledged = now
        return true
      }
      state.settle(sequence)
      delta.settle(sequence)
      if identity.keepsForConsumers { port.finished(sequence) }
    case .all, .flowControl:
      guard ack.consumerSequence > state.ackFloor.consumer, sequence > state.ackFloor.stream else { return true }
      settleThrough(ConsumerState.Position(consumer: ack.consumerSequence, stream: sequence), port: port)
    }
    lastAcknowledged = now
    return true
  }

  private mutating func settleThrough(_ position: ConsumerState.Position, port: some ConsumerPort) {
    // What a client cannot have got is not acknowledged.
    let position = ConsumerState.Position(
      consumer: min(position.consumer, state.delivered.consumer), stream: min(position.stream, nextSequence - 1))
    var place = state.pending.head
    while place < state.pending.entries.count, state.pending[place].sequence <= position.stream {
      let entry = state.pending[place]
      if !entry.flags.contains(.gone) {
        if entry.flags.contains(.queued) { redeliveries.count -= 1 }
        if identity.keepsForConsumers { port.finished(entry.sequence) }
      }
      place += 1
    }
    if identity.keepsForConsumers {
      for span in state.exhausted.spans where span.first <= position.stream {
        for sequence in span.first...min(span.last, position.stream) { port.finished(sequence) }
      }
    }
    state.settle(through: position)
    delta.settle(through: position)
  }

  /// FEATURES 6.050.
  private mutating func deliverAgain(_ ack: AckSubject, after delay: Int64?, port: some ConsumerPort, now: Int64) {
    guard ack.consumerSequence > state.ackFloor.consumer, ack.consumerSequence <= state.delivered.consumer + 1,
      let place = state.pending.find(ack.streamSequence)
    else { return }
    port.publish(
      .naked(
        consumerSequence: ack.consumerSequence, streamSequence: ack.streamSequence, deliveries: ack.deliveries))
    if let delay {
      unqueue(place)
      let wait = ackWait(deliveries: state.pending[place].deliveries)
      move(place, to: now.later(by: delay).later(by: -wait))
    } else if !state.pending[place].flags.contains(.queued), !exhaust(place, port: port) {
      queue(place)
    }
  }

  /// FEATURES 6.051.
  private mutating func postpone(_ sequence: UInt64, to now: Int64) {
    guard let place = state.pending.find(sequence) else { return }
    move(place, to: now)
  }

  /// The waiting time of an entry counts from another moment.
  private mutating func move(_ place: Int, to timestamp: Int64) {
    let sequence = state.pending[place].sequence
    state.touch(sequence, at: timestamp)
    delta.touch(sequence, at: timestamp)
    if !state.pending[place].flags.contains(.queued) { setIrregularDeadline(place) }
  }

  private func sample(_ ack: AckSubject, sentAt: Int64, _ port: some ConsumerPort, now: Int64) {
    let percentage = samplePercentage
    guard percentage > 0, percentage >= 100 || Int(port.random() % 100) < percentage else { return }
    port.publish(
      .acknowledged(
        consumerSequence: ack.consumerSequence, streamSequence: ack.streamSequence, delay: now &- sentAt,
        deliveries: ack.deliveries))
  }

  // MARK: - Redelivery

  /// How long an acknowledgement may take after so many deliveries; 0: for ever.
  func ackWait(deliveries: UInt32) -> Int64 {
    let steps = configuration.backoff
    return steps.isEmpty ? configuration.ackWait : steps[min(Int(deliveries) - 1, steps.count - 1)]
  }

  mutating func queue(_ place: Int) {
    state.pending.setFlag(.queued, true, at: place)
    redeliveries.append(state.pending[place].sequence)
  }

  /// The entry is not to be delivered again, or not now.
  mutating func unqueue(_ place: Int) {
    guard state.pending[place].flags.contains(.queued) else { return }
    state.pending.setFlag(.queued, false, at: place)
    redeliveries.count -= 1
    let pending = state.pending
    redeliveries.tidy { sequence in pending.find(sequence).map { pending[$0].flags.contains(.queued) } ?? false }
  }

  mutating func setIrregularDeadline(_ place: Int) {
    state.pending.setFlag(.irregular, true, at: place)
    let entry = state.pending[place]
    let wait = ackWait(deliveries: entry.deliveries)
    guard wait > 0 else { return }
    deadlines.insert(DeadlineHeap.Element(deadline: entry.timestamp.later(by: wait), sequence: entry.sequence))
    if deadlines.count > 256 + 2 * state.pending.count {
      let machine = self
      deadlines.filter { machine.place(of: $0) != nil }
    }
  }

  /// The entry that a deadline belongs to; nil when the deadline is out of date.
  func place(of element: DeadlineHeap.Element) -> Int? {
    guard let place = state.pending.find(element.sequence) else { return nil }
    let entry = state.pending[place]
    guard entry.flags.contains(.irregular), !entry.flags.contains(.queued),
      entry.timestamp.later(by: ackWait(deliveries: entry.deliveries)) == element.deadline
    else { return nil }
    return place
  }

  /// Gives up on an entry that has been delivered as often as allowed (FEATURES 6.059).
  mutating func exhaust(_ place: Int, port: some ConsumerPort) -> Bool {
    let entry = state.pending[place]
    guard configuration.maxDeliver > 0, Int(entry.deliveries) >= configuration.maxDeliver else { return false }
    unqueue(place)
    state.exhaust(entry.sequence)
    delta.exhaust(entry.sequence)
    port.publish(.maxDeliveries(streamSequence: entry.sequence, deliveries: UInt64(entry.deliveries)))
    return true
  }

  func pendingEntry(_ sequence: UInt64) -> PendingEntry? { state.pending.find(sequence).map { state.pending[$0] } }

  /// The message of what was pending is gone from the stream; the entry may have been settled already.
  mutating func lose(_ entry: PendingEntry, port: some ConsumerPort, now: Int64) {
    if let place = state.pending.find(entry.sequence) {
      lose(place, port: port, now: now)
    } else {
      publishLoss(of: entry, port)
    }
  }

  private func publishLoss(of entry: PendingEntry, _ port: some ConsumerPort) {
    port.publish(
      .terminated(
        consumerSequence: entry.consumerSequence, streamSequence: entry.sequence,
        // nats-server counts only the repetitions of one that was repeated.
        deliveries: UInt64(max(entry.deliveries, 2) - 1), reason: ConsumerAdvisory.deletedReason))
  }

  /// The message of an entry is gone from the stream.
  mutating func lose(_ place: Int, port: some ConsumerPort, now: Int64) {
    let entry = state.pending[place]
    unqueue(place)
    if configuration.ackPolicy.isCumulative {
      // As an acknowledgement, it stands for those before.
      settleThrough(
        ConsumerState.Position(consumer: entry.consumerSequence, stream: entry.sequence), port: port)
    } else {
      state.settle(entry.sequence)
      delta.settle(entry.sequence)
    }
    lastAcknowledged = now
    publishLoss(of: entry, port)
  }
}
