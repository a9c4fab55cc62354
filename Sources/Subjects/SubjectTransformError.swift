/// Why a subject transform cannot be made (FEATURES 2.021). `description` is nats-server's text.
public struct SubjectTransformError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    /// Source or destination is not a subject, they do not agree about `>`, or the destination has a `*`.
    case invalidSubject = "invalid subject"
    case invalidTransform = "invalid mapping destination: invalid transform"
    case notUsingAllWildcards = "invalid mapping destination: not using all of the token wildcard(s)"
    case unknownFunction = "invalid mapping destination: unknown function"
    case indexOutOfRange = "invalid mapping destination: wildcard index out of range"
    case notEnoughArguments = "invalid mapping destination: not enough arguments passed to the function"
    case invalidArgument = "invalid mapping destination: function argument is invalid or in the wrong format"
    case tooManyArguments = "invalid mapping destination: too many arguments passed to the function"
    case notSupportedForImport =
      "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}}"
  }

  public var reason: Reason
  /// The offending token, or empty.
  public var token: String

  public init(_ reason: Reason, in token: String = "") {
    self.reason = reason
    self.token = token
  }

  public var description: String { token.isEmpty ? reason.rawValue : "\(reason.rawValue) in \(token)" }
}
