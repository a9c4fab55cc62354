import Bytes
import HTTP
import JSON

/// What a request about JetStream asks for (FEATURES 11.014).
struct JszOptions: Sendable {
  var account = ""
  var leaderOnly = false

  init() {}

  /// All values are checked although they change nothing while JetStream is off.
  init(_ query: HTTPQuery) throws(QueryProblem) {
    for name in ["accounts", "streams", "consumers", "direct-consumers", "config"] { _ = try query.flag(name) }
    for name in ["offset", "limit"] { _ = try query.integer(name) }
    leaderOnly = try query.flag("leader-only")
    for name in ["raft", "stream-leader-only"] { _ = try query.flag(name) }
    account = query["acc"]
  }
}

/// The answer of `/jsz` of a server without JetStream.
struct DisabledJsz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("memory", 0)
    writer.field("storage", 0)
    writer.field("reserved_memory", 0)
    writer.field("reserved_storage", 0)
    writer.field("accounts", 0)
    writer.field("ha_assets", 0)
    writer.key("api")
    writer.beginObject()
    writer.field("level", 0)
    writer.field("total", 0)
    writer.field("errors", 0)
    writer.endObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.field("disabled", true)
    writer.key("config")
    writer.beginObject()
    writer.field("max_memory", 0)
    writer.field("max_storage", 0)
    writer.endObject()
    writer.field("streams", 0)
    writer.field("consumers", 0)
    writer.field("messages", 0)
    writer.field("bytes", 0)
    writer.field("total", 0)
    writer.endObject()
  }
}

extension Monitor {
  /// - Parameter isSystemRequest: who asks all servers for their leader gets no answer from the others.
  func jsz(_ options: JszOptions, isSystemRequest: Bool = false) -> MonitoringOutcome {
    if options.leaderOnly {
      return isSystemRequest ? .silent : .failed(MonitoringError("filtered response: not leader"))
    }
    return .answer(DisabledJsz(serverID: server.info.serverID, now: wallNanoseconds))
  }
}
