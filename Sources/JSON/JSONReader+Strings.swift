extension JSONReader {
  /// The string with escapes resolved; what is not valid UTF-8 or a lone surrogate becomes U+FFFD.
  public mutating func readString() throws(JSONError) -> String {
    try withStringBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// The string as UTF-8 bytes.
  public mutating func readStringBytes() throws(JSONError) -> [UInt8] {
    try withStringBytes { Array($0) }
  }

  /// Calls `body` with the string's UTF-8 bytes, in place unless it has escapes or is not plain ASCII.
  public mutating func withStringBytes<Result>(
    _ body: (UnsafeRawBufferPointer) -> Result
  ) throws(JSONError) -> Result {
    guard try valueByte() == UInt8(ascii: "\"") else { throw try mismatch(wanting: "string") }
    position += 1
    let start = position
    let isPlain = try scanString()
    let bytes = UnsafeRawBufferPointer(start: base + start, count: position - 1 - start)
    if isPlain { return body(bytes) }
    return Self.unescaped(bytes).withUnsafeBytes(body)
  }

  /// Moves from behind the opening quote to behind the closing one and checks the escapes.
  ///
  /// - Returns: whether the string is ASCII without escapes.
  mutating func scanString() throws(JSONError) -> Bool {
    var isPlain = true
    var index = position
    while true {
      // Eight bytes at a time while none is a quote, a backslash, a control character or beyond ASCII.
      while index + 8 <= count {
        let word = UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
        let special = Self.specialBytes(word)
        if special == 0 {
          index += 8
        } else {
          index += special.trailingZeroBitCount >> 3
          break
        }
      }
      guard index < count else {
        position = count
        throw truncated()
      }
      switch base[index] {
      case UInt8(ascii: "\""):
        position = index + 1
        return isPlain
      case UInt8(ascii: "\\"):
        isPlain = false
        position = index
        index += try escapeLength()
      case ..<0x20:
        position = index
        throw unexpected("in string")
      case 0x80...:
        isPlain = false
        index += 1
      default:
        index += 1
      }
    }
  }

  /// The high bit of each byte that needs a closer look; exact up to and including the first such byte.
  private static func specialBytes(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let slashes = word ^ (ones &* 0x5C)
    let controls = word &- (ones &* 0x20)
    return (controls | (quotes &- ones) | (slashes &- ones) | word) & highs
  }

  /// Bytes of the escape at the position.
  private func escapeLength() throws(JSONError) -> Int {
    guard position + 1 < count else { throw truncated() }
    switch base[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return 2
    case UInt8(ascii: "u"):
      let end = min(position + 6, count)
      for index in (position + 2)..<end where JSONReader.hexValue(base[index]) == nil {
        throw invalidEscape(length: end - position)
      }
      guard end == position + 6 else { throw truncated() }
      return 6
    default:
      throw invalidEscape(length: 2)
    }
  }

  private func invalidEscape(length: Int) -> JSONError {
    let bytes = Array(UnsafeBufferPointer(start: base + position, count: length))
    return JSONError(
      .syntax("invalid escape sequence \(GoText.backquoted(bytes)) in string"), offset: position + length)
  }

  private static func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  /// Resolves the escapes of a string that `scanString` has accepted.
  static func unescaped(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      let plainStart = position
      while position < bytes.count, bytes[position] != UInt8(ascii: "\\") { position += 1 }
      UTF8Text.appendRepaired(UnsafeRawBufferPointer(rebasing: bytes[plainStart..<position]), to: &output)
      guard position < bytes.count else { break }
      switch bytes[position + 1] {
      case UInt8(ascii: "b"): output.append(0x08)
      case UInt8(ascii: "f"): output.append(0x0C)
      case UInt8(ascii: "n"): output.append(0x0A)
      case UInt8(ascii: "r"): output.append(0x0D)
      case UInt8(ascii: "t"): output.append(0x09)
      case UInt8(ascii: "u"):
        position += appendUnicodeEscape(bytes, at: position, to: &output)
        continue
      case let literal: output.append(literal)
      }
      position += 2
    }
    return output
  }

  /// Appends the character of `\uXXXX` or of a surrogate pair and returns the bytes it took.
  private static func appendUnicodeEscape(
    _ bytes: UnsafeRawBufferPointer, at position: Int, to output: inout [UInt8]
  ) -> Int {
    let unit = codeUnit(bytes, at: position)
    if let scalar = Unicode.Scalar(unit) {
      UTF8Text.append(scalar, to: &output)
      return 6
    }
    let next = position + 6
    if unit < 0xDC00, next + 6 <= bytes.count, bytes[next] == UInt8(ascii: "\\"), bytes[next + 1] == UInt8(ascii: "u") {
      let second = codeUnit(bytes, at: next)
      if second >= 0xDC00, second <= 0xDFFF {
        UTF8Text.append(Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (second - 0xDC00))!, to: &output)
        return 12
      }
    }
    output.append(contentsOf: UTF8Text.replacement)
    return 6
  }

  private static func codeUnit(_ bytes: UnsafeRawBufferPointer, at position: Int) -> UInt32 {
    (2..<6).reduce(0) { $0 << 4 | (hexValue(bytes[position + $1]) ?? 0) }
  }
}
