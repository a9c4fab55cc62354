/// Values: strings in their four forms, numbers with units, dates, booleans, variables (FEATURES 3.002 to 3.010).
extension ConfigurationGrammar {
  mutating func value() throws(Stop) {
    while ConfigurationCharacter.isBlank(cursor.peek()) {
      _ = cursor.next()
      cursor.mark()
    }
    let scalar = cursor.next()
    switch scalar {
    case "[":
      cursor.mark()
      try array()
    case "{":
      cursor.mark()
      try map()
    case "'":
      cursor.mark()
      try singleQuoted()
    case "\"":
      cursor.mark()
      try doubleQuoted()
    case "(":
      cursor.mark()
      try blockString()
    case "-": try negativeNumber()
    case ".": throw failure("Floats must start with a digit")
    case "\n", "\r": throw failure("Expected value but found new line")
    case _ where ConfigurationCharacter.isDigit(scalar): try numberOrString()
    default:
      cursor.backUp()
      try bareString()
    }
  }

  // MARK: Strings

  private mutating func singleQuoted() throws(Stop) {
    while true {
      let scalar = cursor.next()
      if scalar == "'" { return try closeQuoted(cursor.itemBytes.dropLast()) }
      if scalar == ConfigurationCursor.end { throw endOfText() }
    }
  }

  private mutating func doubleQuoted() throws(Stop) {
    var unescaped: [UInt8] = []
    while true {
      switch cursor.next() {
      case "\\": try escape(into: &unescaped)
      case "\"": return try closeQuoted(unescaped + cursor.itemBytes.dropLast())
      case ConfigurationCursor.end: throw endOfText()
      default: break
      }
    }
  }

  /// The closing quote has been read.
  private mutating func closeQuoted(_ content: some Collection<UInt8>) throws(Stop) {
    cursor.backUp()
    try emit(Array(content))
    _ = cursor.next()
    cursor.mark()
  }

  private mutating func bareString() throws(Stop) {
    var unescaped: [UInt8] = []
    var hasEscape = false
    while true {
      let scalar = cursor.next()
      switch scalar {
      case "\\":
        hasEscape = true
        try escape(into: &unescaped)
      case "\n", "\r", " ", "\t", ";", ",", "]", "}", ConfigurationCursor.end:
        cursor.backUp()
        if hasEscape { return try emit(unescaped + cursor.itemBytes) }
        return try emitBare()
      case "'": return try closeQuoted(unescaped + cursor.itemBytes.dropLast())
      default: break
      }
    }
  }

  private mutating func emitBare() throws(Stop) {
    let text = cursor.itemText
    if cursor.itemBytes.first == UInt8(ascii: "$") {
      let name = String(text.dropFirst())
      let (line, column) = cursor.itemPosition(count: cursor.itemBytes.count - 1)
      clearPendingKey()
      cursor.mark()
      return try build { (builder) throws(ConfigurationSyntaxError) in
        try builder.variable(name, line: line, column: column)
      }
    }
    switch text.lowercased() {
    case "true", "yes", "on": try emit(.boolean(true), count: cursor.itemBytes.count)
    case "false", "no", "off": try emit(.boolean(false), count: cursor.itemBytes.count)
    default: try emit(.string(text), count: cursor.itemBytes.count)
    }
  }

  /// After a backslash: what came before it and what it stands for go into `unescaped`.
  private mutating func escape(into unescaped: inout [UInt8]) throws(Stop) {
    unescaped += cursor.itemBytes.dropLast()
    let scalar = cursor.next()
    switch scalar {
    case "t": unescaped.append(0x09)
    case "n": unescaped.append(0x0A)
    case "r": unescaped.append(0x0D)
    case "\"": unescaped.append(0x22)
    case "\\": unescaped.append(0x5C)
    case "x": unescaped.append(try hexadecimalByte())
    default:
      throw failure(
        "Invalid escape character '\(shown(scalar))'. Only the following escape characters are allowed: "
          + "\\xXX, \\t, \\n, \\r, \\\", \\\\.")
    }
    cursor.moveItemStart(to: cursor.position)
  }

  private mutating func hexadecimalByte() throws(Stop) -> UInt8 {
    for _ in 0..<2 where ConfigurationCharacter.isNewline(cursor.next()) {
      throw failure("Expected two hexadecimal digits after '\\x', but hit end of line")
    }
    let text = String(decoding: cursor.text[(cursor.position - 2)..<cursor.position], as: UTF8.self)
    guard text.utf8.count == 2, !text.hasPrefix("+"), !text.hasPrefix("-"), let byte = UInt8(text, radix: 16) else {
      throw failure("Expected two hexadecimal digits after '\\x', but got '\(text)'")
    }
    return byte
  }

  /// `( ... )` with the closing parenthesis alone on its line; the text is taken as it stands.
  private mutating func blockString() throws(Stop) {
    while true {
      let scalar = cursor.next()
      if scalar == ConfigurationCursor.end { throw failure("Unexpected EOF processing block.") }
      guard scalar == ")" else { continue }
      let parenthesis = cursor.position - 1
      guard parenthesis > 0, cursor.text[parenthesis - 1] == UInt8(ascii: "\n") else { continue }
      switch cursor.next() {
      case "\n":
        cursor.backUp()
        // The column counts from before the parenthesis, which has been read.
        return try emit(Array(cursor.text[cursor.itemStart..<parenthesis]), columnOffset: 1)
      // At the end of the text the parenthesis stays in the string, as in nats-server.
      case ConfigurationCursor.end: return try emit(Array(cursor.itemBytes))
      default: cursor.backUp()
      }
    }
  }

  // MARK: Numbers and dates

