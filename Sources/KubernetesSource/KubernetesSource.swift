// KubernetesSource: custom resources of a Kubernetes API as a source for the engine.
//
// Lives here: what custom resources, their status, finalizers, annotations, Events and Secrets are to the engine
// (`Controlling`), over the client of the API (`Kubernetes`). Does not live here: what resources mean
// (`Reconciliation`) and what is done about them (`Controlling`).

import Bytes
import Controlling
import JSON
import Kubernetes
import Metrics
import Reactor
import Reconciliation

/// Follows the five kinds of resources in one namespace or in all, and writes down what the engine says about them.
///
/// With leader election the engine works on one replica only; the others know everything and are ready to take over.
///
/// Invariant: used on the client's loop only.
public final class KubernetesSource: ResourceSource, @unchecked Sendable {
  public struct Options: Sendable {
    public static let usualLeaseName = "nack-controller"

    /// Empty for all namespaces.
    public var namespace = ""
    /// Take part in the election of a leader.
    public var electsLeader = true
    /// Where the Lease is; empty for the namespace that is watched, or the pod's.
    public var leaseNamespace = ""
    /// The usual name gets the namespace behind it when only that one is watched: controllers of several namespaces are
    /// no replicas of each other.
    public var leaseName = usualLeaseName
    /// Times of the election.
    public var election = LeaderElection.Settings(identity: "")

    /// - Parameter identity: of this replica: the pod's name, and something that no other process has.
    public init(identity: String) {
      election.identity = identity
    }

    func lease(podNamespace: String) -> ObjectKey {
      let scope = namespace.isEmpty || leaseName != Self.usualLeaseName ? "" : "." + namespace
      let place = !leaseNamespace.isEmpty ? leaseNamespace : namespace.isEmpty ? podNamespace : namespace
      return ObjectKey(namespace: place, name: leaseName + scope)
    }
  }

  /// How long what is written last may take at the end.
  private static let stopNanoseconds: Int64 = 3_000_000_000
  static let component = "jetstream-controller"

  private let client: KubernetesClient
  private let options: Options
  private let log: @Sendable (LogLevel, String) -> Void
  private let events: EventRecorder
  private weak var sink: (any ResourceSink)?
  private(set) var kinds: [ResourceKind: KindState] = [:]
  private var objects: [ResourceIdentity: CustomObject] = [:]
  private var elector: LeaseElector?
  private var leaseFailure = RepeatedFailure()
  private var accountSecrets: [ResourceIdentity: Set<SecretIdentity>] = [:]
  private var gathered: [DeliveredResource] = []
  private var isFlushing = false
  private var isStopped = false
  private(set) lazy var writer = ReportWriter(
    client: client, object: { [weak self] in self?.objects[$0] },
    replaced: { [weak self] kind, object in self?.take(kind, object, isOwn: true) }, log: log)
  private(set) lazy var secrets = SecretWatches(
    client: client, changed: { [weak self] in self?.sink?.secretChanged($0) }, log: log)

  /// How following one kind stands.
  struct KindState {
    let watch: ResourceWatch
    var isSynchronized = false
    /// The API server does not know the kind.
    var isMissing = false
    var lists = 0
    var failures = 0
    var failure = RepeatedFailure()
  }

  public init(client: KubernetesClient, options: Options, log: @escaping @Sendable (LogLevel, String) -> Void) {
    self.client = client
    self.options = options
    self.log = log
    events = EventRecorder(client: client, component: Self.component, instance: options.election.identity) { error in
      log(.debug, "an Event cannot be written: \(error)")
    }
  }

  public var usesFinalizers: Bool { true }

  // MARK: - Start and stop

  public func start(_ sink: any ResourceSink) {
    self.sink = sink
    let scope = options.namespace.isEmpty ? "all namespaces" : "namespace \(options.namespace)"
    log(.info, "Watching \(scope) of \(client.configuration.server)")
    let selection = ResourceRequest.Selection(namespace: options.namespace.isEmpty ? nil : options.namespace)
    for kind in ResourceKind.allCases {
      let watch = ResourceWatch(
        client: client, type: kind.type, selection: selection,
        receive: { [weak self] in self?.take($0, kind) }, failed: { [weak self] in self?.failed($0, kind) })
      kinds[kind] = KindState(watch: watch)
      watch.start()
    }
    if options.electsLeader { startElection() }
  }

