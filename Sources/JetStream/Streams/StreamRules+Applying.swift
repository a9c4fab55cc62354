import Bytes
import JetStreamAPI
import MessageStore
import Subjects

extension StreamRules {
  mutating func applyPut(
    _ bytes: UnsafeRawBufferPointer, _ reply: UnsafeRawBufferPointer, output: inout StreamOutput
  ) throws(StoreError) -> Applied {
    guard let put = PutEntry(bytes) else { return .ignored }
    if put.flags.contains(.batchContinues) {
      stagedEntries.append(Array(bytes))
      return .staged
    }
    if !stagedEntries.isEmpty {
      // Without its last entry a batch never happened: the server stopped in between.
      let staged = stagedEntries
      stagedEntries = []
      if put.flags.contains(.commitsBatch) { try applyStaged(staged, output: &output) }
    }
    return try applyMessage(put, reply, output: &output)
  }

  private mutating func applyStaged(_ entries: [[UInt8]], output: inout StreamOutput) throws(StoreError) {
    for entry in entries {
      let applied: Result<Void, StoreError> = entry.withUnsafeBytes { bytes in
        guard let put = PutEntry(bytes) else { return .success(()) }
        do throws(StoreError) {
          _ = try applyMessage(put, .empty, output: &output)
          return .success(())
        } catch {
          return .failure(error)
        }
      }
      try applied.get()
    }
  }

  private mutating func applyMessage(
    _ put: PutEntry, _ reply: UnsafeRawBufferPointer, output: inout StreamOutput
  ) throws(StoreError) -> Applied {
    let isNew = put.sequence > store.lastSequence
    let isKept = !put.flags.contains(.isNotKept)
    let batch = inFlight.oldest.flatMap { $0.sequence == put.sequence ? $0.batch : nil }
    if batch != nil {
      inFlight.removeFirst()
      if put.flags.removesOthers { removalsInFlight -= 1 }
    }
    var previous: UInt64 = 0
    if isNew {
      if republishing != nil, !isReplaying { previous = try store.lastSequence(of: put.subject) ?? 0 }
      if isKept {
        try store.append(
          sequence: put.sequence, timestamp: put.timestamp, flags: put.flags.stored, subject: put.subject,
          header: put.header, payload: put.payload)
      } else {
        try store.skip(through: put.sequence, at: put.timestamp)
      }
    }
    if put.sequence > proposedSequence || isReplaying { takeOver(put) }
    if put.flags.contains(.isSourced) { notePosition(PublishHeaders(put.header), isStored: isKept) }
    let isStored = isNew && isKept
    if isKept { try noteTimes(put, isStored: isStored) }
    if put.sequence == store.lastSequence, !(isReplaying && removesSilently) {
      try enforceLimits(on: put.subject, output: &output)
    } else if isReplaying, configuration.maximumMessagesPerSubject > 0 {
      replayedSubjects.insert(Array(put.subject))
    }
    try rollUp(put, output: &output)
    if isReplaying { return .put(sequence: put.sequence, stored: isStored, answer: .none) }
    if isStored { republish(put, previous: previous, output: &output) }
    return .put(
      sequence: put.sequence, stored: isStored,
      answer: answer(to: put, reply, batch: batch ?? -1, output: &output))
  }

  /// What proposing it did on the server that proposed it.
  private mutating func takeOver(_ put: PutEntry) {
    proposedSequence = max(proposedSequence, put.sequence)
    proposedTimestamp = max(proposedTimestamp, put.timestamp)
    guard put.flags.contains(.hasMessageID) else {
      lastMessageID = []
      return
    }
    if let id = PublishHeaders(put.header).messageID {
      note(messageID: id, sequence: put.sequence, timestamp: put.timestamp)
    }
  }

  /// Notes when the message expires and when a schedule goes off.
  private mutating func noteTimes(_ put: PutEntry, isStored: Bool) throws(StoreError) {
    if ageDue == nil, configuration.maximumAge > 0 { ageDue = put.timestamp.later(by: configuration.maximumAge) }
    if put.flags.contains(.hasTTL), isStored || store.contains(put.sequence),
      case .success(.seconds(let seconds)) = MessageTTL.parse(PublishHeaders(put.header).ttl)
    {
      expiries.insert(put.sequence, at: put.timestamp.addingSeconds(seconds))
    }
    if configuration.allowMessageSchedules { noteSchedule(put) }
    if put.flags.contains(.isCounter), counters[Array(put.subject)]?.sequence == put.sequence {
      counters[Array(put.subject)] = nil
    }
  }

  // MARK: - What a message removes

  /// Removes what is too much: per subject, then of all (FEATURES 5.006, 5.007, 5.009).
  mutating func enforceLimits(
    on subject: UnsafeRawBufferPointer, output: inout StreamOutput
  ) throws(StoreError) {
    if configuration.maximumMessagesPerSubject > 0 { try enforceSubjectLimit(subject, output: &output) }
    try enforceStreamLimits(output: &output)
  }

