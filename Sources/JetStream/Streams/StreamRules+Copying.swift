// Messages that a stream copies from others: what nats-server asks of one, in its order (FEATURES 5.052, 5.053). The
// origin has checked them: what was expected of the origin, and what is allowed there, is not asked again.

import JetStreamAPI
import MessageStore
import Subjects

/// What a mirror keeps of the origin's message.
struct MirroredPlace: Equatable {
  var sequence: UInt64
  var timestamp: Int64
}

/// What becomes of a copied message.
enum CopyOutcome: Equatable {
  /// `output.entries` is to be journaled.
  case journal
  /// It is stored already, or one with its identifier is.
  case skipped
  /// As with `Proposal.wait`.
  case wait
  case refused(JetStreamError)
}

extension StreamRules {
  /// Decides about a message from another stream.
  ///
  /// - Parameters:
  ///   - message: the header block as it is to be stored, with `Nats-Stream-Source` if it comes from a source.
  ///   - place: where a mirror stores it; nil: behind the last message, now.
  mutating func proposeCopy(
    _ message: InboundMessage, at place: MirroredPlace?, now: Int64, output: inout StreamOutput
  ) -> CopyOutcome {
    if let place, place.sequence <= proposedSequence { return .skipped }
    let draft = Draft(subject: message.subject, header: message.header, payload: message.payload)
    return withTransformed(draft, output: &output) { rules, draft, output in
      do throws(Rejection) {
        try rules.checkRecord(draft, at: place)
        if rules.configuration.isSealed { throw .refused(.streamSealed) }
        guard !draft.header.isEmpty else {
          if rules.configuration.allowMessageCounter { throw .refused(.messageIncrMissing) }
          try rules.checkSizes(draft)
          try rules.checkAccount(&draft)
          try rules.checkDiscard(draft, rollsUp: false)
          rules.accept(draft, at: place, now: now, output: &output)
          return .journal
        }
        let headers = PublishHeaders(draft.header)
        try rules.checkCopied(&draft, headers, isMirrored: place != nil, now: now)
        let rejection = rules.complete(
          draft, headers, at: place, rollsUp: headers.rollup.isGiven, now: now, output: &output)
        return rejection.map(Self.outcome) ?? .journal
      } catch {
        return Self.outcome(error)
      }
    }
  }

  private static func outcome(_ rejection: Rejection) -> CopyOutcome {
    switch rejection {
    case .wait: .wait
    case .duplicate: .skipped
    case .refused(let error): .refused(error)
    }
  }

  private mutating func checkCopied(
    _ draft: inout Draft, _ headers: PublishHeaders, isMirrored: Bool, now: Int64
  ) throws(Rejection) {
    if !isMirrored { draft.flags.insert(.isSourced) }
    let increment = headers.increment.flatMap { $0.isEmpty ? nil : $0 }
    if let increment, BigInteger(increment) == nil { throw .refused(.messageIncrInvalid) }
    try takeMessageID(&draft, headers, refusesKnown: !isMirrored, now: now)
    let mayRollUp = configuration.allowRollup && !configuration.denyPurge
    switch headers.rollupKind {
    case .subject where mayRollUp: draft.flags.insert(.rollsUpSubject)
    case .all where mayRollUp: draft.flags.insert(.rollsUpAll)
    case .invalid: throw .refused(.streamRollupFailed("rollup value invalid"))
    default: break
    }
    if increment == nil, configuration.allowMessageCounter { throw .refused(.messageIncrMissing) }
  }

  /// The origin's stream has nothing up to a sequence, and a mirror follows it there.
  mutating func proposeSkip(through sequence: UInt64, output: inout StreamOutput) -> Bool {
    guard sequence > proposedSequence, sequence <= Self.maximumSequence else { return false }
    proposedSequence = sequence
    removalsInFlight += 1
    output.entries.append(
      .purge, PurgeEntry(through: 0, keep: 0, lastSequence: sequence, subject: []).bytes)
    return true
  }

  // MARK: - How far it has come with its sources

  /// Notes where a sourced message came from.
  mutating func notePosition(_ headers: PublishHeaders, isStored: Bool) {
    guard let value = headers.streamSource, let mark = SourceMark(value) else { return }
    sourcePositions.note(mark, isStored: isStored)
  }

  /// Looks through the stored messages, the newest first, for the sources of which nothing is known; needed when what
  /// was known is lost, and once at most: when it came to the first message, all that can be known is.
  mutating func findPositions(of names: [SourceName]) throws(StoreError) {
    if sourcePositions.isComplete { return }
    var missing = names.filter { sourcePositions[$0] == nil }
    var position = UInt64.max
    while !missing.isEmpty, position > 0,
      let message = try store.previous(through: position, matching: .everything)
    {
      position = message.sequence - 1
      guard !message.header.isEmpty, let value = PublishHeaders(message.header).streamSource,
        let mark = SourceMark(value)
      else { continue }
      guard sourcePositions.noteOlder(mark) else { continue }
      missing.removeAll { sourcePositions[$0] != nil }
    }
    if !missing.isEmpty { sourcePositions.isComplete = true }
  }
}
