// Flags: command lines of programs whose originals are written in Go. Natsd's own have further rules
// (`Configuration`).

/// Reads flags as Go's flag package does: `-name`, `--name`, `-name=value`, `-name value`; switches take a value only
/// behind `=`; the first argument that is no flag, or `--`, ends them.
public struct FlagReader {
  public struct Failure: Error, Equatable {
    /// In the words of Go's flag package.
    public let text: String

    public init(text: String) { self.text = text }
  }

  public enum Kind: Equatable, Sendable {
    case toggle, integer, text
  }

  public enum Value: Equatable, Sendable {
    case toggle(Bool)
    case integer(Int64)
    case text(String)
  }

  /// Times beyond ten years mean these: sums with the clock's time stay numbers.
  public static let longestNanoseconds: Int64 = 87_600 * 3_600_000_000_000

  private var rest: ArraySlice<String>
  private let kinds: [String: Kind]

  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - kinds: every flag by its name, without dashes.
  public init(_ arguments: [String], kinds: [String: Kind]) {
    rest = arguments[...]
    self.kinds = kinds
  }

  /// What stands behind the flags.
  public var positional: [String] { Array(rest) }

  /// The next flag; nil when there are no more.
  public mutating func next() throws(Failure) -> (name: String, value: Value)? {
    guard let argument = rest.first, argument.utf8.count > 1, argument.hasPrefix("-") else { return nil }
    rest.removeFirst()
    if argument == "--" { return nil }
    let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
    guard let first = body.first, first != "-", first != "=" else {
      throw Failure(text: "bad flag syntax: \(argument)")
    }
    let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let kind = kinds[name] else { throw Failure(text: "flag provided but not defined: -\(name)") }
    if kind == .toggle {
      guard parts.count > 1 else { return (name, .toggle(true)) }
      guard let value = Self.truth(parts[1]) else {
        throw Failure(text: "invalid boolean value \"\(parts[1])\" for -\(name): parse error")
      }
      return (name, .toggle(value))
    }
    guard let text = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
      throw Failure(text: "flag needs an argument: -\(name)")
    }
    guard kind == .integer else { return (name, .text(text)) }
    guard let number = Int64(text) else {
      throw Failure(text: "invalid value \"\(text)\" for flag -\(name): parse error")
    }
    return (name, .integer(number))
  }

  private static func truth(_ text: Substring) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
