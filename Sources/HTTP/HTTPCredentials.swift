import Bytes

/// What an `Authorization` header carries.
public enum HTTPCredentials: Sendable, Equatable {
  case basic(user: String, password: String)
  case bearer(String)

  /// nil for other schemes and for what is not valid in its scheme.
  public init?(authorization value: String) {
    guard let space = value.utf8.firstIndex(of: 0x20) else { return nil }
    let scheme = value[..<space]
    let rest = value[value.utf8.index(after: space)...]
    if ASCII.equalIgnoringCase(scheme, "bearer") {
      let token = ASCII.trimmed(rest)
      guard !token.isEmpty else { return nil }
      self = .bearer(String(token))
      return
    }
    guard ASCII.equalIgnoringCase(scheme, "basic"), let decoded = Base64.standard.decode(String(rest)),
      let colon = decoded.firstIndex(of: UInt8(ascii: ":"))
    else { return nil }
    self = .basic(
      user: String(decoding: decoded[..<colon], as: UTF8.self),
      password: String(decoding: decoded[(colon + 1)...], as: UTF8.self))
  }

  /// The header's value.
  public var authorization: String {
    switch self {
    case .basic(let user, let password): "Basic " + Base64.standard.encode(Array("\(user):\(password)".utf8))
    case .bearer(let token): "Bearer " + token
    }
  }
}

extension HTTPRequestHead {
  public var credentials: HTTPCredentials? { headers["Authorization"].flatMap { HTTPCredentials(authorization: $0) } }

  /// Whether the client takes gzip: named, or `*`, and not with quality zero.
  public var acceptsGzip: Bool {
    var accepts = false
    for value in headers.all("Accept-Encoding") {
      for part in value.utf8.split(separator: UInt8(ascii: ",")).map({ Substring($0) }) {
        let pieces = part.utf8.split(separator: UInt8(ascii: ";")).map { ASCII.trimmed(Substring($0)) }
        guard let coding = pieces.first else { continue }
        let isRefused = pieces.dropFirst().contains {
          ($0.hasPrefix("q=") || $0.hasPrefix("Q=")) && $0.dropFirst(2).allSatisfy { $0 == "0" || $0 == "." }
        }
        if ASCII.equalIgnoringCase(coding, "gzip") { return !isRefused }
        if coding == "*" { accepts = !isRefused }
      }
    }
    return accepts
  }
}
