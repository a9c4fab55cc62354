// Batches that are stored as a whole or not at all (FEATURES 5.071 to 5.074).

import JetStreamAPI
import MessageStore
import Subjects

/// Batches that are not committed, by their identifiers.
struct AtomicBatches {
  struct Message {
    var subject: [UInt8]
    var header: [UInt8]
    var payload: [UInt8]
    var byteCount: Int { subject.count + header.count + payload.count + 96 }
  }

  struct Batch {
    var last: UInt64 = 0
    var deadline: Int64 = 0
    var messages: [Message] = []
    var byteCount = 0
  }

  private(set) var batches: [String: Batch] = [:]
  private(set) var byteCount = 0

  var count: Int { batches.count }
  var earliest: Int64? { batches.isEmpty ? nil : batches.values.lazy.map(\.deadline).min() }

  subscript(id: String) -> Batch? { batches[id] }

  mutating func set(_ batch: Batch, for id: String) {
    byteCount += batch.byteCount - (batches[id]?.byteCount ?? 0)
    batches[id] = batch
  }

  @discardableResult
  mutating func remove(_ id: String) -> Bool {
    guard let old = batches.removeValue(forKey: id) else { return false }
    byteCount -= old.byteCount
    return true
  }

  func overdue(_ now: Int64) -> [String] { batches.filter { $0.value.deadline <= now }.map(\.key).sorted() }
}

extension StreamRules {
  mutating func proposeAtomic(
    _ message: InboundMessage, _ headers: PublishHeaders, now: Int64, output: inout StreamOutput
  ) -> Proposal {
    do throws(Rejection) {
      try checkBatchMessage(message)
      if !configuration.allowAtomicPublish { throw .refused(.atomicPublishDisabled) }
      let id = headers.batchID.text
      if id.utf8.count > 64 { throw .refused(.atomicPublishInvalidBatchID) }
      guard let sequence = headers.batchSequence.flatMap(PublishHeaders.decimal) else {
        throw .refused(.atomicPublishMissingSeq)
      }
      let commit = BatchCommit(headers.batchCommit)
      try beginAtomic(id, sequence, commit, now: now)
      return try stage(message, headers, id, sequence, commit, now: now, output: &output)
    } catch {
      return proposal(for: error, message)
    }
  }

  /// What is asked of every message of a batch before anything else.
  func checkBatchMessage(_ message: InboundMessage) throws(Rejection) {
    if configuration.isSealed { throw .refused(.streamSealed) }
    if resources.isServerExhausted { throw .refused(.insufficientResources) }
    let draft = Draft(subject: message.subject, header: message.header, payload: message.payload)
    let size = draft.bytes(in: store.backing)
    if resources.accountBytesLeft < Int64.max, Int64(size) > resources.accountBytesLeft - Int64(inFlight.bytes) {
      throw .refused(.accountResourcesExceeded)
    }
    let maximum = Int(configuration.maximumMessageSize)
    if maximum >= 0, message.header.count + message.payload.count > maximum {
      throw .refused(.streamMessageExceedsMaximum)
    }
  }

  private enum BatchCommit {
    case no, withMessage, withoutMessage, invalid

    init(_ value: UnsafeRawBufferPointer?) {
      guard let value else {
        self = .no
        return
      }
      if PublishHeaders.equal(value, "1") {
        self = .withMessage
      } else {
        self = PublishHeaders.equal(value, "eob") ? .withoutMessage : .invalid
      }
    }

    /// Messages of a batch that ends with this sequence.
    /// As nats-server counts, one that ends before its first is too large.
    func size(_ sequence: UInt64) -> UInt64 { self == .withoutMessage ? sequence &- 1 : sequence }
  }

  private mutating func beginAtomic(
    _ id: String, _ sequence: UInt64, _ commit: BatchCommit, now: Int64
  ) throws(Rejection) {
    if atomicBatches[id] != nil { return }
    guard sequence == 1 else {
      let isTooLarge = commit.size(sequence) > UInt64(setup.batches.atomicSize)
      throw .refused(
        isTooLarge
          ? .atomicPublishTooLargeBatch(String(setup.batches.atomicSize)) : .atomicPublishIncompleteBatch)
    }
    guard atomicBatches.count < setup.batches.atomicPerStream,
      setup.inFlight.beginAtomic(limit: setup.batches.atomicTotal)
    else { throw .refused(.atomicPublishTooManyInflight) }
    atomicBatches.set(AtomicBatches.Batch(deadline: now &+ setup.batches.timeoutNanoseconds), for: id)
  }

