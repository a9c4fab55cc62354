/// The URL of another server: a route, a gateway, a leaf node hub.
public struct ServerURL: Sendable, Equatable, Hashable {
  public var scheme: String
  /// `nil`: no user in the URL.
  public var user: String?
  public var password: String?
  /// Without the brackets of an IPv6 address.
  public var host: String
  /// `nil`: none given.
  public var port: Int?
  /// What follows the port, with its slash; usually empty.
  public var path: String

  public init(
    scheme: String, user: String? = nil, password: String? = nil, host: String, port: Int? = nil, path: String = ""
  ) {
    self.scheme = scheme
    self.user = user
    self.password = password
    self.host = host
    self.port = port
    self.path = path
  }
}
