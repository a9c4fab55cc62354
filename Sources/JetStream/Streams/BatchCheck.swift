// The checks of a message that is part of a batch, in nats-server's order, which differs from that for a message by
// itself.

import Bytes
import JetStreamAPI
import Subjects

/// What the messages of a batch before the one at hand will have done.
struct BatchCheck {
  var messageIDs: Set<[UInt8]> = []
  var counters: [[UInt8]: CounterInFlight] = [:]
  /// Messages by subject; whether the newest is a schedule.
  var subjects: [[UInt8]: (count: UInt64, isSchedule: Bool)] = [:]
  /// Expected sequences that were looked at.
  var expected: [[UInt8]: UInt64] = [:]
  var count: UInt64 = 0
  var bytes: UInt64 = 0
}

/// A message of a batch as it will be stored.
struct CheckedMessage {
  var subject: [UInt8]
  var header: [UInt8]
  var payload: [UInt8]
  var flags: PutFlags
  var counter: CounterInFlight?
}

extension StreamRules {
  /// - Parameter isFast: a duplicate is told to the caller instead of being an error.
  mutating func check(
    _ message: AtomicBatches.Message, in batch: inout BatchCheck, isFast: Bool, now: Int64
  ) throws(Rejection) -> CheckedMessage {
    var outcome: Result<CheckedMessage, Rejection> = .failure(.wait)
    message.subject.withUnsafeBytes { subject in
      message.header.withUnsafeBytes { header in
        message.payload.withUnsafeBytes { payload in
          var output = StreamOutput()
          let draft = Draft(subject: subject, header: header, payload: payload)
          withTransformed(draft, output: &output) { rules, draft, _ in
            do throws(Rejection) {
              outcome = .success(try rules.check(&draft, PublishHeaders(header), in: &batch, isFast: isFast, now: now))
            } catch {
              outcome = .failure(error)
            }
          }
        }
      }
    }
    return try outcome.get()
  }

  private mutating func check(
    _ draft: inout Draft, _ headers: PublishHeaders, in batch: inout BatchCheck, isFast: Bool, now: Int64
  ) throws(Rejection) -> CheckedMessage {
    if !isFast, headers.expectedLastMessageID.isGiven {
      throw .refused(.atomicPublishUnsupportedHeaderBatch("Nats-Expected-Last-Msg-Id"))
    }
    try checkRecord(draft, behind: batch.count)
    if draft.header.count > Self.maximumHeaderBytes { throw .refused(.streamHeaderExceedsMaximum) }
    try checkIncrement(headers, payload: draft.payload)
    if headers.expectedStream.isGiven, headers.expectedStream.text != configuration.name {
      throw .refused(.streamNotMatch)
    }
    switch MessageTTL.parse(headers.ttl) {
    case .success(.none): break
    case .success: if !configuration.allowMessageTTL { throw .refused(.messageTTLDisabled) }
    case .failure: throw .refused(configuration.allowMessageTTL ? .messageTTLInvalid : .messageTTLDisabled)
    }
    try checkDuplicate(headers, in: &batch, isFast: isFast, now: now)
    if headers.streamSource.isGiven { throw .refused(.messageSourceHdrNotAllowed) }
    if configuration.allowMessageCounter, !headers.increment.isGiven { throw .refused(.messageIncrMissing) }
    let counter = try countUp(draft, headers, in: batch)
    try checkExpectedSequences(draft, headers, in: &batch)
    try checkSchedule(&draft, headers, now: now)
    try checkRollup(&draft, headers)
    try checkRollup(draft, in: batch)
    return try finish(&draft, headers, counter, in: &batch)
  }

  private func checkDuplicate(
    _ headers: PublishHeaders, in batch: inout BatchCheck, isFast: Bool, now: Int64
  ) throws(Rejection) {
    guard let id = headers.messageID, !id.isEmpty else { return }
    if batch.messageIDs.contains(Array(id)) { throw .refused(.atomicPublishContainsDuplicateMessage) }
    if let sequence = duplicates.sequence(of: id, now: now, window: configuration.duplicateWindow) {
      if isFast { throw .duplicate(of: sequence) }
      throw .refused(.atomicPublishContainsDuplicateMessage)
    }
    batch.messageIDs.insert(Array(id))
  }

