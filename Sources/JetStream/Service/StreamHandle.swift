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
    let messages = csys_add64(counts + StreamCounts.waitingMessages, 1) + 1
    let size = csys_add64(counts + StreamCounts.waitingBytes, UInt64(bytes)) + UInt64(bytes)
    if messages <= limit.messages, size <= limit.bytes { return true }
    leave(bytes: bytes)
    return false
  }

  func leave(bytes: Int) {
    csys_sub64(counts + StreamCounts.waitingMessages, 1)
    csys_sub64(counts + StreamCounts.waitingBytes, UInt64(bytes))
  }
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
  var messages: UInt64 = 100_000
  var bytes: UInt64 = 128 << 20
}

/// The places of the counts.
private enum StreamCounts {
  static var waitingMessages: Int { 0 }
  static var waitingBytes: Int { 1 }
  static var answersDirectGets: Int { 2 }
  static var isDeleted: Int { 3 }
  static var count: Int { 4 }
}
