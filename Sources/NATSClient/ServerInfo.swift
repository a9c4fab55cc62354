import JSON

/// The members of a server's INFO that a client acts on.
public struct ServerInfo: Sendable, Equatable, Decodable {
  public let serverID: String
  public let serverName: String
  public let version: String
  public let clientID: UInt64
  public let clientIP: String
  public let cluster: String
  public let domain: String
  public let hasHeaders: Bool
  public let hasJetStream: Bool
  /// Bytes; 0 when the server does not say.
  public let maximumPayload: Int
  public let requiresTLS: Bool
  public let offersTLS: Bool
  public let nonce: String
  /// The server is about to stop.
  public let isLameDuck: Bool
  /// `host:port` of the servers of the cluster.
  public let connectURLs: [String]

  enum CodingKeys: String, CodingKey {
    case serverID = "server_id"
    case serverName = "server_name"
    case version
    case clientID = "client_id"
    case clientIP = "client_ip"
    case cluster, domain
    case hasHeaders = "headers"
    case hasJetStream = "jetstream"
    case maximumPayload = "max_payload"
    case requiresTLS = "tls_required"
    case offersTLS = "tls_available"
    case nonce
    case isLameDuck = "ldm"
    case connectURLs = "connect_urls"
  }

  init(parsing bytes: [UInt8]) throws(ClientError) {
    do {
      self = try JSONCoding.decode(ServerInfo.self, from: bytes)
    } catch {
      throw .protocolViolation("INFO: \(error)")
    }
  }
}