  private func startElection() {
    sink?.setActive(false)
    let lease = options.lease(podNamespace: client.configuration.namespace)
    elector = LeaseElector(
      client: client, lease: lease, settings: options.election,
      receive: { [weak self] in self?.leadershipChanged($0, lease) },
      failed: { [weak self] error in self?.leaseFailed(error, lease) })
    elector?.start()
  }

  private func leaseFailed(_ error: KubernetesError, _ lease: ObjectKey) {
    let isNews = leaseFailure.isNews("\(error)", now: client.loop.clock.monotonicNanoseconds())
    log(isNews ? .warning : .debug, "Lease \(lease): \(error)")
  }

  private func leadershipChanged(_ event: LeadershipEvent, _ lease: ObjectKey) {
    guard !isStopped else { return }
    leaseFailure.end()
    switch event {
    case .began:
      log(.info, "Lease \(lease) acquired by \(options.election.identity)")
      sink?.setActive(true)
    case .beganUnguarded(let error):
      log(.warning, "working without leader election, run one replica only: \(error)")
      sink?.setActive(true)
    case .ended:
      log(.warning, "Lease \(lease) lost")
      sink?.setActive(false)
      writer.drop()
    case .follows(let leader): log(.info, "Lease \(lease) is held by \(leader)")
    }
  }

  public func stop(completed: @escaping @Sendable () -> Void) {
    isStopped = true
    for state in kinds.values { state.watch.stop() }
    secrets.stop()
    let loop = client.loop
    let once = Once {
      guard let elector = self.elector else { return completed() }
      elector.stop(completed: completed)
    }
    loop.schedule(afterNanoseconds: Self.stopNanoseconds) { once.run() }
    loop.submit { self.writer.whenIdle { once.run() } }
  }

  // MARK: - What is there

  private func take(_ change: ResourceChange, _ kind: ResourceKind) {
    guard !isStopped else { return }
    switch change {
    case .changed(_, let object): take(kind, object, isOwn: false)
    case .removed(let key): remove(ResourceIdentity(kind, namespace: key.namespace, name: key.name))
    case .synchronized:
      flush()
      kinds[kind]?.isSynchronized = true
      kinds[kind]?.isMissing = false
      kinds[kind]?.lists += 1
      kinds[kind]?.failure.end()
      log(.debug, "\(kind.plural).\(ResourceFields.group) have been listed")
      tellSynced()
    }
  }

  /// - Parameter isOwn: the answer to a change of ours, which the watch may have overtaken, or be behind.
  private func take(_ kind: ResourceKind, _ document: JSONValue, isOwn: Bool) {
    guard !isStopped || isOwn, var object = CustomObject(kind, document) else { return }
    let known = objects[object.identity].flatMap { $0.uid == object.uid ? $0 : nil }
    if isOwn {
      guard let known, !known.isNewer(than: object) else { return }
      object.isAhead = known.resourceVersion != object.resourceVersion
    } else if let known, known.isAhead, known.isNewer(than: object) {
      return
    }
    objects[object.identity] = object
    let delivered = object.delivered(document)
    if kind == .account { noteSecrets(delivered) }
    gathered.append(delivered)
    guard !isFlushing else { return }
    isFlushing = true
    client.loop.submit { self.flush() }
  }

  private func flush() {
    isFlushing = false
    guard !gathered.isEmpty, !isStopped else { return }
    let resources = gathered
    gathered = []
    sink?.changed(resources)
  }

  private func remove(_ identity: ResourceIdentity) {
    flush()
    guard let object = objects.removeValue(forKey: identity) else { return }
    events.forget(object.reference)
    if identity.kind == .account {
      accountSecrets[identity] = nil
      secrets.keep(only: Set(accountSecrets.values.joined()))
    }
    sink?.removed([identity])
  }

  private func noteSecrets(_ delivered: DeliveredResource) {
    guard let account = delivered.resource.flatMap(AccountSettings.init) else { return }
    let before = accountSecrets[delivered.identity] ?? []
    let named = SecretIdentity.named(by: account, in: delivered.identity.namespace)
    accountSecrets[delivered.identity] = named
    if !before.subtracting(named).isEmpty { secrets.keep(only: Set(accountSecrets.values.joined())) }
  }

  private func tellSynced() {
    guard kinds.values.allSatisfy({ $0.isSynchronized || $0.isMissing }) else { return }
    sink?.synced(isComplete: kinds.values.allSatisfy { $0.isSynchronized })
  }

