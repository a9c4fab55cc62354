import NATSClient

/// How a server is reached, after flags, Account and resource have been put together: two resources with the same one
/// share a connection (FEATURES 13.018).
public struct ResolvedConnection: Hashable, Sendable {
  /// URLs as they were given.
  public var servers: [String] = []
  public var authentication = Authentication.none
  public var clientCertificate = ""
  public var clientKey = ""
  /// PEM files of authorities.
  public var authorities: [String] = []
  public var startsWithTLS = false
  /// What the files named here hold: other contents make another connection.
  public var fileDigests: [String: [UInt8]] = [:]

  public init() {}

  /// The servers without passwords, for messages.
  public var title: String {
    servers.map { text in ServerURL(text)?.description ?? "an invalid URL" }.joined(separator: ", ")
  }
}

/// A JetStream API behind a connection.
struct SiteKey: Hashable, Sendable {
  var connection: ResolvedConnection
  /// Empty for the connection's own.
  var domain: String

  var apiPrefix: String { domain.isEmpty ? "$JS.API" : "$JS.\(domain).API" }
}
