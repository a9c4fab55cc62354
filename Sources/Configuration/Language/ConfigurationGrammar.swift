/// The structure of the conf language (FEATURES 3.001): top level, blocks, maps, arrays, keys, includes, comments.
///
/// A superset of JSON. What it accepts, and what it says about the rest, is nats-server's to the letter, including
/// where that is odd: `a: [1]` is not a list of one number, because `]` does not end a number.
struct ConfigurationGrammar {
  /// Why reading stops.
  enum Stop: Error {
    case failure(ConfigurationSyntaxError)
    /// The text ended; open maps and arrays are dropped.
    case endOfText
  }

  var cursor: ConfigurationCursor
  var builder: ConfigurationTreeBuilder
  /// The last item when it was a key: a text must not end there, unless it is the `}` that closes a JSON text.
  private var pendingKey: String?

  static func parse(
    _ text: [UInt8], into builder: ConfigurationTreeBuilder
  ) throws(ConfigurationSyntaxError) -> ConfigurationMap {
    var grammar = ConfigurationGrammar(cursor: ConfigurationCursor(text), builder: builder)
    do {
      try grammar.topLevel()
    } catch {
      switch error {
      case .failure(var failure):
        failure.place = failure.place ?? "\(builder.file):\(grammar.cursor.place)"
        throw failure
      case .endOfText: break
      }
    }
    if let key = grammar.pendingKey, key != "}" {
      let (line, column) = grammar.cursor.itemPosition(count: grammar.cursor.itemBytes.count)
      throw ConfigurationSyntaxError("config is invalid (\(builder.file):\(line):\(column))")
    }
    return builder.root
  }

  private init(cursor: ConfigurationCursor, builder: ConfigurationTreeBuilder) {
    self.cursor = cursor
    self.builder = builder
  }

  // MARK: Top level

