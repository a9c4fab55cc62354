import JetStreamAPI

/// What a consumer must remember: what was delivered, what waits for its acknowledgement. It changes only by the
/// methods here, and each of them is one operation of a delta (`ConsumerDelta`): applying the deltas of a run to the
/// state before gives the state after, whatever else the machine did.
public struct ConsumerState: Sendable {
  /// A place in the order of deliveries and in the stream.
  public struct Position: Equatable, Sendable {
    public var consumer: UInt64
    public var stream: UInt64
    public init(consumer: UInt64 = 0, stream: UInt64 = 0) {
      self.consumer = consumer
      self.stream = stream
    }
  }

  let policy: ConsumerAckPolicy
  /// It is known where it begins.
  var isStarted = false
  /// The last delivery and the highest message delivered, or one before the start.
  public internal(set) var delivered = Position()
  /// Everything up to here is acknowledged. A message that was given up stays above it until nothing is pending, as in
  /// nats-server (FEATURES 6.059).
  public internal(set) var ackFloor = Position()
  /// A `last_per_subject` consumer looks only at the last messages of the subjects up to here; 0 when it is past them.
  var skipThrough: UInt64 = 0
  var pending = PendingList()
  /// Delivered as often as allowed without an acknowledgement (FEATURES 6.059).
  var exhausted = SequenceSet()

  public init(policy: ConsumerAckPolicy) { self.policy = policy }

  /// Deliveries without an acknowledgement.
  public var pendingCount: Int { pending.count }

  /// Nothing up to here is delivered again: the ack floor without what was given up.
  var settledThrough: UInt64 {
    if exhausted.isEmpty { return ackFloor.stream }
    return max(ackFloor.stream, pending.isEmpty ? delivered.stream : pending.first.sequence - 1)
  }

  // MARK: - Operations

  /// Begins, or begins anew, so that `sequence` is the next message.
  mutating func start(at sequence: UInt64, skipThrough: UInt64 = 0) {
    isStarted = true
    delivered = Position(consumer: 0, stream: sequence - 1)
    ackFloor = delivered
    self.skipThrough = skipThrough
    pending.removeAll()
    exhausted.removeAll()
  }

  /// The first delivery of a message behind all delivered before.
  @inline(__always)
  mutating func deliver(_ sequence: UInt64, at timestamp: Int64) {
    delivered.consumer += 1
    delivered.stream = sequence
    if policy == .none {
      ackFloor = delivered
    } else {
      pending.append(
        PendingEntry(
          sequence: sequence, consumerSequence: delivered.consumer, timestamp: timestamp, deliveries: 1, flags: []))
    }
  }

  /// A pending message is delivered again.
  mutating func redeliver(_ sequence: UInt64, at timestamp: Int64) {
    delivered.consumer += 1
    guard let place = pending.find(sequence) else { return }
    pending.countDelivery(at: place, timestamp: timestamp)
  }

  /// The waiting time of a pending message counts from another moment.
  mutating func touch(_ sequence: UInt64, at timestamp: Int64) {
    guard let place = pending.find(sequence) else { return }
    pending.setTimestamp(timestamp, at: place)
  }

  /// A message needs no acknowledgement any more.
  mutating func settle(_ sequence: UInt64) {
    if let place = pending.find(sequence) { remove(at: place) }
    if !exhausted.isEmpty { exhausted.remove(sequence) }
  }

  /// Everything delivered up to a position is acknowledged.
  mutating func settle(through position: Position) {
    while !pending.isEmpty, pending.first.sequence <= position.stream { pending.remove(at: pending.head) }
    exhausted.removeAll(below: position.stream + 1)
    ackFloor = position
  }

  /// A pending message is not delivered any more, and not acknowledged.
  mutating func exhaust(_ sequence: UInt64) {
    guard let place = pending.find(sequence) else { return }
    exhausted.insert(sequence)
    pending.remove(at: place)
  }

  /// The stream begins at `first` now: what was before it does not count.
  mutating func raise(to first: UInt64) {
    if delivered.stream + 1 < first { delivered.stream = first - 1 }
    exhausted.removeAll(below: first)
    guard ackFloor.stream < first else { return }
    var floor = Position(consumer: ackFloor.consumer, stream: first - 1)
    while !pending.isEmpty, pending.first.sequence < first {
      floor.consumer = max(floor.consumer, pending.first.consumerSequence)
      remove(at: pending.head)
    }
    // Where what is left begins later, the floor is there already.
    if pending.isEmpty { ackFloor = delivered } else if floor.stream >= ackFloor.stream { ackFloor = floor }
  }

  /// The end of the messages of `last_per_subject`.
  mutating func endSkipping() { skipThrough = 0 }

  private mutating func remove(at place: Int) {
    let isNext = pending[place].consumerSequence == ackFloor.consumer &+ 1
    pending.remove(at: place)
    if pending.isEmpty {
      ackFloor = delivered
    } else if isNext {
      ackFloor = Position(consumer: pending.first.consumerSequence - 1, stream: pending.first.sequence - 1)
    }
  }
}
