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

  /// `nil` for what `net/url` refuses: control characters, a colon in the first path segment, a bad port, a bad
  /// escape, a bad bracket.
  public init?(_ text: String) {
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
    guard let (scheme, rest) = Self.splitScheme(text) else { return nil }
    var remainder = rest
    if let fragment = remainder.firstIndex(of: "#") { remainder = remainder[..<fragment] }
    var query: Substring = ""
    if let mark = remainder.firstIndex(of: "?") {
      query = remainder[mark...]
      remainder = remainder[..<mark]
    }
    self.init(scheme: scheme.lowercased(), host: "")
    guard remainder.hasPrefix("//") else {
      if !remainder.hasPrefix("/") {
        // Opaque with a scheme; without one, a first segment with a colon would be taken for one.
        if scheme.isEmpty, remainder.prefix(while: { $0 != "/" }).contains(":") { return nil }
      }
      path = String(remainder) + query
      return
    }
    let afterSlashes = remainder.dropFirst(2)
    let authority = afterSlashes.prefix { $0 != "/" }
    path = String(afterSlashes.dropFirst(authority.count)) + query
    var hostPart = authority
    if let at = authority.lastIndex(of: "@") {
      hostPart = authority[authority.index(after: at)...]
      guard let (user, password) = Self.userInformation(authority[..<at]) else { return nil }
      self.user = user
      self.password = password
    }
    guard let (host, port) = Self.hostAndPort(hostPart) else { return nil }
    self.host = host
    self.port = port
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

  private static func splitScheme(_ text: String) -> (String, Substring)? {
    for (offset, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): continue
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        if offset == 0 { return ("", text[...]) }
      case UInt8(ascii: ":"):
        if offset == 0 { return nil }
        let colon = text.utf8.index(text.startIndex, offsetBy: offset)
        return (String(text[..<colon]), text[text.utf8.index(after: colon)...])
      default: return ("", text[...])
      }
    }
    return ("", text[...])
  }

  private static func userInformation(_ text: Substring) -> (String, String?)? {
    let allowed = Set("-._:~!$&'()*+,;=%@".utf8)
    guard text.utf8.allSatisfy({ isAlphanumeric($0) || allowed.contains($0) }) else { return nil }
    guard let colon = text.firstIndex(of: ":") else { return unescape(text).map { ($0, nil) } }
    guard let user = unescape(text[..<colon]), let password = unescape(text[text.index(after: colon)...]) else {
      return nil
    }
    return (user, password)
  }

  private static func hostAndPort(_ text: Substring) -> (String, Int?)? {
    var host = text
    var portText: Substring?
    if text.hasPrefix("[") {
      guard let end = text.lastIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if !rest.isEmpty {
        guard rest.hasPrefix(":") else { return nil }
        portText = rest.dropFirst()
      }
    } else if let colon = text.lastIndex(of: ":") {
      guard text.firstIndex(of: ":") == colon else { return nil }
      host = text[..<colon]
      portText = text[text.index(after: colon)...]
    }
    let punctuation = Set("!$&'()*+,;=:[]<>\"-_.~%".utf8)
    guard host.utf8.allSatisfy({ $0 >= 0x80 || isAlphanumeric($0) || punctuation.contains($0) }),
      let plainHost = unescape(host)
    else { return nil }
    guard let portText, !portText.isEmpty else { return (plainHost, nil) }
    guard portText.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return (plainHost, Int(portText))
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private static func unescape(_ text: Substring) -> String? {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func escapeUser(_ text: String) -> String {
    let plain = Set("-_.~$&+,;=".utf8)
    var result = ""
    for byte in text.utf8 {
      if isAlphanumeric(byte) || plain.contains(byte) {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let hexadecimal = String(byte, radix: 16, uppercase: true)
        result += "%" + (byte < 16 ? "0" : "") + hexadecimal
      }
    }
    return result
  }
}
