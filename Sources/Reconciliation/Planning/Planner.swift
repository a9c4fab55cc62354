import Bytes
import JSON

/// Compares what is wanted with what is there. Pure: the same input gives the same plan, whatever the order of events
/// that led to it.
public struct Planner: Sendable {
  /// Written into what is created or updated; nil leaves metadata alone.
  public var ownership: Ownership?
  /// Delete what `ownership` owns and no resource describes.
  public var prunes = false
  /// Send nothing. FEATURES 13.020.
  public var isReadOnly = false
  /// `$JS.API`, or `$JS.<domain>.API`.
  public var apiPrefix = "$JS.API"
  public var now: Timestamp
  public var settled: [AssetIdentity: SettledConfiguration] = [:]

  public init(now: Timestamp) { self.now = now }

  /// - Parameters:
  ///   - desired: what live resources describe.
  ///   - deleting: resources that are going away, with their assets (FEATURES 13.008).
  ///   - observed: what the server has; of consumers at least those of streams that resources name.
  public func plan(desired: DesiredState, deleting: [Resource] = [], observed: ObservedState) -> Plan {
    let deletions = deletionSteps(desired, deleting, observed)
    let order = StreamOrder(desired: desired, observed: observed)
    let streams = order.originsFirst.compactMap { desired.assets[.stream($0)] }
    let consumers = desired.assets.values.filter { !$0.identity.isStream }
      .sorted { $0.identity.description < $1.identity.description }
    return Plan(steps: deletions + (streams + consumers).map { step($0, desired, observed) })
  }

  // MARK: - Create and update

  private func step(_ asset: DesiredAsset, _ desired: DesiredState, _ observed: ObservedState) -> PlanStep {
    var step = PlanStep(identity: asset.identity, resource: asset.resource.title, outcome: .unchanged)
    let streamExists = observed.configurations[.stream(asset.identity.stream)] != nil
    if !asset.identity.isStream, desired.assets[.stream(asset.identity.stream)] == nil, !streamExists {
      step.outcome = .refused(.missingStream, [], message: "the stream \(asset.identity.stream) does not exist")
      return step
    }
    let requests = RequestWriter(prefix: apiPrefix, now: now)
    let wanted = ownership?.marked(asset.configuration, by: asset.resource) ?? asset.configuration
    guard let existing = observed.configurations[asset.identity] else {
      guard !isReadOnly else {
        step.outcome = .refused(.readOnly, [], message: "would be created, but the controller is read-only")
        return step
      }
      step.outcome = .create
      step.requests = requests.create(asset.identity, wanted)
      return step
    }
    let comparison = compare(asset, wanted, existing, desired, observed)
    guard !comparison.changes.isEmpty else { return step }
    let changes = comparison.changes
    let immutable = changes.filter { ImmutableMembers.refuses($0, of: asset.identity) }
    let names = immutable.map(\.member).joined(separator: ", ")
    switch true {
    case asset.resource.preventsUpdate:
      step.outcome = .refused(.preventUpdate, changes, message: "differs, but preventUpdate is set")
    case !immutable.isEmpty:
      step.outcome = .refused(.immutable, changes, message: "the server cannot change \(names) of what exists")
    case isReadOnly:
      step.outcome = .refused(.readOnly, changes, message: "differs, but the controller is read-only")
    default:
      step.outcome = .update(changes)
      step.requests = requests.update(asset.identity, wanted, existing, comparison)
    }
    return step
  }

  private func compare(
    _ asset: DesiredAsset, _ wanted: JSONObject, _ existing: JSONObject, _ desired: DesiredState,
    _ observed: ObservedState
  ) -> Comparison {
    let stream = AssetIdentity.stream(asset.identity.stream)
    let limits = (desired.assets[stream]?.configuration ?? observed.configurations[stream])?["consumer_limits"]
    func canonical(_ configuration: JSONObject) -> CanonicalConfiguration {
      asset.identity.isStream
        ? CanonicalConfiguration(stream: configuration)
        : CanonicalConfiguration(consumer: configuration, streamLimits: limits, now: now)
    }
    var comparison = Comparison(wanted: canonical(wanted), existing: canonical(existing))
    comparison.adoptSilent(
      isStream: asset.identity.isStream, asset.configuration,
      answered: settled[asset.identity].flatMap { $0.sent == asset.configuration ? canonical($0.answered) : nil })
    if ownership == nil { comparison.adoptOwnership() }
    return comparison
  }

  // MARK: - Delete

  private func deletionSteps(
    _ desired: DesiredState, _ deleting: [Resource], _ observed: ObservedState
  ) -> [PlanStep] {
    var resources: [AssetIdentity: Resource] = [:]
    for resource in deleting.sorted(by: { $0.title < $1.title }) {
      if let asset = DesiredAsset(resource) { resources[asset.identity] = asset.resource }
    }
    let named = Set(desired.assets.keys.map(\.stream))
    var steps: [PlanStep] = []
    for (identity, configuration) in observed.configurations where desired.assets[identity] == nil {
      let resource = resources[identity]
      let isOrphan = prunes && ownership?.owns(configuration) == true
      guard resource != nil || isOrphan else { continue }
      let isKept = resource?.preventsDelete ?? (configuration["metadata"]?[Ownership.keepKey]?.string == "true")
      var step = PlanStep(identity: identity, resource: resource?.title, outcome: .delete)
      if isKept {
        step.outcome = .refused(.preventDelete, [], message: "kept, since preventDelete is set")
      } else if identity.isStream, named.contains(identity.stream) {
        step.outcome = .refused(.stillNamed, [], message: "a consumer's manifest still names it")
      } else if isReadOnly {
        step.outcome = .refused(.readOnly, [], message: "would be deleted, but the controller is read-only")
      } else {
        step.requests = RequestWriter(prefix: apiPrefix, now: now).delete(identity)
      }
      steps.append(step)
    }
    let order = StreamOrder(desired: DesiredState(), observed: observed).originsFirst
    let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    return steps.sorted { left, right in
      if left.identity.isStream != right.identity.isStream { return right.identity.isStream }
      let ranked = (ranks[left.identity.stream] ?? 0, ranks[right.identity.stream] ?? 0)
      if left.identity.isStream, ranked.0 != ranked.1 { return ranked.0 > ranked.1 }
      return left.identity.description < right.identity.description
    }
  }
}
