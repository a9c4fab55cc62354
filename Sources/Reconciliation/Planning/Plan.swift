import JSON

/// A member that is not as wanted.
public struct ConfigurationChange: Equatable, Sendable {
  public var member: String
  /// Nil where nothing is set.
  public var observed: JSONValue?
  public var desired: JSONValue?
}

/// A request to `$JS.API`.
public struct APIRequest: Equatable, Sendable {
  public var subject: String
  /// Empty for requests without a body.
  public var body: [UInt8]
}

/// What is to happen with one asset.
public struct PlanStep: Sendable {
  public enum Refusal: String, Sendable {
    /// The server cannot change these members of an existing asset.
    case immutable
    case preventUpdate
    case preventDelete
    case readOnly
    /// A consumer of a stream that neither exists nor is described.
    case missingStream
    /// A live manifest names it.
    case stillNamed
  }

  public enum Outcome: Sendable {
    case create
    case update([ConfigurationChange])
    case delete
    case unchanged
    /// Nothing is sent. The changes are those refused; none for a refused create or delete.
    case refused(Refusal, [ConfigurationChange], message: String)
  }

  public var identity: AssetIdentity
  /// The title of the resource, as `Stream default/orders`; nil for an asset that none describes.
  public var resource: String?
  public var outcome: Outcome
  /// In the order to send; a later one only after the earlier one succeeded.
  public var requests: [APIRequest] = []
}

/// What is to be asked of a server, in the order to do it: deletions first, since they free subjects and names,
/// dependents before what they depend on; then streams, origins before mirrors and sources; then consumers.
public struct Plan: Sendable {
  public var steps: [PlanStep]

  public init(steps: [PlanStep] = []) { self.steps = steps }

  public struct Counts: Equatable, Sendable {
    public var created = 0
    public var updated = 0
    public var deleted = 0
    public var unchanged = 0
    public var refused = 0
  }

  public var counts: Counts {
    var counts = Counts()
    for step in steps {
      switch step.outcome {
      case .create: counts.created += 1
      case .update: counts.updated += 1
      case .delete: counts.deleted += 1
      case .unchanged: counts.unchanged += 1
      case .refused: counts.refused += 1
      }
    }
    return counts
  }

  /// Every request, in order.
  public var requests: [APIRequest] { steps.flatMap(\.requests) }

  /// Whether server and manifests differ against the manifests' will: what they themselves prevent does not count.
  public var hasDifferences: Bool {
    steps.contains { step in
      switch step.outcome {
      case .create, .update, .delete: true
      case .unchanged, .refused(.preventUpdate, _, _), .refused(.preventDelete, _, _): false
      case .refused: true
      }
    }
  }

  /// The exit code of `plan`, as of `terraform plan -detailed-exitcode`: 0 no difference, 1 a manifest has an error, 2
  /// differences.
  public static func exitCode(plans: [Plan], diagnostics: [Diagnostic] = []) -> Int32 {
    if diagnostics.contains(where: { $0.severity == .error }) { return 1 }
    return plans.contains { $0.hasDifferences } ? 2 : 0
  }
}
