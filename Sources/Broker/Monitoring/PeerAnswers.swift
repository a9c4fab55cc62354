import Bytes
import Configuration
import JSON

// Answers about other servers. While there are none, they look as those of a nats-server that runs alone.

/// The answer of `/routez` (FEATURES 11.046).
struct Routez: Sendable, JSONWritable {
  let serverID: String
  let serverName: String
  let now: Int64
  let permissions: RoutePermissions?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("server_name", serverName)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.permission("import", permissions?.importing)
    writer.permission("export", permissions?.exporting)
    writer.field("num_routes", 0)
    writer.emptyArray("routes")
    writer.endObject()
  }
}

/// The answer of `/gatewayz` (FEATURES 11.050).
struct Gatewayz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.key("outbound_gateways")
    writer.beginObject()
    writer.endObject()
    writer.key("inbound_gateways")
    writer.beginObject()
    writer.endObject()
    writer.endObject()
  }
}

/// The answer of `/leafz` (FEATURES 11.053).
struct Leafz: Sendable, JSONWritable {
  let serverID: String
  let now: Int64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("server_id", serverID)
    writer.field("now", Timestamp(unixNanoseconds: now))
    writer.field("leafnodes", 0)
    writer.emptyArray("leafs")
    writer.endObject()
  }
}

extension JSONWriter {
  mutating func emptyArray(_ name: StaticString) {
    key(name)
    beginArray()
    endArray()
  }

  /// Allowed and denied subjects (FEATURES 11.104); left out for nil.
  mutating func permission(_ name: StaticString, _ permission: SubjectPermission?) {
    guard let permission else { return }
    key(name)
    beginObject()
    field("allow", permission.allow ?? [], omitEmpty: true)
    field("deny", permission.deny, omitEmpty: true)
    endObject()
  }
}

extension Monitor {
  func routez() -> Routez {
    let info = server.info
    return Routez(
      serverID: info.serverID, serverName: info.serverName, now: wallNanoseconds,
      permissions: server.settings.options.cluster?.permissions)
  }

  func gatewayz() -> Gatewayz { Gatewayz(serverID: server.info.serverID, now: wallNanoseconds) }

  func leafz() -> Leafz { Leafz(serverID: server.info.serverID, now: wallNanoseconds) }
}