  /// A digit has been read.
  private mutating func numberOrString() throws(Stop) {
    while true {
      let scalar = cursor.next()
      if scalar == "-" {
        guard cursor.itemBytes.count == 5 else { throw failure("All ISO8601 dates must be in full Zulu form.") }
        return try dateAfterYear()
      }
      if ConfigurationCharacter.isDigit(scalar) { continue }
      if scalar == "." { return try fraction() }
      if ConfigurationCharacter.isNumberSuffix(scalar) { return try suffix() }
      // Any other character makes it a string, even one that would end a string.
      guard ConfigurationCharacter.endsNumber(scalar) else { return try bareString() }
      cursor.backUp()
      return try emitInteger()
    }
  }

  private mutating func negativeNumber() throws(Stop) {
    let first = cursor.next()
    guard ConfigurationCharacter.isDigit(first) else {
      throw failure(
        first == "." ? "Floats must start with a digit, not '.'." : "Expected a digit but got '\(shown(first))'.")
    }
    while true {
      let scalar = cursor.next()
      if ConfigurationCharacter.isDigit(scalar) { continue }
      if scalar == "." { return try fraction() }
      if ConfigurationCharacter.isNumberSuffix(scalar) { return try suffix() }
      cursor.backUp()
      return try emitInteger()
    }
  }

  /// A unit's first letter has been read.
  private mutating func suffix() throws(Stop) {
    var scalar = cursor.next()
    while scalar == "b" || scalar == "B" || scalar == "i" || scalar == "I" { scalar = cursor.next() }
    cursor.backUp()
    if ConfigurationCharacter.endsNumber(scalar) { return try emitInteger() }
    try bareString()
  }

  /// A point has been read: a float, or an address such as `127.0.0.1:4222`.
  private mutating func fraction() throws(Stop) {
    var scalar = cursor.next()
    guard ConfigurationCharacter.isDigit(scalar) else {
      throw failure("Floats must have a digit after the '.', but got '\(shown(scalar))' instead.")
    }
    while ConfigurationCharacter.isDigit(scalar) { scalar = cursor.next() }
    if scalar == "." {
      repeat {
        scalar = cursor.next()
      } while ConfigurationCharacter.isDigit(scalar) || scalar == "."
        || scalar == ":" || scalar == "-"
      cursor.backUp()
      return try emit(.string(cursor.itemText), count: cursor.itemBytes.count)
    }
    cursor.backUp()
    let text = cursor.itemText
    guard let number = Double(text) else {
      throw .failure(ConfigurationSyntaxError("expected float, but got '\(text)'"))
    }
    guard number.isFinite else { throw .failure(ConfigurationSyntaxError("float '\(text)' is out of the range")) }
    try emit(.float(number), count: cursor.itemBytes.count)
  }

  /// `YYYY-` has been read (FEATURES 3.005).
  private mutating func dateAfterYear() throws(Stop) {
    for expected in "00-00T00:00:00Z".unicodeScalars {
      let scalar = cursor.next()
      if expected == "0" {
        guard ConfigurationCharacter.isDigit(scalar) else {
          throw failure("Expected digit in ISO8601 datetime, but found '\(shown(scalar))' instead.")
        }
      } else if scalar != expected {
        throw failure("Expected '\(expected)' in ISO8601 datetime, but found '\(shown(scalar))' instead.")
      }
    }
    let text = cursor.itemText
    guard let seconds = ConfigurationDate.seconds(text) else {
      throw .failure(ConfigurationSyntaxError("expected Zulu formatted DateTime, but got '\(text)'"))
    }
    try emit(.date(seconds), count: cursor.itemBytes.count)
  }

  private mutating func emitInteger() throws(Stop) {
    let text = cursor.itemText
    let digits = text.unicodeScalars.prefix { ConfigurationCharacter.isDigit($0) || $0 == "-" }
    guard digits.allSatisfy({ $0.isASCII }) else {
      throw .failure(ConfigurationSyntaxError("expected integer, but got '\(text)'"))
    }
    guard let number = Int64(String(digits)) else {
      throw .failure(ConfigurationSyntaxError("integer '\(text)' is out of the range"))
    }
    guard let factor = ConfigurationUnit.factor(text.dropFirst(digits.count).lowercased()) else {
      // A unit that does not exist leaves its key without a value, as in nats-server.
      clearPendingKey()
      return cursor.mark()
    }
    try emit(.integer(number &* factor), count: cursor.itemBytes.count)
  }

  // MARK: Items

  private mutating func emit(_ content: [UInt8], columnOffset: Int = 0) throws(Stop) {
    try emit(.string(String(decoding: content, as: UTF8.self)), count: content.count + columnOffset)
  }

  /// `count` is the length that the column is computed with.
  private mutating func emit(_ content: ConfigurationValue.Content, count: Int) throws(Stop) {
    let (line, column) = cursor.itemPosition(count: count)
    cursor.mark()
    clearPendingKey()
    try build { (builder) throws(ConfigurationSyntaxError) in
      try builder.set(content, line: line, column: column)
    }
  }
}

/// Units of whole numbers (FEATURES 3.003).
enum ConfigurationUnit {
  /// What a number with this unit, in lower case, is multiplied with; products wrap around.
  static func factor(_ unit: String) -> Int64? {
    if unit.isEmpty { return 1 }
    guard let place = "kmgtpe".firstIndex(of: unit.first!) else { return nil }
    let power = "kmgtpe".distance(from: "kmgtpe".startIndex, to: place) + 1
    let base: Int64
    switch unit.dropFirst() {
    case "": base = 1000
    case "b", "i", "ib": base = 1024
    default: return nil
    }
    return (0..<power).reduce(Int64(1)) { product, _ in product &* base }
  }
}
