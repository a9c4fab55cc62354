import Bytes

/// An absolute `http` or `https` URL.
public struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
  public var isTLS: Bool
  /// A name or a numeric address, without brackets.
  public var host: String
  public var port: UInt16
  /// Path and query, starting with a slash.
  public var target: String
  /// `user:password@`, escapes resolved; never printed.
  public var user: String?
  public var password: String?

  public init(isTLS: Bool = false, host: String, port: UInt16, target: String = "/") {
    self.isTLS = isTLS
    self.host = host
    self.port = port
    self.target = target
  }

  /// nil when the text is no such URL.
  public init?(_ text: String) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
    let rest: Substring
    if ASCII.equalIgnoringCase(text.prefix(7), "http://") {
      isTLS = false
      rest = text.dropFirst(7)
    } else if ASCII.equalIgnoringCase(text.prefix(8), "https://") {
      isTLS = true
      rest = text.dropFirst(8)
    } else {
      return nil
    }
    let authority = rest.prefix { !"/?#".contains($0) }
    let tail = rest.dropFirst(authority.count).prefix { $0 != "#" }
    target = tail.hasPrefix("/") ? String(tail) : "/" + tail

    var address = authority
    if let at = authority.lastIndex(of: "@") {
      let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentEncoding.decode(parts[0], plusIsSpace: false) else { return nil }
      user = name
      if parts.count > 1 {
        guard let secret = PercentEncoding.decode(parts[1], plusIsSpace: false) else { return nil }
        password = secret
      }
      address = authority[authority.index(after: at)...]
    }
    guard let (host, port) = AddressText.split(address) else { return nil }
    self.host = host
    self.port = port ?? (isTLS ? 443 : 80)
  }

  /// Host and port as the `Host` header has them: the scheme's own port is left out.
  public var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
  }

  public var description: String { "\(isTLS ? "https" : "http")://\(authority)\(target)" }

  /// The URL of a `Location` header in an answer from this one; nil for what is no HTTP.
  public func resolving(_ location: String) -> HTTPURL? {
    if let absolute = HTTPURL(location) { return absolute }
    let hasScheme = location.firstIndex(of: ":").map { location[$0...].hasPrefix("://") } ?? false
    guard !hasScheme, !location.hasPrefix("//") else { return nil }
    var result = self
    if location.hasPrefix("/") {
      result.target = location
    } else {
      let path = target.prefix { $0 != "?" }
      let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
      result.target = directory + location
    }
    return result
  }
}
