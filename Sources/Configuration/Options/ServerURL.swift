/// The URL of another server: a route, a gateway, a leaf node hub, a resolver.
///
/// Parsed as leniently as Go's `net/url` does: a text without a scheme is a path and no host.
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

  /// The URL as text. Passwords are replaced by `xxxxx` when `redacting`.
  public func text(redacting: Bool = false) -> String {
    var result = scheme.isEmpty ? "" : scheme + ":"
    if !scheme.isEmpty || !host.isEmpty || user != nil {
      guard !host.isEmpty || user != nil || path.hasPrefix("/") else { return result + path }
      result += "//"
    }
    if let user {
      result += Self.escapeUser(user)
      if let password { result += ":" + (redacting ? "xxxxx" : Self.escapeUser(password)) }
      result += "@"
    }
    return result + authority + path
  }

  /// `host`, or `host:port`.
  public var authority: String {
    let bracketed = host.contains(":") ? "[\(host)]" : host
    return port.map { "\(bracketed):\($0)" } ?? bracketed
  }

  /// Whether connections to it speak WebSocket.
  public var isWebSocket: Bool { scheme.hasPrefix("ws") }

  private static func escapeUser(_ text: String) -> String {
    let plain = Set("-_.~$&+,;=".utf8)
    var result = ""
    for byte in text.utf8 {
      if plain.contains(byte) || Character(Unicode.Scalar(byte)).isLetterOrDigit {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let hexadecimal = String(byte, radix: 16, uppercase: true)
        result += "%" + (byte < 16 ? "0" : "") + hexadecimal
      }
    }
    return result
  }
}

extension Character {
  fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
