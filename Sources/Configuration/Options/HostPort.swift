/// `host:port` as text, by the rules of Go's `net.SplitHostPort`: IPv6 hosts stand in brackets.
public enum HostPort {
  /// Both parts without brackets and colon; `nil` if the text is not of this form. The port may be empty.
  public static func split(_ text: String) -> (host: String, port: String)? {
    guard case .success(let parts) = parts(text) else { return nil }
    return parts
  }

  enum Problem: Error {
    case missingPort
    case tooManyColons
    case missingBracket
    case unexpectedOpeningBracket
    case unexpectedClosingBracket

    /// Go's words.
    var description: String {
      switch self {
      case .missingPort: "missing port in address"
      case .tooManyColons: "too many colons in address"
      case .missingBracket: "missing ']' in address"
      case .unexpectedOpeningBracket: "unexpected '[' in address"
      case .unexpectedClosingBracket: "unexpected ']' in address"
      }
    }
  }

  static func parts(_ text: String) -> Result<(host: String, port: String), Problem> {
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return .failure(.missingPort) }
    let host: ArraySlice<UInt8>
    var openingsFrom = 0
    var closingsFrom = 0
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return .failure(.missingBracket) }
      guard end + 1 < bytes.count else { return .failure(.missingPort) }
      guard end + 1 == colon else {
        return .failure(bytes[end + 1] == UInt8(ascii: ":") ? .tooManyColons : .missingPort)
      }
      host = bytes[1..<end]
      openingsFrom = 1
      closingsFrom = end + 1
    } else {
      host = bytes[..<colon]
      guard !host.contains(UInt8(ascii: ":")) else { return .failure(.tooManyColons) }
    }
    guard !bytes[openingsFrom...].contains(UInt8(ascii: "[")) else { return .failure(.unexpectedOpeningBracket) }
    guard !bytes[closingsFrom...].contains(UInt8(ascii: "]")) else { return .failure(.unexpectedClosingBracket) }
    return .success((String(decoding: host, as: UTF8.self), String(decoding: bytes[(colon + 1)...], as: UTF8.self)))
  }

  /// With brackets around an IPv6 address.
  public static func join(_ host: String, _ port: Int) -> String {
    host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
