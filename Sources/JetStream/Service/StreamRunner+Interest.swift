import Bytes
import MessageStore

// Streams whose messages go when consumers need them no more: work queues and interest (FEATURES 5.090, 5.091).
// Removals are not logged. What consumers did is, and which messages are left follows from it.

/// Messages that nobody needs are looked for, some a turn.
struct Cleanup {
  /// Where to go on.
  var next: UInt64
  /// What came later was wanted by somebody when it came.
  var last: UInt64
  /// To be done at its end.
  var ends: [() -> Void]
}

extension StreamRunner {
  /// Messages that are looked at before others have their turn.
  private static var cleanedATime: Int { 1024 }

  /// What a consumer did is as durable as it will be.
  func settled(_ consumer: ConsumerRunner, confirmations: [[UInt8]], finished: [UInt64]) {
    for reply in confirmations {
      reply.withUnsafeBytes {
        _ = loop.send(
          to: $0, showing: .empty, reply: .empty, header: .empty, payload: .empty, in: account)
      }
    }
    guard configuration.retention != .limits, failure == nil else { return }
    var released = RemovedMessages()
    for sequence in finished { releaseIfUnneeded(sequence, &released) }
    tell(released, announced: announced)
    countUse()
  }

  /// Removes a message that no consumer needs any more. Its subject is looked up only when that decides.
  private func releaseIfUnneeded(_ sequence: UInt64, _ released: inout RemovedMessages) {
    var needing = 0
    if consumerIndex.isSmall {
      for consumer in consumerIndex.all where consumer.machine.needs(sequence) {
        if !consumer.isFiltered { return }
        needing += 1
      }
    }
    if needing > 0 || !consumerIndex.isSmall {
      let stays = reading { () throws(StoreError) in
        try store.nextSubject(from: sequence) { found, subject in
          found != sequence || isNeeded(sequence, subject)
        }
      }
      if stays ?? true { return }
    }
    do {
      if let message = try rules.release(sequence) { released.append(message) }
    } catch {
      fail("\(error)")
    }
  }

  private func isNeeded(_ sequence: UInt64, _ subject: UnsafeRawBufferPointer) -> Bool {
    var isNeeded = false
    consumerIndex.forEach(wanting: subject) { if $0.machine.needs(sequence) { isNeeded = true } }
    return isNeeded
  }

  /// Looks for messages that nobody needs: after a start, and when a consumer has gone or wants others.
  ///
  /// - Parameter then: done when all have been looked at.
  func releaseUnneeded(then: @escaping () -> Void = {}) {
    guard configuration.retention != .limits, failure == nil else {
      then()
      return
    }
    if consumers.isEmpty {
      if configuration.retention == .interest { releaseEverything() }
      then()
      return
    }
    let isUnderWay = cleanup != nil
    cleanup = Cleanup(next: store.firstSequence, last: store.lastSequence, ends: (cleanup?.ends ?? []) + [then])
    if !isUnderWay { cleanUp() }
  }

  /// The last consumer has gone.
  private func releaseEverything() {
    do {
      _ = try store.purge(.everything, through: store.lastSequence)
    } catch {
      fail("\(error)")
    }
    countUse()
  }

  private func cleanUp() {
    guard var work = cleanup else { return }
    do {
      if !isOver, !isEnding, failure == nil, let end = endOfUnneeded(through: work.last),
        let next = try releaseUnneeded(from: work.next, before: end, atMost: Self.cleanedATime)
      {
        work.next = next
        cleanup = work
        countUse()
        loop.worker.loop.submit { [self] in cleanUp() }
        return
      }
    } catch {
      fail("\(error)")
    }
    cleanup = nil
    if !isOver { countUse() }
    for end in work.ends { end() }
  }

  /// From here on all messages are needed, as far as the consumers' positions tell; nil: all are.
  private func endOfUnneeded(through last: UInt64) -> UInt64? {
    var end = last + 1
    // A work queue keeps what no consumer has come to.
    var reached: UInt64 = 0
    for consumer in consumerIndex.all {
      let unseen = consumer.machine.firstUnseen
      reached = max(reached, unseen)
      if !consumer.isFiltered { end = min(end, unseen) }
    }
    if configuration.retention == .workQueue { end = min(end, reached) }
    return end > store.firstSequence ? end : nil
  }

  /// Looks at some messages: those that no consumer needs go.
  ///
  /// - Parameters:
  ///   - start: where to begin.
  ///   - end: the first that is not looked at.
  ///   - limit: how many are looked at.
  /// - Returns: where to go on; nil when all have been looked at.
  func releaseUnneeded(
    from start: UInt64, before end: UInt64 = .max, atMost limit: Int
  ) throws(StoreError) -> UInt64? {
    var sequence = start
    for _ in 0..<limit {
      let found = reading { () throws(StoreError) in
        try store.nextSubject(from: sequence) { found, subject in
          (sequence: found, stays: found >= end || isWanted(found, subject))
        }
      }
      guard let found, found.sequence < end else { return nil }
      sequence = found.sequence + 1
      guard !found.stays, let message = try rules.release(found.sequence) else { continue }
      // Those that do not want it any more are not told: what they have pending waits for its time.
      Array(message.subject).withUnsafeBytes { subject in
        consumerIndex.forEach(wanting: subject) { $0.removed(message.sequence, isWanted: true) }
      }
    }
    return sequence
  }

  /// Whether some consumer needs a message, or, of a work queue, none has asked for its like yet.
  private func isWanted(_ sequence: UInt64, _ subject: UnsafeRawBufferPointer) -> Bool {
    isNeeded(sequence, subject)
      || configuration.retention == .workQueue && !consumerIndex.contains(wanting: subject)
  }
}
