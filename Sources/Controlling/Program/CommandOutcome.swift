/// What a command that ends by itself comes to.
public struct CommandOutcome: Sendable {
  /// For standard output.
  public var output = ""
  /// For standard error.
  public var errors = ""
  public var status: Int32 = 0

  static func failure(_ text: String) -> CommandOutcome {
    CommandOutcome(errors: text.hasSuffix("\n") ? text : text + "\n", status: 1)
  }
}
