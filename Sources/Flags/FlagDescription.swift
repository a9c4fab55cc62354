/// A flag with its explanation: what is accepted and what is printed come from here.
public struct FlagDescription: Sendable {
  public let names: [String]
  public let kind: FlagReader.Kind
  let text: String
  /// Shown behind the text.
  let standard: String?

  public init(_ names: String..., kind: FlagReader.Kind, _ text: String, standard: String? = nil) {
    self.names = names
    self.kind = kind
    self.text = text
    self.standard = standard
  }

  /// Two lines for each flag, by name.
  public static func usage(_ flags: [FlagDescription]) -> String {
    flags.sorted { $0.names[0].lowercased() < $1.names[0].lowercased() }.map(\.usage).joined()
  }

  private var usage: String {
    let value =
      switch kind {
      case .toggle: ""
      case .integer: " int"
      case .text: " string"
      }
    let standard = standard.map { " (default \($0))" } ?? ""
    return "  \(names.map { "-" + $0 }.joined(separator: ", "))\(value)\n    \t\(text)\(standard)\n"
  }
}
