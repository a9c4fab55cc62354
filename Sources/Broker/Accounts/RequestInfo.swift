import Bytes
import JSON

/// Who asks or answers, as services and measurements are told: the header `Nats-Request-Info` and the blocks of latency
/// metrics (FEATURES 2.027, 2.029). Fields in nats-server's order.
struct RequestInfo: Sendable {
  static let header: StaticString = "Nats-Request-Info"

  /// What only those learn with whom it is shared.
  struct Details: Sendable {
    var start: Timestamp
    var host: String
    var id: UInt64
    var user: String
    var name: String
    var language: String
    var version: String
    var kind: String
    var clientType: String
  }

  var account: String
  /// The account through which the request came, of a chain of imports.
  var service = ""
  var roundTripNanoseconds: Int64 = 0
  var details: Details?
  var server = ""
  var cluster = ""
}

extension RequestInfo: JSONWritable {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    if let details {
      writer.field("start", details.start)
      writer.field("host", details.host, omitEmpty: true)
      writer.field("id", details.id, omitEmpty: true)
    }
    writer.field("acc", account, omitEmpty: true)
    writer.field("svc", service, omitEmpty: true)
    if let details {
      writer.field("user", details.user, omitEmpty: true)
      writer.field("name", details.name, omitEmpty: true)
      writer.field("lang", details.language, omitEmpty: true)
      writer.field("ver", details.version, omitEmpty: true)
    }
    writer.field("rtt", roundTripNanoseconds, omitEmpty: true)
    writer.field("server", server, omitEmpty: true)
    writer.field("cluster", cluster, omitEmpty: true)
    if let details {
      writer.field("kind", details.kind, omitEmpty: true)
      writer.field("client_type", details.clientType, omitEmpty: true)
    }
    writer.endObject()
  }
}

extension RequestInfo {
  /// About a connection of this loop.
  ///
  /// - Parameter detailed: everything, not just account and round trip.
  init(_ connection: Connection, detailed: Bool) {
    account = connection.account.name
    roundTripNanoseconds = connection.roundTripNanoseconds
    guard detailed else { return }
    addServer(connection.server)
    let options = connection.options
    details = Details(
      start: Timestamp(unixNanoseconds: connection.startWall), host: connection.address.host,
      id: connection.identifier, user: Self.user(options), name: options.name, language: options.language,
      version: options.version, kind: "Client", clientType: "nats")
  }

  /// About the sender of a message; the server itself when there is no connection.
  init(_ publisher: ConnectionPointer?, in account: Account, detailed: Bool) {
    if let publisher {
      self.init(publisher.pointee.object, detailed: detailed)
    } else {
      self.init(account: account.name)
    }
  }

  mutating func addServer(_ server: Server) {
    self.server = server.info.serverName
    cluster = server.settings.options.cluster?.name ?? ""
  }

  /// Never a secret.
  private static func user(_ options: ConnectOptions) -> String {
    if !options.nkey.isEmpty { return options.nkey }
    if !options.user.isEmpty { return options.user }
    return options.token.isEmpty ? "" : "[REDACTED]"
  }
}
