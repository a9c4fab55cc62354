/// How single values look: Go's escaping and number formats.
enum JSONText {
  // MARK: - Strings

  /// What to do with an ASCII byte inside a string: 0 copy, 1 `\u00XX`, else the letter behind the backslash.
  private static let actions: [UInt8] = {
    var table = [UInt8](repeating: 0, count: 128)
    for control in 0..<0x20 { table[control] = 1 }
    table[0x08] = UInt8(ascii: "b")
    table[0x09] = UInt8(ascii: "t")
    table[0x0A] = UInt8(ascii: "n")
    table[0x0C] = UInt8(ascii: "f")
    table[0x0D] = UInt8(ascii: "r")
    table[Int(UInt8(ascii: "\""))] = UInt8(ascii: "\"")
    table[Int(UInt8(ascii: "\\"))] = UInt8(ascii: "\\")
    return table
  }()

  static func appendQuoted(_ text: UnsafeRawBufferPointer, escapesHTML: Bool, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var plainStart = 0
    var position = 0
    while true {
      position = skipPlain(text, from: position)
      guard position < text.count else { break }
      let byte = text[position]
      if byte >= 0x80 {
        let length = UTF8Text.sequenceLength(text, at: position)
        if length == 0 {
          bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart..<position]))
          bytes.append(contentsOf: UTF8Text.replacement)
          position += 1
          plainStart = position
        } else if length == 3, byte == 0xE2, text[position + 1] == 0x80, text[position + 2] & 0xFE == 0xA8 {
          // U+2028 and U+2029 end a line in JavaScript.
          bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart..<position]))
          bytes.append(contentsOf: text[position + 2] == 0xA8 ? "\\u2028".utf8 : "\\u2029".utf8)
          position += 3
          plainStart = position
        } else {
          position += length
        }
        continue
      }
      var action = actions[Int(byte)]
      if action == 0 {
        guard escapesHTML, isHTML(byte) else {
          position += 1
          continue
        }
        action = 1
      }
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart..<position]))
      bytes.append(UInt8(ascii: "\\"))
      if action == 1 {
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(hexDigit(byte >> 4))
        bytes.append(hexDigit(byte & 0xF))
      } else {
        bytes.append(action)
      }
      position += 1
      plainStart = position
    }
    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart...]))
    bytes.append(UInt8(ascii: "\""))
  }

  /// Skips eight bytes at a time while none of them can need escaping.
  private static func skipPlain(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    var position = start
    while position + 8 <= text.count {
      let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      // `<`, `>` share 0x3C once bit 1 is masked; all other tests are exact as well.
      let angles = (word & ~(ones &* 0x02)) ^ (ones &* 0x3C)
      let special =
        (word &- (ones &* 0x20)) | ((word ^ (ones &* 0x22)) &- ones) | ((word ^ (ones &* 0x5C)) &- ones)
        | ((word ^ (ones &* 0x26)) &- ones) | (angles &- ones) | word
      let hits = special & highs
      if hits != 0 { return position + hits.trailingZeroBitCount >> 3 }
      position += 8
    }
    return position
  }

  private static func isHTML(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "&")
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  // MARK: - Numbers

  static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    guard let magnitude = UInt64(exactly: value.magnitude) else {
      bytes.append(contentsOf: String(value).utf8)
      return
    }
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    append(magnitude, to: &bytes)
  }

  static func append(_ magnitude: UInt64, to bytes: inout [UInt8]) {
    if magnitude < 10 {
      bytes.append(UInt8(ascii: "0") + UInt8(magnitude))
      return
    }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var rest = magnitude
      var start = 20
      repeat {
        start -= 1
        digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      bytes.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[start...]))
    }
  }

  /// The shortest digits that read back as the same number; an exponent below 1e-6 and from 1e21 on.
  static func append(_ value: Double, to bytes: inout [UInt8]) {
    guard value.isFinite else {
      bytes.append(contentsOf: "null".utf8)
      return
    }
    if value.sign == .minus { bytes.append(UInt8(ascii: "-")) }
    if let whole = UInt64(exactly: value.magnitude), whole < 1 << 53 {
      append(whole, to: &bytes)
      return
    }
    let (digits, pointPosition) = shortestDigits(value.magnitude)
    if value.magnitude < 1e-6 || value.magnitude >= 1e21 {
      appendScientific(digits, exponent: pointPosition - 1, to: &bytes)
    } else if pointPosition <= 0 {
      bytes.append(contentsOf: "0.".utf8)
      for _ in pointPosition..<0 { bytes.append(UInt8(ascii: "0")) }
      bytes.append(contentsOf: digits)
    } else if pointPosition >= digits.count {
      bytes.append(contentsOf: digits)
      for _ in digits.count..<pointPosition { bytes.append(UInt8(ascii: "0")) }
    } else {
      bytes.append(contentsOf: digits[..<pointPosition])
      bytes.append(UInt8(ascii: "."))
      bytes.append(contentsOf: digits[pointPosition...])
    }
  }

  private static func appendScientific(_ digits: [UInt8], exponent: Int, to bytes: inout [UInt8]) {
    bytes.append(digits[0])
    if digits.count > 1 {
      bytes.append(UInt8(ascii: "."))
      bytes.append(contentsOf: digits[1...])
    }
    bytes.append(UInt8(ascii: "e"))
    bytes.append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    append(UInt64(exponent.magnitude), to: &bytes)
  }

  /// Significant digits without leading or trailing zeros, and where the decimal point stands before or behind them.
  private static func shortestDigits(_ value: Double) -> (digits: [UInt8], pointPosition: Int) {
    var digits: [UInt8] = []
    var exponent = 0
    var fractionDigits = 0
    var isFraction = false
    let text = Array(value.description.utf8)
    var position = 0
    while position < text.count {
      let byte = text[position]
      position += 1
      if byte == UInt8(ascii: ".") {
        isFraction = true
      } else if byte == UInt8(ascii: "e") {
        exponent = Int(String(decoding: text[position...], as: UTF8.self)) ?? 0
        break
      } else {
        digits.append(byte)
        if isFraction { fractionDigits += 1 }
      }
    }
    let pointPosition = digits.count - fractionDigits + exponent
    let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(zeros)
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (digits, pointPosition - zeros)
  }

  // MARK: - Indentation

  static func appendNewLine(depth: Int, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\n"))
    for _ in 0..<depth {
      bytes.append(UInt8(ascii: " "))
      bytes.append(UInt8(ascii: " "))
    }
  }

  /// Appends valid JSON with new white space, as Go's `json.Indent` does.
  static func appendIndented(_ json: UnsafeRawBufferPointer, depth: Int, to bytes: inout [UInt8]) {
    var depth = depth
    var isInString = false
    var isEscaped = false
    var isEmptySoFar = false
    for byte in json {
      if isInString {
        bytes.append(byte)
        if !isEscaped, byte == UInt8(ascii: "\"") { isInString = false }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        continue
      }
      if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { continue }
      let closes = byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
      if isEmptySoFar, !closes { appendNewLine(depth: depth, to: &bytes) }
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        bytes.append(byte)
        depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if !isEmptySoFar { appendNewLine(depth: depth, to: &bytes) }
        bytes.append(byte)
      case UInt8(ascii: ","):
        bytes.append(byte)
        appendNewLine(depth: depth, to: &bytes)
      case UInt8(ascii: ":"):
        bytes.append(byte)
        bytes.append(UInt8(ascii: " "))
      default:
        bytes.append(byte)
        isInString = byte == UInt8(ascii: "\"")
      }
      isEmptySoFar = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
    }
  }
}
