import Reactor
import Reconciliation

/// Manifests of files, read once, and what is wrong with them.
struct ManifestLoader {
  private(set) var resources: [Resource] = []
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var fileCount = 0

  init(_ paths: [String], namespace: String) {
    let scan = FolderScan(paths)
    var set = ManifestSet(namespace: namespace.isEmpty ? "default" : namespace)
    for (path, reason) in scan.failures.sorted(by: { $0.key < $1.key }) {
      diagnostics.append(Diagnostic(at: SourcePosition(file: path, line: 1, column: 1), reason))
    }
    for file in scan.files.keys.sorted() {
      do {
        set.read(try SystemDisk().read(file), file: file)
      } catch {
        set.fail("\(error)", file: file)
      }
    }
    fileCount = scan.files.count
    let delivered = set.resources()
    resources = delivered.compactMap(\.resource)
    diagnostics += set.fileDiagnostics + delivered.flatMap(\.diagnostics)
    diagnostics += DesiredState.byConnection(resources).diagnostics
    checkReferences()
    diagnostics.sort { left, right in
      let places = (left.position, right.position)
      guard let first = places.0, let second = places.1 else { return places.0 != nil }
      return (first.file, first.line, first.column) < (second.file, second.line, second.column)
    }
  }

  var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// One line each, as compilers write them.
  var text: String { diagnostics.map { "\($0)\n" }.joined() }

  /// What other manifests are named, but not here: they may be elsewhere.
  private mutating func checkReferences() {
    let assets = resources.compactMap { resource in DesiredAsset(resource).map { ($0.identity, resource) } }
    let streams = Set(assets.map(\.0).filter(\.isStream).map(\.stream))
    let accounts = Set(resources.filter { $0.kind == .account }.map { ResourceIdentity($0) })
    for (asset, resource) in assets {
      if !asset.isStream, !streams.contains(asset.stream) {
        diagnostics.append(
          Diagnostic(
            .warning, at: resource.position, path: "spec.streamName", "no manifest describes the stream \(asset.stream)"
          ))
      }
      if let account = resource.connection.accountIdentity, !accounts.contains(account) {
        diagnostics.append(
          Diagnostic(.warning, at: resource.position, path: "spec.account", "no manifest describes \(account)"))
      }
    }
  }
}
