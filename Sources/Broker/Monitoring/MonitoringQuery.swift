import Bytes
import HTTP

/// A query value that is not what its name asks for; `description` is the body of the 400 (FEATURES 11.002).
struct QueryProblem: Error, Equatable, CustomStringConvertible {
  let description: String
}

/// How `subs` is spelled in queries: a flag, or `detail`.
enum SubscriptionListing: Sendable, Equatable {
  case none
  case subjects
  case details
}

// Query values by the rules of Go's strconv; an empty value is as good as none.

extension HTTPQuery {
  func flag(_ name: String) throws(QueryProblem) -> Bool {
    switch self[name] {
    case "", "0", "f", "F", "false", "FALSE", "False": return false
    case "1", "t", "T", "true", "TRUE", "True": return true
    case let text:
      throw QueryProblem(
        description: "Error decoding boolean for '\(name)': strconv.ParseBool: parsing \(quoted(text)): invalid syntax")
    }
  }

  func unsigned(_ name: String) throws(QueryProblem) -> UInt64 {
    let text = self[name]
    if text.isEmpty { return 0 }
    if let value = Self.digits(text) { return value }
    throw Self.numberProblem("uint64", name, text, "ParseUint", isNumber: Self.isDigits(text))
  }

  func integer(_ name: String) throws(QueryProblem) -> Int {
    let text = self[name]
    if text.isEmpty { return 0 }
    if let value = Int(text) { return value }
    let unsigned = text.first == "-" || text.first == "+" ? String(text.dropFirst()) : text
    throw Self.numberProblem("int", name, text, "Atoi", isNumber: Self.isDigits(unsigned))
  }

  func listing(_ name: String = "subs") throws(QueryProblem) -> SubscriptionListing {
    if self[name].lowercased() == "detail" { return .details }
    return try flag(name) ? .subjects : .none
  }

  private static func isDigits(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  private static func digits(_ text: String) -> UInt64? { isDigits(text) ? UInt64(text) : nil }

  private static func numberProblem(
    _ type: String, _ name: String, _ text: String, _ function: String, isNumber: Bool
  ) -> QueryProblem {
    let why = isNumber ? "value out of range" : "invalid syntax"
    return QueryProblem(
      description: "Error decoding \(type) for '\(name)': strconv.\(function): parsing \(quoted(text)): \(why)")
  }
}
