/// The flags as they were given, by the rules of Go's `flag` package: one dash or two, `-flag value` or
/// `-flag=value`, boolean flags without a value, `--` ends them, the first other argument ends them too.
struct FlagParser {
  /// What a flag takes.
  enum Kind {
    case boolean
    case integer
    case text
  }

  enum Value: Equatable {
    case boolean(Bool)
    case integer(Int)
    case text(String)
  }

  struct Failure: Error, Equatable {
    let text: String
  }

  private(set) var values: [(name: String, value: Value)] = []
  /// Arguments after the flags.
  private(set) var rest: [String] = []

  init(_ arguments: [String], kinds: [String: Kind]) throws(Failure) {
    var remaining = arguments[...]
    while let argument = remaining.first, argument.utf8.count >= 2, argument.hasPrefix("-") {
      remaining.removeFirst()
      if argument == "--" { break }
      let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
      guard let first = body.first, first != "-", first != "=" else {
        throw Failure(text: "bad flag syntax: \(argument)")
      }
      let equals = body.firstIndex(of: "=")
      let name = String(equals.map { body[..<$0] } ?? body)
      var text = equals.map { String(body[body.index(after: $0)...]) }
      guard let kind = kinds[name] else { throw Failure(text: "flag provided but not defined: -\(name)") }
      if kind == .boolean {
        guard let text else {
          values.append((name, .boolean(true)))
          continue
        }
        guard let isOn = Self.boolean(text) else {
          throw Failure(text: "invalid boolean value \(GoText.quoted(text)) for -\(name): parse error")
        }
        values.append((name, .boolean(isOn)))
        continue
      }
      if text == nil { text = remaining.popFirst() }
      guard let text else { throw Failure(text: "flag needs an argument: -\(name)") }
      guard kind == .integer else {
        values.append((name, .text(text)))
        continue
      }
      values.append((name, .integer(try Self.integer(text, flag: name))))
    }
    rest = Array(remaining)
  }

  private static func boolean(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }

  private static func integer(_ text: String, flag: String) throws(Failure) -> Int {
    let start = "invalid value \(GoText.quoted(text)) for flag -\(flag):"
    switch GoInteger.parse(text) {
    case .success(let number): return Int(number)
    case .failure(.range): throw Failure(text: "\(start) value out of range")
    case .failure(.syntax): break
    }
    let sign = text.hasPrefix("-") ? "-" : ""
    let digits = text.drop { $0 == "-" || $0 == "+" }.lowercased()
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] where digits.hasPrefix(prefix) {
      if let number = Int(sign + digits.dropFirst(2), radix: radix) { return number }
    }
    throw Failure(text: "\(start) parse error")
  }
}
