import Bytes

/// What all decoders of one document share.
final class DecodingSession {
  let root: String
  let refusesUnknownFields: Bool
  /// Every object that was decoded by name, in the order in which decoding met them.
  private var objects: [DecodedObject] = []

  init(root: String, refusesUnknownFields: Bool) {
    self.root = root
    self.refusesUnknownFields = refusesUnknownFields
  }

  func watch(_ object: DecodedObject) {
    if refusesUnknownFields { objects.append(object) }
  }

  /// The first member that no type asked for. Final only when decoding has ended.
  var firstUnknownField: String? {
    for object in objects {
      for member in object.object.members where !object.knownNames.contains(JSONKey.folded(member.key)) {
        return member.key
      }
    }
    return nil
  }
}

/// An object being decoded, shared by the containers of all types that are spread over it.
final class DecodedObject {
  let object: JSONObject
  /// Folded names that some type has; kept in strict decoding only.
  var knownNames: Set<String> = []

  init(_ object: JSONObject) {
    self.object = object
  }

  /// The last member whose name matches without regard to case, as Go decodes into a field.
  func value(ofField name: String) -> JSONValue? {
    positionsByFoldedName[JSONKey.folded(name)].map { object.members[$0].value }
  }

  /// The last member of exactly this name, as Go decodes into a map.
  func value(exactly name: String) -> JSONValue? {
    positionsByName[name].map { object.members[$0].value }
  }

  private lazy var positionsByFoldedName = positions { JSONKey.folded($0) }
  private lazy var positionsByName = positions { $0 }

  private func positions(_ name: (String) -> String) -> [String: Int] {
    var result: [String: Int] = [:]
    result.reserveCapacity(object.members.count)
    for (index, member) in object.members.enumerated() { result[name(member.key)] = index }
    return result
  }
}

/// One value of the tree and where it stands.
final class ValueDecoder: Decoder {
  let value: JSONValue
  let session: DecodingSession
  /// Where the value stands: the path is put together only for an error.
  private let parent: ValueDecoder?
  private let element: JSONError.PathElement?
  private var decodedObject: DecodedObject?
  /// The type that is being decoded from this value, for the error when the value is of another shape.
  private var wantedType: Any.Type?

  /// The decoder of the whole document.
  init(value: JSONValue, session: DecodingSession) {
    self.value = value
    self.session = session
    parent = nil
    element = nil
  }

  /// The decoder of a member or an element of another value.
  init(value: JSONValue, in parent: ValueDecoder, at element: JSONError.PathElement) {
    self.value = value
    self.parent = parent
    self.element = element
    session = parent.session
  }

  private var path: [JSONError.PathElement] {
    var result: [JSONError.PathElement] = []
    var decoder: ValueDecoder? = self
    while let current = decoder {
      if let element = current.element { result.append(element) }
      decoder = current.parent
    }
    return result.reversed()
  }

  var codingPath: [any CodingKey] { path.map { PathKey($0) } }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(KeyedDecoder<Key>(decoder: self, decoded: try object(wanting: "object")))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    UnkeyedDecoder(decoder: self, elements: try elements(wanting: "array"))
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer {
    SingleValueDecoder(decoder: self)
  }

  func mismatch(wanting type: String, withDigits: Bool = false) -> JSONError {
    var found = value.kind.rawValue
    if withDigits, case .number(let text) = value { found += " " + text }
    return JSONError(.mismatch(JSONError.Mismatch(found: found, type: type, root: session.root, path: path)))
  }

  /// Any value but those that Go's types decode in a way of their own is left to its type.
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    if type == Timestamp.self { return try timestamp() as! Value }
    if type == [UInt8].self { return try base64() as! Value }
    if type == JSONValue.self { return value as! Value }
    wantedType = type
    return try Value(from: self)
  }

  func object(wanting shape: String) throws -> DecodedObject {
    if let decodedObject { return decodedObject }
    let decoded: DecodedObject
    switch value {
    case .object(let object): decoded = DecodedObject(object)
    case .null: decoded = DecodedObject(JSONObject())
    default: throw mismatch(wanting: wantedType.map { GoTypeName.of($0) } ?? shape)
    }
    decodedObject = decoded
    session.watch(decoded)
    return decoded
  }

  func elements(wanting shape: String) throws -> [JSONValue] {
    switch value {
    case .array(let elements): return elements
    case .null: return []
    default: throw mismatch(wanting: wantedType.map { GoTypeName.of($0) } ?? shape)
    }
  }

  // MARK: - Scalars; `null` is the zero value

  /// A type that is a text or a number under another name shows that name.
  private func scalarName(_ plain: String) -> String { (wantedType as? any JSONNamed.Type)?.jsonTypeName ?? plain }

  func bool() throws -> Bool {
    switch value {
    case .bool(let flag): return flag
    case .null: return false
    default: throw mismatch(wanting: scalarName("bool"))
    }
  }

  func string() throws -> String {
    switch value {
    case .string(let text): return text
    case .null: return ""
    default: throw mismatch(wanting: scalarName("string"))
    }
  }

  func integer<Integer: FixedWidthInteger>() throws -> Integer {
    if case .null = value { return 0 }
    guard let number: Integer = value.integer() else {
      throw mismatch(wanting: scalarName(GoTypeName.of(Integer.self)), withDigits: true)
    }
    return number
  }

  func double() throws -> Double {
    if case .null = value { return 0 }
    guard let number = value.double else { throw mismatch(wanting: "float64", withDigits: true) }
    return number
  }

  private func timestamp() throws -> Timestamp {
    switch value {
    case .null: return .zero
    case .string(let text):
      do {
        return try RFC3339.parse(text)
      } catch {
        throw JSONError(.invalid(error.description))
      }
    default: throw mismatch(wanting: "time.Time")
    }
  }

  private func base64() throws -> [UInt8] {
    switch value {
    case .null: return []
    case .string(let text):
      guard let bytes = Base64.standard.decode(text) else {
        throw JSONError(.invalid("illegal base64 data"))
      }
      return bytes
    default: throw mismatch(wanting: "[]uint8")
    }
  }
}

/// A step of the path as `Codable` wants it.
struct PathKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(_ element: JSONError.PathElement) {
    stringValue = element.description
    if case .element(let index) = element { intValue = index } else { intValue = nil }
  }

  init?(stringValue: String) {
    self.init(.member(stringValue))
  }

  init?(intValue: Int) {
    self.init(.element(intValue))
  }
}