  mutating func enforceSubjectLimit(
    _ subject: UnsafeRawBufferPointer, output: inout StreamOutput
  ) throws(StoreError) {
    let limit = configuration.maximumMessagesPerSubject
    guard limit > 0 else { return }
    while store.count(of: subject) > UInt64(limit), let first = try store.firstSequence(of: subject) {
      guard try remove(first, output: &output) else { return }
    }
  }

  mutating func enforceStreamLimits(output: inout StreamOutput) throws(StoreError) {
    guard configuration.discard == .old else { return }
    let messages = configuration.maximumMessages > 0 ? UInt64(configuration.maximumMessages) : .max
    let bytes = configuration.maximumBytes > 0 ? UInt64(configuration.maximumBytes) : .max
    while store.messages > messages || store.bytes > bytes {
      guard let removed = try store.removeFirst() else { return }
      output.removed.append(removed)
    }
  }

  private mutating func rollUp(_ put: PutEntry, output: inout StreamOutput) throws(StoreError) {
    // A message that is not kept leaves nothing of its subject behind.
    let through = put.sequence - 1
    if put.flags.contains(.rollsUpSubject) {
      let subject = Array(put.subject)
      try purge(SubjectFilters(bytes: [subject]), subject, through: through, output: &output)
    } else if put.flags.contains(.rollsUpAll) {
      try purge(.everything, [], through: through, output: &output)
    }
    if put.flags.contains(.endsSchedule) { try endSchedule(put, output: &output) }
  }

  // MARK: - Who is told

  private mutating func answer(
    to put: PutEntry, _ reply: UnsafeRawBufferPointer, batch: Int32, output: inout StreamOutput
  ) -> PublishAnswer {
    if batch >= 0 {
      guard let ended = fastBatches.stored(put.sequence, reply: reply, output: &output) else { return .none }
      setup.inFlight.endFast()
      let answer = PublishAnswer.batch(put.sequence, id: ended.id, count: ended.last)
      if ended.commitReply.isEmpty { return answer }
      var payload: [UInt8] = []
      append(answer, to: &payload)
      output.replies.append(StreamReply(subject: ended.commitReply, payload: payload))
      return .none
    }
    if configuration.noAcknowledgement { return .none }
    if put.flags.contains(.commitsBatch) {
      let headers = PublishHeaders(put.header)
      return .batch(
        put.sequence, id: headers.batchID.text, count: headers.batchSequence.flatMap(PublishHeaders.decimal) ?? 0)
    }
    if put.flags.contains(.isCounter) { return .counter(put.sequence, value: Counter.value(in: put.payload) ?? "") }
    return .stored(put.sequence)
  }

  /// FEATURES 5.023, 5.085.
  private func republish(_ put: PutEntry, previous: UInt64, output: inout StreamOutput) {
    guard let republishing, let settings = configuration.republish, Subject.isLiteralAndValid(put.subject),
      republishing.matches(put.subject)
    else { return }
    let subject = republishing.transformed(put.subject, random: put.sequence)
    guard Subject.isValid(subject), Subject.isLiteral(subject) else { return }
    var header: [UInt8] = put.header.count > 2 ? Array(put.header.dropLast(2)) : Array("NATS/1.0\r\n".utf8)
    header += "Nats-Stream: \(configuration.name)\r\nNats-Subject: ".utf8
    header += put.subject
    header += "\r\nNats-Sequence: \(put.sequence)\r\nNats-Time-Stamp: ".utf8
    RFC3339.append(Timestamp(unixNanoseconds: put.timestamp), to: &header)
    header += "\r\nNats-Last-Sequence: \(previous)\r\n".utf8
    if settings.headersOnly { header += "Nats-Msg-Size: \(put.payload.count)\r\n".utf8 }
    header += "\r\n".utf8
    output.republished.append(
      Republication(subject: subject, header: header, payload: settings.headersOnly ? [] : Array(put.payload)))
  }
}

extension PutFlags {
  /// What the store notes with the message.
  var stored: UInt8 {
    var flags: UInt8 = 0
    if contains(.hasTTL) { flags |= StoredFlags.hasTTL }
    if contains(.neverExpires) { flags |= StoredFlags.neverExpires }
    if contains(.isSchedule) { flags |= StoredFlags.isSchedule }
    if contains(.isMarker) { flags |= StoredFlags.isMarker }
    return flags
  }
}

extension Int64 {
  /// A time so many seconds later; the end of time if that is too far.
  func addingSeconds(_ seconds: Int64) -> Int64 {
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, sumOverflow) = addingReportingOverflow(nanoseconds)
    return overflow || sumOverflow ? .max : sum
  }
}
