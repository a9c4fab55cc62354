import Bytes

/// Values in the notation of Go's `fmt`, which nats-server's texts are made with.
enum GoText {
  /// `%q`: double quotes, with escapes for what does not print.
  static func quoted(_ text: String) -> String { GoString.quote(text) }

  /// `%q` of a list: `["a" "b"]`.
  static func quoted(_ texts: [String]) -> String {
    "[" + texts.map { quoted($0) }.joined(separator: " ") + "]"
  }

  /// `%v` of a list: `[a b]`.
  static func list(_ texts: [String]) -> String {
    "[" + texts.joined(separator: " ") + "]"
  }

  /// `%v` of a map, sorted by key: `map[a:1 b:2]`.
  static func map(_ entries: [String: String]) -> String {
    "map[" + entries.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " ") + "]"
  }

  /// `%s` of a value: what is not text is marked as such.
  static func stringVerb(_ value: ConfigurationValue) -> String {
    switch value.content {
    case .integer: "%!s(int64=\(value.text))"
    case .float: "%!s(float64=\(value.text))"
    case .boolean: "%!s(bool=\(value.text))"
    default: value.text
    }
  }

  /// `%q` of a value: what is not text is marked as such.
  static func quotedVerb(_ value: ConfigurationValue) -> String {
    switch value.content {
    case .string(let text): quoted(text)
    case .integer(let number):
      quotedRune(number)
    case .float: "%!q(float64=\(value.text))"
    case .boolean: "%!q(bool=\(value.text))"
    case .date: quoted(value.text)
    default: value.text
    }
  }

  /// `%q` of a number is the character with that code.
  private static func quotedRune(_ number: Int64) -> String {
    guard let code = UInt32(exactly: number), let scalar = Unicode.Scalar(code) else { return "'\u{FFFD}'" }
    if scalar == "'" { return "'\\''" }
    if scalar == "\"" { return "'\"'" }
    return "'" + quoted(String(Character(scalar))).dropFirst().dropLast() + "'"
  }

  /// `%v` of a duration.
  static func duration(_ nanoseconds: Int64) -> String {
    GoDuration.string(nanoseconds: nanoseconds)
  }

  /// `%v` of a float: shortest digits, an exponent from 21 digits up and below 0.0001.
  static func general(_ value: Double) -> String {
    let (digits, exponent) = ShortestDigits.of(value)
    guard !digits.isEmpty else { return value.sign == .minus ? "-0" : "0" }
    return (value < 0 ? "-" : "")
      + (exponent < -4 || exponent >= 21
        ? scientific(digits, exponent, exponentDigits: 2) : plain(digits, exponent))
  }

  /// `%f`: six digits after the point.
  static func fixed(_ value: Double) -> String {
    let scaled = (value.magnitude * 1_000_000).rounded(.toNearestOrEven)
    guard scaled < 9e18 else { return general(value) }
    let whole = UInt64(scaled)
    let fraction = String(whole % 1_000_000)
    return (value < 0 ? "-" : "") + "\(whole / 1_000_000)."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }

  /// A float in JSON as Go writes it: an exponent from 21 digits up and below 0.000001.
  static func json(_ value: Double) -> String {
    let (digits, exponent) = ShortestDigits.of(value)
    guard !digits.isEmpty else { return value.sign == .minus ? "-0" : "0" }
    return (value < 0 ? "-" : "")
      + (exponent < -6 || exponent >= 21
        ? scientific(digits, exponent, exponentDigits: 1) : plain(digits, exponent))
  }

  /// `%v` of a time in UTC.
  static func date(_ seconds: Int64) -> String {
    let time = CivilTime(unixSeconds: seconds)
    return "\(pad(time.year, 4))-\(pad(time.month, 2))-\(pad(time.day, 2)) "
      + "\(pad(time.hour, 2)):\(pad(time.minute, 2)):\(pad(time.second, 2)) +0000 UTC"
  }

  static func pad(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func scientific(_ digits: String, _ exponent: Int, exponentDigits: Int) -> String {
    let mantissa = digits.count == 1 ? digits : "\(digits.prefix(1)).\(digits.dropFirst())"
    return "\(mantissa)e\(exponent < 0 ? "-" : "+")\(pad(abs(exponent), exponentDigits))"
  }

  private static func plain(_ digits: String, _ exponent: Int) -> String {
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 { return digits + String(repeating: "0", count: exponent + 1 - digits.count) }
    return "\(digits.prefix(exponent + 1)).\(digits.dropFirst(exponent + 1))"
  }
}

/// The fewest decimal digits that read back as the same number.
private enum ShortestDigits {
  /// Digits without leading or trailing zeros, and the decimal exponent of the first; no digits for zero.
  static func of(_ value: Double) -> (digits: String, exponent: Int) {
    // Swift prints the shortest digits too, only placed differently.
    let text = value.magnitude.description
    let parts = text.split(separator: "e", maxSplits: 1)
    let mantissa = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let whole = String(mantissa[0])
    let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
    var digits = Substring(whole + fraction)
    var exponent = whole.count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.first == "0" {
      digits = digits.dropFirst()
      exponent -= 1
    }
    while digits.last == "0" { digits = digits.dropLast() }
    return (String(digits), exponent)
  }
}
