/// Durations in Go's notation (`1m30s`, `2h0m0s`, `1.5s`), which configuration files, flags, headers, log lines and
/// some monitoring fields use. FEATURES 3.006, 5.067.
///
/// A duration is a signed count of nanoseconds, about 292 years at most.
public enum GoDuration {
  /// Why a text is not a duration; `description` is Go's error text.
  public struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// Parses a sequence of decimal numbers with units: `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`, and a leading sign.
  ///
  /// - Returns: nanoseconds.
  /// - Throws: `ParseError` for an empty text, a missing or unknown unit, or a value out of range.
  public static func parse(_ text: some StringProtocol) throws(ParseError) -> Int64 {
    let bytes = Array(text.utf8)
    var parser = DurationParser(bytes: bytes)
    switch parser.parse() {
    case .success(let nanoseconds): return nanoseconds
    case .failure(.invalid):
      throw ParseError(description: "time: invalid duration \(GoQuote.quoted(bytes[...]))")
    case .failure(.missingUnit):
      throw ParseError(description: "time: missing unit in duration \(GoQuote.quoted(bytes[...]))")
    case .failure(.unknownUnit(let unit)):
      throw ParseError(
        description: "time: unknown unit \(GoQuote.quoted(bytes[unit])) in duration \(GoQuote.quoted(bytes[...]))")
    }
  }

