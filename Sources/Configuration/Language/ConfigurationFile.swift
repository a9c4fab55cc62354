/// A configuration file as it was read: its tree and its digest.
struct ConfigurationFile {
  let path: String
  let root: ConfigurationMap
  /// `sha256:...`
  let digest: String

  /// Reads and parses a file and what it includes. The error is one line without the program's name.
  static func read(_ path: String, access: FileAccess) throws(ConfigurationSyntaxError) -> ConfigurationFile {
    switch access.read(path) {
    case .failure(let failure): throw ConfigurationSyntaxError(failure.description)
    case .success(let text): return try parse(text, path: path, access: access)
    }
  }

  static func parse(
    _ text: [UInt8], path: String, access: FileAccess
  ) throws(ConfigurationSyntaxError) -> ConfigurationFile {
    let root = try ConfigurationGrammar.parse(text, into: ConfigurationTreeBuilder(file: path, access: access))
    return ConfigurationFile(path: path, root: root, digest: ConfigurationDigest.of(root))
  }
}
