/// Whole numbers by the rules of Go's `strconv`.
enum GoInteger {
  enum Problem: Error {
    case syntax
    case range

    var text: String {
      switch self {
      case .syntax: "invalid syntax"
      case .range: "value out of range"
      }
    }
  }

  /// Decimal digits with an optional sign.
  static func parse(_ text: String) -> Result<Int64, Problem> {
    var digits = Substring(text).utf8
    if let first = digits.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { digits.removeFirst() }
    guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return .failure(.syntax)
    }
    return Int64(text).map { .success($0) } ?? .failure(.range)
  }
}
