// Purges and removals on request (FEATURES 5.096, 5.097).

import JetStreamAPI
import MessageStore

extension StreamRules {
  /// Decides about a purge; `Applied.purged` tells how many left.
  ///
  /// Which messages stay with `keep` is decided here, by the store: it may hold other ones when the entry is applied
  /// again after a crash. So what came before the request must have been applied; the answer is `wait` otherwise.
  ///
  /// - Parameters:
  ///   - last: `proposedSequence` when the request came. Nothing behind it is removed.
  ///   - isFirst: false after `wait`, when everything that was in flight has been applied.
  /// - Throws: the error to be answered.
  public mutating func proposePurge(
    _ request: StreamPurgeRequest, through last: UInt64, isFirst: Bool = true, output: inout StreamOutput
  ) throws(JetStreamError) -> Proposal {
    if configuration.isSealed { throw .streamSealed }
    if configuration.denyPurge { throw .streamPurgeFailed("stream purge not permitted") }
    var entry = PurgeEntry(through: last, keep: 0, lastSequence: 0, subject: Array(request.subject.utf8))
    var keep = request.keep
    let isEverything = request.subject.isEmpty || request.subject == ">"
    if isEverything { entry.subject = [] }
    if request.sequence == 1 {
      entry.through = 0
      entry.keep = 1
    } else if request.sequence > 1 {
      entry.through = min(last, request.sequence - 1)
      if isEverything {
        keep = 0
        entry.lastSequence = request.sequence - 1
        proposedSequence = max(proposedSequence, entry.lastSequence)
      }
    }
    if keep > 0 {
      if isFirst, !isSettled { return .wait }
      do throws(StoreError) {
        entry.through = try store.purgeBound(entry.filters, through: entry.through, keep: keep)
      } catch {
        throw .streamPurgeFailed("\(error)")
      }
      if entry.through == 0 { entry.keep = keep }
    }
    removalsInFlight += 1
    output.entries.append(.purge, entry.bytes)
    return .journal
  }

  /// Decides about the removal of a message; `Applied.deleted` tells whether there was one.
  ///
  /// - Throws: the error to be answered.
  public mutating func proposeDelete(
    _ request: MessageDeleteRequest, output: inout StreamOutput
  ) throws(JetStreamError) -> Proposal {
    if configuration.isSealed { throw .streamSealed }
    if configuration.denyDelete { throw .streamMsgDeleteFailed("message delete not permitted") }
    removalsInFlight += 1
    // A message that comes later must not be removed when the entry is applied again: 0 is no message.
    let sequence = request.sequence <= proposedSequence ? request.sequence : 0
    output.entries.append(.delete, DeleteEntry(sequence: sequence, erases: !request.noErase).bytes)
    return .journal
  }

  mutating func applyDelete(_ entry: DeleteEntry, output: inout StreamOutput) throws(StoreError) -> Applied {
    if !isReplaying { removalsInFlight -= 1 }
    return .deleted(try remove(entry.sequence, erase: entry.erases, output: &output))
  }

  mutating func applyPurge(_ entry: PurgeEntry, output: inout StreamOutput) throws(StoreError) -> Applied {
    if !isReplaying { removalsInFlight -= 1 }
    if entry.subject.isEmpty, entry.keep == 0 { hasBegun = true }
    let keep = entry.through == 0 ? 0 : entry.keep
    let count = try purge(
      entry.filters, entry.subject, through: entry.through, keep: keep, cutsOff: entry.lastSequence > 0,
      output: &output)
    if entry.lastSequence > store.lastSequence { try store.skip(through: entry.lastSequence) }
    return .purged(count)
  }

  /// Removes many messages and says so.
  /// - Parameter cutsOff: everything up to a sequence goes: a single message is not told of by itself then.
  @discardableResult
  mutating func purge(
    _ filters: SubjectFilters, _ subject: [UInt8], through sequence: UInt64, keep: UInt64 = 0, cutsOff: Bool = false,
    output: inout StreamOutput
  ) throws(StoreError) -> UInt64 {
    var first: UInt64?
    if !cutsOff, !subject.isEmpty || sequence < store.lastSequence {
      first = try store.next(from: store.firstSequence, matching: filters)?.sequence
    }
    let count = sequence > 0 ? try store.purge(filters, through: sequence, keep: keep) : 0
    // Consumers move on also where nothing was left to be removed.
    if count > 0 || !isReplaying {
      output.purges.append(PurgedMessages(subject: subject, through: sequence, count: count, first: first))
    }
    return count
  }

  /// Removes one message and says so.
  @discardableResult
  mutating func remove(
    _ sequence: UInt64, erase: Bool = false, output: inout StreamOutput
  ) throws(StoreError) -> Bool {
    guard let removed = try store.remove(sequence, erase: erase) else { return false }
    output.removed.append(removed)
    return true
  }

  /// The stream was looked through for messages that nobody needs: it shows where it begins.
  public mutating func noteCleanup() { hasBegun = true }

  /// Removes a message that no consumer needs any more (FEATURES 5.090, 5.091). Nil if there was none.
  @discardableResult
  public mutating func release(_ sequence: UInt64) throws(StoreError) -> RemovedMessage? {
    try store.remove(sequence)
  }
}

extension PurgeEntry {
  var filters: SubjectFilters { subject.isEmpty ? .everything : SubjectFilters(bytes: [subject]) }
}
