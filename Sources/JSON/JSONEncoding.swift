import Bytes

/// A value being encoded: containers may be filled in any order, so the tree is built of references first.
final class EncodingNode {
  private enum Content {
    case value(JSONValue)
    case raw([UInt8])
    case object([(key: String, node: EncodingNode)])
    case array([EncodingNode])
  }

  private var content = Content.value(.null)

  /// The value as a tree.
  var value: JSONValue {
    switch content {
    case .value(let value): return value
    case .raw(let bytes): return (try? JSONValue(parsing: bytes)) ?? .null
    case .array(let nodes): return .array(nodes.map(\.value))
    case .object(let members):
      var object = JSONObject()
      object.members = members.map { JSONObject.Member(key: $0.key, value: $0.node.value) }
      return .object(object)
    }
  }

  func write(to writer: inout JSONWriter) {
    switch content {
    case .value(let value): writer.value(value)
    case .raw(let bytes): writer.raw(bytes)
    case .array(let nodes):
      writer.beginArray()
      for node in nodes { node.write(to: &writer) }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for member in members {
        writer.key(member.key)
        member.node.write(to: &writer)
      }
      writer.endObject()
    }
  }

  // MARK: - Filling

  func encode(_ value: some Encodable, path: [any CodingKey]) throws {
    switch value {
    case let time as Timestamp: content = .value(.string(RFC3339.string(time)))
    // Checked by type, since any empty array casts to `[UInt8]`.
    case let bytes as [UInt8] where type(of: value) == [UInt8].self:
      content = .value(.string(Base64.standard.encode(bytes)))
    case let tree as JSONValue: content = .value(tree)
    case let writable as any JSONWritable: content = .raw(writable.json())
    default:
      try value.encode(to: ValueEncoder(node: self, codingPath: path))
      if value is any MapLike { sortMembers() }
    }
  }

  func set(_ value: JSONValue) {
    content = .value(value)
  }

  func set(_ value: Double, path: [any CodingKey]) throws {
    guard value.isFinite else {
      let text = value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf"
      throw EncodingError.invalidValue(
        value, EncodingError.Context(codingPath: path, debugDescription: "json: unsupported value: \(text)"))
    }
    content = .value(JSONValue(value))
  }

  /// A float keeps the digits that tell it apart from other floats.
  func set(_ value: Float, path: [any CodingKey]) throws {
    try set(value.isFinite ? Double(value.description) ?? Double(value) : Double(value), path: path)
  }

  func becomeObject() {
    if case .object = content { return }
    content = .object([])
  }

  func becomeArray() {
    if case .array = content { return }
    content = .array([])
  }

  func member(_ key: String) -> EncodingNode {
    guard case .object(var members) = content else { preconditionFailure("a member outside an object") }
    let node = EncodingNode()
    content = .value(.null)
    members.append((key, node))
    content = .object(members)
    return node
  }

  func append() -> EncodingNode {
    guard case .array(var nodes) = content else { preconditionFailure("an element outside an array") }
    let node = EncodingNode()
    content = .value(.null)
    nodes.append(node)
    content = .array(nodes)
    return node
  }

  var elementCount: Int {
    if case .array(let nodes) = content { nodes.count } else { 0 }
  }

  /// Byte order, as Go sorts the keys of maps.
  private func sortMembers() {
    guard case .object(var members) = content else { return }
    members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    content = .object(members)
  }
}

private protocol MapLike {}
extension Dictionary: MapLike where Key == String {}

