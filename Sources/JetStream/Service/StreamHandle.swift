import Broker
import CSystem
import JetStreamAPI

/// A stream as all loops see it: its name, where it lives, and what may be known of it without asking.
///
/// Invariant: `runner` belongs to the stream's loop; `configuration` is guarded by the account's lock; counts are atomic.
final class StreamHandle: @unchecked Sendable {
  let account: AccountJetStream
  let name: String
  let nameBytes: [UInt8]
  /// Its number, never used again: the owner of its records in the journal.
  let identifier: UInt64
  /// The loop where it lives.
  let loop: JetStreamLoop
  let created: Int64
  /// Guarded by the account's lock.
  var configuration: StreamConfiguration
  /// Guarded by the account's lock.
  var consumers: [String: ConsumerSummary] = [:]
  /// It has push consumers. Guarded by the account's lock.
  var watchesInterest = false
  /// Only on the stream's loop.
  var runner: StreamRunner?
  private let counts: UnsafeMutablePointer<UInt64>

  init(
    account: AccountJetStream, configuration: StreamConfiguration, identifier: UInt64, loop: JetStreamLoop,
    created: Int64
  ) {
    self.account = account
    self.configuration = configuration
    self.identifier = identifier
    self.loop = loop
    self.created = created
    name = configuration.name
    nameBytes = Array(configuration.name.utf8)
    counts = .allocate(capacity: StreamCounts.count)
    counts.initialize(repeating: 0, count: StreamCounts.count)
  }

  deinit { counts.deallocate() }

  /// Answers to direct gets. Any thread.
  var answersDirectGets: Bool {
    get { csys_load64(counts + StreamCounts.answersDirectGets) != 0 }
    set { csys_store64(counts + StreamCounts.answersDirectGets, newValue ? 1 : 0) }
  }

  /// It has been deleted: what still arrives for it is dropped. Any thread.
  var isDeleted: Bool {
    get { csys_load64(counts + StreamCounts.isDeleted) != 0 }
    set { csys_store64(counts + StreamCounts.isDeleted, newValue ? 1 : 0) }
  }

  // MARK: messages that have arrived and are not stored yet

  /// Counts a message in; false when too many wait (FEATURES 5.088).
  func admit(bytes: Int, limit: IngestLimit) -> Bool {
    let change = IngestLimit.message | UInt64(bytes)
    let waiting = csys_add64(counts + StreamCounts.waiting, change) + change
    if waiting >> IngestLimit.byteBits <= limit.messages, waiting & (IngestLimit.message - 1) <= limit.bytes {
      return true
    }
    leave(bytes: bytes)
    return false
  }

  func leave(bytes: Int) { csys_sub64(counts + StreamCounts.waiting, IngestLimit.message | UInt64(bytes)) }
}

/// What all loops may know of a consumer.
struct ConsumerSummary: Sendable {
  var maximumAcknowledgementsPending: Int
  var inactiveThreshold: Int64
  /// It hears acknowledgements.
  var isAcknowledged: Bool
}

/// How much may wait for one stream: `max_buffered_msgs`, `max_buffered_size` (FEATURES 3.187, 3.188).
struct IngestLimit: Sendable {
  var messages: UInt64 = 100_000 { didSet { messages = min(messages, (1 << 24) - 2) } }
  var bytes: UInt64 = 128 << 20 { didSet { bytes = min(bytes, Self.message / 2) } }

  /// What waits is counted in one number: bytes below, messages above them.
  fileprivate static var byteBits: UInt64 { 40 }
  fileprivate static var message: UInt64 { 1 << byteBits }
}

/// The places of the counts.
private enum StreamCounts {
  static var waiting: Int { 0 }
  static var answersDirectGets: Int { 1 }
  static var isDeleted: Int { 2 }
  static var count: Int { 3 }
}
