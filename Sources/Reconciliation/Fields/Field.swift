import JSON

/// One field of a manifest's spec: the single statement of its name, type, default and validation (FEATURES 13.2), and
/// of the member of the server's configuration that it sets.
public struct Field: Sendable {
  public indirect enum Shape: Sendable {
    case string(Format)
    case integer
    /// `number` in the definition; whole all the same.
    case number
    case boolean
    case strings(Format)
    case object([Field])
    case objects([Field])
    /// Names to strings.
    case map
  }

  /// What a string means.
  public enum Format: Sendable, Equatable {
    case plain
    /// A duration in Go's notation, nanoseconds in the configuration. FEATURES 13.026.
    case duration
    /// RFC 3339.
    case time
    /// One of these words; the second is the server's word for it.
    case choice([Choice])
    /// Text without `.`, `*` and `>`.
    case name
    /// The same, and not empty.
    case filledName
    /// A percentage, `50` or `50%`.
    case percentage
  }

  public struct Choice: Sendable, Equatable {
    public var word: String
    public var server: String
  }

  public var name: String
  public var shape: Shape
  public var summary: String
  /// The member of the server's configuration, dotted when it is nested; nil for a field that is not sent.
  public var member: String?
  public var defaultValue: JSONValue?
  public var minimum: Int64?
  public var maximum: Int64?
  public var minimumLength: Int?
  /// Without this field the resource is refused here, though the definition lets it pass.
  public var isRequired = false
  /// The original's definition lacks it.
  public var isAddition = false

  init(_ name: String, _ shape: Shape, _ summary: String, to member: String? = nil) {
    self.name = name
    self.shape = shape
    self.summary = summary
    self.member = member
  }

  func defaults(to value: JSONValue) -> Field { with { $0.defaultValue = value } }
  func atLeast(_ value: Int64) -> Field { with { $0.minimum = value } }
  func atMost(_ value: Int64) -> Field { with { $0.maximum = value } }
  func filled() -> Field { with { $0.minimumLength = 1 } }
  func required() -> Field { with { $0.isRequired = true } }
  func added() -> Field { with { $0.isAddition = true } }

  private func with(_ change: (inout Field) -> Void) -> Field {
    var copy = self
    change(&copy)
    return copy
  }

  /// A switch, off unless set.
  static func flag(_ name: String, _ summary: String, to member: String? = nil) -> Field {
    Field(name, .boolean, summary, to: member).defaults(to: .bool(false))
  }

  static func choices(_ words: [(String, String)]) -> Shape {
    .string(.choice(words.map { Choice(word: $0.0, server: $0.1) }))
  }

  static func choices(same words: String...) -> Shape { choices(words.map { ($0, $0) }) }
}
