import JetStreamAPI

/// What happens to the stream.
extension ConsumerMachine {
  /// A message has been stored.
  /// - Parameter matches: it passes the filters of this consumer.
  @inline(__always)
  public mutating func stored(_ sequence: UInt64, matches: Bool) {
    guard matches else { return }
    undelivered += 1
    // A consumer that begins later counts it, and does not look.
    if sequence >= nextSequence { isAtEnd = false }
  }

  /// A message has been removed, by a request or a limit.
  /// - Parameter matches: it passes the filters of this consumer.
  public mutating func removed(_ sequence: UInt64, matches: Bool, port: some ConsumerPort, now: Int64) {
    if sequence >= nextSequence {
      // What the skip list does not have was not counted.
      if matches, skipList.isEmpty || sequence > state.skipThrough || dropSkipListed(sequence) {
        undelivered = max(undelivered - 1, 0)
      }
      return
    }
    if let place = state.pending.find(sequence) {
      lose(place, port: port, now: now)
    } else if !state.exhausted.isEmpty, state.exhausted.contains(sequence) {
      state.settle(sequence)
      delta.settle(sequence)
      lastAcknowledged = now
    }
  }

  /// So many messages were removed that pass the filters, the first of them not before `first`.
  /// - Returns: false when that does not tell how many are left.
  mutating func removedUndelivered(_ count: UInt64, from first: UInt64) -> Bool {
    guard first >= nextSequence, skipList.isEmpty, configuration.deliverPolicy != .lastPerSubject else { return false }
    undelivered = max(undelivered - Int64(clamping: count), 0)
    return true
  }

  /// A message that was still to come is lost, and it is not known whether it was wanted: what is left is to be
  /// counted.
  mutating func removedUnseen(_ sequence: UInt64) {
    if !skipList.isEmpty, sequence <= state.skipThrough { _ = dropSkipListed(sequence) }
  }

  /// Takes a sequence out of the skip list; false when it is not there.
  private mutating func dropSkipListed(_ sequence: UInt64) -> Bool {
    // It is in descending order.
    var low = 0
    var high = skipList.count
    while low < high {
      let middle = (low + high) / 2
      if skipList[middle] > sequence { low = middle + 1 } else { high = middle }
    }
    guard low < skipList.count, skipList[low] == sequence else { return false }
    skipList.remove(at: low)
    guard skipList.isEmpty else { return true }
    nextSequence = state.skipThrough + 1
    state.endSkipping()
    delta.endSkipping()
    return true
  }

  /// Messages have been purged of which this consumer wants others, too: looks at what is left.
  public mutating func purged(port: some ConsumerPort, now: Int64) {
    let pendingCount = state.pending.count
    let first = port.bounds().first
    let wasBehind = state.ackFloor.stream < first
    raise(to: first)
    if wasBehind { settleGone(first, port) }
    afterPurge(pendingCount, port, now: now)
  }

  /// What was purged among the pending counts as acknowledged.
  private mutating func settleGone(_ first: UInt64, _ port: some ConsumerPort) {
    var floor = ConsumerState.Position(consumer: state.ackFloor.consumer, stream: first - 1)
    var gone: [UInt64] = []
    state.pending.forEach { entry in
      guard port.load(entry.sequence) == nil else { return }
      gone.append(entry.sequence)
      floor.consumer = max(floor.consumer, entry.consumerSequence)
    }
    for sequence in gone {
      if let place = state.pending.find(sequence) { unqueue(place) }
      state.settle(sequence)
      delta.settle(sequence)
    }
    guard !gone.isEmpty, !state.pending.isEmpty, floor.stream >= state.ackFloor.stream else { return }
    state.settle(through: floor)
    delta.settle(through: floor)
  }

  /// All that this consumer wants has been purged, up to `first`.
  public mutating func purged(from first: UInt64, port: some ConsumerPort, now: Int64) {
    let pendingCount = state.pending.count
    raise(to: first)
    afterPurge(pendingCount, port, now: now)
  }

  private mutating func afterPurge(_ pendingCount: Int, _ port: some ConsumerPort, now: Int64) {
    if state.pending.count < pendingCount { lastAcknowledged = now }
    if state.pending.isEmpty, state.ackFloor != state.delivered {
      let position = state.delivered
      state.settle(through: position)
      delta.settle(through: position)
    }
    // As in nats-server, what was to be delivered again at once waits for its time now.
    var queued: [UInt64] = []
    state.pending.forEach { if $0.flags.contains(.queued) { queued.append($0.sequence) } }
    for sequence in queued {
      guard let place = state.pending.find(sequence) else { continue }
      unqueue(place)
      setIrregularDeadline(place)
    }
    findPlaceAgain(port)
  }

  /// The stream begins later now.
  mutating func raise(to first: UInt64) {
    var place = state.pending.head
    while place < state.pending.entries.count, state.pending[place].sequence < first {
      let flags = state.pending[place].flags
      if flags.contains(.queued), !flags.contains(.gone) { redeliveries.count -= 1 }
      place += 1
    }
    state.raise(to: first)
    delta.raise(to: first)
    nextSequence = max(nextSequence, first)
  }

  /// Counts again what is to be delivered; goes on from where it is.
  mutating func findPlaceAgain(_ port: some ConsumerPort) {
    let next = max(nextSequence, state.delivered.stream + 1)
    findPlace(port)
    if skipList.isEmpty, next > nextSequence {
      nextSequence = next
      countUndelivered(port)
    }
  }
}
