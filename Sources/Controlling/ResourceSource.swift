import JSON
import Metrics
import Reconciliation

/// Which resource: the same in every version of its manifest.
public struct ResourceIdentity: Hashable, Sendable, CustomStringConvertible {
  public var kind: ResourceKind
  public var namespace: String
  public var name: String

  public init(_ kind: ResourceKind, namespace: String, name: String) {
    self.kind = kind
    self.namespace = namespace
    self.name = name
  }

  public init(_ resource: Resource) {
    self.init(resource.kind, namespace: resource.namespace, name: resource.name)
  }

  /// `Stream default/orders`, as `Resource.title`.
  public var description: String { "\(kind.rawValue) \(namespace)/\(name)" }
}

/// A resource as its source has it now: manifest, and what the source keeps beside it.
public struct DeliveredResource: Sendable {
  public var identity: ResourceIdentity
  /// The validated manifest; nil when it cannot be used, then `diagnostics` hold the errors.
  public var resource: Resource?
  /// Errors and warnings of this manifest.
  public var diagnostics: [Diagnostic] = []
  /// Grows with every change of the spec (`metadata.generation`). A source without generations counts its own.
  public var generation: Int64 = 0
  /// The generation that the last stored status is about (`status.observedGeneration`); 0 for none.
  public var observedGeneration: Int64 = 0
  /// It is to go, and its asset with it (`metadata.deletionTimestamp` is set).
  public var isDeleting = false
  /// The source holds the resource back until the engine lets it go (`finalizers` has the kind's, FEATURES 13.007).
  public var hasFinalizer = false
  /// The server's configuration after the last success, as `ResourceReport.answer` told it (FEATURES 13.012); nil for a
  /// resource that was never reconciled, whose asset is therefore left alone when it is deleted (FEATURES 13.008).
  public var storedAnswer: JSONObject?

  public init(_ identity: ResourceIdentity, _ resource: Resource?, diagnostics: [Diagnostic] = []) {
    self.identity = identity
    self.resource = resource
    self.diagnostics = diagnostics
  }
}

/// How things stand with a resource: the condition `Ready`. FEATURES 13.003, 13.004.
public struct ResourceStatus: Equatable, Sendable {
  /// The condition's reason.
  public enum Reason: String, Sendable {
    /// Not known yet.
    case reconciling = "Reconciling"
    case ready = "Ready"
    /// The message says what is wrong, with the field where there is one.
    case errored = "Errored"
    /// It is being deleted, and something is in the way still.
    case finalizing = "Finalizing"
  }

  public var reason: Reason
  public var message: String
  /// The generation that this is about.
  public var observedGeneration: Int64

  public init(_ reason: Reason, _ message: String, observedGeneration: Int64) {
    self.reason = reason
    self.message = message
    self.observedGeneration = observedGeneration
  }

  /// The condition's status.
  public var condition: String {
    switch reason {
    case .reconciling: "Unknown"
    case .ready: "True"
    case .errored, .finalizing: "False"
    }
  }
}

/// Something that happened to a resource, for people. FEATURES 13.006.
public struct ResourceEvent: Equatable, Sendable {
  public enum Severity: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  /// The event's reason.
  public enum Reason: String, Sendable {
    case created = "Created"
    case updated = "Updated"
    case deleted = "Deleted"
    /// `preventUpdate` or read-only: a difference is left.
    case skippedUpdate = "SkipUpdate"
    /// Read-only: nothing is created.
    case skippedCreate = "SkipCreate"
    /// `preventDelete`, read-only, or never reconciled: the asset stays.
    case skippedDelete = "SkipDelete"
    case failed = "Errored"
  }

  public var severity: Severity
  public var reason: Reason
  public var message: String

  public init(_ severity: Severity, _ reason: Reason, _ message: String) {
    self.severity = severity
    self.reason = reason
    self.message = message
  }
}

/// What the engine tells a source about a resource. Told once: the next one comes when something else is to be said, so
/// that a source may write each of them down as it comes.
public struct ResourceReport: Equatable, Sendable {
  public var identity: ResourceIdentity
  public var status: ResourceStatus
  public var event: ResourceEvent?
  /// What the server has now, to be kept and given back as `DeliveredResource.storedAnswer`; nil for no news.
  public var answer: JSONObject?

