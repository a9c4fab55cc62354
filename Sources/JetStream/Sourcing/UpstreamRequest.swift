import Broker
import Bytes
import Crypto
import JSON
import JetStreamAPI

/// Who copies, as the origin sees it.
struct UpstreamIdentification: Equatable {
  var stream: String
  var account: String
  /// Of JetStream; empty: none.
  var domain: String
  /// The stream copies from streams of this name more than once.
  var isRepeated = false

  /// What the names of its consumers end in.
  private func hash(_ source: StreamSource?) -> String {
    let stable = ShortHash.make("\(stream) \(account)" + (domain.isEmpty ? "" : " \(domain)"))
    guard let source else { return stable }
    return ShortHash.make(isRepeated ? "\(stable) \(SourceName(source).text)" : stable)
  }

  func consumerName(_ role: Upstream.Role, _ source: StreamSource) -> String {
    role == .mirror ? "JS_MIRROR_\(hash(nil))" : "JS_SRC_\(hash(source))"
  }

  func metadata(_ role: Upstream.Role) -> [String: String] {
    let prefix = role == .mirror ? "_nats.mirror" : "_nats.src"
    var metadata = ["\(prefix).stream": stream, "\(prefix).acc": account]
    if !domain.isEmpty { metadata["\(prefix).domain"] = domain }
    return metadata
  }
}

/// Where the origin is to begin.
enum UpstreamStart: Equatable {
  case beginning
  case sequence(UInt64)
  /// Nanoseconds since 1970.
  case time(Int64)
}

/// A request to the origin: for a consumer that delivers to the copying stream, or for one that exists to begin again
/// (FEATURES 5.048, 5.056).
struct UpstreamRequest: Equatable {
  let subject: String
  /// A whole header block, or empty.
  let header: [UInt8]
  let payload: [UInt8]

  init(
    _ role: Upstream.Role, _ source: StreamSource, _ identification: UpstreamIdentification, start: UpstreamStart,
    level: Int, identity: String, random: UInt64
  ) {
    let external = source.external
    let isMirror = role == .mirror
    if let ready = source.consumer {
      subject = Self.path("CONSUMER.RESET.\(source.name).\(ready.name)", external)
      header = isMirror ? [] : Self.header(level: level, identity: identity)
      payload = []
      return
    }
    var consumer = ConsumerConfiguration()
    consumer.name = identification.consumerName(role, source)
    consumer.metadata = identification.metadata(role)
    let suffix = ShortHash.make(String(random))
    // An origin that does not know consumers for sourcing makes no names of its own.
    if level == 0 { consumer.name += "_\(suffix)" }
    consumer.sourcing = level > 0
    let place = isMirror ? "M" : "S"
    if let prefix = external?.deliverPrefix, !prefix.isEmpty {
      consumer.deliverSubject = Self.joined("\(prefix).\(place).\(suffix)")
    } else {
      consumer.deliverSubject = "$JS.\(place).\(suffix)"
    }
    Self.fill(&consumer, start)
    if source.subjectTransforms.isEmpty {
      consumer.filterSubject = source.filterSubject
    } else if source.subjectTransforms.count == 1 {
      consumer.filterSubject = source.subjectTransforms[0].source
    } else {
      consumer.filterSubjects = source.subjectTransforms.map(\.source)
    }
    let operation =
      consumer.filterSubject.isEmpty
      ? "CONSUMER.CREATE.\(source.name)"
      : "CONSUMER.CREATE.\(source.name).\(consumer.name).\(consumer.filterSubject)"
    subject = Self.path(operation, external)
    header = level == 0 ? [] : Self.header(level: level, identity: isMirror ? "" : identity)
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("stream_name", source.name)
    writer.field("config", consumer)
    writer.field("action", "")
    writer.endObject()
    payload = writer.bytes
  }

  private static func fill(_ consumer: inout ConsumerConfiguration, _ start: UpstreamStart) {
    consumer.ackPolicy = .none
    // Never: nothing is acknowledged.
    consumer.ackWait = 22 * 3600 * 1_000_000_000
    consumer.maxDeliver = 1
    consumer.heartbeat = Upstream.heartbeat
    consumer.flowControl = true
    consumer.direct = true
    consumer.inactiveThreshold = Upstream.stalledAfter
    switch start {
    case .beginning: consumer.deliverPolicy = .all
    case .sequence(let sequence):
      consumer.deliverPolicy = .byStartSequence
      consumer.startSequence = sequence
    case .time(let time):
      consumer.deliverPolicy = .byStartTime
      consumer.startTime = Timestamp(unixNanoseconds: time)
    }
  }

  private static func header(level: Int, identity: String) -> [UInt8] {
    var text = "NATS/1.0\r\nNats-Required-Api-Level: \(level)\r\n"
    if level >= 5 { text += "Nats-Stream-Identity: \(identity)\r\n" }
    return Array("\(text)\r\n".utf8)
  }

  /// The request's subject, with the prefix of another account's API.
  static func path(_ operation: String, _ external: ExternalStream?) -> String {
    guard let prefix = external?.apiPrefix, !prefix.isEmpty else { return "$JS.API.\(operation)" }
    return joined("\(prefix).\(operation)")
  }

  /// A prefix may end with a dot.
  private static func joined(_ subject: String) -> String {
    subject.split(separator: ".").joined(separator: ".")
  }
}

extension OriginAnswer {
  /// Reads an answer: the identity stands in the header.
  init(header: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer) {
    self.init()
    guard case .object(let object)? = try? JSONValue(parsing: payload) else {
      isInvalid = true
      return
    }
    if case .object(let problem)? = object["error"] {
      error = JetStreamError(
        UInt16(clamping: problem["err_code"]?.uint64 ?? 0), UInt16(clamping: problem["code"]?.uint64 ?? 0),
        problem["description"]?.string ?? "")
      return
    }
    guard let name = object["name"]?.string, case .object(let configuration)? = object["config"] else {
      isInvalid = true
      return
    }
    consumer = name
    deliverSubject = configuration["deliver_subject"]?.string ?? ""
    acknowledgesByFlowControl = configuration["ack_policy"]?.string == ConsumerAckPolicy.flowControl.rawValue
    if case .object(let sequences)? = object["delivered"] {
      deliveredStream = sequences["stream_seq"]?.uint64 ?? 0
    }
    pending = object["num_pending"]?.uint64 ?? 0
    identity = header.isEmpty ? "" : HeaderBlock.value(of: "Nats-Stream-Identity", in: header) ?? ""
  }
}