struct ValueEncoder: Encoder {
  let node: EncodingNode
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    node.becomeObject()
    return KeyedEncodingContainer(KeyedEncoder<Key>(node: node, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.becomeArray()
    return UnkeyedEncoder(node: node, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    SingleValueEncoder(node: node, codingPath: codingPath)
  }
}

struct KeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: EncodingNode
  let codingPath: [any CodingKey]

  func encodeNil(forKey key: Key) { node.member(key.stringValue).set(.null) }
  func encode(_ value: Bool, forKey key: Key) { node.member(key.stringValue).set(.bool(value)) }
  func encode(_ value: String, forKey key: Key) { node.member(key.stringValue).set(.string(value)) }
  func encode(_ value: Double, forKey key: Key) throws {
    try node.member(key.stringValue).set(value, path: codingPath + [key])
  }
  func encode(_ value: Float, forKey key: Key) throws {
    try node.member(key.stringValue).set(value, path: codingPath + [key])
  }
  func encode(_ value: Int, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: Int8, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: Int16, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: Int32, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: Int64, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: UInt, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: UInt8, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: UInt16, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: UInt32, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode(_ value: UInt64, forKey key: Key) { node.member(key.stringValue).set(JSONValue(value)) }
  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try node.member(key.stringValue).encode(value, path: codingPath + [key])
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    encoder(for: key).container(keyedBy: type)
  }
  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    encoder(for: key).unkeyedContainer()
  }
  func superEncoder() -> any Encoder { ValueEncoder(node: node, codingPath: codingPath) }
  func superEncoder(forKey key: Key) -> any Encoder { encoder(for: key) }

  private func encoder(for key: Key) -> ValueEncoder {
    ValueEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }
}

struct UnkeyedEncoder: UnkeyedEncodingContainer {
  let node: EncodingNode
  let codingPath: [any CodingKey]
  var count: Int { node.elementCount }

  func encodeNil() { node.append().set(.null) }
  func encode(_ value: Bool) { node.append().set(.bool(value)) }
  func encode(_ value: String) { node.append().set(.string(value)) }
  func encode(_ value: Double) throws { try node.append().set(value, path: elementPath) }
  func encode(_ value: Float) throws { try node.append().set(value, path: elementPath) }
  func encode(_ value: Int) { node.append().set(JSONValue(value)) }
  func encode(_ value: Int8) { node.append().set(JSONValue(value)) }
  func encode(_ value: Int16) { node.append().set(JSONValue(value)) }
  func encode(_ value: Int32) { node.append().set(JSONValue(value)) }
  func encode(_ value: Int64) { node.append().set(JSONValue(value)) }
  func encode(_ value: UInt) { node.append().set(JSONValue(value)) }
  func encode(_ value: UInt8) { node.append().set(JSONValue(value)) }
  func encode(_ value: UInt16) { node.append().set(JSONValue(value)) }
  func encode(_ value: UInt32) { node.append().set(JSONValue(value)) }
  func encode(_ value: UInt64) { node.append().set(JSONValue(value)) }
  func encode<Value: Encodable>(_ value: Value) throws {
    let path = elementPath
    try node.append().encode(value, path: path)
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    encoder().container(keyedBy: type)
  }
  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }
  func superEncoder() -> any Encoder { encoder() }

  private var elementPath: [any CodingKey] { codingPath + [PathKey(.element(count))] }

  private func encoder() -> ValueEncoder {
    let path = elementPath
    return ValueEncoder(node: node.append(), codingPath: path)
  }
}

struct SingleValueEncoder: SingleValueEncodingContainer {
  let node: EncodingNode
  let codingPath: [any CodingKey]

  func encodeNil() { node.set(.null) }
  func encode(_ value: Bool) { node.set(.bool(value)) }
  func encode(_ value: String) { node.set(.string(value)) }
  func encode(_ value: Double) throws { try node.set(value, path: codingPath) }
  func encode(_ value: Float) throws { try node.set(value, path: codingPath) }
  func encode(_ value: Int) { node.set(JSONValue(value)) }
  func encode(_ value: Int8) { node.set(JSONValue(value)) }
  func encode(_ value: Int16) { node.set(JSONValue(value)) }
  func encode(_ value: Int32) { node.set(JSONValue(value)) }
  func encode(_ value: Int64) { node.set(JSONValue(value)) }
  func encode(_ value: UInt) { node.set(JSONValue(value)) }
  func encode(_ value: UInt8) { node.set(JSONValue(value)) }
  func encode(_ value: UInt16) { node.set(JSONValue(value)) }
  func encode(_ value: UInt32) { node.set(JSONValue(value)) }
  func encode(_ value: UInt64) { node.set(JSONValue(value)) }
  func encode<Value: Encodable>(_ value: Value) throws { try node.encode(value, path: codingPath) }
}
