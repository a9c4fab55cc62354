import JetStreamAPI
import MessageStore
import Subjects

/// A message on its way to an entry.
struct Draft {
  var subject: UnsafeRawBufferPointer
  var header: UnsafeRawBufferPointer
  var payload: UnsafeRawBufferPointer
  var flags = PutFlags()
  var messageID = UnsafeRawBufferPointer.empty
  /// The number of the fast batch it belongs to; -1: none.
  var batch: Int32 = -1

  func bytes(in backing: StreamStore.Backing) -> Int {
    StreamStore.messageBytes(
      backing: backing, subject: subject.count, header: header.count, payload: payload.count)
  }
}

/// Why a message does not become an entry.
enum Rejection: Error {
  case refused(JetStreamError)
  case duplicate(of: UInt64)
  case wait
}

extension StreamRules {
  /// Larger records are refused in file streams (FEATURES 9.013).
  static let maximumRecordBytes = 32 << 20
  /// The largest sequence of a message: the one behind it is still a number. nats-server goes on with 0.
  static let maximumSequence = UInt64.max - 1
  static let maximumHeaderBytes = Int(UInt16.max)

  /// Decides about a message.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public mutating func propose(
    _ message: InboundMessage, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    if FastBatchReply.isOne(message.reply) { return proposeFast(message, now: now, output: &output) }
    guard !message.header.isEmpty, PublishHeaders.hasAny(message.header) else {
      return proposePlain(message, now: now, output: &output)
    }
    let headers = PublishHeaders(message.header)
    if let original = FastBatchReply.original(of: message.reply, headers) {
      return original.withUnsafeBytes { reply in
        var message = message
        message.reply = reply
        return proposeFast(message, now: now, output: &output)
      }
    }
    if headers.batchID.isGiven { return proposeAtomic(message, headers, now: now, output: &output) }
    return proposeSingle(message, headers, now: now, output: &output)
  }

  // MARK: - Without headers that mean something

  private mutating func proposePlain(
    _ message: InboundMessage, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    var draft = Draft(subject: message.subject, header: message.header, payload: message.payload)
    do throws(Rejection) {
      try checkRecord(draft)
      if configuration.isSealed { throw .refused(.streamSealed) }
      try checkMessageSize(draft)
      if configuration.allowMessageCounter { throw .refused(.messageIncrMissing) }
      guard transform == nil else {
        return withTransformed(draft, output: &output) { rules, draft, output in
          rules.finish(&draft, message, now: now, output: &output)
        }
      }
      return finish(&draft, message, now: now, output: &output)
    } catch {
      return proposal(for: error, message)
    }
  }

  /// Checks sizes and limits and turns the draft into an entry.
  private mutating func finish(
    _ draft: inout Draft, _ message: InboundMessage, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    do throws(Rejection) {
      try checkSizes(draft)
      try checkAccount(&draft)
      try checkDiscard(draft, rollsUp: false)
      accept(draft, now: now, output: &output)
      return .journal
    } catch {
      return proposal(for: error, message)
    }
  }

  func proposal(for rejection: Rejection, _ message: InboundMessage) -> Proposal {
    switch rejection {
    case .wait: .wait
    case .refused(let error): answer(.refused(error), to: message)
    case .duplicate(let sequence): answer(.duplicate(of: sequence), to: message)
    }
  }

  func answer(_ answer: PublishAnswer, to message: InboundMessage) -> Proposal {
    .answer(configuration.noAcknowledgement || message.reply.isEmpty ? .none : answer)
  }

  mutating func withTransformed<Result>(
    _ draft: Draft, output: inout StreamOutput,
    _ body: (inout StreamRules, inout Draft, inout StreamOutput) -> Result
  ) -> Result {
    var draft = draft
    guard let transform, Subject.isLiteralAndValid(draft.subject), transform.matches(draft.subject) else {
      return body(&self, &draft, &output)
    }
    let subject = transform.transformed(draft.subject, random: UInt64.random(in: 0 ... .max))
    return subject.withUnsafeBytes { bytes in
      draft.subject = bytes
      return body(&self, &draft, &output)
    }
  }

  // MARK: - Checks

  /// Whether the store can take it at all.
  ///
  /// - Parameters:
  ///   - place: where a mirror stores it; nil: behind the last message.
  ///   - count: how many messages of its batch come before it.
  func checkRecord(_ draft: Draft, at place: MirroredPlace? = nil, behind count: UInt64 = 0) throws(Rejection) {
    let last = place.map { $0.sequence - 1 } ?? proposedSequence
    if last >= Self.maximumSequence - count { throw .refused(.streamStoreFailed("no sequences are left")) }
    if store.backing == .file, draft.bytes(in: .file) >= Self.maximumRecordBytes {
      throw .refused(.streamStoreFailed("message too large"))
    }
  }

  /// `max_msg_size` (FEATURES 5.010).
  func checkMessageSize(_ draft: Draft) throws(Rejection) {
    let maximum = Int(configuration.maximumMessageSize)
    if maximum >= 0, draft.header.count + draft.payload.count > maximum {
      throw .refused(.streamMessageExceedsMaximum)
    }
  }

  func checkSizes(_ draft: Draft) throws(Rejection) {
    try checkMessageSize(draft)
    if draft.header.count > Self.maximumHeaderBytes { throw .refused(.streamHeaderExceedsMaximum) }
    if resources.isServerExhausted { throw .refused(.insufficientResources) }
  }

  /// Whether the account has room; marks what nobody is interested in, which needs none.
  mutating func checkAccount(_ draft: inout Draft) throws(Rejection) {
    if configuration.retention == .interest, !hasInterest(draft.subject) {
      draft.flags.insert(.isNotKept)
      return
    }
    let size = draft.bytes(in: store.backing)
    if resources.accountBytesLeft < Int64.max, Int64(size) > resources.accountBytesLeft - Int64(inFlight.bytes) {
      throw .refused(.accountResourcesExceeded)
    }
  }

  /// A full stream that discards new messages refuses them (FEATURES 5.011, 5.012).
  ///
  /// What is in flight counts as if it stayed; where that would refuse, it is asked again when nothing is in flight.
  func checkDiscard(_ draft: Draft, rollsUp: Bool) throws(Rejection) {
    guard configuration.discard == .new, !draft.flags.contains(.isNotKept) else { return }
    let size = draft.bytes(in: store.backing)
    let isSettled = isSettled
    let perSubject = configuration.maximumMessagesPerSubject
    let isSubjectFull =
      perSubject > 0 && store.count(of: draft.subject) + inFlight.count(of: draft.subject) >= UInt64(perSubject)
    if isSubjectFull, configuration.discardNewPerSubject, !rollsUp {
      throw isSettled ? .refused(.streamStoreFailed("maximum messages per subject exceeded")) : .wait
    }
    // A message that takes the place of another on its subject adds none; while messages are in flight that is unsure.
    let replaces = isSubjectFull && isSettled
    if configuration.maximumMessages > 0, !replaces,
      store.messages + inFlight.kept >= UInt64(configuration.maximumMessages)
    {
      throw isSettled ? .refused(.streamStoreFailed("maximum messages exceeded")) : .wait
    }
    if configuration.maximumBytes > 0,
      store.bytes + inFlight.bytes + UInt64(size) > UInt64(configuration.maximumBytes)
    {
      if !isSettled { throw .wait }
      if !replaces || !frees(UInt64(size), on: draft.subject) {
        throw .refused(.streamStoreFailed("maximum bytes exceeded"))
      }
    }
  }

  /// Whether the first message of a subject is at least as large.
  private func frees(_ size: UInt64, on subject: UnsafeRawBufferPointer) -> Bool {
    guard let sequence = try? store.firstSequence(of: subject), let message = try? store.load(sequence) else {
      return false
    }
    return UInt64(message.bytes) >= size
  }

  // MARK: - Acceptance

  /// Gives the message its sequence and turns it into an entry.
  ///
  /// - Parameter place: where a mirror stores it.
  @discardableResult
  mutating func accept(
    _ draft: Draft, at place: MirroredPlace? = nil, now: Int64, output: inout StreamOutput
  ) -> UInt64 {
    proposedSequence = place?.sequence ?? proposedSequence + 1
    proposedTimestamp = place?.timestamp ?? max(now, proposedTimestamp)
    var draft = draft
    if !draft.messageID.isEmpty { draft.flags.insert(.hasMessageID) }
    output.entries.append(
      PutEntry(
        sequence: proposedSequence, timestamp: proposedTimestamp, flags: draft.flags, subject: draft.subject,
        header: draft.header,
        payload: draft.flags.contains(.isNotKept) ? .empty : draft.payload))
    inFlight.append(
      sequence: proposedSequence, subject: draft.subject, bytes: draft.bytes(in: store.backing),
      isKept: !draft.flags.contains(.isNotKept), isSchedule: draft.flags.contains(.isSchedule), batch: draft.batch)
    if draft.flags.removesOthers { removalsInFlight += 1 }
    note(messageID: draft.messageID, sequence: proposedSequence, timestamp: proposedTimestamp)
    return proposedSequence
  }

  /// Remembers the identifier of the newest message.
  mutating func note(messageID: UnsafeRawBufferPointer, sequence: UInt64, timestamp: Int64) {
    if messageID.isEmpty {
      if !lastMessageID.isEmpty { lastMessageID = [] }
      return
    }
    lastMessageID = Array(messageID)
    if configuration.duplicateWindow > 0 {
      duplicates.insert(messageID, sequence: sequence, timestamp: timestamp)
    }
  }

  // MARK: - What is stored for a subject, with what is in flight

  /// The sequence of the last message on a subject, which may have wildcards; 0: there is none.
  func lastSequence(of subject: UnsafeRawBufferPointer) throws(Rejection) -> UInt64 {
    if removalsInFlight > 0 { throw .wait }
    let isLiteral = Subject.isLiteral(subject)
    if let message = isLiteral ? inFlight.last(of: subject) : inFlight.last(matching: subject) {
      return message.sequence
    }
    if !inFlight.isEmpty, mayBeDiscarded { throw .wait }
    if isLiteral { return (try? store.lastSequence(of: subject)) ?? 0 }
    let filters = SubjectFilters(bytes: [Array(subject)])
    return (try? store.previous(through: .max, matching: filters))?.sequence ?? 0
  }

  /// Whether what is in flight makes the stream discard old messages.
  private var mayBeDiscarded: Bool {
    guard configuration.discard == .old else { return false }
    let messages = store.messages + inFlight.kept
    let bytes = store.bytes + inFlight.bytes
    return configuration.maximumMessages > 0 && messages > UInt64(configuration.maximumMessages)
      || configuration.maximumBytes > 0 && bytes > UInt64(configuration.maximumBytes)
  }
}

extension PutFlags {
  /// Whether applying it removes messages of other subjects.
  var removesOthers: Bool { contains(.rollsUpAll) || contains(.endsSchedule) }
}

extension Subject {
  /// Whether it is a subject without wildcards and without empty tokens.
  static func isLiteralAndValid(_ subject: UnsafeRawBufferPointer) -> Bool {
    Subject.isWellFormed(subject) && Subject.isLiteral(subject)
  }
}
