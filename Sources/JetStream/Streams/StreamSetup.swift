import JetStreamAPI
import Synchronization

/// A stream and what it has to know about the server it runs in.
public struct StreamSetup: Sendable {
  public var configuration: StreamConfiguration
  /// The server's domain, empty: none.
  public var domain = ""
  /// `max_payload` of the server.
  public var maximumPayload = 1 << 20
  public var batches = BatchLimits()
  /// How many batches of all streams are under way.
  public var inFlight = BatchesInFlight()
  /// Where time zones are looked up (FEATURES 5.079); see `TimeZoneFiles`.
  public var zones = TimeZoneFiles()

  public init(_ configuration: StreamConfiguration) { self.configuration = configuration }
}

/// `jetstream.limits.batch` (FEATURES 3.6a, 5.071, 5.075).
public struct BatchLimits: Sendable, Equatable {
  public var atomicPerStream = 50
  public var atomicTotal = 1000
  /// Messages in an atomic batch.
  public var atomicSize = 1000
  public var fastPerStream = 1000
  public var fastTotal = 50_000
  /// A batch is given up when nothing of it arrived for so long.
  public var timeoutNanoseconds: Int64 = 10_000_000_000
  /// What the messages of all atomic batches of a stream that are not committed may take in memory; a batch beyond it
  /// is given up as too large.
  public var stagedBytes = 64 << 20

  public init() {}
}

/// Counts the batches that are under way in all streams. Any thread.
public final class BatchesInFlight: Sendable {
  private let atomic = Atomic<Int>(0)
  private let fast = Atomic<Int>(0)

  public init() {}

  func beginAtomic(limit: Int) -> Bool { begin(atomic, limit) }
  func beginFast(limit: Int) -> Bool { begin(fast, limit) }
  func endAtomic(_ count: Int = 1) { atomic.subtract(count, ordering: .relaxed) }
  func endFast(_ count: Int = 1) { fast.subtract(count, ordering: .relaxed) }

  private func begin(_ counter: borrowing Atomic<Int>, _ limit: Int) -> Bool {
    if counter.add(1, ordering: .relaxed).newValue <= limit { return true }
    counter.subtract(1, ordering: .relaxed)
    return false
  }
}

/// A message that arrived for a stream.
///
/// The bytes are read during the call only. The header block comes with its `NATS/1.0` line, without status.
public struct InboundMessage {
  public var subject: UnsafeRawBufferPointer
  /// Empty: nobody wants an answer.
  public var reply: UnsafeRawBufferPointer
  public var header: UnsafeRawBufferPointer
  public var payload: UnsafeRawBufferPointer

  public init(
    subject: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer, header: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer
  ) {
    self.subject = subject
    self.reply = reply
    self.header = header
    self.payload = payload
  }
}
