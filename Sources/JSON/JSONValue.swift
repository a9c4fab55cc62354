/// A JSON document as a tree, for cold code. Members keep their order and their duplicates; numbers keep their digits.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The number's text, valid JSON.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// Reads one document. Depth is limited to `JSONLimits.treeDepth`.
  public init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
    var reader = JSONReader(bytes, maximumDepth: JSONLimits.treeDepth)
    self = try reader.readValue()
    try reader.finish()
  }

  public init(parsing bytes: [UInt8]) throws(JSONError) {
    self = try bytes.withUnsafeBytes { bytes in
      Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
    }.get()
  }

  public init(parsing text: String) throws(JSONError) {
    self = try JSONValue(parsing: Array(text.utf8))
  }

  public init(_ value: some FixedWidthInteger) {
    self = .number(String(value))
  }

  /// What is not finite has no JSON and becomes `null`.
  public init(_ value: Double) {
    var bytes: [UInt8] = []
    JSONText.append(value, to: &bytes)
    self = value.isFinite ? .number(String(decoding: bytes, as: UTF8.self)) : .null
  }

  /// The document as bytes.
  public func json(style: JSONWriter.Style = .compact, escapesHTML: Bool = true) -> [UInt8] {
    var writer = JSONWriter(style: style, escapesHTML: escapesHTML)
    writer.value(self)
    return writer.bytes
  }

  public var kind: JSONKind {
    switch self {
    case .null: .null
    case .bool: .bool
    case .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }

  // MARK: - Access; nil for a value of another type

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  public var int64: Int64? { integer() }

  public var uint64: UInt64? { integer() }

  public var double: Double? {
    guard case .number(var text) = self else { return nil }
    return text.withUTF8 { JSONNumber.double(UnsafeRawBufferPointer($0)) }
  }

  public var array: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  public var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The last member of exactly this name; nil for anything but an object.
  public subscript(name: String) -> JSONValue? { object?[name] }

  func integer<Integer: FixedWidthInteger>() -> Integer? {
    guard case .number(var text) = self else { return nil }
    return text.withUTF8 { JSONNumber.integer(UnsafeRawBufferPointer($0)) }
  }
}

/// Members in the order of the document.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  public struct Member: Sendable, Equatable {
    public var key: String
    public var value: JSONValue

    public init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  public var members: [Member] = []

  public init() {}

  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    members = elements.map { Member(key: $0.0, value: $0.1) }
  }

  /// The last member of exactly this name. Setting replaces it in its place, appends it, or with nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { members.last { $0.key == name }?.value }
    set {
      guard let newValue else {
        members.removeAll { $0.key == name }
        return
      }
      if let index = members.lastIndex(where: { $0.key == name }) {
        members[index].value = newValue
      } else {
        members.append(Member(key: name, value: newValue))
      }
    }
  }
}

extension JSONReader {
  /// The next value as a tree.
  public mutating func readValue() throws(JSONError) -> JSONValue {
    switch try peek() {
    case .null:
      guard readNull() else {
        // The word is wrong: skipping it says where.
        try skipValue()
        return .null
      }
      return .null
    case .bool: return .bool(try readBool())
    case .number: return .number(try readNumberText())
    case .string: return .string(try readString())
    case .array:
      var elements: [JSONValue] = []
      try beginArray()
      while try nextElement() { elements.append(try readValue()) }
      return .array(elements)
    case .object:
      var object = JSONObject()
      try beginObject()
      while try nextKey() {
        let key = self.key
        object.members.append(JSONObject.Member(key: key, value: try readValue()))
      }
      return .object(object)
    }
  }
}

/// In a `Codable` type a tree stands for "any JSON here". Only `JSONCoding` knows how.
extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    guard let decoder = decoder as? ValueDecoder else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "only JSONCoding decodes JSON trees"))
    }
    self = decoder.value
  }

  public func encode(to encoder: any Encoder) throws {
    guard let encoder = encoder as? ValueEncoder else {
      throw EncodingError.invalidValue(
        self,
        EncodingError.Context(codingPath: encoder.codingPath, debugDescription: "only JSONCoding encodes JSON trees"))
    }
    encoder.node.set(self)
  }
}
