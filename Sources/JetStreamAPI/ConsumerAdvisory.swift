import Bytes
import JSON

/// Something about a consumer that is published for those who watch (FEATURES 7.049 to 7.055, 7.066).
public enum ConsumerAdvisory: Equatable, Sendable {
  case created
  case deleted
  /// A pause began or ended; nil when there is none any more.
  case paused(until: Timestamp?, isPaused: Bool, offsetSeconds: Int = 0)
  case pinned(group: String, pinID: String)
  case unpinned(group: String, reason: UnpinReason)
  case maxDeliveries(streamSequence: UInt64, deliveries: UInt64)
  case naked(consumerSequence: UInt64, streamSequence: UInt64, deliveries: UInt64)
  case terminated(consumerSequence: UInt64, streamSequence: UInt64, deliveries: UInt64, reason: String)
  /// A sampled acknowledgement; the delay in nanoseconds is counted from the delivery.
  case acknowledged(consumerSequence: UInt64, streamSequence: UInt64, delay: Int64, deliveries: UInt64)

  public enum UnpinReason: String, Sendable {
    case admin
    case timeout
  }

  /// Reasons that the server itself gives for a termination.
  public static let deletedReason = "Unacknowledged message was deleted"

  /// Who says it.
  public struct Origin: Sendable {
    public var account: String
    public var stream: String
    public var consumer: String
    /// The JetStream domain; empty for none.
    public var domain: String
    public init(account: String, stream: String, consumer: String, domain: String) {
      self.account = account
      self.stream = stream
      self.consumer = consumer
      self.domain = domain
    }
  }

  /// Where it is published.
  public func subject(_ origin: Origin) -> String { "\(kind.subject).\(origin.stream).\(origin.consumer)" }

  /// The message.
  /// - Parameter id: a unique identifier (`NUID`).
  public func json(_ origin: Origin, id: String, time: Timestamp) -> [UInt8] {
    var writer = JSONWriter(capacity: 384)
    writer.beginObject()
    writer.field("type", "io.nats.jetstream.\(kind.type)")
    writer.field("id", id)
    writer.field("timestamp", time)
    if case .pinned = self { writer.field("account", origin.account, omitEmpty: true) }
    if case .unpinned = self { writer.field("account", origin.account, omitEmpty: true) }
    writer.field("stream", origin.stream)
    writer.field("consumer", origin.consumer)
    var isDomainWritten = false
    switch self {
    case .created: writer.field("action", "create")
    case .deleted: writer.field("action", "delete")
    case .paused(let until, let isPaused, let offset):
      writer.field("paused", isPaused)
      writer.field("pause_until", RFC3339.string(until ?? .zero, offsetSeconds: offset))
    case .pinned(let group, let pinID):
      writer.field("domain", origin.domain, omitEmpty: true)
      isDomainWritten = true
      writer.field("group", group)
      writer.field("pinned_id", pinID)
    case .unpinned(let group, let reason):
      writer.field("domain", origin.domain, omitEmpty: true)
      isDomainWritten = true
      writer.field("group", group)
      writer.field("reason", reason.rawValue)
    case .maxDeliveries(let streamSequence, let deliveries):
      writer.field("stream_seq", streamSequence)
      writer.field("deliveries", deliveries)
    case .naked(let consumerSequence, let streamSequence, let deliveries):
      writer.field("consumer_seq", consumerSequence)
      writer.field("stream_seq", streamSequence)
      writer.field("deliveries", deliveries)
    case .terminated(let consumerSequence, let streamSequence, let deliveries, let reason):
      writer.field("consumer_seq", consumerSequence)
      writer.field("stream_seq", streamSequence)
      writer.field("deliveries", deliveries)
      writer.field("reason", reason, omitEmpty: true)
    case .acknowledged(let consumerSequence, let streamSequence, let delay, let deliveries):
      writer.field("consumer_seq", consumerSequence)
      writer.field("stream_seq", streamSequence)
      writer.field("ack_time", delay)
      writer.field("deliveries", deliveries)
    }
    if !isDomainWritten { writer.field("domain", origin.domain, omitEmpty: true) }
    writer.endObject()
    return writer.bytes
  }

  private var kind: (subject: String, type: String) {
    let advisory = "$JS.EVENT.ADVISORY.CONSUMER."
    switch self {
    case .created: return (advisory + "CREATED", "advisory.v1.consumer_action")
    case .deleted: return (advisory + "DELETED", "advisory.v1.consumer_action")
    case .paused: return (advisory + "PAUSE", "advisory.v1.consumer_pause")
    case .pinned: return (advisory + "PINNED", "advisory.v1.consumer_group_pinned")
    case .unpinned: return (advisory + "UNPINNED", "advisory.v1.consumer_group_unpinned")
    case .maxDeliveries: return (advisory + "MAX_DELIVERIES", "advisory.v1.max_deliver")
    case .naked: return (advisory + "MSG_NAKED", "advisory.v1.nak")
    case .terminated: return (advisory + "MSG_TERMINATED", "advisory.v1.terminated")
    case .acknowledged: return ("$JS.EVENT.METRIC.CONSUMER.ACK", "metric.v1.consumer_ack")
    }
  }
}
