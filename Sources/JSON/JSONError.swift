import Bytes

/// Why a document could not be read. `description` is the text that Go's encoding/json gives for the same input, since
/// nats-server shows it to users (FEATURES 7.042).
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    /// Not JSON; the text says which character stands where it must not.
    case syntax(String)
    /// The input ends inside a value.
    case truncated
    /// A valid value of another type than wanted.
    case mismatch(Mismatch)
    /// A member that the target does not have, in strict decoding.
    case unknownField(String)
    /// A value of the right type that its own rules refuse: the text is theirs.
    case invalid(String)
  }

  public struct Mismatch: Equatable, Sendable {
    /// `null`, `bool`, `number`, `number 1.5`, `string`, `array` or `object`.
    public var found: String
    /// The wanted type in Go's words: `int64`, `[]string`, `server.Placement`.
    public var type: String
    /// The name of the outermost object's type, empty when it has none.
    public var root = ""
    /// The outermost object's type has no name, which shows as a dot before the path.
    public var isUnnamed = false
    /// Member names and array positions that lead to the value.
    public var path: [PathElement] = []
  }

  public enum PathElement: Equatable, Sendable, CustomStringConvertible {
    case member(String)
    case element(Int)

    public var description: String {
      switch self {
      case .member(let name): name
      case .element(let index): String(index)
      }
    }
  }

  public let kind: Kind
  /// Bytes up to and including the offending character, as Go counts; 0 where no byte is to blame.
  public let offset: Int

  init(_ kind: Kind, offset: Int = 0) {
    self.kind = kind
    self.offset = offset
  }

  public var description: String {
    switch kind {
    case .syntax(let text), .invalid(let text): text
    case .truncated: "unexpected end of JSON input"
    case .unknownField(let name): "json: unknown field \(GoText.quoted(name))"
    case .mismatch(let mismatch): mismatch.description
    }
  }

  /// The text of nats-server's strict decoding of JetStream requests, which tells where (FEATURES 5.043, 7.042).
  public var strictDescription: String {
    switch kind {
    case .truncated: return "unexpected EOF"
    case .syntax(let text):
      // A stream of values goes on where a document must end.
      let end = " after top-level value"
      let located = text.hasSuffix(end) ? text.dropLast(end.count) + " looking for beginning of value" : text[...]
      return "\(located) at offset \(offset)"
    case .mismatch, .unknownField, .invalid: return description
    }
  }

  /// Whether the input is not JSON at all, as opposed to JSON of the wrong shape.
  public var isSyntax: Bool {
    switch kind {
    case .syntax, .truncated: true
    case .mismatch, .unknownField, .invalid: false
    }
  }

  /// The same error with the name of the type being read, for readers written by hand.
  public func inside(_ root: String) -> JSONError {
    guard case .mismatch(var mismatch) = kind else { return self }
    mismatch.root = root
    if mismatch.path.isEmpty { mismatch.type = "server." + root }
    return JSONError(.mismatch(mismatch), offset: offset)
  }

  /// The same error with the path that Go tells for members of a type whose name its decoder does not know, which
  /// begins with a dot.
  public func insideUnnamed() -> JSONError {
    guard case .mismatch(var mismatch) = kind else { return self }
    mismatch.isUnnamed = true
    return JSONError(.mismatch(mismatch), offset: offset)
  }
}

extension JSONError.Mismatch: CustomStringConvertible {
  public var description: String {
    guard let last = path.last else { return "json: cannot unmarshal \(found) into Go value of type \(type)" }
    let names = ([root] + path.map(\.description)).filter { !$0.isEmpty }.joined(separator: ".")
    let field = isUnnamed ? "." + names : names
    // Go names only members "struct field".
    if case .element = last { return "json: cannot unmarshal \(found) into \(field) of type \(type)" }
    return "json: cannot unmarshal \(found) into Go struct field \(field) of type \(type)"
  }
}

/// Quoting as Go's strconv does it, for error texts.
enum GoText {
  /// A text in double quotes.
  static func quoted(_ text: String) -> String { GoString.quote(text) }

  /// Bytes of an input in back quotes where Go allows it, else in double quotes.
  static func backquoted(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self),
      text.unicodeScalars.allSatisfy({ isPrintable($0) && $0 != "`" })
    {
      return "`" + text + "`"
    }
    var result = "\""
    var rest = bytes[...]
    while !rest.isEmpty {
      let (scalar, length) = UTF8Text.decode(rest)
      result += scalar.map { escaped($0, quote: "\"") } ?? "\\x" + twoHexDigits(rest.first!)
      rest = rest.dropFirst(length)
    }
    return result + "\""
  }

  /// The character at the front of an input, in single quotes, and its length.
  static func quotedCharacter(_ bytes: ArraySlice<UInt8>) -> (text: String, length: Int) {
    let (scalar, length) = UTF8Text.decode(bytes)
    let text = scalar.map { escaped($0, quote: "'") } ?? "\\x" + twoHexDigits(bytes.first!)
    return ("'" + text + "'", length)
  }

  private static func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
    switch scalar {
    case quote, "\\": return "\\" + String(scalar)
    case "\u{7}": return "\\a"
    case "\u{8}": return "\\b"
    case "\u{c}": return "\\f"
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    case "\u{b}": return "\\v"
    default: break
    }
    if isPrintable(scalar) { return String(scalar) }
    if scalar.value < 0x80 { return "\\x" + twoHexDigits(UInt8(scalar.value)) }
    let digits = String(scalar.value, radix: 16)
    let width = scalar.value < 0x10000 ? 4 : 8
    return (width == 4 ? "\\u" : "\\U") + String(repeating: "0", count: width - digits.count) + digits
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  private static func twoHexDigits(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
