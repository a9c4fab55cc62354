/// Where a value stands, as nats-server counts it: lines from 1, columns from 1 except on the first line (from 0).
struct SourcePosition: Equatable, CustomStringConvertible {
  var file: String
  var line: Int
  var column: Int

  var description: String { "\(file):\(line):\(column)" }
}

/// A value of the parsed configuration.
///
/// A class, because a variable reference shares the content of what it names, and the name must learn that it was
/// used (FEATURES 3.009). Lives only while a configuration is read, on one thread.
final class ConfigurationValue {
  enum Content {
    case string(String)
    case integer(Int64)
    case float(Double)
    case boolean(Bool)
    /// Seconds since 1970.
    case date(Int64)
    case array([ConfigurationValue])
    case map(ConfigurationMap)
  }

  let content: Content
  /// Of its key, when it stands in a map.
  var position: SourcePosition
  /// Named by a variable reference: then its key need not be an option.
  var isUsedAsVariable = false

  init(_ content: Content, at position: SourcePosition) {
    self.content = content
    self.position = position
  }

  var string: String? {
    if case .string(let value) = content { value } else { nil }
  }

  var integer: Int64? {
    if case .integer(let value) = content { value } else { nil }
  }

  var boolean: Bool? {
    if case .boolean(let value) = content { value } else { nil }
  }

  var array: [ConfigurationValue]? {
    if case .array(let value) = content { value } else { nil }
  }

  var map: ConfigurationMap? {
    if case .map(let value) = content { value } else { nil }
  }

  /// The type's name in error texts, which are those of a Go program.
  var typeName: String {
    switch content {
    case .string: "string"
    case .integer: "int64"
    case .float: "float64"
    case .boolean: "bool"
    case .date: "time.Time"
    case .array: "[]interface {}"
    case .map: "map[string]interface {}"
    }
  }

  /// The value in error texts. Nested values have no text of their own there.
  var text: String {
    switch content {
    case .string(let value): value
    case .integer(let value): String(value)
    case .float(let value): GoText.general(value)
    case .boolean(let value): String(value)
    case .date(let seconds): GoText.date(seconds)
    case .array(let values): "[" + values.map { $0.text }.joined(separator: " ") + "]"
    case .map(let map):
      "map[" + map.entries.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.text)" }.joined(separator: " ") + "]"
    }
  }
}

/// A map that keeps the order of its keys; a key set again takes its new value at its old place.
final class ConfigurationMap {
  private(set) var entries: [(key: String, value: ConfigurationValue)] = []
  private var places: [String: Int] = [:]

  subscript(key: String) -> ConfigurationValue? {
    places[key].map { entries[$0].value }
  }

  func set(_ key: String, _ value: ConfigurationValue) {
    if let place = places[key] {
      entries[place].value = value
    } else {
      places[key] = entries.count
      entries.append((key, value))
    }
  }
}
