import JetStreamAPI

/// Fast batches that are under way: what arrived, what is stored, how often that is acknowledged (FEATURES 5.075).
struct FastBatches {
  struct Batch {
    let id: String
    let number: Int32
    let allowsGaps: Bool
    let maximumFlow: UInt16
    /// The highest message of the batch that arrived.
    var last: UInt64 = 0
    /// The highest that is stored, and its sequence in the stream.
    var stored: UInt64 = 0
    var storedSequence: UInt64 = 0
    /// The highest that was acknowledged.
    var acknowledged: UInt64 = 0
    /// Messages that are on their way to the store.
    var pending = 0
    /// An acknowledgement comes after so many messages.
    var flow: UInt16
    var deadline: Int64
    var isCommitting = false
    /// Who asked for that while messages were on their way.
    var commitReply: [UInt8] = []
  }

  /// Messages between acknowledgements, shared by all batches of a stream.
  private static let totalFlow = 500

  private var batches: [Int32: Batch] = [:]
  private var numbers: [String: Int32] = [:]
  private var nextNumber: Int32 = 0
  /// Where messages in flight stand in their batches.
  private var sequences: [UInt64: (batch: UInt64, number: Int32)] = [:]

  var count: Int { batches.count }
  /// Committing batches have no deadline.
  var earliest: Int64? {
    batches.isEmpty ? nil : batches.values.lazy.filter { !$0.isCommitting }.map(\.deadline).min()
  }

  subscript(id: String) -> Batch? { numbers[id].flatMap { batches[$0] } }

  mutating func begin(_ reply: FastBatchReply, deadline: Int64) -> Batch {
    // Never -1, which stands for no batch.
    nextNumber = nextNumber == .max ? 0 : nextNumber + 1
    let flow = batches.isEmpty ? min(UInt16(Self.totalFlow), reply.flow) : 1
    return Batch(
      id: reply.id, number: nextNumber, allowsGaps: reply.allowsGaps, maximumFlow: reply.flow, flow: flow,
      deadline: deadline)
  }

  mutating func set(_ batch: Batch) {
    batches[batch.number] = batch
    numbers[batch.id] = batch.number
  }

  /// Whether there was one.
  @discardableResult
  mutating func remove(_ batch: Batch) -> Bool {
    guard batches.removeValue(forKey: batch.number) != nil else { return false }
    numbers[batch.id] = nil
    return true
  }

  /// Notes that a message of the batch was given a sequence.
  mutating func note(_ sequence: UInt64, is batchSequence: UInt64, of batch: Batch) {
    sequences[sequence] = (batchSequence, batch.number)
  }

  /// Removes what is overdue; returns how many.
  mutating func expire(_ now: Int64) -> Int {
    guard let earliest, earliest <= now else { return 0 }
    let overdue = batches.values.filter { !$0.isCommitting && $0.deadline <= now }
    for batch in overdue { remove(batch) }
    return overdue.count
  }

  mutating func removeAll() -> Int {
    let count = batches.count
    batches = [:]
    numbers = [:]
    return count
  }

  /// Whether an acknowledgement is due; the flow is then adjusted to the number of batches.
  mutating func takeAcknowledgement(_ batch: inout Batch) -> Bool {
    let flow = UInt64(batch.flow)
    guard batch.stored >= batch.acknowledged + flow else { return false }
    batch.acknowledged += (batch.stored - batch.acknowledged) / flow * flow
    let share = UInt16(max(1, Self.totalFlow / max(1, batches.count)))
    let wanted = min(share, batch.maximumFlow)
    if batch.flow < wanted {
      batch.flow = batch.flow > wanted / 2 ? wanted : batch.flow * 2
    } else if batch.flow > wanted {
      batch.flow = max(batch.flow / 2, wanted)
    }
    return true
  }

  /// A message in flight is stored.
  /// - Returns: the batch, if it has ended with that.
  mutating func stored(
    _ sequence: UInt64, reply: UnsafeRawBufferPointer, output: inout StreamOutput
  ) -> Batch? {
    guard let place = sequences.removeValue(forKey: sequence), var batch = batches[place.number] else {
      return nil
    }
    batch.pending -= 1
    batch.storedSequence = sequence
    batch.stored = batch.pending == 0 ? batch.last : place.batch
    let hasEnded = batch.isCommitting && batch.last == batch.stored
    // The last message is acknowledged with the batch if it said that it is the last.
    if !hasEnded || !batch.commitReply.isEmpty, takeAcknowledgement(&batch) {
      Self.acknowledge(batch, to: reply, output: &output)
    }
    if hasEnded {
      remove(batch)
      return batch
    }
    batches[place.number] = batch
    return nil
  }

  static func acknowledge(_ batch: Batch, to reply: UnsafeRawBufferPointer, output: inout StreamOutput) {
    send(.acknowledgement(sequence: batch.acknowledged, messages: batch.flow), to: reply, output: &output)
  }

  static func send(
    _ message: BatchFlowMessage, to reply: UnsafeRawBufferPointer, output: inout StreamOutput
  ) {
    guard !reply.isEmpty else { return }
    output.replies.append(StreamReply(subject: Array(reply), payload: message.json()))
  }
}
