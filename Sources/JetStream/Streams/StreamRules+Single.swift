// A message by itself with headers: what nats-server asks of one, in its order (FEATURES 5.3).

import Bytes
import JetStreamAPI
import Subjects

extension StreamRules {
  mutating func proposeSingle(
    _ message: InboundMessage, _ headers: PublishHeaders, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    withoutRequestInfo(message, headers) { rules, message, headers in
      let draft = Draft(subject: message.subject, header: message.header, payload: message.payload)
      return rules.withTransformed(draft, output: &output) { rules, draft, output in
        do throws(Rejection) {
          try rules.checkRecord(draft)
          if rules.configuration.isSealed { throw .refused(.streamSealed) }
          try rules.checkMessageSize(draft)
          try rules.checkSingle(&draft, headers, now: now)
          let rollsUp = headers.rollup.isGiven || draft.flags.contains(.rollsUpSubject)
          if let rejection = rules.complete(draft, headers, rollsUp: rollsUp, now: now, output: &output) {
            return rules.proposal(for: rejection, message)
          }
          return .journal
        } catch {
          return rules.proposal(for: error, message)
        }
      }
    }
  }

  /// Calls `body` with the message without what a request across accounts carries with it.
  private mutating func withoutRequestInfo(
    _ message: InboundMessage, _ headers: PublishHeaders,
    _ body: (inout StreamRules, InboundMessage, PublishHeaders) -> Proposal
  ) -> Proposal {
    guard headers.requestInfo != nil else { return body(&self, message, headers) }
    var block = Array(message.header)
    HeaderEditing.remove("Nats-Request-Info", from: &block)
    return block.withUnsafeBytes { block in
      var message = message
      message.header = block
      return body(&self, message, PublishHeaders(block))
    }
  }

  /// The checks up to those that change the message.
  private mutating func checkSingle(
    _ draft: inout Draft, _ headers: PublishHeaders, now: Int64
  ) throws(Rejection) {
    try checkIncrement(headers, payload: draft.payload)
    if headers.expectedStream.isGiven, headers.expectedStream.text != configuration.name {
      throw .refused(.streamNotMatch)
    }
    if case .success(let ttl) = MessageTTL.parse(headers.ttl), ttl != .none, !configuration.allowMessageTTL {
      throw .refused(.messageTTLDisabled)
    }
    try checkExpectedSequences(draft, headers)
    try checkSchedule(&draft, headers, now: now)
    if headers.streamSource.isGiven { throw .refused(.messageSourceHdrNotAllowed) }
    try takeMessageID(&draft, headers, now: now)
    if let expected = headers.expectedLastMessageID, !expected.isEmpty, !expected.elementsEqual(lastMessageID) {
      throw .refused(.streamWrongLastMsgID(String(decoding: lastMessageID, as: UTF8.self)))
    }
    try checkRollup(&draft, headers)
    if headers.increment == nil || headers.increment!.isEmpty, configuration.allowMessageCounter {
      throw .refused(.messageIncrMissing)
    }
  }

  /// Notes the message's identifier.
  ///
  /// - Parameter refusesKnown: one that was stored within the window is a duplicate.
  mutating func takeMessageID(
    _ draft: inout Draft, _ headers: PublishHeaders, refusesKnown: Bool = true, now: Int64
  ) throws(Rejection) {
    guard let id = headers.messageID, !id.isEmpty else { return }
    if refusesKnown, let sequence = duplicates.sequence(of: id, now: now, window: configuration.duplicateWindow) {
      throw .duplicate(of: sequence)
    }
    draft.messageID = id
  }

  /// Changes the header where the rules ask for it, checks sizes and limits, and turns the message into an entry.
  ///
  /// - Parameter place: where a mirror stores it; nil: behind the last message, now.
  /// - Returns: why it is none; nil: `output.entries` has it.
  mutating func complete(
    _ draft: Draft, _ headers: PublishHeaders, at place: MirroredPlace? = nil, rollsUp: Bool, now: Int64,
    output: inout StreamOutput
  ) -> Rejection? {
    withFinalForm(draft, headers) { rules, result in
      do throws(Rejection) {
        var (draft, counter) = try result.get()
        try rules.checkSizes(draft)
        try rules.checkAccount(&draft)
        if !draft.flags.contains(.isNotKept) { try rules.checkTTL(headers) }
        try rules.checkDiscard(draft, rollsUp: rollsUp)
        let sequence = rules.accept(draft, at: place, now: now, output: &output)
        if let counter { rules.counters[Array(draft.subject)] = counter.at(sequence) }
        return nil
      } catch {
        return error
      }
    }
  }

  /// Calls `body` with the message as it will be stored: a counter's value, the header of a schedule, a TTL that is
  /// long enough. Copies only what changes.
  mutating func withFinalForm<Outcome>(
    _ draft: Draft, _ headers: PublishHeaders,
    _ body: (inout StreamRules, Result<(Draft, CounterInFlight?), Rejection>) -> Outcome
  ) -> Outcome {
    var draft = draft
    var header: [UInt8]?
    var payload: [UInt8]?
    var counter: CounterInFlight?
    draft.flags.formUnion(finalFlags(headers))
    if let changes = headerChanges(draft.flags, headers) {
      var block = Array(draft.header)
      changes.apply(to: &block)
      header = block
    }
    do throws(Rejection) {
      counter = try countUp(draft, headers)
    } catch {
      return body(&self, .failure(error))
    }
    if let counter {
      draft.flags.insert(.isCounter)
      payload = Array("{\"val\":\"\(counter.value)\"}".utf8)
      if let sources = counter.sources {
        var block = header ?? Array(draft.header)
        if let increment = counter.increment { HeaderEditing.set("Nats-Incr", increment, in: &block) }
        HeaderEditing.set("Nats-Counter-Sources", sources, in: &block)
        header = block
      }
    }
    // The windows of `headers` and the identifier stay valid: they point into the message as it came.
    return withBytes(header, draft.header) { header in
      withBytes(payload, draft.payload) { payload in
        draft.header = header
        draft.payload = payload
        return body(&self, .success((draft, counter)))
      }
    }
  }

