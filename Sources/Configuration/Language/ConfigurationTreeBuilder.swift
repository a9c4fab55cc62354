/// Puts the items that the grammar finds together to a tree, and resolves variables and includes on the way.
///
/// It keeps a stack of the open maps and arrays and one of the keys that wait for a value, apart from each other as
/// in nats-server: a key without a value stays, and the next closing value takes it.
struct ConfigurationTreeBuilder {
  private enum Scope {
    case map(ConfigurationMap)
    case array([ConfigurationValue])
  }

  private struct Key {
    let name: String
    let line: Int
    let column: Int
  }

  let root = ConfigurationMap()
  let file: String
  let access: FileAccess
  /// Environment variables being resolved, to find cycles.
  private let resolving: Set<String>
  /// Where values of an environment variable are said to stand: at the reference.
  private let fixedPosition: SourcePosition?
  /// Files that include this one, itself among them.
  private let includeDepth: Int
  private var scopes: [Scope]
  private var keys: [Key] = []

  /// Includes nest at most this deep; deeper is a cycle.
  static let maximumIncludeDepth = 64

  init(
    file: String, access: FileAccess, resolving: Set<String> = [], fixedPosition: SourcePosition? = nil,
    includeDepth: Int = 0
  ) {
    self.file = file
    self.access = access
    self.resolving = resolving
    self.fixedPosition = fixedPosition
    self.includeDepth = includeDepth
    scopes = [.map(root)]
  }

  mutating func key(_ name: String, line: Int, column: Int) {
    keys.append(Key(name: name, line: line, column: column))
  }

  mutating func openMap() { scopes.append(.map(ConfigurationMap())) }
  mutating func openArray() { scopes.append(.array([])) }

  mutating func close(line: Int, column: Int) throws(ConfigurationSyntaxError) {
    switch scopes.removeLast() {
    case .map(let map): try set(.map(map), line: line, column: column)
    case .array(let values): try set(.array(values), line: line, column: column)
    }
  }

  mutating func set(_ content: ConfigurationValue.Content, line: Int, column: Int) throws(ConfigurationSyntaxError) {
    try set(ConfigurationValue(content, at: SourcePosition(file: file, line: line, column: column)))
  }

  private mutating func set(_ value: ConfigurationValue) throws(ConfigurationSyntaxError) {
    switch scopes[scopes.count - 1] {
    case .array(var values):
      scopes[scopes.count - 1] = .array([])
      values.append(value)
      scopes[scopes.count - 1] = .array(values)
    case .map(let map):
      guard let key = keys.popLast() else { throw ConfigurationSyntaxError("value without a key (\(value.position))") }
      value.position.line = key.line
      value.position.column = key.column
      map.set(key.name, value)
    }
    if let fixedPosition { value.position = fixedPosition }
  }

  // MARK: Variables

  /// A value that names a variable (FEATURES 3.008): looked up in the open maps outward, then in the environment.
  mutating func variable(_ name: String, line: Int, column: Int) throws(ConfigurationSyntaxError) {
    let position = SourcePosition(file: file, line: line, column: column)
    // What looks like a variable may be a bcrypt hash (FEATURES 3.010).
    if name.hasPrefix("2a$") { return try set(ConfigurationValue(.string("$" + name), at: position)) }
    for case .map(let map) in scopes.reversed() {
      if let found = map[name] {
        found.isUsedAsVariable = true
        return try set(ConfigurationValue(found.content, at: position))
      }
    }
    let found: ConfigurationValue?
    do throws(ConfigurationSyntaxError) {
      found = try environmentVariable(name, at: position)
    } catch {
      throw ConfigurationSyntaxError(
        "variable reference for '\(name)' on line \(line) could not be parsed: \(error.description)")
    }
    guard let found else {
      throw ConfigurationSyntaxError("variable reference for '\(name)' on line \(line) can not be found")
    }
    try set(ConfigurationValue(found.content, at: position))
  }

  private func environmentVariable(
    _ name: String, at position: SourcePosition
  ) throws(ConfigurationSyntaxError) -> ConfigurationValue? {
    guard !resolving.contains(name) else {
      throw ConfigurationSyntaxError("variable reference cycle for '\(name)'")
    }
    guard let text = access.environment(name) else { return nil }
    let key = "pk"
    let builder = ConfigurationTreeBuilder(
      file: "", access: access, resolving: resolving.union([name]), fixedPosition: fixedPosition ?? position,
      includeDepth: includeDepth)
    return try ConfigurationGrammar.parse(Array("\(key)=\(text)".utf8), into: builder)[key]
  }

  // MARK: Includes

  /// Merges another file into the current map (FEATURES 3.011).
  mutating func include(_ path: String) throws(ConfigurationSyntaxError) {
    let target = PathText.join(PathText.directory(file), path)
    let included: ConfigurationMap
    do throws(ConfigurationSyntaxError) {
      guard includeDepth < Self.maximumIncludeDepth else {
        throw ConfigurationSyntaxError("more than \(Self.maximumIncludeDepth) nested includes")
      }
      let builder = ConfigurationTreeBuilder(
        file: target, access: access, fixedPosition: fixedPosition, includeDepth: includeDepth + 1)
      switch access.read(target) {
      case .failure(let failure): throw ConfigurationSyntaxError(failure.description)
      case .success(let text): included = try ConfigurationGrammar.parse(text, into: builder)
      }
    } catch {
      var outer = ConfigurationSyntaxError("error parsing include file '\(path)', \(error.description)")
      outer.place = error.place
      throw outer
    }
    for (name, value) in included.entries {
      key(name, line: value.position.line, column: value.position.column)
      try set(value)
    }
  }
}

/// Why a text is not a configuration. There is one: reading stops at the first.
struct ConfigurationSyntaxError: Error, Equatable, CustomStringConvertible {
  let description: String
  /// `file:line:column`, which nats-server's text lacks.
  var place: String?

  init(_ description: String) {
    self.description = description
  }
}