  private func failed(_ error: KubernetesError, _ kind: ResourceKind) {
    guard !isStopped, var state = kinds[kind] else { return }
    state.failures += 1
    let isNews = state.failure.isNews("\(error)", now: client.loop.clock.monotonicNanoseconds())
    log(isNews ? .warning : .debug, "\(kind.plural).\(ResourceFields.group) cannot be watched: \(error)")
    let wasMissing = state.isMissing
    // A cluster may have the definitions of some kinds only.
    if error.isNotFound, !state.isSynchronized { state.isMissing = true }
    kinds[kind] = state
    if state.isMissing, !wasMissing { tellSynced() }
  }

  // MARK: - What the engine asks for

  public func report(_ report: ResourceReport) {
    guard let object = objects[report.identity] else { return }
    if let event = report.event { events.record(ObjectEvent(object, event)) }
    writer.write(report, about: object)
  }

  public func setFinalizer(
    _ isPresent: Bool, of identity: ResourceIdentity, completed: @escaping @Sendable (SourceError?) -> Void
  ) {
    client.loop.submit {
      guard let object = self.objects[identity] else { return completed(isPresent ? .absent : nil) }
      self.change(object, isPresent, attemptsLeft: 5, completed)
    }
  }

  private func change(
    _ object: CustomObject, _ isPresent: Bool, attemptsLeft: Int,
    _ completed: @escaping @Sendable (SourceError?) -> Void
  ) {
    guard let patch = object.finalizerPatch(isPresent) else { return completed(nil) }
    let kind = object.identity.kind
    client.object(.patch(kind.type, object.key, patch)) { result in
      switch result {
      case .success(let changed):
        self.take(kind, changed, isOwn: true)
        completed(nil)
      case .failure(let error) where error.isNotFound: completed(isPresent ? .absent : nil)
      case .failure(let error) where error.isConflict && attemptsLeft > 1:
        self.changeNewest(object, isPresent, attemptsLeft: attemptsLeft - 1, completed)
      case .failure(let error): completed(Self.sourceError(error))
      }
    }
  }

  /// Somebody else has changed the object: what it is now decides.
  private func changeNewest(
    _ object: CustomObject, _ isPresent: Bool, attemptsLeft: Int,
    _ completed: @escaping @Sendable (SourceError?) -> Void
  ) {
    client.object(.get(object.identity.kind.type, object.key)) { result in
      switch result {
      case .success(let document):
        // Another object of the name is none of this one's business.
        guard let newest = CustomObject(object.identity.kind, document), newest.uid == object.uid else {
          return completed(isPresent ? .absent : nil)
        }
        self.change(newest, isPresent, attemptsLeft: attemptsLeft, completed)
      case .failure(let error) where error.isNotFound: completed(isPresent ? .absent : nil)
      case .failure(let error): completed(Self.sourceError(error))
      }
    }
  }

  public func confirm(
    _ identity: ResourceIdentity, completed: @escaping @Sendable (Result<ResourcePresence, SourceError>) -> Void
  ) {
    client.object(.get(identity.kind.type, ObjectKey(namespace: identity.namespace, name: identity.name))) { result in
      switch result {
      case .success(let document):
        let isDeleting = document["metadata"]?["deletionTimestamp"]?.string != nil
        completed(.success(isDeleting ? .deleting : .live))
      case .failure(let error) where error.isNotFound: completed(.success(.absent))
      case .failure(let error): completed(.failure(Self.sourceError(error)))
      }
    }
  }

  public func secret(
    _ identity: SecretIdentity, completed: @escaping @Sendable (Result<[String: [UInt8]], SourceError>) -> Void
  ) {
    secrets.fetch(identity, completed)
  }

  private static func sourceError(_ error: KubernetesError) -> SourceError {
    if error.isForbidden || error.isInvalid { return .refused("\(error)") }
    return .unavailable("\(error)")
  }
}

extension CustomObject {
  /// By their versions, which count up in every API server there is.
  func isNewer(than other: CustomObject) -> Bool {
    guard let own = UInt64(resourceVersion), let others = UInt64(other.resourceVersion) else { return false }
    return own > others
  }
}

/// Runs its action once, whoever comes first. Invariant: used on one loop.
private final class Once: @unchecked Sendable {
  private var action: (() -> Void)?

  init(_ action: @escaping () -> Void) { self.action = action }

  func run() {
    let action = action
    self.action = nil
    action?()
  }
}
