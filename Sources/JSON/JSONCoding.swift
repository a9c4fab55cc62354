/// `Codable` in JSON, with the habits of Go's encoding/json, for the API types that are not on the hot path.
///
/// Decoding: names match without regard to case; a missing or `null` member of a type that is not optional gives the
/// type's zero value (0, false, "", empty) instead of an error; `[UInt8]` is base64; `Timestamp` is RFC 3339.
/// Encoding: nil members are left out, maps are written sorted by key.
public enum JSONCoding {
  public struct DecodingOptions: Sendable {
    /// Refuse members that the type does not have, with `json: unknown field "x"`. FEATURES 5.043.
    public var refusesUnknownFields = false

    public init(refusesUnknownFields: Bool = false) {
      self.refusesUnknownFields = refusesUnknownFields
    }
  }

  /// The value as JSON. Throws what the value's own `encode` throws; numbers that are not finite are refused.
  public static func encode(
    _ value: some Encodable, style: JSONWriter.Style = .compact, escapesHTML: Bool = true
  ) throws -> [UInt8] {
    let node = EncodingNode()
    try node.encode(value, path: [])
    var writer = JSONWriter(style: style, escapesHTML: escapesHTML)
    node.write(to: &writer)
    return writer.bytes
  }

  /// The value as a tree.
  public static func value(of value: some Encodable) throws -> JSONValue {
    let node = EncodingNode()
    try node.encode(value, path: [])
    return node.value
  }

  /// Reads one document. Throws `JSONError` whatever is wrong; a syntax error anywhere goes before all others.
  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: UnsafeRawBufferPointer, options: DecodingOptions = DecodingOptions()
  ) throws(JSONError) -> Value {
    try decode(type, from: try JSONValue(parsing: bytes), options: options)
  }

  public static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], options: DecodingOptions = DecodingOptions()
  ) throws(JSONError) -> Value {
    try decode(type, from: try JSONValue(parsing: bytes), options: options)
  }

  public static func decode<Value: Decodable>(
    _ type: Value.Type, from value: JSONValue, options: DecodingOptions = DecodingOptions()
  ) throws(JSONError) -> Value {
    let session = DecodingSession(root: GoTypeName.bare(type), refusesUnknownFields: options.refusesUnknownFields)
    do {
      let result = try ValueDecoder(value: value, session: session).decode(type)
      if let name = session.firstUnknownField { throw JSONError(.unknownField(name)) }
      return result
    } catch let error as JSONError {
      throw error
    } catch let DecodingError.dataCorrupted(context) {
      throw JSONError(.invalid(context.debugDescription))
    } catch {
      throw JSONError(.invalid("\(error)"))
    }
  }
}

/// Gives a type another name in error texts than `server.` and its Swift name.
public protocol JSONNamed {
  /// The type as Go's error texts name it: `server.StreamConfigRequest`, `map[string]string`.
  static var jsonTypeName: String { get }
}

extension Array: JSONNamed {
  public static var jsonTypeName: String {
    Element.self == UInt8.self ? "[]uint8" : "[]" + GoTypeName.of(Element.self)
  }
}

extension Dictionary: JSONNamed {
  public static var jsonTypeName: String { "map[\(GoTypeName.of(Key.self))]\(GoTypeName.of(Value.self))" }
}

extension Optional: JSONNamed {
  public static var jsonTypeName: String { GoTypeName.of(Wrapped.self) }
}

/// Names of types in Go's error texts.
enum GoTypeName {
  static func of(_ type: Any.Type) -> String {
    if let named = type as? any JSONNamed.Type { return named.jsonTypeName }
    switch String(describing: type) {
    case "Bool": return "bool"
    case "String": return "string"
    case "Double": return "float64"
    case "Float": return "float32"
    case "Timestamp": return "time.Time"
    case let name where name.hasPrefix("Int") || name.hasPrefix("UInt"):
      return type is any FixedWidthInteger.Type ? name.lowercased() : "server." + name
    case let name: return "server." + name
    }
  }

  /// The name without its package.
  static func bare(_ type: Any.Type) -> String {
    let name = of(type)
    return name.hasPrefix("server.") ? String(name.dropFirst("server.".count)) : name
  }
}
