import Glibc
import Reactor
import Reconciliation

/// Reads the small files of a configuration.
enum ConfigurationFile {
  static func read(_ path: String) throws(ConfigurationProblem) -> [UInt8] {
    let bytes: [UInt8]
    do {
      bytes = try SystemDisk().read(path)
    } catch {
      throw ConfigurationProblem("\(error)")
    }
    guard bytes.count <= KubernetesLimits.fileBytes else { throw ConfigurationProblem("\(path): file too large") }
    return bytes
  }

  /// A file's text without the white space around it; empty text is a problem.
  static func text(_ path: String) throws(ConfigurationProblem) -> String {
    let text = String(decoding: try read(path), as: UTF8.self)
    let trimmed = text.drop { $0.isWhitespace }
    guard let end = trimmed.lastIndex(where: { !$0.isWhitespace }) else {
      throw ConfigurationProblem("\(path) is empty")
    }
    return String(trimmed[...end])
  }

  /// The one document of a kubeconfig, which is YAML like a manifest.
  static func kubeconfig(_ path: String) throws(ConfigurationProblem) -> Kubeconfig {
    let (documents, diagnostics) = ManifestReader.read(try read(path), file: path)
    if let problem = diagnostics.first(where: { $0.severity == .error }) {
      throw ConfigurationProblem(problem.description)
    }
    guard let document = documents.first else { return Kubeconfig() }
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    do {
      return try Kubeconfig(document.json, directory: directory.isEmpty ? "/" : directory)
    } catch {
      throw ConfigurationProblem("\(path): \(error)")
    }
  }
}
