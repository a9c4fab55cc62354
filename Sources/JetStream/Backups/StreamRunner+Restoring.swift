import MessageStore

// What a stream that is restored does before it runs.

extension StreamRunner {
  /// All messages and consumers are there: enforces limits, finds what expires and what is scheduled, and prepares the
  /// consumers.
  ///
  /// - Parameter isNoted: limits per subject, times and schedules were looked at with every message.
  func finishRestore(isNoted: Bool) throws(StoreError) {
    let limit = configuration.maximumMessagesPerSubject
    if !isNoted, limit > 0 {
      store.subjectTotals(.everything) { subject, count in
        if count > UInt64(limit) { rules.replayedSubjects.insert(Array(subject)) }
        return true
      }
    }
    output.removeAll()
    try rules.finishReplay(findsTimes: !isNoted, output: &output)
    if rules.limitsAreDue { try rules.enforceReplayedLimits(output: &output) }
    output.removeAll()
    beginRecoveredConsumers()
    announced = store.lastSequence
    // The first checkpoint has their states.
    for consumer in consumers.values { _ = consumer.machine.takeDelta() }
  }

  /// What the first checkpoint holds besides the messages.
  func restoredAttachment() -> [UInt8] {
    var attachment = RecoveredConsumer.Attachment()
    attachment.rules = rules.checkpointState()
    attachment.nextNumber = nextConsumerNumber
    attachment.consumers = consumers.values.filter(\.isLogged).map { consumer in
      RecoveredConsumer(
        number: consumer.number, name: consumer.name, created: consumer.machine.identity.created.unixNanoseconds,
        configuration: consumer.machine.configuration, state: consumer.machine.state)
    }
    return attachment.encoded()
  }

  /// Looks at some messages from a sequence on: those that no consumer needs go.
  ///
  /// - Returns: where to go on; nil when all have been looked at.
  func releaseUnneeded(from start: UInt64, atMost limit: Int) throws(StoreError) -> UInt64? {
    var sequence = start
    for _ in 0..<limit {
      guard let message = try store.next(from: sequence, matching: .everything) else { return nil }
      sequence = message.sequence
      if !isNeeded(message) { _ = try rules.release(sequence) }
      sequence += 1
    }
    return sequence
  }

  private func isNeeded(_ message: StoredMessage) -> Bool {
    let wanting = consumers.values.filter { $0.matches(message.subject) }
    return configuration.retention == .workQueue && wanting.isEmpty
      || wanting.contains { $0.machine.needs(message.sequence) }
  }
}
