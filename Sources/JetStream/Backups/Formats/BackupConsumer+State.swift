import JetStreamAPI

extension BackupConsumer.State {
  /// A running consumer's state, as of a stream that ends at `lastSequence`.
  ///
  /// - Parameter maximumDeliveries: how often what was given up has been delivered.
  init(_ state: ConsumerState, through lastSequence: UInt64, maximumDeliveries: Int) {
    delivered = state.delivered
    ackFloor = state.ackFloor
    delivered.stream = min(delivered.stream, lastSequence)
    ackFloor.stream = min(ackFloor.stream, lastSequence)
    state.pending.forEach { entry in
      guard entry.sequence <= lastSequence else { return }
      pending[entry.sequence] = BackupConsumer.Pending(
        consumerSequence: entry.consumerSequence, timestamp: entry.timestamp)
      if entry.deliveries > 1 { redelivered[entry.sequence] = UInt64(entry.deliveries - 1) }
    }
    guard maximumDeliveries > 0 else { return }
    for span in state.exhausted.spans where span.first <= lastSequence {
      for sequence in span.first...min(span.last, lastSequence) {
        redelivered[sequence] = UInt64(maximumDeliveries)
      }
    }
  }

  /// The state to go on from. Whatever a damaged or invented backup says, the result is one that a consumer can have.
  ///
  /// - Parameters:
  ///   - maximumDeliveries: `max_deliver`; what was delivered as often and is not pending was given up.
  ///   - now: nanoseconds since 1970.
  func state(
    policy: ConsumerAckPolicy, maximumDeliveries: Int, now: Int64
  ) throws(BackupProblem) -> ConsumerState {
    if ackFloor.consumer > delivered.consumer { throw BackupProblem("bad ack floor for consumer") }
    if ackFloor.stream > delivered.stream { throw BackupProblem("bad ack floor for stream") }
    guard delivered.consumer < Self.highest, delivered.stream < Self.highest else {
      throw BackupProblem("bad delivered sequence for stream")
    }
    var result = ConsumerState(policy: policy)
    result.begin(delivered: delivered, ackFloor: ackFloor)
    var entries: [PendingEntry] = []
    // First deliveries are in the order of the stream; servers before 2.10 tell the last one of what was redelivered.
    var highest = max(delivered.consumer, 1)
    for (sequence, entry) in pending.sorted(by: { $0.key > $1.key }) {
      guard sequence > ackFloor.stream, sequence <= delivered.stream else {
        throw BackupProblem("bad pending entry, sequence [\(sequence)] out of range")
      }
      let consumerSequence = max(min(entry.consumerSequence, highest), 1)
      highest = max(consumerSequence - 1, 1)
      entries.append(
        PendingEntry(
          sequence: sequence, consumerSequence: consumerSequence,
          timestamp: min(max(entry.timestamp, 0), now + Self.longestDelay),
          deliveries: UInt32(clamping: min(redelivered[sequence] ?? 0, 1 << 30) + 1), flags: []))
    }
    if policy != .none { for entry in entries.reversed() { result.pending.append(entry) } }
    guard maximumDeliveries > 0 else { return result }
    for (sequence, count) in redelivered.sorted(by: { $0.key < $1.key })
    where count >= UInt64(maximumDeliveries) && pending[sequence] == nil {
      guard sequence > 0, sequence <= delivered.stream else { continue }
      result.exhausted.insert(sequence)
    }
    return result
  }

  private static var highest: UInt64 { 1 << 62 }
  /// Redeliveries may be put off, but not longer than ten years.
  private static var longestDelay: Int64 { 315_360_000_000_000_000 }
}

extension ConsumerState {
  /// Takes positions over.
  fileprivate mutating func begin(delivered: Position, ackFloor: Position) {
    start(at: delivered.stream + 1)
    self.delivered = delivered
    self.ackFloor = ackFloor
  }
}
