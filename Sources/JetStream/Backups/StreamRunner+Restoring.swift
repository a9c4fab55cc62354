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
}
