import Bytes
import Crypto
import JSON

/// That a client has come, gone or been refused (FEATURES 11.094, 11.095).
struct ClientEvent: Sendable, JSONWritable {
  static let connectType = "io.nats.server.advisory.v1.client_connect"
  static let disconnectType = "io.nats.server.advisory.v1.client_disconnect"

  let id = NUID.next()
  let server: EventServerInfo
  let client: ConnectionInfo
  /// The account that the event is about: the one that the client asked for, when it was refused.
  let account: String
  let time: Int64
  /// nil when it has come.
  let reason: CloseReason?

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("type", reason == nil ? Self.connectType : Self.disconnectType)
    writer.field("id", id)
    writer.field("timestamp", Timestamp(unixNanoseconds: time))
    writer.field("server", server)
    writeClient(to: &writer)
    if let reason {
      // What the client received is what the server sent.
      writer.data("sent", client.inMessages, client.inBytes)
      writer.data("received", client.outMessages, client.outBytes)
      writer.field("reason", reason.rawValue)
    }
    writer.endObject()
  }

  private func writeClient(to writer: inout JSONWriter) {
    writer.key("client")
    writer.beginObject()
    writer.field("start", Timestamp(unixNanoseconds: client.start))
    writer.field("host", client.host, omitEmpty: true)
    writer.field("id", client.identifier)
    writer.field("acc", account, omitEmpty: true)
    writer.field("user", client.user, omitEmpty: true)
    writer.field("name", client.name, omitEmpty: true)
    writer.field("lang", client.language, omitEmpty: true)
    writer.field("ver", client.version, omitEmpty: true)
    if reason != nil {
      writer.field("rtt", client.roundTripNanoseconds, omitEmpty: true)
      writer.field("stop", Timestamp(unixNanoseconds: time))
    }
    writer.field("name_tag", client.account, omitEmpty: true)
    writer.field("kind", ConnectionInfo.kind)
    writer.field("client_type", ConnectionInfo.type)
    writer.endObject()
  }
}
