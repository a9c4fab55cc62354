/// Where something stands in a file. Lines and columns count from 1.
public struct SourcePosition: Equatable, Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var line: Int
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}

/// What is wrong or doubtful in a manifest: where, in which field, and what would be right.
public struct Diagnostic: Equatable, Sendable, CustomStringConvertible {
  public enum Severity: String, Sendable {
    case error
    /// The manifest is used all the same.
    case warning
  }

  public var severity: Severity
  /// Nil for a resource that does not come from a file.
  public var position: SourcePosition?
  /// The field's path, `spec.sources[1].name`; empty for the document as a whole.
  public var path: String
  public var message: String

  public init(_ severity: Severity = .error, at position: SourcePosition?, path: String = "", _ message: String) {
    self.severity = severity
    self.position = position
    self.path = path
    self.message = message
  }

  /// `streams.yaml:7:11: error: spec.maxAge: ...`
  public var description: String {
    let place = position.map { "\($0): " } ?? ""
    let field = path.isEmpty ? "" : "\(path): "
    return "\(place)\(severity.rawValue): \(field)\(message)"
  }
}
