import Reconciliation

/// The manifests of a folder: what was read of each file, put together. Pure.
///
/// A file that cannot be read to its end keeps what was known of it: what is missing may still stand there. Two
/// manifests of one name are an error on the later one.
struct ManifestSet {
  /// What one file gave.
  struct File {
    var delivered: [DeliveredResource] = []
    /// Errors and warnings that belong to no resource.
    var diagnostics: [Diagnostic] = []
    /// A part of it could not be read.
    var isComplete = true
  }

  private(set) var files: [String: File] = [:]
  private var generations: [ResourceIdentity: (generation: Int64, resource: Resource?)] = [:]
  let namespace: String

  /// - Parameter namespace: of manifests that name none.
  init(namespace: String = "default") { self.namespace = namespace }

  /// Takes the contents of a file over.
  mutating func read(_ bytes: [UInt8], file: String) {
    var (manifests, diagnostics) = ManifestReader.manifests(bytes, file: file)
    var read = File()
    read.isComplete = diagnostics.isEmpty
    for manifest in manifests {
      let (resource, found) = ResourceReader.resource(manifest, namespace: namespace)
      if let identity = resource.map({ ResourceIdentity($0) }) ?? identity(manifest) {
        read.delivered.append(DeliveredResource(identity, resource, diagnostics: found))
      } else {
        diagnostics += found
        if found.contains(where: { $0.severity == .error }) { read.isComplete = false }
      }
    }
    read.diagnostics = diagnostics
    if !read.isComplete { keepKnown(&read, of: file) }
    files[file] = read
  }

  /// The file cannot be opened: it keeps what it had.
  mutating func fail(_ reason: String, file: String) {
    var known = files[file] ?? File()
    known.isComplete = false
    known.diagnostics = [Diagnostic(at: SourcePosition(file: file, line: 1, column: 1), reason)]
    files[file] = known
  }

  mutating func remove(_ file: String) { files[file] = nil }

  /// Nothing is missing, as far as can be told.
  var isComplete: Bool { files.values.allSatisfy(\.isComplete) }

  /// Errors and warnings of files, by file.
  var fileDiagnostics: [Diagnostic] { sortedFiles.flatMap(\.value.diagnostics) }

  /// Every resource with its generation, and the errors of names that stand twice.
  mutating func resources() -> [DeliveredResource] {
    var all: [ResourceIdentity: DeliveredResource] = [:]
    for (_, file) in sortedFiles {
      for delivered in file.delivered {
        guard let first = all[delivered.identity] else {
          all[delivered.identity] = delivered
          continue
        }
        let place = first.resource?.position.map { " in \($0)" } ?? ""
        let position = delivered.resource?.position ?? delivered.diagnostics.first?.position
        var standing = first
        standing.diagnostics.append(
          Diagnostic(
            .warning, at: position, path: "metadata.name",
            "\(delivered.identity) stands here once more; the first one\(place) counts"))
        all[delivered.identity] = standing
      }
    }
    var result: [DeliveredResource] = []
    for (identity, delivered) in all {
      let before = generations[identity]
      let isSame =
        before?.resource?.specification == delivered.resource?.specification
        && (before?.resource == nil) == (delivered.resource == nil)
      let generation = before.map { isSame ? $0.generation : $0.generation + 1 } ?? 1
      generations[identity] = (generation, delivered.resource)
      var delivered = delivered
      delivered.generation = generation
      result.append(delivered)
    }
    for identity in generations.keys where all[identity] == nil { generations[identity] = nil }
    return result.sorted { $0.identity.description < $1.identity.description }
  }

  private var sortedFiles: [(key: String, value: File)] { files.sorted { $0.key < $1.key } }

  private mutating func keepKnown(_ read: inout File, of file: String) {
    let found = Set(read.delivered.map(\.identity))
    read.delivered += (files[file]?.delivered ?? []).filter { !found.contains($0.identity) }
  }

  /// A manifest with an error has a name all the same.
  private func identity(_ document: ManifestNode) -> ResourceIdentity? {
    guard let kind = document["kind"]?.string.flatMap(ResourceKind.init(rawValue:)),
      document["apiVersion"]?.string?.hasPrefix(ResourceFields.group + "/") == true,
      let metadata = document["metadata"], let name = metadata["name"]?.string, !name.isEmpty
    else { return nil }
    return ResourceIdentity(kind, namespace: metadata["namespace"]?.string ?? namespace, name: name)
  }
}