  /// The same for a message that is a copy anyway, without counting.
  func finishForm(_ message: inout CheckedMessage, _ headers: PublishHeaders) {
    message.flags.formUnion(finalFlags(headers))
    headerChanges(message.flags, headers)?.apply(to: &message.header)
  }

  private func finalFlags(_ headers: PublishHeaders) -> PutFlags {
    var flags = PutFlags()
    switch MessageTTL.parse(headers.ttl) {
    case .success(.seconds) where configuration.allowMessageTTL: flags.insert(.hasTTL)
    case .success(.never): flags.insert(.neverExpires)
    default: break
    }
    if headers.isMarker { flags.insert(.isMarker) }
    return flags
  }

  private struct HeaderChanges {
    var addsRollup = false
    var ttl: Int64?

    func apply(to block: inout [UInt8]) {
      if addsRollup { HeaderEditing.append("Nats-Rollup", "sub", to: &block) }
      guard let ttl else { return }
      HeaderEditing.remove("Nats-TTL", from: &block)
      HeaderEditing.append("Nats-TTL", String(ttl), to: &block)
    }
  }

  private func headerChanges(_ flags: PutFlags, _ headers: PublishHeaders) -> HeaderChanges? {
    var changes = HeaderChanges()
    changes.addsRollup = flags.contains(.isSchedule) && !headers.rollup.isGiven
    if case .success(.seconds(let seconds)) = MessageTTL.parse(headers.ttl), let least = leastTTL, seconds < least {
      changes.ttl = least
    }
    return changes.addsRollup || changes.ttl != nil ? changes : nil
  }

  private func withBytes<Outcome>(
    _ array: [UInt8]?, _ otherwise: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Outcome
  ) -> Outcome {
    guard let array else { return body(otherwise) }
    return array.withUnsafeBytes(body)
  }

  /// With delete markers, a message lives at least as long as a marker; nil: no such rule (FEATURES 5.068).
  private var leastTTL: Int64? {
    guard configuration.subjectDeleteMarkerTTL > 0, configuration.maximumMessagesPerSubject != 1 else { return nil }
    return configuration.subjectDeleteMarkerTTL / 1_000_000_000
  }

  func checkTTL(_ headers: PublishHeaders) throws(Rejection) {
    if case .failure = MessageTTL.parse(headers.ttl) { throw .refused(.messageTTLInvalid) }
  }

  /// What the publisher believes to be stored (FEATURES 5.063 to 5.065).
  private func checkExpectedSequences(_ draft: Draft, _ headers: PublishHeaders) throws(Rejection) {
    if let expected = PublishHeaders.sequence(headers.expectedLastSubjectSequence) {
      let subject = headers.expectedSubject.flatMap { $0.isEmpty ? nil : $0 } ?? draft.subject
      let last = try lastSequence(of: subject)
      if last != expected { throw .refused(.streamWrongLastSequence(last)) }
    } else if headers.expectedSubject.isGiven {
      throw .refused(.streamExpectedLastSeqPerSubjectInvalid)
    }
    if let expected = PublishHeaders.sequence(headers.expectedLastSequence), expected != proposedSequence {
      throw .refused(.streamWrongLastSequence(proposedSequence))
    }
  }

  /// FEATURES 5.066.
  func checkRollup(_ draft: inout Draft, _ headers: PublishHeaders) throws(Rejection) {
    guard let kind = headers.rollupKind else {
      // A schedule takes the place of the one before it (FEATURES 5.082).
      if draft.flags.contains(.isSchedule) { draft.flags.insert(.rollsUpSubject) }
      return
    }
    if !configuration.allowRollup || configuration.denyPurge {
      throw .refused(.streamRollupFailed("rollup not permitted"))
    }
    switch kind {
    case .subject: draft.flags.insert(.rollsUpSubject)
    case .all: draft.flags.insert(.rollsUpAll)
    case .invalid:
      let value = headers.rollup.text.lowercased()
      throw .refused(.streamRollupFailed("rollup value invalid: \(GoString.quote(value))"))
    }
  }
}

/// What `Nats-TTL` says (FEATURES 5.067).
enum MessageTTL: Equatable {
  case none
  case seconds(Int64)
  case never

  struct Invalid: Error {}

  static func parse(_ value: UnsafeRawBufferPointer?) -> Result<MessageTTL, Invalid> {
    guard let value, !value.isEmpty else { return .success(.none) }
    let text = String(decoding: value, as: UTF8.self)
    if text.lowercased() == "never" { return .success(.never) }
    if let nanoseconds = try? GoDuration.parse(text) {
      return nanoseconds < 1_000_000_000 ? .failure(Invalid()) : .success(.seconds(nanoseconds / 1_000_000_000))
    }
    guard let seconds = wrapping(value), seconds >= 0 else { return .failure(Invalid()) }
    return .success(seconds == 0 ? .none : .seconds(seconds))
  }

  /// A number in digits; one that is too large is cut to 64 bits, as nats-server does. nil: not only digits.
  private static func wrapping(_ digits: UnsafeRawBufferPointer) -> Int64? {
    var number: Int64 = 0
    for byte in digits {
      let digit = byte &- 0x30
      guard digit <= 9 else { return nil }
      number = number &* 10 &+ Int64(digit)
    }
    return number
  }
}
