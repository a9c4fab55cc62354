import Bytes
import HTTP
import JSON

/// What a request about JetStream asks for (FEATURES 11.014).
public struct JszOptions: Sendable {
  /// Only this account.
  public var account = ""
  public var accounts = false
  public var streams = false
  public var consumers = false
  public var directConsumers = false
  public var configurations = false
  public var raftGroups = false
  /// Only the leader answers; a server on its own is one.
  public var leaderOnly = false
  public var streamLeaderOnly = false
  /// Of the list of accounts.
  public var offset = 0
  /// 0: the default; below: none.
  public var limit = 0

  /// How many accounts are listed unless a request says otherwise.
  public static let accountLimit = 1024

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) {
    accounts = try query.flag("accounts")
    streams = try query.flag("streams")
    consumers = try query.flag("consumers")
    directConsumers = try query.flag("direct-consumers")
    configurations = try query.flag("config")
    offset = try query.integer("offset")
    limit = try query.integer("limit")
    leaderOnly = try query.flag("leader-only")
    raftGroups = try query.flag("raft")
    streamLeaderOnly = try query.flag("stream-leader-only")
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
  func jsz(_ options: JszOptions, isSystemRequest: Bool = false, _ done: @escaping Completion) {
    if let jetStream = server.jetStream {
      jetStream.survey(options) { done(.answer($0)) }
    } else if options.leaderOnly {
      done(isSystemRequest ? .silent : .failed(MonitoringError("filtered response: not leader")))
    } else {
      done(.answer(DisabledJsz(serverID: server.info.serverID, now: wallNanoseconds)))
    }
  }

  /// One account's JetStream.
  func accountJsz(_ options: JszOptions, _ done: @escaping Completion) {
    guard let jetStream = server.jetStream else {
      done(.failed(MonitoringError("jetstream not enabled")))
      return
    }
    let name = options.account
    guard let account = server.settings.accounts[name] else {
      done(.failed(MonitoringError("account \(quoted(name)) not found")))
      return
    }
    jetStream.survey(account: account, options) { found in
      done(found.map { .answer($0) } ?? .failed(MonitoringError("account \(quoted(name)) not jetstream enabled")))
    }
  }
}