  private mutating func topLevel() throws(Stop) {
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isSpace(scalar) {
        cursor.mark()
      } else if scalar == "{" {
        cursor.mark()
        try block()
      } else if scalar == "#" || isSecondSlash(after: scalar) {
        comment()
      } else if scalar == "/" || scalar == ConfigurationCursor.end {
        throw endOfText()
      } else {
        cursor.backUp()
        try entry(in: .open)
        try endOfTopLevelValue()
      }
    }
  }

  private mutating func endOfTopLevelValue() throws(Stop) {
    while true {
      let scalar = cursor.next()
      if scalar == "#" || isSecondSlash(after: scalar) { return comment() }
      if scalar == "/" || ConfigurationCharacter.isBlank(scalar) { continue }
      switch scalar {
      case "\n", "\r", ConfigurationCursor.end, ";", ",", "}": return cursor.mark()
      default:
        throw failure(
          "Expected a top-level value to end with a new line, comment or EOF, but got '\(shown(scalar))' instead.")
      }
    }
  }

  // MARK: The braces around a JSON text

  private enum BlockState {
    case start
    case afterValue
    case end
  }

  private mutating func block() throws(Stop) {
    var state = BlockState.start
    while true {
      let scalar = cursor.next()
      if scalar == "#" || isSecondSlash(after: scalar) {
        comment()
        if state == .end { state = .start }
        continue
      }
      switch state {
      case .start:
        if ConfigurationCharacter.isSpace(scalar) {
          cursor.mark()
        } else if scalar == "{" {
          cursor.mark()
          try block()
          state = .end
        } else if scalar == "}" {
          return cursor.mark()
        } else if scalar == "/" || scalar == ConfigurationCursor.end {
          throw endOfText()
        } else {
          cursor.backUp()
          try entry(in: .open)
          state = .afterValue
        }
      case .afterValue:
        switch scalar {
        case "/", " ", "\t": break
        case "\n", "\r", ";", ",":
          cursor.mark()
          state = .start
        case "}":
          cursor.backUp()
          state = .end
        default:
          throw failure(
            "Expected a block-level value to end with a new line, comment or EOF, but got '\(shown(scalar))' instead.")
        }
      case .end:
        switch scalar {
        case "/", "\n", "\r", " ", "\t": break
        case ";", ",":
          cursor.mark()
          state = .start
        case "}": return cursor.mark()
        default:
          throw failure("Expected a block-level to end with a '}', but got '\(shown(scalar))' instead.")
        }
      }
    }
  }

  // MARK: Maps

  /// After `{`, up to and with its `}`.
  mutating func map() throws(Stop) {
    pendingKey = nil
    builder.openMap()
    while true {
      let scalar = cursor.peek()
      if ConfigurationCharacter.isSeparator(scalar) {
        throw failure("Unexpected key separator '\(shown(scalar))'.")
      } else if scalar == "]" {
        throw failure("Unexpected array end ']' processing map.")
      } else if scalar == ConfigurationCursor.end {
        throw failure("Unexpected EOF processing map.")
      } else if ConfigurationCharacter.isSpace(scalar) {
        _ = cursor.next()
        cursor.mark()
      } else if scalar == "}" {
        _ = cursor.next()
        return try closeScope()
      } else if scalar == "#" {
        _ = cursor.next()
        comment()
      } else {
        if scalar == "/" {
          _ = cursor.next()
          if isSecondSlash(after: "/") {
            comment()
            continue
          }
        }
        if try !entry(in: .map) { return }
        if try endOfMapValue() { return }
      }
    }
  }

  /// Whether the map ended too.
  private mutating func endOfMapValue() throws(Stop) -> Bool {
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isBlank(scalar) {
        cursor.mark()
        continue
      }
      if scalar == "#" || isSecondSlash(after: scalar) {
        comment()
        continue
      }
      switch scalar {
      case "/", ";", ",", "\n", "\r":
        cursor.mark()
        return false
      case "}":
        try closeScope()
        return true
      default:
        throw failure(
          "Expected a map value terminator \",\" or a map terminator \"}\", but got '\(shown(scalar))' instead.")
      }
    }
  }

  // MARK: Arrays

  /// After `[`, up to and with its `]`.
  mutating func array() throws(Stop) {
    pendingKey = nil
    builder.openArray()
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isSpace(scalar) {
        cursor.mark()
      } else if scalar == "#" || isSecondSlash(after: scalar) {
        comment()
      } else if scalar == "/" || scalar == "," {
        throw failure("Unexpected array value terminator ','.")
      } else if scalar == "]" {
        return try closeScope()
      } else {
        cursor.backUp()
        try value()
        if try endOfArrayValue() { return }
      }
    }
  }

  /// Whether the array ended too.
  private mutating func endOfArrayValue() throws(Stop) -> Bool {
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isBlank(scalar) {
        cursor.mark()
        continue
      }
      if scalar == "#" || isSecondSlash(after: scalar) {
        comment()
        continue
      }
      switch scalar {
      case "/", ",", "\n", "\r":
        cursor.mark()
        return false
      case "]":
        try closeScope()
        return true
      default:
        throw failure(
          "Expected an array value terminator \",\" or an array terminator \"]\", but got '\(shown(scalar))' instead.")
      }
    }
  }

  private mutating func closeScope() throws(Stop) {
    cursor.mark()
    pendingKey = nil
    let (line, column) = cursor.itemPosition(count: 0)
    try build { (builder) throws(ConfigurationSyntaxError) in try builder.close(line: line, column: column) }
  }

  // MARK: Keys and includes

  private enum Place {
    /// At the top level or in the braces around it.
    case open
    case map
  }

  /// A key and its value, or an include.
  ///
  /// - Returns: false when `}` stood where a map's value belongs: that ends the map.
  @discardableResult
  private mutating func entry(in place: Place) throws(Stop) -> Bool {
    let first = cursor.peek()
    if first == "\"" || first == "'" {
      _ = cursor.next()
      cursor.mark()
      try quotedKey(first, in: place)
    } else if place == .open, ConfigurationCharacter.isSeparator(first) {
      throw failure("Unexpected key separator '\(shown(first))'")
    } else {
      cursor.mark()
      _ = cursor.next()
      if try bareKey(in: place) {
        try include()
        return true
      }
    }
    return try valueOfKey(in: place)
  }

  private mutating func quotedKey(_ quote: Unicode.Scalar, in place: Place) throws(Stop) {
    while true {
      let scalar = cursor.peek()
      if scalar == quote {
        emitKey()
        _ = cursor.next()
        return cursor.mark()
      }
      if scalar == ConfigurationCursor.end {
        if place == .open { throw endOfText() }
        throw failure("Unexpected EOF processing \(quote == "'" ? "quoted" : "double quoted") map key.")
      }
      _ = cursor.next()
    }
  }

  /// - Returns: whether it is the keyword `include`.
  private mutating func bareKey(in place: Place) throws(Stop) -> Bool {
    while true {
      let scalar = cursor.peek()
      if place == .map, scalar == ConfigurationCursor.end { throw failure("Unexpected EOF processing map key.") }
      if ConfigurationCharacter.isSpace(scalar) {
        if cursor.itemText.lowercased() == "include" {
          cursor.mark()
          return true
        }
        emitKey()
        return false
      }
      if ConfigurationCharacter.isSeparator(scalar) || scalar == ConfigurationCursor.end {
        emitKey()
        return false
      }
      _ = cursor.next()
    }
  }

  private mutating func emitKey() {
    let name = cursor.itemText
    let (line, column) = cursor.itemPosition(count: cursor.itemBytes.count)
    builder.key(name, line: line, column: column)
    pendingKey = name
    cursor.mark()
  }

  private mutating func valueOfKey(in place: Place) throws(Stop) -> Bool {
    var sawSeparator = false
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isSpace(scalar), !sawSeparator || place == .map {
        cursor.mark()
        continue
      }
      if !sawSeparator, ConfigurationCharacter.isSeparator(scalar) {
        cursor.mark()
        sawSeparator = true
        if place == .open { break }
        continue
      }
      if !sawSeparator, place == .open, scalar == ConfigurationCursor.end { throw endOfItem() }
      cursor.backUp()
      break
    }
    guard place == .map else {
      try value()
      return true
    }
    switch cursor.peek() {
    case ",": throw failure("Unexpected map value terminator \",\".")
    case "}":
      _ = cursor.next()
      try closeScope()
      return false
    default:
      try value()
      return true
    }
  }

  private mutating func include() throws(Stop) {
    while ConfigurationCharacter.isBlank(cursor.peek()) {
      _ = cursor.next()
      cursor.mark()
    }
    let first = cursor.next()
    switch first {
    case "'", "\"":
      cursor.mark()
      while true {
        let scalar = cursor.next()
        if scalar == first { break }
        if scalar == ConfigurationCursor.end {
          throw failure("Unexpected EOF in \(first == "'" ? "quoted" : "double quoted") include")
        }
      }
      cursor.backUp()
      try emitInclude()
      _ = cursor.next()
      return cursor.mark()
    case "[": throw failure("Expected include value but found start of an array")
    case "{": throw failure("Expected include value but found start of a map")
    case "(": throw failure("Expected include value but found start of a block")
    case "\\": throw failure("Expected include value but found escape sequence")
    case "\n", "\r": throw failure("Expected include value but found new line")
    case _ where ConfigurationCharacter.isDigit(first) || first == "-":
      throw failure("Expected include value but found start of a number")
    default: cursor.backUp()
    }
    while true {
      let scalar = cursor.next()
      switch scalar {
      case "\n", "\r", " ", "\t", ";", "}", ConfigurationCursor.end:
        cursor.backUp()
        return try emitInclude()
      case "'":
        cursor.backUp()
        try emitInclude()
        _ = cursor.next()
        return cursor.mark()
      default: break
      }
    }
  }

  private mutating func emitInclude() throws(Stop) {
    let path = cursor.itemText
    cursor.mark()
    pendingKey = nil
    try build { (builder) throws(ConfigurationSyntaxError) in try builder.include(path) }
  }

  // MARK: Comments

  /// Whether this is the first slash of `//`; if so, both are consumed.
  private mutating func isSecondSlash(after scalar: Unicode.Scalar) -> Bool {
    guard scalar == "/" else { return false }
    if cursor.next() == "/" { return true }
    cursor.backUp()
    return false
  }

  private mutating func comment() {
    pendingKey = nil
    while true {
      let scalar = cursor.peek()
      if ConfigurationCharacter.isNewline(scalar) || scalar == ConfigurationCursor.end { return cursor.mark() }
      _ = cursor.next()
    }
  }

  // MARK: Ends

  func shown(_ scalar: Unicode.Scalar) -> String { ConfigurationCharacter.shown(scalar) }

  /// What is wrong here, with the line where reading stands.
  func failure(_ text: String) -> Stop {
    .failure(ConfigurationSyntaxError("Parse error on line \(cursor.line): '\(text)'"))
  }

  /// The text ended: fine between items, an error within one.
  func endOfText() -> Stop {
    cursor.position > cursor.itemStart ? failure("Unexpected EOF.") : .endOfText
  }

  private func endOfItem() -> Stop { .endOfText }

  mutating func build(
    _ change: (inout ConfigurationTreeBuilder) throws(ConfigurationSyntaxError) -> Void
  ) throws(Stop) {
    do {
      try change(&builder)
    } catch {
      throw .failure(error)
    }
  }

  /// An item other than a key was read.
  mutating func clearPendingKey() { pendingKey = nil }
}
