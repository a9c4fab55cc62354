import Broker
import Bytes
import JSON
import JetStreamAPI

/// The answer of `/jsz` (FEATURES 11.065).
struct JszAnswer: Sendable, JSONWritable {
  let serverID: String
  let now: Int64
  let summary: JetStreamSummary
  let options: JszOptions
  /// Of all accounts, listed or not.
  var totals = Totals()
  let accountCount: Int
  var accounts: [JszAccount] = []

  /// Counted over streams.
  struct Totals: Sendable {
    var streams = 0
    var consumers = 0
    /// Without those that mirrors and sources use.
    var publicConsumers = 0
    var messages: UInt64 = 0
    var bytes: UInt64 = 0

    mutating func add(_ stream: JszStream) {
      streams += 1
      consumers += stream.state.consumerCount
      publicConsumers += stream.publicConsumerCount
      messages += stream.state.messages
      bytes += stream.state.bytes
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    summary.figures.writeMembers(to: &writer)
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    summary.writeConfiguration(to: &writer)
    summary.writeLimits(to: &writer)
    writer.field("streams", totals.streams)
    // A server on its own leads everything.
    if options.raftGroups { writer.field("streams_leader", totals.streams, omitEmpty: true) }
    writer.field("consumers", totals.consumers)
    if options.raftGroups { writer.field("consumers_leader", totals.publicConsumers, omitEmpty: true) }
    writer.field("messages", totals.messages)
    writer.field("bytes", totals.bytes)
    writer.field("account_details", accounts, omitEmpty: true)
    writer.field("total", accountCount)
    writer.endObject()
  }
}

/// One account in the answer (FEATURES 11.073).
struct JszAccount: Sendable, JSONWritable {
  let name: String
  let figures: JetStreamFigures
  var streams: [JszStream] = []

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("id", name)
    figures.writeMembers(to: &writer)
    writer.field("stream_detail", streams, omitEmpty: true)
    writer.endObject()
  }
}

/// One stream in the answer (FEATURES 11.074).
struct JszStream: Sendable, JSONWritable {
  let name: String
  let created: Int64
  let state: StreamState
  let publicConsumerCount: Int
  /// The name of this server.
  let leader: String
  /// nil: not asked for, and neither are the consumers'.
  var configuration: StreamConfiguration?
  var consumers: [ConsumerInfo] = []
  var directConsumers: [ConsumerInfo] = []
  var mirror: StreamSourceInfo?
  var sources: [StreamSourceInfo] = []

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("created", Timestamp(unixNanoseconds: created))
    writer.key("cluster")
    writer.beginObject()
    writer.field("leader", leader)
    writer.endObject()
    writer.field("config", ifPresent: configuration)
    writer.field("state", state)
    write(consumers, "consumer_detail", to: &writer)
    write(directConsumers, "direct_consumer_detail", to: &writer)
    writer.field("mirror", ifPresent: mirror)
    writer.field("sources", sources, omitEmpty: true)
    writer.endObject()
  }

  private func write(_ consumers: [ConsumerInfo], _ name: StaticString, to writer: inout JSONWriter) {
    if consumers.isEmpty { return }
    writer.key(name)
    writer.beginArray()
    for consumer in consumers {
      writer.beginObject()
      consumer.writeMembers(to: &writer, showsConfiguration: configuration != nil)
      writer.endObject()
    }
    writer.endArray()
  }
}
