import JSON
import Reconciliation

/// `validate`: files without a server.
enum ValidateCommand {
  static func run(_ options: ControllerOptions) -> CommandOutcome {
    let loader = ManifestLoader(options.manifests, namespace: options.namespace)
    let errors = loader.diagnostics.count { $0.severity == .error }
    let warnings = loader.diagnostics.count - errors
    var outcome = CommandOutcome()
    outcome.status = errors == 0 ? 0 : 1
    if options.output == .json {
      let document: JSONValue = .object([
        "resources": JSONValue(loader.resources.count), "files": JSONValue(loader.fileCount),
        "diagnostics": .array(loader.diagnostics.map(\.json)),
      ])
      outcome.output = String(decoding: document.json(style: .pretty, escapesHTML: false), as: UTF8.self) + "\n"
    } else {
      outcome.errors = loader.text
      let good = "\(loader.resources.count) good manifests in \(loader.fileCount) files"
      outcome.output = "\(good), \(errors) errors, \(warnings) warnings\n"
    }
    return outcome
  }
}

extension Diagnostic {
  /// For programs.
  var json: JSONValue {
    var object: JSONObject = ["severity": .string(severity.rawValue)]
    if let position {
      object["file"] = .string(position.file)
      object["line"] = JSONValue(position.line)
      object["column"] = JSONValue(position.column)
    }
    object["path"] = .string(path)
    object["message"] = .string(message)
    return .object(object)
  }
}
