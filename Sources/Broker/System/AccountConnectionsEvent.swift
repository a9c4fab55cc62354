import Bytes
import Crypto
import JSON

/// How many connections an account has, and what they did (FEATURES 11.097).
struct AccountConnectionsEvent: Sendable, JSONWritable {
  static let type = "io.nats.server.advisory.v1.account_connections"

  let id: String
  let time: Int64
  var server: EventServerInfo
  let statistics: AccountStatistics

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("type", Self.type)
    writer.field("id", id)
    writer.field("timestamp", Timestamp(unixNanoseconds: time))
    writer.field("server", server)
    statistics.writeFields(to: &writer)
    writer.endObject()
  }

  /// The same event under the server's next number.
  func again(by server: EventServerInfo) -> AccountConnectionsEvent {
    var copy = self
    copy.server = server
    return copy
  }
}