  /// The duration as Go prints it: the largest unit that fits first, no leading zero units, trailing zeros of the
  /// fraction cut.
  public static func string(nanoseconds: Int64) -> String {
    var bytes: [UInt8] = []
    append(nanoseconds: nanoseconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends what `string(nanoseconds:)` returns.
  public static func append(nanoseconds: Int64, to bytes: inout [UInt8]) {
    if nanoseconds < 0 { bytes.append(UInt8(ascii: "-")) }
    let magnitude = nanoseconds.magnitude
    switch magnitude {
    case 0: bytes.append(contentsOf: "0s".utf8)
    case ..<1000: appendDecimal(magnitude, fractionDigits: 0, unit: "ns", to: &bytes)
    case ..<1_000_000: appendDecimal(magnitude, fractionDigits: 3, unit: "µs", to: &bytes)
    case ..<1_000_000_000: appendDecimal(magnitude, fractionDigits: 6, unit: "ms", to: &bytes)
    default:
      let minutes = magnitude / 60_000_000_000
      if minutes >= 60 { appendDecimal(minutes / 60, fractionDigits: 0, unit: "h", to: &bytes) }
      if minutes > 0 { appendDecimal(minutes % 60, fractionDigits: 0, unit: "m", to: &bytes) }
      appendDecimal(magnitude % 60_000_000_000, fractionDigits: 9, unit: "s", to: &bytes)
    }
  }

  private static func appendDecimal(
    _ value: UInt64, fractionDigits: Int, unit: StaticString, to bytes: inout [UInt8]
  ) {
    var scale: UInt64 = 1
    for _ in 0..<fractionDigits { scale *= 10 }
    bytes.append(contentsOf: String(value / scale).utf8)
    DecimalFraction.append(value % scale, digits: fractionDigits, to: &bytes)
    unit.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }
}

/// One pass over a duration text, with the overflow rules of Go's `time.ParseDuration`.
private struct DurationParser {
  enum Failure: Error {
    case invalid
    case missingUnit
    case unknownUnit(Range<Int>)
  }

  private static let limit: UInt64 = 1 << 63

  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func parse() -> Result<Int64, Failure> {
    var isNegative = false
    if let first = bytes.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      isNegative = first == UInt8(ascii: "-")
      position = 1
    }
    // A bare zero needs no unit.
    if bytes[position...].elementsEqual([UInt8(ascii: "0")]) { return .success(0) }
    guard position < bytes.count else { return .failure(.invalid) }

    var total: UInt64 = 0
    while position < bytes.count {
      switch component() {
      case .failure(let failure): return .failure(failure)
      case .success(let part):
        let (sum, overflow) = total.addingReportingOverflow(part)
        guard !overflow, sum <= Self.limit else { return .failure(.invalid) }
        total = sum
      }
    }
    if isNegative { return .success(Int64(truncatingIfNeeded: 0 &- total)) }
    return total < Self.limit ? .success(Int64(total)) : .failure(.invalid)
  }

  private mutating func component() -> Result<UInt64, Failure> {
    let start = position
    guard let whole = wholeNumber() else { return .failure(.invalid) }
    var hasDigits = position > start
    var fraction: UInt64 = 0
    var scale = 1.0
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      let fractionStart = position
      (fraction, scale) = fractionNumber()
      hasDigits = hasDigits || position > fractionStart
    }
    guard hasDigits else { return .failure(.invalid) }

    let unitStart = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "."), !isDigit(bytes[position]) { position += 1 }
    guard position > unitStart else { return .failure(.missingUnit) }
    guard let unit = Self.unit(bytes[unitStart..<position]) else {
      return .failure(.unknownUnit(unitStart..<position))
    }
    guard whole <= Self.limit / unit else { return .failure(.invalid) }
    let value = whole * unit + UInt64(Double(fraction) * (Double(unit) / scale))
    return value <= Self.limit ? .success(value) : .failure(.invalid)
  }

  private mutating func wholeNumber() -> UInt64? {
    var value: UInt64 = 0
    while position < bytes.count, isDigit(bytes[position]) {
      guard value <= Self.limit / 10 else { return nil }
      value = value * 10 + UInt64(bytes[position] - UInt8(ascii: "0"))
      guard value <= Self.limit else { return nil }
      position += 1
    }
    return value
  }

  /// Digits beyond the precision are read and ignored.
  private mutating func fractionNumber() -> (UInt64, Double) {
    var value: UInt64 = 0
    var scale = 1.0
    var isFull = false
    while position < bytes.count, isDigit(bytes[position]) {
      defer { position += 1 }
      guard !isFull, value <= (Self.limit - 1) / 10 else {
        isFull = true
        continue
      }
      let next = value * 10 + UInt64(bytes[position] - UInt8(ascii: "0"))
      guard next <= Self.limit else {
        isFull = true
        continue
      }
      value = next
      scale *= 10
    }
    return (value, scale)
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private static func unit(_ name: ArraySlice<UInt8>) -> UInt64? {
    switch String(decoding: name, as: UTF8.self).unicodeScalars.map({ $0.value }) {
    case [0x6E, 0x73]: return 1  // ns
    case [0x75, 0x73], [0xB5, 0x73], [0x3BC, 0x73]: return 1000  // us, with the micro sign, with the Greek letter
    case [0x6D, 0x73]: return 1_000_000  // ms
    case [0x73]: return 1_000_000_000  // s
    case [0x6D]: return 60_000_000_000  // m
    case [0x68]: return 3_600_000_000_000  // h
    default: return nil
    }
  }
}

/// The part behind the decimal point.
enum DecimalFraction {
  /// Appends `.` and the digits without trailing zeros; nothing for zero.
  static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
    guard value != 0 else { return }
    var value = value
    var digits = digits
    while value % 10 == 0 {
      value /= 10
      digits -= 1
    }
    bytes.append(UInt8(ascii: "."))
    let text = String(value)
    for _ in 0..<(digits - text.utf8.count) { bytes.append(UInt8(ascii: "0")) }
    bytes.append(contentsOf: text.utf8)
  }
}

/// Quoting in the error texts of Go's time package.
enum GoQuote {
  static func quoted(_ bytes: ArraySlice<UInt8>) -> String {
    var text = "\""
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        text += "\\" + String(UnicodeScalar(byte))
      case 0x20..<0x80:
        text.unicodeScalars.append(UnicodeScalar(byte))
      default:
        text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    return text + "\""
  }
}
