/// A reading position in configuration text, counting lines and columns the way nats-server's messages do.
///
/// An item begins at the last `mark()`; its column is measured from the line start known at that moment.
struct ConfigurationCursor {
  /// What `next()` answers at the end. A NUL byte in the text looks the same and ends it too.
  static let end: Unicode.Scalar = "\0"

  let text: [UInt8]
  private(set) var position = 0
  private(set) var line = 1
  /// Where the current item began.
  private(set) var itemStart = 0
  private var itemLineStart = 0
  /// Offset of the newline that begins the current line; 0 on the first, which is why its columns begin at 0.
  private var lineStart = 0
  private var width = 0

  init(_ text: [UInt8]) {
    self.text = text
  }

  /// The next scalar, consumed. Bytes that are not UTF-8 count one by one, as U+FFFD.
  mutating func next() -> Unicode.Scalar {
    guard position < text.count else {
      width = 0
      return Self.end
    }
    let byte = text[position]
    if byte < 0x80 {
      if byte == UInt8(ascii: "\n") {
        line += 1
        lineStart = position
      }
      width = 1
      position += 1
      return Unicode.Scalar(byte)
    }
    let (scalar, length) = decode()
    width = length
    position += length
    return scalar
  }

  /// Undoes the last `next()`.
  mutating func backUp() {
    position -= width
    if position < text.count, text[position] == UInt8(ascii: "\n") { line -= 1 }
  }

  mutating func peek() -> Unicode.Scalar {
    let scalar = next()
    backUp()
    return scalar
  }

  /// Begins a new item here.
  mutating func mark() {
    itemStart = position
    itemLineStart = lineStart
  }

  /// Moves the item's first byte without moving where its column counts from.
  mutating func moveItemStart(to position: Int) {
    itemStart = position
  }

  var itemBytes: ArraySlice<UInt8> { text[itemStart..<position] }
  var itemText: String { String(decoding: itemBytes, as: UTF8.self) }

  /// Line and column of an item of `count` bytes that ends here.
  func itemPosition(count: Int) -> (line: Int, column: Int) {
    (line, position - itemLineStart - count)
  }

  /// `line:column` of the last byte read, both counted from 1.
  var place: String {
    let read = text[..<position]
    let lineStart = read.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let line = 1 + text[..<lineStart].count { $0 == UInt8(ascii: "\n") }
    return "\(line):\(max(1, position - lineStart))"
  }

  private func decode() -> (Unicode.Scalar, Int) {
    var iterator = text[position..<min(position + 4, text.count)].makeIterator()
    var decoder = UTF8()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return ("\u{FFFD}", 1) }
    return (scalar, UTF8.width(scalar))
  }
}

/// The character classes of the conf language.
enum ConfigurationCharacter {
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }
  static func isNewline(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }
  static func isSeparator(_ scalar: Unicode.Scalar) -> Bool { scalar == "=" || scalar == ":" }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x80 ? ("0"..."9").contains(scalar) : scalar.properties.generalCategory == .decimalNumber
  }

  /// What may follow a whole number.
  static func endsNumber(_ scalar: Unicode.Scalar) -> Bool {
    isNewline(scalar) || isBlank(scalar) || scalar == ConfigurationCursor.end || scalar == "}" || scalar == ";"
      || scalar == ","
  }

  static func isNumberSuffix(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "k", "K", "m", "M", "g", "G", "t", "T", "p", "P", "e", "E": true
    default: false
    }
  }

  /// The scalar in an error text.
  static func shown(_ scalar: Unicode.Scalar) -> String {
    scalar == "\n" ? "\\n" : String(Character(scalar))
  }
}
