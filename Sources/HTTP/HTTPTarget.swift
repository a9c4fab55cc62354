/// The target of a request: where it points to and with which query.
public struct HTTPTarget: Sendable, Equatable {
  public enum Form: Sendable, Equatable {
    /// `/path?query`
    case origin
    /// `http://host/path?query`
    case absolute
    /// `host:port`, of CONNECT
    case authority
    /// `*`, of OPTIONS
    case asterisk
  }

  public let form: Form
  /// The path with its escapes resolved; `*` or empty for the forms that have none.
  public let path: String
  /// The path as it was sent.
  public let rawPath: String
  /// What follows the first `?`, escapes and all.
  public let rawQuery: String
  /// Host and port of an absolute or authority target.
  public let authority: String?

  /// nil where Go's net/http answers 400: no such form, a bad escape, a control character.
  public init?(method: String, target: String) {
    guard !target.isEmpty, target.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
    if target == "*" {
      self.init(form: .asterisk, rawPath: "*", rawQuery: "", authority: nil)
      return
    }
    if method == "CONNECT", !target.hasPrefix("/") {
      self.init(form: .authority, rawPath: "", rawQuery: "", authority: target)
      return
    }
    // `#` is an ordinary character in a request target.
    if target.hasPrefix("/") {
      let (path, query) = Self.splitQuery(target[...])
      self.init(form: .origin, rawPath: String(path), rawQuery: String(query), authority: nil)
      return
    }
    guard let scheme = Self.scheme(of: target) else { return nil }
    let (rest, query) = Self.splitQuery(target.dropFirst(scheme + 3))
    let authority = rest.prefix { $0 != "/" }
    self.init(
      form: .absolute, rawPath: String(rest.dropFirst(authority.count)), rawQuery: String(query),
      authority: String(authority))
  }

  private init?(form: Form, rawPath: String, rawQuery: String, authority: String?) {
    guard let path = PercentEncoding.decode(rawPath, plusIsSpace: false) else { return nil }
    self.form = form
    self.path = path
    self.rawPath = rawPath
    self.rawQuery = rawQuery
    self.authority = authority
  }

  private static func splitQuery(_ text: Substring) -> (path: Substring, query: Substring) {
    guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (text, "") }
    return (text[..<mark], text[text.utf8.index(after: mark)...])
  }

  /// Length of the scheme before `://`.
  private static func scheme(of target: String) -> Int? {
    let bytes = Array(target.utf8)
    guard let first = bytes.first, ASCII.lowercased(first) >= 0x61, ASCII.lowercased(first) <= 0x7A,
      let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      bytes[(colon + 1)...].starts(with: [UInt8(ascii: "/"), UInt8(ascii: "/")])
    else { return nil }
    return colon
  }
}

/// `%XX` escapes of URLs.
public enum PercentEncoding {
  /// nil for a `%` without two hexadecimal digits. The result may be any bytes; what is not UTF-8 becomes U+FFFD.
  public static func decode(_ text: some StringProtocol, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(ASCII.hexValue), let low = iterator.next().flatMap(ASCII.hexValue)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Escapes all but letters, digits and `-_.~`; a space becomes `+` where that is its sign.
  public static func encode(_ text: String, spaceAsPlus: Bool = false) -> String {
    var bytes: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        bytes.append(byte)
      case 0x20 where spaceAsPlus: bytes.append(UInt8(ascii: "+"))
      default:
        bytes.append(UInt8(ascii: "%"))
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 0xF)])
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Names and values of a query, as Go's `URL.Query()` reads them: a pair with a bad escape or a semicolon is dropped.
public struct HTTPQuery: Sendable, Equatable {
  public private(set) var pairs: [Pair] = []

  public struct Pair: Sendable, Equatable {
    public let name: String
    public let value: String
  }

  public init(_ rawQuery: String) {
    for part in rawQuery.utf8.split(separator: UInt8(ascii: "&")).map({ Substring($0) }) {
      if part.utf8.contains(UInt8(ascii: ";")) { continue }
      let equals = part.utf8.firstIndex(of: UInt8(ascii: "="))
      let name = part[..<(equals ?? part.endIndex)]
      let value = equals.map { part[part.utf8.index(after: $0)...] } ?? ""
      guard let name = PercentEncoding.decode(name, plusIsSpace: true),
        let value = PercentEncoding.decode(value, plusIsSpace: true)
      else { continue }
      pairs.append(Pair(name: name, value: value))
    }
  }

  /// The first value of a name; empty when there is none, as with Go's `Get`.
  public subscript(name: String) -> String {
    pairs.first { $0.name == name }?.value ?? ""
  }

  public func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  public func contains(_ name: String) -> Bool { pairs.contains { $0.name == name } }
}
