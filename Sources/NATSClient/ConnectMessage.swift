import Bytes
import JSON

/// The client's CONNECT.
enum ConnectMessage {
  static let language = "swift"
  static let version = "1.0.0"

  /// The whole line. A user in the URL counts when the options name none.
  static func line(
    options: ClientOptions, url: ServerURL, identity: Identity, nonce: String, isSecure: Bool
  ) -> [UInt8] {
    var identity = identity
    if options.authentication == .none, let user = url.user {
      if let password = url.password {
        identity.user = user
        identity.password = password
      } else {
        identity.token = user
      }
    }
    var writer = JSONWriter(escapesHTML: false)
    writer.beginObject()
    writer.field("verbose", false)
    writer.field("pedantic", false)
    writer.field("tls_required", isSecure)
    writer.field("jwt", identity.jwt ?? "", omitEmpty: true)
    if let keys = identity.keys {
      if identity.jwt == nil { writer.field("nkey", keys.publicKey.description) }
      if !nonce.isEmpty, let signature = keys.sign(Array(nonce.utf8)) {
        writer.field("sig", Base64.rawURL.encode(signature))
      }
    }
    writer.field("user", identity.user ?? "", omitEmpty: true)
    writer.field("pass", identity.password ?? "", omitEmpty: true)
    writer.field("auth_token", identity.token ?? "", omitEmpty: true)
    writer.field("name", options.name, omitEmpty: true)
    writer.field("lang", language)
    writer.field("version", version)
    writer.field("protocol", 1)
    writer.field("echo", options.echo)
    writer.field("headers", true)
    writer.field("no_responders", true)
    writer.endObject()
    return Array("CONNECT ".utf8) + writer.bytes + [13, 10]
  }
}
