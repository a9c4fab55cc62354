import JSON

/// A manifest as a tree whose nodes know where they stand.
public struct ManifestNode: Sendable {
  public struct Member: Sendable {
    public var key: String
    public var keyPosition: SourcePosition?
    public var value: ManifestNode
  }

  public indirect enum Value: Sendable {
    case null
    case boolean(Bool)
    /// The number's text, valid JSON.
    case number(String)
    case string(String)
    case list([ManifestNode])
    case mapping([Member])
  }

  public var value: Value
  public var position: SourcePosition?

  init(_ value: Value, at position: SourcePosition?) {
    self.value = value
    self.position = position
  }

  /// A tree without positions, for objects that come from the Kubernetes API.
  public init(_ json: JSONValue) {
    position = nil
    switch json {
    case .null: value = .null
    case .bool(let flag): value = .boolean(flag)
    case .number(let text): value = .number(text)
    case .string(let text): value = .string(text)
    case .array(let elements): value = .list(elements.map { ManifestNode($0) })
    case .object(let object):
      value = .mapping(object.members.map { Member(key: $0.key, keyPosition: nil, value: ManifestNode($0.value)) })
    }
  }

  /// The last member of this name; nil for anything but a mapping.
  public subscript(name: String) -> ManifestNode? {
    guard case .mapping(let members) = value else { return nil }
    return members.last { $0.key == name }?.value
  }

  public var string: String? {
    if case .string(let text) = value { text } else { nil }
  }

  public var isNull: Bool {
    if case .null = value { true } else { false }
  }

  /// The tree without its positions.
  public var json: JSONValue {
    switch value {
    case .null: return .null
    case .boolean(let flag): return .bool(flag)
    case .number(let text): return .number(text)
    case .string(let text): return .string(text)
    case .list(let elements): return .array(elements.map(\.json))
    case .mapping(let members):
      var object = JSONObject()
      object.members = members.map { JSONObject.Member(key: $0.key, value: $0.value.json) }
      return .object(object)
    }
  }

  /// What an error text calls the node.
  var kindName: String {
    switch value {
    case .null: "null"
    case .boolean(let flag): "the boolean \(flag)"
    case .number(let text): "the number \(text)"
    case .string: "a string"
    case .list: "a list"
    case .mapping: "an object"
    }
  }
}
