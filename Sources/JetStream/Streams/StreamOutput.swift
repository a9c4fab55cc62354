import JetStreamAPI
import MessageStore

/// What is to be told to whoever sent a message, once everything proposed before it has been applied.
public enum PublishAnswer: Equatable, Sendable {
  /// Nothing is sent.
  case none
  case stored(UInt64)
  case duplicate(of: UInt64)
  case counter(UInt64, value: String)
  case batch(UInt64, id: String, count: UInt64)
  /// A fast batch that ended with its first message, which was stored before.
  case duplicateBatch(of: UInt64, id: String, count: UInt64)
  /// An empty message: part of a batch is accepted.
  case staged
  case refused(JetStreamError)
}

/// What becomes of a message, a purge or a removal that was proposed.
public enum Proposal: Equatable, Sendable {
  /// `output.entries` is to be journaled; each entry is applied when it is durable. The answer to the publisher is what
  /// `apply` returns for the last of them.
  case journal
  /// There is nothing to journal. The answer goes out when what was proposed before has been applied.
  case answer(PublishAnswer)
  /// It depends on what is in flight: propose it again when all of that has been applied, and nothing else before it.
  case wait
}

/// What an entry did.
public enum Applied: Equatable, Sendable {
  /// A message; the answer is for its publisher. `stored` is false if the store had it already (replay), if nobody is
  /// interested in it, and for a batch that is not complete.
  case put(sequence: UInt64, stored: Bool, answer: PublishAnswer)
  /// The entry of an atomic batch whose last one is still to come.
  case staged
  /// A removal; false if there was no such message.
  case deleted(Bool)
  case purged(UInt64)
  /// Not an entry of the stream's messages, or no entry at all.
  case ignored
}

/// What calls of `StreamRules` leave to be carried out, apart from what they return. Reused: empty it before a call.
public struct StreamOutput {
  /// To be journaled in this order.
  public var entries = StreamEntries()
  /// Messages to be published as they are: flow control of batches.
  public var replies: [StreamReply] = []
  /// Messages to be published anew (FEATURES 5.023).
  public var republished: [Republication] = []
  /// Messages that left the stream one by one.
  public var removed = RemovedMessages()
  /// Removals of many messages at once.
  public var purges: [PurgedMessages] = []
  /// Batches that were given up (FEATURES 5.074).
  public var abandonedBatches: [(id: String, reason: BatchAbandonReason)] = []
  /// Schedules and markers cannot be stored: what went wrong, for the log.
  public var storeError: String?

  public init() {}

  public var isEmpty: Bool {
    entries.isEmpty && replies.isEmpty && republished.isEmpty && removed.isEmpty && purges.isEmpty
      && abandonedBatches.isEmpty && storeError == nil
  }

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    entries.removeAll()
    removeEffects()
  }

  /// Everything but the entries has been carried out.
  public mutating func removeEffects() {
    if !replies.isEmpty { replies.removeAll(keepingCapacity: true) }
    if !republished.isEmpty { republished.removeAll(keepingCapacity: true) }
    removed.removeAll()
    if !purges.isEmpty { purges.removeAll(keepingCapacity: true) }
    if !abandonedBatches.isEmpty { abandonedBatches.removeAll() }
    storeError = nil
  }
}

/// Messages that left the stream one by one, with the subjects by which consumers know whether they wanted them.
public struct RemovedMessages {
  private var sequences: [UInt64] = []
  /// One behind the other, and where each ends.
  private var subjects: [UInt8] = []
  private var ends: [Int] = []

  public init() {}

  public var isEmpty: Bool { sequences.isEmpty }

  public mutating func append(_ message: RemovedMessage) {
    sequences.append(message.sequence)
    subjects.append(contentsOf: message.subject)
    ends.append(subjects.count)
  }

  /// Calls `body` with the sequence and the subject of each.
  public func forEach(_ body: (UInt64, UnsafeRawBufferPointer) -> Void) {
    subjects.withUnsafeBytes { bytes in
      var start = 0
      for (sequence, end) in zip(sequences, ends) {
        body(sequence, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        start = end
      }
    }
  }

  /// Empties it and keeps its memory, unless that is much.
  mutating func removeAll() {
    if sequences.isEmpty { return }
    let isSmall = sequences.count <= 4096
    sequences.removeAll(keepingCapacity: isSmall)
    subjects.removeAll(keepingCapacity: isSmall)
    ends.removeAll(keepingCapacity: isSmall)
  }
}

/// A message to one subject.
public struct StreamReply: Equatable, Sendable {
  public var subject: [UInt8]
  public var payload: [UInt8]
}

/// A stored message on its way to other subjects.
public struct Republication: Equatable, Sendable {
  public var subject: [UInt8]
  public var header: [UInt8]
  public var payload: [UInt8]
}

/// Messages that left the stream together.
public struct PurgedMessages: Equatable, Sendable {
  /// Empty: all subjects.
  public var subject: [UInt8]
  /// Nothing behind this sequence left.
  public var through: UInt64
  public var count: UInt64
  /// Nothing before this sequence left; nil: not known.
  public var first: UInt64?
  /// The only message that left, unless the whole stream was meant: consumers hear of it as of one that was deleted.
  public var single: UInt64? { count == 1 ? first : nil }
}
