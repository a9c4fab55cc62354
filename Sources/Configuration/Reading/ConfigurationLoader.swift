/// A configuration file read into options: the outcome of everything that `-t` checks.
public struct LoadedConfiguration: Sendable, Equatable {
  /// What the file says, with zeros where it says nothing; `nil` when there are errors.
  public var options: ServerOptions?
  /// One line each, with file, line and column where known.
  public var errors: [String]
  public var warnings: [String]

  /// Warnings first, then errors, each with a newline at its end: what nats-server prints.
  public var report: String {
    (warnings + errors).map { $0 + "\n" }.joined()
  }
}

/// Reads configuration files.
public struct ConfigurationLoader: Sendable {
  private let access: FileAccess

  public init(access: FileAccess = .system) {
    self.access = access
  }

  /// Reads a file. The options are not resolved yet: the command line comes in between.
  ///
  /// A text that is no configuration at all yields one error, without a newline in nats-server's output; every
  /// other problem is collected (FEATURES 3.012).
  func load(
    _ path: String, flags: CommandLineFlags = CommandLineFlags()
  ) throws(ConfigurationSyntaxError) -> LoadedConfiguration {
    let file = try ConfigurationFile.read(path, access: access)
    let reader = OptionsReader(access: access)
    flags.applyValues(to: &reader.options)
    reader.read(file.root, path: path)
    let errors = reader.errors.map(\.description)
    reader.options.configurationFile = path
    reader.options.configurationDigest = file.digest
    return LoadedConfiguration(
      options: errors.isEmpty ? reader.options : nil, errors: errors,
      warnings: reader.warnings.map(\.description))
  }
}