  public init(_ identity: ResourceIdentity, _ status: ResourceStatus) {
    self.identity = identity
    self.status = status
  }
}

/// A Secret, as Accounts name it.
public struct SecretIdentity: Hashable, Sendable, CustomStringConvertible {
  public var namespace: String
  public var name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public var description: String { "\(namespace)/\(name)" }

  /// Those that an Account of this namespace names.
  public static func named(by account: AccountSettings, in namespace: String) -> Set<SecretIdentity> {
    Set(account.secretNames.map { SecretIdentity(namespace: namespace, name: $0) })
  }
}

/// Why a source did not do what it was asked.
public enum SourceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is no such thing; it may come.
  case absent
  /// Asking again does not help before somebody changes something; the text says what (RBAC, no Kubernetes).
  case refused(String)
  /// For now.
  case unavailable(String)

  public var description: String {
    switch self {
    case .absent: "not found"
    case .refused(let text), .unavailable(let text): text
    }
  }
}

/// What became of a resource, asked just before its asset is deleted.
public enum ResourcePresence: Equatable, Sendable {
  /// It is there and not being deleted: its asset stays.
  case live
  /// It is there and being deleted.
  case deleting
  case absent
}

/// Where resources come from and what is said about them goes to: a folder, or a Kubernetes API.
///
/// Everything here is called on the engine's loop and must not block; every `completed` is called on that loop, once,
/// never from within the call itself. A source tries what it writes again by itself (conflicts, lost connections, the
/// newest report of a resource replaces older ones that wait); the engine hears only of what it asked for.
public protocol ResourceSource: AnyObject, Sendable {
  /// Begins to deliver to `sink`: what is there first, then `synced`, then changes. Called once.
  func start(_ sink: any ResourceSink)

  /// No more deliveries; what has been reported is still written down. `completed` when that is done or given up.
  func stop(completed: @escaping @Sendable () -> Void)

  /// Keeps status, event and answer of a resource. Reports about a resource that is gone are dropped.
  func report(_ report: ResourceReport)

  /// Whether resources are held back by finalizers. Without, a deleted manifest is simply gone (`removed`), and assets
  /// go only by pruning.
  var usesFinalizers: Bool { get }

  /// Adds the kind's finalizer (FEATURES 13.007), or removes it, which lets a resource that is being deleted go.
  /// A resource that is not there any more counts as success of a removal. The engine creates nothing for a resource
  /// before its finalizer is there. After a success the source delivers the resource again or its removal.
  func setFinalizer(
    _ isPresent: Bool, of identity: ResourceIdentity, completed: @escaping @Sendable (SourceError?) -> Void)

  /// Looks where the truth is, not into a cache: nothing is deleted that a live manifest names.
  func confirm(
    _ identity: ResourceIdentity, completed: @escaping @Sendable (Result<ResourcePresence, SourceError>) -> Void)

  /// The data of a Secret, decoded. From here on the source tells with `secretChanged` when it becomes another.
  func secret(
    _ identity: SecretIdentity, completed: @escaping @Sendable (Result<[String: [UInt8]], SourceError>) -> Void)

  /// Families of the source's own for /metrics.
  func addMetrics(to set: inout MetricSet)
}

/// Takes what a source delivers: the engine. Call it on the engine's loop.
public protocol ResourceSink: AnyObject, Sendable {
  /// New resources and new states of known ones; several at once are handled together. Delivering the same again is
  /// harmless.
  func changed(_ resources: [DeliveredResource])

  /// Resources that are not there any more. Their assets are left alone, but for pruning.
  func removed(_ identities: [ResourceIdentity])

  /// Everything that is there has been delivered; nothing is sent to a server before. Also after every later relist.
  ///
  /// - Parameter isComplete: false when something could not be read (a file with a syntax error), so that what is
  ///   missing may exist after all: nothing is pruned then.
  func synced(isComplete: Bool)

  /// A Secret that was asked for holds something else, or is gone.
  func secretChanged(_ identity: SecretIdentity)

  /// Whether the engine may write to servers and report: true from the start for a source without leader election;
  /// otherwise the source says false in `start`, and true when it leads.
  func setActive(_ isActive: Bool)
}
