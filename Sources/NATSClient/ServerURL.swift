import Bytes

/// Where a server listens: `nats://` or `tls://`, `user:password@` or `token@`, host, port (4222).
public struct ServerURL: Sendable, Hashable, CustomStringConvertible {
  public static let defaultPort: UInt16 = 4222

  public var isTLS: Bool
  /// A name or a numeric address, without brackets.
  public var host: String
  public var port: UInt16
  /// Escapes resolved; never printed. A user without a password is a token.
  public var user: String?
  public var password: String?

  public init(isTLS: Bool = false, host: String, port: UInt16 = Self.defaultPort) {
    self.isTLS = isTLS
    self.host = host
    self.port = port
  }

  /// The scheme may be left out. Nil for what is no such URL.
  public init?(_ text: String) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
    var rest = Substring(text)
    isTLS = false
    if let colon = rest.firstIndex(of: ":"), rest[colon...].hasPrefix("://") {
      switch rest[..<colon].lowercased() {
      case "nats": break
      case "tls": isTLS = true
      default: return nil
      }
      rest = rest[rest.index(colon, offsetBy: 3)...]
    }
    if rest.hasSuffix("/") { rest.removeLast() }
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.unescape(parts[0]) else { return nil }
      user = name
      if parts.count > 1 {
        guard let secret = Self.unescape(parts[1]) else { return nil }
        password = secret
      }
      rest = rest[rest.index(after: at)...]
    }
    guard !rest.contains(where: { "/?#".contains($0) }), let (host, port) = AddressText.split(rest) else { return nil }
    self.host = host
    self.port = port ?? Self.defaultPort
  }

  /// URLs separated by commas. Throws `invalidURL` with the one that is none.
  public static func list(_ text: String) throws(ClientError) -> [ServerURL] {
    var urls: [ServerURL] = []
    for part in text.split(separator: ",") {
      let trimmed = part.drop { $0 == " " }
      guard let url = ServerURL(String(trimmed)) else { throw .invalidURL(withoutSecrets(trimmed)) }
      urls.append(url)
    }
    guard !urls.isEmpty else { throw .invalidURL(text) }
    return urls
  }

  private static func withoutSecrets(_ text: Substring) -> String {
    text.lastIndex(of: "@").map { "...\(text[$0...])" } ?? String(text)
  }

  /// `%41` is `A`; nil for a broken escape.
  private static func unescape(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst(), let low = rest.popFirst(),
        let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `host:port`, as connect_urls of an INFO has it.
  public var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  public var description: String { "\(isTLS ? "tls" : "nats")://\(address)" }
}
