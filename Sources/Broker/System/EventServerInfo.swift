import Bytes
import CSystem
import Configuration
import JSON

/// Who speaks, in events and system answers (FEATURES 11.089).
struct EventServerInfo: Sendable, JSONWritable {
  var name: String
  var host: String
  var id: String
  var cluster: String
  var domain: String
  var tags: [String]
  var metadata: [String: String]
  var featureFlags: [String: Bool]
  var hasJetStream: Bool
  /// Counts what this server has said.
  var sequence: UInt64
  var time: Int64

  /// JetStream, binary snapshots, replication within accounts: what other servers may rely on (FEATURES 11.089).
  private static let jetStreamFlags = 7

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("host", host)
    writer.field("id", id)
    writer.field("cluster", cluster, omitEmpty: true)
    writer.field("domain", domain, omitEmpty: true)
    writer.field("ver", Version.compatibleServer)
    writer.field("tags", tags, omitEmpty: true)
    writer.map("metadata", metadata)
    writer.flags("feature_flags", featureFlags)
    writer.field("jetstream", hasJetStream)
    writer.field("flags", hasJetStream ? Self.jetStreamFlags : 0)
    writer.field("seq", sequence)
    writer.field("time", Timestamp(unixNanoseconds: time))
    writer.endObject()
  }
}
