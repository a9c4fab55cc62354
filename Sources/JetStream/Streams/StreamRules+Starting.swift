// Beginning with what was left, and changes of the configuration.

import JetStreamAPI
import MessageStore

extension StreamRules {
  /// Call when all entries of the journal have been applied after a start, also without any: enforces limits that
  /// replay left alone, or has the first `tick` do it, and finds what expires and what is scheduled.
  ///
  /// - Parameter findsTimes: false if what expires and what is scheduled has been noted message by message.
  public mutating func finishReplay(findsTimes: Bool = true, output: inout StreamOutput) throws(StoreError) {
    stagedEntries = []
    proposedSequence = max(proposedSequence, store.lastSequence)
    proposedTimestamp = max(proposedTimestamp, store.lastTimestamp)
    if removesSilently { limitsAreDue = true } else { try enforceReplayedLimits(output: &output) }
    if findsTimes { try self.findTimes() } else { findAge() }
    isReplaying = false
  }

  /// Enforces limits that replay left alone.
  mutating func enforceReplayedLimits(output: inout StreamOutput) throws(StoreError) {
    limitsAreDue = false
    for subject in replayedSubjects {
      try Self.withBytes(subject) { subject throws(StoreError) in
        try enforceSubjectLimit(subject, output: &output)
      }
    }
    replayedSubjects = []
    try enforceStreamLimits(output: &output)
  }

  /// Looks for messages that expire and for schedules that are not known.
  private mutating func findTimes() throws(StoreError) {
    expiries.removeAll()
    findAge()
    let flags = StoredFlags.hasTTL | (configuration.allowMessageSchedules ? StoredFlags.isSchedule : 0)
    guard configuration.allowMessageTTL || configuration.allowMessageSchedules else { return }
    var position: UInt64 = 0
    while let message = try store.next(from: position, flagged: flags) {
      position = message.sequence + 1
      if message.flags & StoredFlags.hasTTL != 0,
        case .success(.seconds(let seconds)) = MessageTTL.parse(PublishHeaders(message.header).ttl)
      {
        expiries.insert(message.sequence, at: message.timestamp.addingSeconds(seconds))
      }
      let subject = Array(message.subject)
      if message.flags & StoredFlags.isSchedule != 0, schedules.schedules[subject]?.sequence != message.sequence {
        noteSchedule(
          PutEntry(
            sequence: message.sequence, timestamp: message.timestamp, flags: .isSchedule, subject: message.subject,
            header: message.header, payload: message.payload))
      }
    }
  }

  private mutating func findAge() {
    ageDue = nil
    guard configuration.maximumAge > 0, store.messages > 0 else { return }
    ageDue = store.firstTimestamp.later(by: configuration.maximumAge)
  }

  /// Takes over a changed configuration and enforces its limits. Everything in flight must have been applied.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public mutating func update(
    _ new: StreamConfiguration, now: Int64, output: inout StreamOutput
  ) throws(StoreError) {
    let old = configuration
    configuration = new
    store.compresses = new.compression == .s2
    prepareTransforms()
    endBatches(atomic: !new.allowAtomicPublish, fast: !new.allowBatchPublish)
    let limit = new.maximumMessagesPerSubject
    if isReplaying, removesSilently {
      noteSubjectsForReplay()
    } else if limit > 0, old.maximumMessagesPerSubject <= 0 || limit < old.maximumMessagesPerSubject {
      try enforceSubjectLimits(output: &output)
    }
    if !isReplaying || !removesSilently { try enforceStreamLimits(output: &output) }
    if new.maximumAge != old.maximumAge || new.allowMessageTTL != old.allowMessageTTL
      || new.allowMessageSchedules != old.allowMessageSchedules
    {
      try findTimes()
    }
  }

  /// Replay is not over: the limits of all subjects are enforced later.
  private mutating func noteSubjectsForReplay() {
    guard configuration.maximumMessagesPerSubject > 0 else { return }
    store.subjectTotals(.everything) { subject, _ in
      replayedSubjects.insert(Array(subject))
      return true
    }
  }

  private mutating func enforceSubjectLimits(output: inout StreamOutput) throws(StoreError) {
    var subjects: [[UInt8]] = []
    store.subjectTotals(.everything) { subject, count in
      if count > UInt64(configuration.maximumMessagesPerSubject) { subjects.append(Array(subject)) }
      return true
    }
    for subject in subjects {
      try Self.withBytes(subject) { subject throws(StoreError) in
        try enforceSubjectLimit(subject, output: &output)
      }
    }
  }

  /// Ends what other streams count with: call when the stream stops or is deleted.
  public mutating func close() { endBatches(atomic: true, fast: true) }

  static func withBytes(
    _ array: [UInt8], _ body: (UnsafeRawBufferPointer) throws(StoreError) -> Void
  ) throws(StoreError) {
    let result: Result<Void, StoreError> = array.withUnsafeBytes { bytes in
      do throws(StoreError) {
        return .success(try body(bytes))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
