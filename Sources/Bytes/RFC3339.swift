/// Times as JSON carries them: `2026-01-02T03:04:05.123456789Z`, as Go's `RFC3339Nano` prints them. FEATURES 11.005.
public enum RFC3339 {
  /// Why a text is not a time; `description` is Go's error text.
  public struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// The time with the fraction cut of its trailing zeros; `Z` for UTC, else the offset as `+02:00`.
  ///
  /// - Parameter offsetSeconds: seconds east of UTC; whole minutes are printed.
  public static func string(_ time: Timestamp, offsetSeconds: Int = 0) -> String {
    var bytes: [UInt8] = []
    append(time, offsetSeconds: offsetSeconds, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends what `string(_:offsetSeconds:)` returns, 20 to 35 bytes.
  public static func append(_ time: Timestamp, offsetSeconds: Int = 0, to bytes: inout [UInt8]) {
    appendCivil(CivilTime(unixSeconds: time.seconds + Int64(offsetSeconds)), separators: .rfc3339, to: &bytes)
    DecimalFraction.append(UInt64(time.nanoseconds), digits: 9, to: &bytes)
    guard offsetSeconds != 0 else {
      bytes.append(UInt8(ascii: "Z"))
      return
    }
    bytes.append(offsetSeconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    let minutes = abs(offsetSeconds) / 60
    appendTwoDigits(minutes / 60, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendTwoDigits(minutes % 60, to: &bytes)
  }

  /// Parses a time with an optional fraction (digits beyond nanoseconds are cut) and `Z` or an offset.
  ///
  /// - Throws: `ParseError` with the text that Go's `time.Time.UnmarshalJSON` gives for the same input.
  public static func parse(_ text: some StringProtocol) throws(ParseError) -> Timestamp {
    var parser = TimeParser(text: Array(text.utf8))
    do {
      return try parser.parse()
    } catch {
      throw ParseError(description: "parsing time \(GoQuote.quoted(parser.text[...]))\(error.suffix)")
    }
  }

  enum Separators {
    case rfc3339
    case log
  }

  /// Date and time of day, 19 bytes for the years 0 to 9999.
  static func appendCivil(_ civil: CivilTime, separators: Separators, to bytes: inout [UInt8]) {
    let dateSeparator = separators == .rfc3339 ? UInt8(ascii: "-") : UInt8(ascii: "/")
    if civil.year < 0 { bytes.append(UInt8(ascii: "-")) }
    let year = abs(civil.year)
    if year <= 9999 {
      appendTwoDigits(year / 100, to: &bytes)
      appendTwoDigits(year % 100, to: &bytes)
    } else {
      bytes.append(contentsOf: String(year).utf8)
    }
    bytes.append(dateSeparator)
    appendTwoDigits(civil.month, to: &bytes)
    bytes.append(dateSeparator)
    appendTwoDigits(civil.day, to: &bytes)
    bytes.append(separators == .rfc3339 ? UInt8(ascii: "T") : UInt8(ascii: " "))
    appendTwoDigits(civil.hour, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendTwoDigits(civil.minute, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
    appendTwoDigits(civil.second, to: &bytes)
  }

  static func appendTwoDigits(_ value: Int, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "0") + UInt8(value / 10))
    bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
  }
}

/// One pass over a time text. Errors carry what follows `parsing time "..."` in Go's text.
private struct TimeParser {
  struct Failure: Error {
    let suffix: String
  }

  private static let layout = "2006-01-02T15:04:05Z07:00"

  let text: [UInt8]
  var position = 0

  init(text: [UInt8]) {
    self.text = text
  }

  mutating func parse() throws(Failure) -> Timestamp {
    let year = try digits(4, element: "2006")
    try separator("-")
    let month = try digits(2, element: "01", range: 1...12, named: "month")
    try separator("-")
    let day = try digits(2, element: "02")
    try separator("T")
    let hour = try digits(2, element: "15", range: 0...23, named: "hour")
    try separator(":")
    let minute = try digits(2, element: "04", range: 0...59, named: "minute")
    try separator(":")
    let second = try digits(2, element: "05", range: 0...59, named: "second")
    let nanoseconds = fraction()
    let offsetSeconds = try zone()
    guard position == text.count else {
      throw Failure(suffix: ": extra text: \(GoQuote.quoted(text[position...]))")
    }
    guard day >= 1, day <= CivilTime.days(inMonth: month, year: year) else {
      throw Failure(suffix: ": day out of range")
    }
    let civil = CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    return Timestamp(seconds: civil.unixSeconds - Int64(offsetSeconds), nanoseconds: nanoseconds)
  }

  private mutating func digits(
    _ count: Int, element: String, range: ClosedRange<Int>? = nil, named name: String = ""
  ) throws(Failure) -> Int {
    guard let value = number(at: position, count: count) else { throw mismatch(element) }
    if let range, !range.contains(value) { throw Failure(suffix: ": \(name) out of range") }
    position += count
    return value
  }

  private mutating func separator(_ element: Character) throws(Failure) {
    guard position < text.count, text[position] == element.asciiValue else { throw mismatch(String(element)) }
    position += 1
  }

  private mutating func fraction() -> Int32 {
    guard position + 1 < text.count, text[position] == UInt8(ascii: "."), isDigit(text[position + 1]) else { return 0 }
    position += 1
    var nanoseconds: Int32 = 0
    var scale: Int32 = 100_000_000
    while position < text.count, isDigit(text[position]) {
      nanoseconds += Int32(text[position] - UInt8(ascii: "0")) * scale
      scale /= 10
      position += 1
    }
    return nanoseconds
  }

  /// Seconds east of UTC.
  private mutating func zone() throws(Failure) -> Int {
    guard position < text.count else { throw mismatch("Z07:00") }
    if text[position] == UInt8(ascii: "Z") {
      position += 1
      return 0
    }
    guard text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-"),
      position + 6 <= text.count, text[position + 3] == UInt8(ascii: ":"),
      let hours = number(at: position + 1, count: 2), let minutes = number(at: position + 4, count: 2)
    else { throw mismatch("Z07:00") }
    guard hours < 24 else { throw Failure(suffix: ": timezone hour out of range") }
    guard minutes < 60 else { throw Failure(suffix: ": time zone offset minute out of range") }
    let sign = text[position] == UInt8(ascii: "-") ? -1 : 1
    position += 6
    return sign * (hours * 3600 + minutes * 60)
  }

  private func number(at start: Int, count: Int) -> Int? {
    guard start + count <= text.count else { return nil }
    var value = 0
    for byte in text[start..<(start + count)] {
      guard isDigit(byte) else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private func mismatch(_ element: String) -> Failure {
    let found = GoQuote.quoted(text[min(position, text.count)...])
    return Failure(suffix: " as \"\(Self.layout)\": cannot parse \(found) as \"\(element)\"")
  }
}
