import Bytes
import JSON

/// The head of `/jsz`.
struct JetStreamServer {
  var disabled = 0.0
  var streams = 0.0
  var consumers = 0.0
  var messages = 0.0
  var bytes = 0.0
  var maximumMemory = 0.0
  var maximumStorage = 0.0
  var domain = ""
  var cluster = ""
  var leader = ""
  var hasMetaGroup = false

  mutating func readConfiguration(_ reader: inout JSONReader) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "max_memory": maximumMemory = try reader.number()
      case "max_storage": maximumStorage = try reader.number()
      case "domain": domain = try reader.text()
      default: try reader.skipValue()
      }
    }
  }

  mutating func readMetaGroup(_ reader: inout JSONReader) throws(JSONError) {
    hasMetaGroup = true
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "name": cluster = try reader.text()
      case "leader": leader = try reader.text()
      default: try reader.skipValue()
      }
    }
  }

  var values: [(name: String, help: String, value: Double)] {
    [
      ("jetstream_disabled", "Whether JetStream is off.", disabled),
      ("max_memory", "Bytes of memory that JetStream may use.", maximumMemory),
      ("max_storage", "Bytes of storage that JetStream may use.", maximumStorage),
      ("total_streams", "Streams on the server.", streams),
      ("total_consumers", "Consumers on the server.", consumers),
      ("total_messages", "Messages in all streams of the server.", messages),
      ("total_message_bytes", "Bytes in all streams of the server.", bytes),
    ]
  }
}

/// One element of `stream_detail`.
struct JetStreamStream {
  /// Where a stream copies from.
  struct Origin {
    var name = ""
    var lag = 0.0
    var activeNanoseconds = 0.0
    var api = ""
    var deliver = ""
  }

  var name = ""
  /// nil when the stream is not part of a cluster.
  var leader: String?
  var raftGroup = ""
  var messages = 0.0
  var bytes = 0.0
  var first = 0.0
  var last = 0.0
  var consumers = 0.0
  var subjects = 0.0
  /// nil when the configuration was not asked for.
  var limits: (bytes: Double, messages: Double)?
  var metadata: [String]
  var sources: [Origin] = []
  var mirror: Origin?
  /// The array of consumers as it stands in the document.
  var consumerDetails: UnsafeRawBufferPointer?

  init(_ reader: inout JSONReader, metadataKeys: [MetricMapping.MetadataLabel]) throws(JSONError) {
    metadata = metadataKeys.map { _ in "" }
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "name": name = try reader.text()
      case "cluster": leader = try JetStreamCluster.leader(&reader)
      case "stream_raft_group": raftGroup = try reader.text()
      case "state": try readState(&reader)
      case "config": if !reader.readNull() { try readConfiguration(&reader, metadataKeys) }
      case "consumer_detail": consumerDetails = try reader.readRaw()
      case "sources": try reader.eachElement { reader throws(JSONError) in sources.append(try Self.origin(&reader)) }
      case "mirror": if !reader.readNull() { mirror = try Self.origin(&reader) }
      default: try reader.skipValue()
      }
    }
  }

  private mutating func readState(_ reader: inout JSONReader) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "messages": messages = try reader.number()
      case "bytes": bytes = try reader.number()
      case "first_seq": first = try reader.number()
      case "last_seq": last = try reader.number()
      case "consumer_count": consumers = try reader.number()
      case "num_subjects": subjects = try reader.number()
      default: try reader.skipValue()
      }
    }
  }

  private mutating func readConfiguration(
    _ reader: inout JSONReader, _ metadataKeys: [MetricMapping.MetadataLabel]
  ) throws(JSONError) {
    var limits = (bytes: 0.0, messages: 0.0)
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "max_bytes": limits.bytes = try reader.number()
      case "max_msgs": limits.messages = try reader.number()
      case "metadata": try JetStreamMetadata.read(&reader, metadataKeys, into: &metadata)
      default: try reader.skipValue()
      }
    }
    self.limits = limits
  }

  private static func origin(_ reader: inout JSONReader) throws(JSONError) -> Origin {
    var origin = Origin()
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "name": origin.name = try reader.text()
      case "lag": origin.lag = try reader.number()
      case "active": origin.activeNanoseconds = try reader.number()
      case "external":
        try reader.eachMember { reader throws(JSONError) in
          switch reader.key {
          case "api": origin.api = try reader.text()
          case "deliver": origin.deliver = try reader.text()
          default: try reader.skipValue()
          }
        }
      default: try reader.skipValue()
      }
    }
    return origin
  }
}

/// One element of `consumer_detail`.
struct JetStreamConsumer {
  struct Position {
    var consumer = 0.0
    var stream = 0.0
    var last: Timestamp?
  }

  var name = ""
  var text = ""
  /// nil when the consumer is not part of a cluster.
  var leader: String?
  var delivered = Position()
  var ackFloor = Position()
  var ackPending = 0.0
  var redelivered = 0.0
  var waiting = 0.0
  var pending = 0.0
  var metadata: [String]
  /// When the server made the answer.
  var time: Timestamp?

  init(_ reader: inout JSONReader, metadataKeys: [MetricMapping.MetadataLabel]) throws(JSONError) {
    metadata = metadataKeys.map { _ in "" }
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "name": name = try reader.text()
      case "cluster": leader = try JetStreamCluster.leader(&reader)
      case "config":
        try reader.eachMember { reader throws(JSONError) in
          switch reader.key {
          case "description": text = try reader.text()
          case "metadata": try JetStreamMetadata.read(&reader, metadataKeys, into: &metadata)
          default: try reader.skipValue()
          }
        }
      case "delivered": delivered = try Self.position(&reader)
      case "ack_floor": ackFloor = try Self.position(&reader)
      case "num_ack_pending": ackPending = try reader.number()
      case "num_redelivered": redelivered = try reader.number()
      case "num_waiting": waiting = try reader.number()
      case "num_pending": pending = try reader.number()
      case "ts": time = try? RFC3339.parse(try reader.text())
      default: try reader.skipValue()
      }
    }
  }

  /// nil when there was no such event, or the server does not tell the time.
  func seconds(since position: Position) -> Double? {
    guard let time, let last = position.last else { return nil }
    return Double(time.seconds - last.seconds) + Double(time.nanoseconds - last.nanoseconds) / 1e9
  }

  private static func position(_ reader: inout JSONReader) throws(JSONError) -> Position {
    var position = Position()
    try reader.eachMember { reader throws(JSONError) in
      switch reader.key {
      case "consumer_seq": position.consumer = try reader.number()
      case "stream_seq": position.stream = try reader.number()
      case "last_active": position.last = try? RFC3339.parse(try reader.text())
      default: try reader.skipValue()
      }
    }
    return position
  }
}

/// Of a raft group only its leader matters here.
enum JetStreamCluster {
  static func leader(_ reader: inout JSONReader) throws(JSONError) -> String? {
    if reader.readNull() { return nil }
    var leader = ""
    try reader.eachMember { reader throws(JSONError) in
      if reader.keyIs("leader") { leader = try reader.text() } else { try reader.skipValue() }
    }
    return leader
  }
}

enum JetStreamMetadata {
  /// The values of the keys that are asked for, in their order.
  static func read(
    _ reader: inout JSONReader, _ keys: [MetricMapping.MetadataLabel], into values: inout [String]
  ) throws(JSONError) {
    try reader.eachMember { reader throws(JSONError) in
      if !keys.isEmpty, let index = keys.firstIndex(where: { $0.key == reader.key }) {
        values[index] = try reader.text()
      } else {
        try reader.skipValue()
      }
    }
  }
}
