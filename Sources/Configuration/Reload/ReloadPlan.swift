/// What a reload changes, or why it is refused as a whole (FEATURES 3.318 to 3.333).
public struct ReloadPlan: Sendable, Equatable {
  /// The options that hold from now on.
  public let options: ServerOptions
  /// In the order in which nats-server logs and applies them.
  public let changes: [ReloadChange]

  /// Why nothing changes. The server logs `Failed to reload server configuration: ` and the text, and keeps running
  /// with the old options.
  public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    public init(text: String) {
      self.text = text
    }
  }

  /// The text for a server that was started without a file.
  public static let noFile = Refusal(text: "can only reload config when a file is provided using -c or --config")

  /// Every line of the reload, the last one included, at level `INF`.
  public var logLines: [String] {
    let digest = options.configurationDigest
    return changes.flatMap(\.logLines)
      + ["Reloaded server configuration \(digest.isEmpty ? "" : "(\(digest))")"]
  }

  /// Compares two resolved and valid sets of options.
  ///
  /// - Parameters:
  ///   - old: what the server runs with; `port` is the port it listens on.
  ///   - new: what the file and the command line say now.
  public static func compute(old: ServerOptions, new: ServerOptions) -> Result<ReloadPlan, Refusal> {
    var comparison = ReloadComparison(old: old, new: new)
    do throws(Refusal) {
      try comparison.run()
    } catch {
      return .failure(error)
    }
    return .success(ReloadPlan(options: comparison.new, changes: comparison.changes))
  }
}
