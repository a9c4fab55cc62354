extension JSONReader {
  /// A whole number; a fraction or an exponent is refused even where it amounts to one, as in Go.
  public mutating func readInt64() throws(JSONError) -> Int64 {
    try readInteger("int64")
  }

  public mutating func readUInt64() throws(JSONError) -> UInt64 {
    try readInteger("uint64")
  }

  public mutating func readInt() throws(JSONError) -> Int {
    try readInteger("int")
  }

  /// A whole number that must fit the type; `type` is Go's name for it.
  public mutating func readInteger<Integer: FixedWidthInteger>(
    _ type: @autoclosure () -> String
  ) throws(JSONError) -> Integer {
    let text = try numberBytes(wanting: type)
    if let value: Integer = JSONNumber.integer(text) { return value }
    throw mismatch(
      found: "number " + String(decoding: text, as: UTF8.self), wanting: type(), offset: position - text.count + 1)
  }

  public mutating func readDouble() throws(JSONError) -> Double {
    let text = try numberBytes(wanting: { "float64" })
    if let value = JSONNumber.double(text) { return value }
    throw mismatch(
      found: "number " + String(decoding: text, as: UTF8.self), wanting: "float64", offset: position - text.count + 1)
  }

  /// The number's text as it stands in the document.
  public mutating func readNumberText() throws(JSONError) -> String {
    String(decoding: try numberBytes(wanting: { "float64" }), as: UTF8.self)
  }

  private mutating func numberBytes(wanting type: () -> String) throws(JSONError) -> UnsafeRawBufferPointer {
    let first = try valueByte()
    guard first == UInt8(ascii: "-") || Self.isDigit(first) else { throw try mismatch(wanting: type()) }
    let start = position
    try skipNumber()
    return UnsafeRawBufferPointer(start: base + start, count: position - start)
  }

  /// Moves over the number at the position; what follows it is not looked at.
  mutating func skipNumber() throws(JSONError) {
    if base[position] == UInt8(ascii: "-") { position += 1 }
    guard position < count else { throw truncated() }
    if base[position] == UInt8(ascii: "0") {
      position += 1
    } else {
      try skipDigits()
    }
    if position < count, base[position] == UInt8(ascii: ".") {
      position += 1
      try skipDigits()
    }
    if position < count, base[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < count, base[position] == UInt8(ascii: "+") || base[position] == UInt8(ascii: "-") { position += 1 }
      try skipDigits()
    }
  }

  /// At least one digit.
  private mutating func skipDigits() throws(JSONError) {
    guard position < count else { throw truncated() }
    guard Self.isDigit(base[position]) else { throw unexpected("in numeric literal") }
    repeat { position += 1 } while position < count && Self.isDigit(base[position])
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") <= 9
  }
}

/// Conversion of number texts that are valid JSON.
enum JSONNumber {
  /// nil for a fraction, an exponent, or a value out of range.
  static func integer<Integer: FixedWidthInteger>(_ text: UnsafeRawBufferPointer) -> Integer? {
    let isNegative = text[0] == UInt8(ascii: "-")
    // `-0` is no unsigned number in Go.
    if isNegative, !Integer.isSigned { return nil }
    var value: Integer = 0
    for byte in isNegative ? text[1...] : text[...] {
      let digit = byte &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) =
        isNegative
        ? product.subtractingReportingOverflow(Integer(digit)) : product.addingReportingOverflow(Integer(digit))
      if overflow || sumOverflow { return nil }
      value = sum
    }
    return value
  }

  /// The nearest double; nil for a value out of range.
  static func double(_ text: UnsafeRawBufferPointer) -> Double? {
    if let value = exactDouble(text) { return value }
    guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
    return value
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  /// Numbers without exponent whose digits fit 53 bits: one correctly rounded division gives the nearest double.
  private static func exactDouble(_ text: UnsafeRawBufferPointer) -> Double? {
    var digits: UInt64 = 0
    var fractionDigits = 0
    var isFraction = false
    guard text.count <= 17 else { return nil }
    for byte in text {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
        if isFraction { fractionDigits += 1 }
      case UInt8(ascii: "."): isFraction = true
      case UInt8(ascii: "-"): continue
      default: return nil
      }
    }
    guard digits < 1 << 53 else { return nil }
    let magnitude = Double(digits) / powersOfTen[fractionDigits]
    return text[0] == UInt8(ascii: "-") ? -magnitude : magnitude
  }
}
