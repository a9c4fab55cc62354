import JSON
import Metrics
import Reconciliation

@testable import Controlling

/// Keeps resources as a Kubernetes API does: generations, deletion timestamps, finalizers, stored answers.
final class SimulatedSource: ResourceSource, @unchecked Sendable {
  let world: SimulatedWorld
  let usesFinalizers: Bool
  private(set) var stored: [ResourceIdentity: DeliveredResource] = [:]
  private(set) var reports: [ResourceReport] = []
  var secrets: [SecretIdentity: [String: [UInt8]]] = [:]
  var isComplete = true
  var startsActive = true
  /// Refuses finalizers with this.
  var finalizerError: SourceError?
  private(set) var finalizerRequests = 0
  private weak var sink: (any ResourceSink)?

  init(_ world: SimulatedWorld, finalizers: Bool) {
    self.world = world
    usesFinalizers = finalizers
  }

  func start(_ sink: any ResourceSink) {
    self.sink = sink
    if !startsActive { sink.setActive(false) }
    world.soon {
      sink.changed(self.stored.values.sorted { $0.identity.description < $1.identity.description })
      sink.synced(isComplete: self.isComplete)
    }
  }

  func stop(completed: @escaping @Sendable () -> Void) { world.soon(completed) }

  // MARK: - What users do

  /// Creates or changes a resource; a spec is written in YAML's flow style, without braces.
  @discardableResult
  func apply(_ kind: ResourceKind, _ name: String, _ spec: String, namespace: String = "default") -> ResourceIdentity {
    let identity = ResourceIdentity(kind, namespace: namespace, name: name)
    let manifest = """
      apiVersion: jetstream.nats.io/v1beta2
      kind: \(kind.rawValue)
      metadata: {name: \(name), namespace: \(namespace)}
      spec: {\(spec)}
      """
    let (resources, diagnostics) = ResourceReader.read(Array(manifest.utf8), file: "test")
    var delivered = stored[identity] ?? DeliveredResource(identity, nil)
    delivered.resource = resources.first
    delivered.diagnostics = diagnostics
    delivered.generation += 1
    put(delivered)
    return identity
  }

  func delete(_ identity: ResourceIdentity) {
    guard var delivered = stored[identity] else { return }
    guard delivered.hasFinalizer else {
      stored[identity] = nil
      return world.soon { self.sink?.removed([identity]) }
    }
    delivered.isDeleting = true
    delivered.generation += 1
    put(delivered)
  }

  private func put(_ delivered: DeliveredResource) {
    stored[delivered.identity] = delivered
    let identity = delivered.identity
    world.soon { if let now = self.stored[identity] { self.sink?.changed([now]) } }
  }

  func tellSynced() { sink?.synced(isComplete: isComplete) }

  func tellSecret(_ identity: SecretIdentity) { sink?.secretChanged(identity) }

  func lead(_ isActive: Bool) { sink?.setActive(isActive) }

  // MARK: - What the engine asks

  func report(_ report: ResourceReport) {
    reports.append(report)
    guard var delivered = stored[report.identity] else { return }
    delivered.observedGeneration = report.status.observedGeneration
    if let answer = report.answer { delivered.storedAnswer = answer }
    put(delivered)
  }

  func setFinalizer(
    _ isPresent: Bool, of identity: ResourceIdentity, completed: @escaping @Sendable (SourceError?) -> Void
  ) {
    finalizerRequests += 1
    world.soon {
      if let error = self.finalizerError { return completed(error) }
      if var delivered = self.stored[identity] {
        delivered.hasFinalizer = isPresent
        if !isPresent, delivered.isDeleting {
          self.stored[identity] = nil
          self.world.soon { self.sink?.removed([identity]) }
        } else {
          self.put(delivered)
        }
      }
      completed(nil)
    }
  }

  func confirm(
    _ identity: ResourceIdentity, completed: @escaping @Sendable (Result<ResourcePresence, SourceError>) -> Void
  ) {
    world.soon {
      let delivered = self.stored[identity]
      completed(.success(delivered.map { $0.isDeleting ? .deleting : .live } ?? .absent))
    }
  }

  func secret(
    _ identity: SecretIdentity, completed: @escaping @Sendable (Result<[String: [UInt8]], SourceError>) -> Void
  ) {
    world.soon { completed(self.secrets[identity].map { .success($0) } ?? .failure(.absent)) }
  }

  func addMetrics(to set: inout MetricSet) {}

  // MARK: - What tests ask

  func status(_ identity: ResourceIdentity) -> ResourceStatus? {
    reports.last { $0.identity == identity }?.status
  }

  func reports(_ identity: ResourceIdentity) -> [ResourceReport] { reports.filter { $0.identity == identity } }
}

/// An engine with its world, one server `nats://a` and a source.
struct Scene {
  let world: SimulatedWorld
  let server = SimulatedServer()
  let source: SimulatedSource
  let engine: Engine

  init(
    seed: UInt64 = 1, finalizers: Bool = true, startsActive: Bool = true,
    _ adjust: (inout Engine.Options) -> Void = { _ in }
  ) {
    world = SimulatedWorld(seed: seed)
    world.servers["nats://a"] = server
    source = SimulatedSource(world, finalizers: finalizers)
    source.startsActive = startsActive
    var options = Engine.Options()
    options.connection.servers = ["nats://a"]
    adjust(&options)
    engine = Engine(source: source, environment: world, options: options)
  }

  func reason(_ identity: ResourceIdentity) -> ResourceStatus.Reason? { source.status(identity)?.reason }
}
