/// The members of an object, asked for by name.
struct KeyedDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  private let decoder: ValueDecoder
  private let decoded: DecodedObject
  /// The key type takes any name, as that of a dictionary does: names are data and match exactly.
  private let hasFreeKeys: Bool

  init(decoder: ValueDecoder, decoded: DecodedObject) {
    self.decoder = decoder
    self.decoded = decoded
    hasFreeKeys = Key(stringValue: "\u{0}") != nil
    if decoder.session.refusesUnknownFields {
      for member in decoded.object.members where Key(stringValue: member.key) != nil {
        decoded.knownNames.insert(JSONKey.folded(member.key))
      }
    }
  }

  var codingPath: [any CodingKey] { decoder.codingPath }

  var allKeys: [Key] {
    var seen: Set<String> = []
    return decoded.object.members.compactMap { seen.insert($0.key).inserted ? Key(stringValue: $0.key) : nil }
  }

  func contains(_ key: Key) -> Bool { value(of: key) != nil }

  func decodeNil(forKey key: Key) throws -> Bool {
    value(of: key) ?? .null == .null
  }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try member(key).decode(type)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try member(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try member(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { decoder }

  func superDecoder(forKey key: Key) throws -> any Decoder { member(key) }

  private func value(of key: Key) -> JSONValue? {
    if hasFreeKeys { return decoded.value(exactly: key.stringValue) }
    if decoder.session.refusesUnknownFields { decoded.knownNames.insert(JSONKey.folded(key.stringValue)) }
    return decoded.value(ofField: key.stringValue)
  }

  /// The member's value; `null` for one that is missing.
  private func member(_ key: Key) -> ValueDecoder {
    ValueDecoder(value: value(of: key) ?? .null, in: decoder, at: .member(key.stringValue))
  }
}

// The scalars that `Codable` asks for one by one.
extension KeyedDecoder {
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try member(key).bool() }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try member(key).string() }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try member(key).double() }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try member(key).double()) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try member(key).integer() }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try member(key).integer() }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try member(key).integer() }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try member(key).integer() }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try member(key).integer() }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try member(key).integer() }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try member(key).integer() }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try member(key).integer() }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try member(key).integer() }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try member(key).integer() }
}

/// The elements of an array in their order.
struct UnkeyedDecoder: UnkeyedDecodingContainer {
  private let decoder: ValueDecoder
  private let elements: [JSONValue]
  private(set) var currentIndex = 0

  init(decoder: ValueDecoder, elements: [JSONValue]) {
    self.decoder = decoder
    self.elements = elements
  }

  var codingPath: [any CodingKey] { decoder.codingPath }
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex == elements.count }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, elements[currentIndex] == .null else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().decode(type) }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    try next().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }

  mutating func superDecoder() throws -> any Decoder { try next() }

  private mutating func next() throws -> ValueDecoder {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        JSONValue.self, DecodingError.Context(codingPath: codingPath, debugDescription: "array has no more elements"))
    }
    defer { currentIndex += 1 }
    return ValueDecoder(value: elements[currentIndex], in: decoder, at: .element(currentIndex))
  }
}

extension UnkeyedDecoder {
  mutating func decode(_ type: Bool.Type) throws -> Bool { try next().bool() }
  mutating func decode(_ type: String.Type) throws -> String { try next().string() }
  mutating func decode(_ type: Double.Type) throws -> Double { try next().double() }
  mutating func decode(_ type: Float.Type) throws -> Float { Float(try next().double()) }
  mutating func decode(_ type: Int.Type) throws -> Int { try next().integer() }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try next().integer() }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try next().integer() }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try next().integer() }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try next().integer() }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try next().integer() }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next().integer() }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next().integer() }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next().integer() }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next().integer() }
}

/// A value that is no container of its own.
struct SingleValueDecoder: SingleValueDecodingContainer {
  let decoder: ValueDecoder

  var codingPath: [any CodingKey] { decoder.codingPath }

  func decodeNil() -> Bool { decoder.value == .null }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.decode(type) }
  func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
  func decode(_ type: String.Type) throws -> String { try decoder.string() }
  func decode(_ type: Double.Type) throws -> Double { try decoder.double() }
  func decode(_ type: Float.Type) throws -> Float { Float(try decoder.double()) }
  func decode(_ type: Int.Type) throws -> Int { try decoder.integer() }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer() }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer() }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer() }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer() }
  func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer() }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer() }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer() }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer() }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer() }
}