  private mutating func stage(
    _ message: InboundMessage, _ headers: PublishHeaders, _ id: String, _ sequence: UInt64, _ commit: BatchCommit,
    now: Int64, output: inout StreamOutput
  ) throws(Rejection) -> Proposal {
    var batch = atomicBatches[id] ?? AtomicBatches.Batch()
    if commit == .invalid { throw giveUp(id, .atomicPublishInvalidBatchCommit) }
    var header = Array(message.header)
    if headers.requiredLevel.isGiven {
      if AssetMetadata.refusesRequiredLevel(headers.requiredLevel.text) {
        throw giveUp(id, .requiredApiLevel, .unsupported, &output)
      }
      HeaderEditing.remove("Nats-Required-Api-Level", from: &header)
    }
    if headers.requestInfo != nil { HeaderEditing.remove("Nats-Request-Info", from: &header) }
    batch.last += 1
    if batch.last != sequence || (sequence == 1 && commit == .withoutMessage) {
      throw giveUp(id, .atomicPublishIncompleteBatch, .incomplete, &output)
    }
    let staged = AtomicBatches.Message(
      subject: Array(message.subject), header: header, payload: Array(message.payload))
    let isTooLarge =
      commit.size(sequence) > UInt64(setup.batches.atomicSize)
      || atomicBatches.byteCount + staged.byteCount > setup.batches.stagedBytes
    if isTooLarge {
      throw giveUp(id, .atomicPublishTooLargeBatch(String(setup.batches.atomicSize)), .large, &output)
    }
    if commit != .withoutMessage {
      batch.messages.append(staged)
      batch.byteCount += staged.byteCount
    }
    batch.deadline = now &+ setup.batches.timeoutNanoseconds
    guard commit == .no else {
      return try commitAtomic(
        id, batch, endsWithMessage: commit == .withMessage, message, now: now, output: &output)
    }
    atomicBatches.set(batch, for: id)
    return answer(.staged, to: message)
  }

  private mutating func giveUp(
    _ id: String, _ error: JetStreamError, _ reason: BatchAbandonReason, _ output: inout StreamOutput
  ) -> Rejection {
    output.abandonedBatches.append((id, reason))
    return giveUp(id, error)
  }

  private mutating func giveUp(_ id: String, _ error: JetStreamError) -> Rejection {
    if atomicBatches.remove(id) { setup.inFlight.endAtomic() }
    return .refused(error)
  }

  /// Checks all messages as if they were stored one after the other, and accepts them all or none.
  private mutating func commitAtomic(
    _ id: String, _ batch: AtomicBatches.Batch, endsWithMessage: Bool, _ message: InboundMessage, now: Int64,
    output: inout StreamOutput
  ) throws(Rejection) -> Proposal {
    var check = BatchCheck()
    var checked: [CheckedMessage] = []
    do throws(Rejection) {
      for staged in batch.messages {
        try checked.append(self.check(staged, in: &check, isFast: false, now: now))
      }
    } catch {
      // What waits is proposed again as it came.
      if case .wait = error { throw error }
      guard case .refused(let refusal) = error else { throw error }
      throw giveUp(id, refusal)
    }
    atomicBatches.remove(id)
    setup.inFlight.endAtomic()
    for (index, var message) in checked.enumerated() {
      let isLast = index == checked.count - 1
      if isLast, !endsWithMessage { HeaderEditing.append("Nats-Batch-Commit", "1", to: &message.header) }
      message.flags.insert(isLast ? .commitsBatch : .batchContinues)
      accept(message, batch: -1, now: now, output: &output)
    }
    return .journal
  }

  /// Accepts a message that was checked.
  @discardableResult
  mutating func accept(
    _ message: CheckedMessage, batch: Int32, now: Int64, output: inout StreamOutput
  ) -> UInt64 {
    message.subject.withUnsafeBytes { subject in
      message.header.withUnsafeBytes { header in
        message.payload.withUnsafeBytes { payload in
          var draft = Draft(subject: subject, header: header, payload: payload, flags: message.flags, batch: batch)
          draft.messageID = PublishHeaders(header).messageID ?? draft.messageID
          if configuration.retention == .interest, !hasInterest(subject) { draft.flags.insert(.isNotKept) }
          let sequence = accept(draft, now: now, output: &output)
          if let counter = message.counter { counters[message.subject] = counter.at(sequence) }
          return sequence
        }
      }
    }
  }

  mutating func expireBatches(now: Int64, output: inout StreamOutput) {
    if let earliest = atomicBatches.earliest, earliest <= now {
      for id in atomicBatches.overdue(now) {
        _ = giveUp(id, .atomicPublishIncompleteBatch, .timeout, &output)
      }
    }
    setup.inFlight.endFast(fastBatches.expire(now))
  }

  /// Gives up batches of kinds that the configuration does not allow any more, and all when the stream ends.
  mutating func endBatches(atomic: Bool, fast: Bool) {
    if atomic {
      setup.inFlight.endAtomic(atomicBatches.count)
      atomicBatches = AtomicBatches()
    }
    if fast { setup.inFlight.endFast(fastBatches.removeAll()) }
  }
}
