import Configuration
import JSON

/// What INFO says about the server, in the order of nats-server's fields (FEATURES 1.003, 1.004).
struct ServerInfo: Sendable {
  var serverID: String
  var serverName: String
  var host: String
  var port: Int
  var headers: Bool
  var authRequired: Bool
  var tlsRequired: Bool
  var tlsVerify: Bool
  var tlsAvailable: Bool
  var maxPayload: Int
  var jetStream: Bool
  var domain: String
  var connectURLs: [String]
  var lameDuckMode = false
  var xkey: String

  /// The language field: clients print it, nobody parses it.
  static let language = "swift6.3"

  func writeFields(_ writer: inout JSONWriter, for connection: Connection, connectInfo: Bool) {
    writer.field("server_id", serverID)
    writer.field("server_name", serverName)
    writer.field("version", Version.compatibleServer)
    writer.field("proto", 1)
    writer.field("go", Self.language)
    writer.field("host", host)
    writer.field("port", port)
    writer.field("headers", headers)
    writer.field("auth_required", authRequired, omitEmpty: true)
    writer.field("tls_required", tlsRequired, omitEmpty: true)
    writer.field("tls_verify", tlsVerify, omitEmpty: true)
    writer.field("tls_available", tlsAvailable, omitEmpty: true)
    writer.field("max_payload", connectInfo ? connection.state.input.pointee.maxPayload : maxPayload)
    writer.field("jetstream", jetStream, omitEmpty: true)
    writer.field("client_id", connection.identifier)
    writer.field("client_ip", connection.address.host, omitEmpty: true)
    writer.field("nonce", connection.nonce, omitEmpty: true)
    writer.field("domain", domain, omitEmpty: true)
    writer.field("connect_urls", connectURLs, omitEmpty: true)
    writer.field("ldm", lameDuckMode, omitEmpty: true)
    if connectInfo {
      writer.field("connect_info", true)
      writer.field("remote_account", connection.account.name)
      writer.field("acc_is_sys", connection.account.isSystem, omitEmpty: true)
    }
    writer.field("api_lvl", Version.apiLevel)
    writer.field("xkey", xkey, omitEmpty: true)
  }
}
