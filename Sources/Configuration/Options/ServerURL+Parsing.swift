/// Parsing by the rules of Go's `net/url`, whose error texts users see.
extension ServerURL {
  /// Why a text is no URL; `description` is Go's text, `parse "x": reason`.
  struct ParseError: Error, Equatable, CustomStringConvertible {
    let text: String
    let reason: String

    var description: String { "parse \(GoText.quoted(text)): \(reason)" }
  }

  private struct Refusal: Error {
    let reason: String
  }

  /// `nil` for what `net/url` refuses.
  public init?(_ text: String) {
    guard case .success(let url) = Self.parse(text) else { return nil }
    self = url
  }

  static func parse(_ text: String) -> Result<ServerURL, ParseError> {
    do throws(Refusal) {
      return .success(try URLText(text).url())
    } catch {
      return .failure(ParseError(text: text, reason: error.reason))
    }
  }

  /// The parts of a URL before they are taken apart further.
  private struct URLText {
    var scheme = ""
    /// What follows the scheme, without query and fragment.
    var rest: Substring
    var query: Substring = ""

    init(_ text: String) throws(Refusal) {
      guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
        throw Refusal(reason: "net/url: invalid control character in URL")
      }
      rest = text[...]
      if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
      try splitScheme()
      if let mark = rest.firstIndex(of: "?") {
        query = rest[mark...]
        rest = rest[..<mark]
      }
    }

    private mutating func splitScheme() throws(Refusal) {
      let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
      guard rest.dropFirst(name.count).first == ":" else { return }
      guard let first = name.first else { throw Refusal(reason: "missing protocol scheme") }
      guard first.isLetter else { return }
      scheme = name.lowercased()
      rest = rest.dropFirst(name.count + 1)
    }

    func url() throws(Refusal) -> ServerURL {
      var url = ServerURL(scheme: scheme, host: "")
      guard rest.hasPrefix("//") else {
        if scheme.isEmpty, !rest.hasPrefix("/"), rest.prefix(while: { $0 != "/" }).contains(":") {
          throw Refusal(reason: "first path segment in URL cannot contain colon")
        }
        // With a scheme and without a slash the rest is opaque: nothing in it is looked at.
        if scheme.isEmpty || rest.hasPrefix("/") { _ = try unescape(rest) }
        url.path = String(rest) + query
        return url
      }
      let authority = rest.dropFirst(2).prefix { $0 != "/" }
      let path = rest.dropFirst(2 + authority.count)
      var hostText = authority
      if let at = authority.lastIndex(of: "@") {
        (url.user, url.password) = try userInformation(authority[..<at])
        hostText = authority[authority.index(after: at)...]
      }
      (url.host, url.port) = try hostAndPort(hostText)
      _ = try unescape(path)
      url.path = String(path) + query
      return url
    }

    private func userInformation(_ text: Substring) throws(Refusal) -> (String, String?) {
      guard text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._:~!$&'()*+,;=%@".contains($0)) }) else {
        throw Refusal(reason: "net/url: invalid userinfo")
      }
      guard let colon = text.firstIndex(of: ":") else { return (try unescape(text), nil) }
      return (try unescape(text[..<colon]), try unescape(text[text.index(after: colon)...]))
    }

    private func hostAndPort(_ text: Substring) throws(Refusal) -> (String, Int?) {
      var host = text
      var portText: Substring = ""
      if text.hasPrefix("[") {
        guard let end = text.lastIndex(of: "]") else { throw Refusal(reason: "missing ']' in host") }
        host = text[text.index(after: text.startIndex)..<end]
        portText = text[text.index(after: end)...]
      } else if let colon = text.lastIndex(of: ":") {
        host = text[..<colon]
        portText = text[colon...]
      }
      guard portText.isEmpty || portText.first == ":" && portText.dropFirst().allSatisfy({ $0.isASCII && $0.isNumber })
      else { throw Refusal(reason: "invalid port \(GoText.quoted(String(portText))) after host") }
      if let bad = host.first(where: {
        $0.isASCII && !$0.isLetter && !$0.isNumber && !"!$&'()*+,;=:[]<>\"-_.~%".contains($0)
      }) {
        throw Refusal(reason: "invalid character \(GoText.quoted(String(bad))) in host name")
      }
      return (try unescape(host), Int(portText.dropFirst()))
    }

    private func unescape(_ text: Substring) throws(Refusal) -> String {
      guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
      var bytes: [UInt8] = []
      var rest = Array(text.utf8)[...]
      while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
          bytes.append(byte)
          continue
        }
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16) else {
          throw Refusal(reason: "invalid URL escape \(GoText.quoted("%" + digits))")
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
