import Metrics
import Reactor
import Reconciliation

/// Resources from files: read at the start, again when the kernel tells of a change, and on a timer in case it does not
/// (network file systems). Only files that have changed are parsed.
///
/// Invariant: everything happens on the loop, but `init`.
public final class FolderSource: ResourceSource, @unchecked Sendable {
  private static let scanNanoseconds: Int64 = 10_000_000_000

  private let paths: [String]
  private let loop: EventLoop
  private let logger: Logger
  private var set: ManifestSet
  private var stamps: [String: FileStamp] = [:]
  private var delivered: Set<ResourceIdentity> = []
  private var told: Set<String> = []
  private var toldFailures: Set<String> = []
  private var watcher: FolderWatcher?
  private var timer: TimerToken?
  private var hasStarted = false
  private var isComplete = true
  private weak var sink: (any ResourceSink)?

  /// - Parameters:
  ///   - paths: folders, searched to the bottom, and files.
  ///   - namespace: of manifests that name none.
  public init(_ paths: [String], namespace: String, loop: EventLoop, logger: Logger) {
    self.paths = paths
    self.loop = loop
    self.logger = logger
    set = ManifestSet(namespace: namespace.isEmpty ? "default" : namespace)
  }

  public var usesFinalizers: Bool { false }

  public func start(_ sink: any ResourceSink) {
    self.sink = sink
    watcher = FolderWatcher(loop: loop) { [weak self] in self?.scan() }
    // Not from within the call.
    loop.submit { self.scan() }
  }

  public func stop(completed: @escaping @Sendable () -> Void) {
    watcher?.stop()
    if let timer { loop.cancel(timer) }
    timer = nil
    sink = nil
    loop.submit(completed)
  }

  /// Looks at the files now.
  public func scan() {
    guard let sink else { return }
    let scan = FolderScan(paths)
    watcher?.watch(scan.folders)
    schedule()
    let changes = take(scan)
    guard changes || !hasStarted else { return }
    tellDiagnostics()
    let resources = set.resources()
    let identities = Set(resources.map(\.identity))
    sink.changed(resources)
    let gone = delivered.subtracting(identities)
    delivered = identities
    if !gone.isEmpty { sink.removed(gone.sorted { $0.description < $1.description }) }
    if !hasStarted {
      logger.info("\(resources.count) manifests in \(scan.files.count) files of \(paths.joined(separator: ", "))")
    }
    hasStarted = true
    sink.synced(isComplete: isComplete)
  }

  /// - Returns: whether anything has changed.
  private func take(_ scan: FolderScan) -> Bool {
    let wasComplete = isComplete
    var isChanged = false
    for (file, stamp) in scan.files where stamps[file] != stamp {
      isChanged = true
      do {
        set.read(try SystemDisk().read(file), file: file)
        stamps[file] = stamp
      } catch {
        set.fail("\(error)", file: file)
        stamps[file] = nil
      }
    }
    // While a folder cannot be looked into, files may be missing from the scan.
    let failures = Set(scan.failures.map { "\($0.key): \($0.value)" })
    for failure in failures.subtracting(toldFailures).sorted() { logger.error(failure) }
    toldFailures = failures
    if scan.failures.isEmpty {
      for file in set.files.keys where scan.files[file] == nil {
        isChanged = true
        set.remove(file)
        stamps[file] = nil
      }
    }
    isComplete = set.isComplete && scan.failures.isEmpty
    return isChanged || isComplete != wasComplete
  }

  /// Each is told when it comes, and again when it comes back. Errors of resources are the engine's to tell.
  private func tellDiagnostics() {
    let warnings = set.files.values.flatMap(\.delivered).flatMap(\.diagnostics).filter { $0.severity == .warning }
    let current = set.fileDiagnostics + warnings
    let texts = Set(current.map(\.description))
    for diagnostic in current where told.insert(diagnostic.description).inserted {
      let place = diagnostic.position.map { "\($0): " } ?? ""
      let text = place + (diagnostic.path.isEmpty ? "" : "\(diagnostic.path): ") + diagnostic.message
      if diagnostic.severity == .error { logger.error(text) } else { logger.warning(text) }
    }
    told.formIntersection(texts)
  }

  private func schedule() {
    if let timer { loop.cancel(timer) }
    timer = loop.schedule(afterNanoseconds: Self.scanNanoseconds) { [weak self] in
      self?.timer = nil
      self?.scan()
    }
  }

  // MARK: - What the engine asks

  /// The engine's log says it all.
  public func report(_ report: ResourceReport) {}

  public func setFinalizer(
    _ isPresent: Bool, of identity: ResourceIdentity, completed: @escaping @Sendable (SourceError?) -> Void
  ) {
    loop.submit { completed(nil) }
  }

  public func confirm(
    _ identity: ResourceIdentity, completed: @escaping @Sendable (Result<ResourcePresence, SourceError>) -> Void
  ) {
    loop.submit { completed(.success(self.delivered.contains(identity) ? .live : .absent)) }
  }

  public func secret(
    _ identity: SecretIdentity, completed: @escaping @Sendable (Result<[String: [UInt8]], SourceError>) -> Void
  ) {
    loop.submit {
      completed(.failure(.refused("Secrets need Kubernetes; without secret the value is a file, or the value itself")))
    }
  }

  public func addMetrics(to set: inout MetricSet) {
    set.add("nack_manifest_files", help: "Files of manifests that were found.", [:], Double(self.set.files.count))
    set.add(
      "nack_manifests_complete", help: "1 while every file can be read; nothing is pruned otherwise.", [:],
      isComplete ? 1 : 0)
  }
}