  private func countUp(
    _ draft: Draft, _ headers: PublishHeaders, in batch: BatchCheck
  ) throws(Rejection) -> CounterInFlight? {
    let maximum = Int(configuration.maximumMessageSize)
    var counter: CounterInFlight?
    if let running = batch.counters[Array(draft.subject)], let increment = headers.increment.flatMap({ BigInteger($0) })
    {
      counter = running
      counter?.value = ((BigInteger(running.value) ?? BigInteger()) + increment).description
    } else {
      counter = try countUp(draft, headers)
    }
    guard let counter else { return nil }
    let size = draft.header.count + counter.value.utf8.count + 10
    if maximum >= 0, size > maximum { throw .refused(.streamMessageExceedsMaximum) }
    return counter
  }

  private func checkExpectedSequences(
    _ draft: Draft, _ headers: PublishHeaders, in batch: inout BatchCheck
  ) throws(Rejection) {
    if let expected = PublishHeaders.sequence(headers.expectedLastSequence) {
      let last = proposedSequence + batch.count
      if expected != last { throw .refused(.streamWrongLastSequence(last)) }
      // Only the first message of a batch can know it.
      if !batch.subjects.isEmpty { throw .refused(.streamWrongLastSequenceConstant) }
    }
    guard let expected = PublishHeaders.sequence(headers.expectedLastSubjectSequence) else {
      if headers.expectedSubject.isGiven { throw .refused(.streamExpectedLastSeqPerSubjectInvalid) }
      return
    }
    let subject = headers.expectedSubject.flatMap { $0.isEmpty ? nil : $0 } ?? draft.subject
    let key = Array(subject)
    if batch.subjects[key] != nil { throw .refused(.streamWrongLastSequenceConstant) }
    var last = batch.expected[key]
    if last == nil { last = try lastSequence(of: subject) }
    guard let last else { return }
    if last != expected { throw .refused(.streamWrongLastSequence(last)) }
    batch.expected[key] = last
  }

  private func checkRollup(_ draft: Draft, in batch: BatchCheck) throws(Rejection) {
    if draft.flags.contains(.rollsUpSubject), batch.subjects[Array(draft.subject)] != nil {
      throw .refused(.streamRollupFailed("batch rollup sub invalid"))
    }
    if draft.flags.contains(.rollsUpAll), !batch.subjects.isEmpty {
      throw .refused(.streamRollupFailed("batch rollup all invalid"))
    }
  }

  /// Gives the message its final form, and counts it.
  private mutating func finish(
    _ draft: inout Draft, _ headers: PublishHeaders, _ counter: CounterInFlight?, in batch: inout BatchCheck
  ) throws(Rejection) -> CheckedMessage {
    var checked = CheckedMessage(
      subject: Array(draft.subject), header: Array(draft.header), payload: Array(draft.payload), flags: draft.flags,
      counter: counter)
    finishForm(&checked, headers)
    if let counter {
      checked.flags.insert(.isCounter)
      checked.payload = Array("{\"val\":\"\(counter.value)\"}".utf8)
      if let sources = counter.sources { HeaderEditing.set("Nats-Counter-Sources", sources, in: &checked.header) }
      batch.counters[checked.subject] = counter
    }
    let size = UInt64(draft.bytes(in: store.backing))
    batch.count += 1
    batch.bytes += size
    batch.subjects[checked.subject, default: (0, false)].count += 1
    batch.subjects[checked.subject]!.isSchedule = checked.flags.contains(.isSchedule)
    if configuration.discard == .new { try checkDiscard(checked, headers, in: batch) }
    return checked
  }

  private func checkDiscard(
    _ message: CheckedMessage, _ headers: PublishHeaders, in batch: BatchCheck
  ) throws(Rejection) {
    let refusal: String?
    if configuration.maximumMessages > 0,
      store.messages + inFlight.kept + batch.count > UInt64(configuration.maximumMessages)
    {
      refusal = "maximum messages exceeded"
    } else if configuration.maximumBytes > 0,
      store.bytes + inFlight.bytes + batch.bytes > UInt64(configuration.maximumBytes)
    {
      refusal = "maximum bytes exceeded"
    } else if configuration.discardNewPerSubject, configuration.maximumMessagesPerSubject > 0,
      !headers.rollup.isGiven,
      message.subject.withUnsafeBytes({ store.count(of: $0) + inFlight.count(of: $0) })
        + (batch.subjects[message.subject]?.count ?? 0) > UInt64(configuration.maximumMessagesPerSubject)
    {
      refusal = "maximum messages per subject exceeded"
    } else {
      refusal = nil
    }
    guard let refusal else { return }
    throw isSettled ? .refused(.streamStoreFailed(refusal)) : .wait
  }
}
