/// Something wrong, or worth a warning, at a place of the configuration.
struct ConfigurationProblem: Error, Equatable, CustomStringConvertible {
  /// `nil` where nats-server names no place.
  var position: SourcePosition?
  var text: String
  /// A value of another type than its option asks for.
  var isTypeMismatch = false

  init(_ text: String, at value: ConfigurationValue?) {
    self.position = value?.position
    self.text = text
  }

  /// `file:line:column: text`
  var description: String {
    position.map { "\($0): \(text)" } ?? text
  }
}

/// Access to a value of one type. A value of another type is blamed on its own place, or on its block's where
/// nats-server does so; the text is that of a Go type assertion, which users search for.
extension ConfigurationValue {
  func requireString(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> String {
    guard let string else { throw mismatch("string", blaming: block) }
    return string
  }

  func requireInteger(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> Int64 {
    guard let integer else { throw mismatch("int64", blaming: block) }
    return integer
  }

  func requireInt(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> Int {
    Int(try requireInteger(blaming: block))
  }

  func requireBoolean(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> Bool {
    guard let boolean else { throw mismatch("bool", blaming: block) }
    return boolean
  }

  func requireArray(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> [ConfigurationValue] {
    guard let array else { throw mismatch("[]interface {}", blaming: block) }
    return array
  }

  func requireMap(blaming block: ConfigurationValue? = nil) throws(ConfigurationProblem) -> ConfigurationMap {
    guard let map else { throw mismatch("map[string]interface {}", blaming: block) }
    return map
  }

  private func mismatch(_ expected: String, blaming block: ConfigurationValue?) -> ConfigurationProblem {
    var problem = ConfigurationProblem(
      "interface conversion: interface {} is \(typeName), not \(expected)", at: block ?? self)
    problem.isTypeMismatch = true
    return problem
  }
}
