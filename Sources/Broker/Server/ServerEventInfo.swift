import Bytes
import Configuration
import JSON

/// The server block of what the server itself publishes: traces, system events (FEATURES 2.032).
struct ServerEventInfo: Sendable, JSONWritable {
  /// What can be switched, and how it stands by default.
  static let defaultFeatureFlags = [
    "js_ack_fc_v2": false, "js_api_reply_v2": false, "js_raft_delete_range": true, "js_snapshot_sources": false,
  ]

  var name: String
  var host: String
  var id: String
  var cluster: String
  var tags: [String]
  var metadata: [String: String]
  var featureFlags: [String: Bool]
  /// Number of this event among all of the server.
  var sequence: UInt64
  /// Wall clock, nanoseconds.
  var time: Int64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("host", host)
    writer.field("id", id)
    writer.field("cluster", cluster, omitEmpty: true)
    writer.field("ver", Version.compatibleServer)
    writer.field("tags", tags, omitEmpty: true)
    if !metadata.isEmpty {
      writer.key("metadata")
      writer.beginObject()
      for key in metadata.keys.sorted() {
        writer.key(key)
        writer.value(metadata[key]!)
      }
      writer.endObject()
    }
    writer.key("feature_flags")
    writer.beginObject()
    for key in featureFlags.keys.sorted() {
      writer.key(key)
      writer.value(featureFlags[key]!)
    }
    writer.endObject()
    writer.field("jetstream", false)
    writer.field("flags", 0)
    writer.field("seq", sequence)
    writer.field("time", Timestamp(unixNanoseconds: time))
    writer.endObject()
  }
}

extension Server {
  /// The server block of the next event. Any thread.
  func nextEventInfo() -> ServerEventInfo {
    let options = settings.options
    let info = self.info
    var flags = ServerEventInfo.defaultFeatureFlags
    for (name, isOn) in options.featureFlags where flags[name] != nil { flags[name] = isOn }
    return ServerEventInfo(
      name: info.serverName, host: info.host, id: info.serverID, cluster: options.cluster?.name ?? "",
      tags: options.serverTags, metadata: options.serverMetadata, featureFlags: flags, sequence: nextEventSequence(),
      time: loops.clock.wallNanoseconds())
  }
}
