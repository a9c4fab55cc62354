import Bytes
import JSON
import NATSClient
import Reconciliation

/// What became of an asset in a round.
enum AssetOutcome: Sendable {
  /// As described, all along.
  case unchanged(JSONObject)
  case created(JSONObject)
  case updated([ConfigurationChange], JSONObject)
  case deleted
  /// To be deleted, and not there.
  case absent
  case refused(PlanStep.Refusal, [ConfigurationChange], message: String)
  /// The server said no, or nothing. `changes` are those it was asked for; none for a create or delete.
  case failed(JetStreamError, [ConfigurationChange])
  /// The server said yes and has something else.
  case ignored([ConfigurationChange])
  /// What it depends on failed, or nobody knows what is there.
  case blocked(String)
  /// A live manifest describes what was to be deleted.
  case kept(String)
}

/// What a round is about.
struct RoundOrder: Sendable {
  var apiPrefix: String
  /// What is to be brought about; part of all that is described, when not everything is looked at.
  var desired: DesiredState
  /// Not to be touched, though they are looked at: what was refused a moment ago.
  var resting: Set<AssetIdentity> = []
  var deleting: [Resource] = []
  /// Look at everything, and delete what is owned and not described.
  var prunes = false
  /// Assets that live manifests describe, at any site: never pruned.
  var described: Set<AssetIdentity> = []
  var ownership: Ownership?
  var isReadOnly = false
  var settled: [AssetIdentity: SettledConfiguration] = [:]
  /// Send nothing that changes anything.
  var isDryRun = false
}

/// One look at a site and what follows from it: observe, plan, carry out, verify.
///
/// Invariant: used on the engine's loop only; `completed` is called once, not after `cancel`.
final class Round: @unchecked Sendable {
  struct Result: Sendable {
    /// Nothing could be found out.
    var failure: JetStreamError?
    /// Of a dry run.
    var plan: Plan?
  }

  /// Requests at a time.
  private static let mostInFlight = 16
  private static let changeTimeoutNanoseconds: Int64 = 15_000_000_000

  private let order: RoundOrder
  private let link: any ServerLink
  private let environment: any EngineEnvironment
  /// Asks whether an asset may really go.
  private let confirm: (PlanStep, @escaping @Sendable (String?) -> Void) -> Void
  private let concluded: (AssetIdentity, AssetOutcome, SettledConfiguration?) -> Void
  private var completed: ((Result) -> Void)?
  private var observation: Observation
  private var observed = ObservedState()
  private var result = Result()
  private var stages: [[PlanStep]] = []
  private var queue: [PlanStep] = []
  private var inFlight = 0
  private var failedStreams: Set<String> = []
  private let now: Timestamp

  /// - Parameters:
  ///   - concluded: what became of an asset, as soon as that is known, with what is settled from here on.
  ///   - completed: the round has ended.
  init(
    _ order: RoundOrder, link: any ServerLink, environment: any EngineEnvironment,
    confirm: @escaping (PlanStep, @escaping @Sendable (String?) -> Void) -> Void,
    concluded: @escaping (AssetIdentity, AssetOutcome, SettledConfiguration?) -> Void,
    completed: @escaping (Result) -> Void
  ) {
    self.order = order
    self.link = link
    self.environment = environment
    self.confirm = confirm
    self.concluded = concluded
    self.completed = completed
    now = environment.wallTime
    let deleting = order.deleting.compactMap { DesiredAsset($0)?.identity }
    observation = Observation(
      Set(order.desired.assets.keys).union(deleting), fresh: Set(deleting.map(\.stream)), everything: order.prunes)
  }

  func start() { observe() }

  func cancel() { completed = nil }

  private var isCancelled: Bool { completed == nil }

  private func conclude(
    _ identity: AssetIdentity, _ outcome: AssetOutcome, settled: SettledConfiguration? = nil
  ) {
    if !isCancelled { concluded(identity, outcome, settled) }
  }

  private func end() {
    let completed = self.completed
    self.completed = nil
    completed?(result)
  }

  // MARK: - Observe

  private func observe() {
    while !isCancelled, inFlight < Self.mostInFlight, let query = observation.next() {
      inFlight += 1
      let request = Request("\(order.apiPrefix).\(query.subject)", query.body)
      link.request(request) { answer in
        self.inFlight -= 1
        guard !self.isCancelled else { return }
        self.observation.take(query, answer)
        self.observe()
      }
    }
    guard !isCancelled, observation.isDone, inFlight == 0 else { return }
    if let failure = observation.failure {
      result.failure = failure
      return end()
    }
    plan()
  }

  // MARK: - Plan

  private func planner(settled: [AssetIdentity: SettledConfiguration]) -> Planner {
    var planner = Planner(now: now)
    planner.ownership = order.ownership
    planner.prunes = order.prunes
    planner.isReadOnly = order.isReadOnly
    planner.apiPrefix = order.apiPrefix
    planner.settled = settled
    return planner
  }

  private func plan() {
    observed = observation.state
    for (identity, reason) in observation.unknown { conclude(identity, .blocked("\(identity): \(reason)")) }
    var plan = planner(settled: order.settled).plan(
      desired: order.desired, deleting: order.deleting, observed: observed)
    var isResting = false
    plan.steps.removeAll { step in
      if observation.unknown[step.identity] != nil { return true }
      if order.resting.contains(step.identity) {
        isResting = true
        // What holds it back may have gone by itself.
        if case .unchanged = step.outcome { return false }
        return true
      }
      // Described at another site, which may be the same server.
      return step.resource == nil && order.described.contains(step.identity)
    }
    if order.isDryRun {
      result.plan = plan
      return end()
    }
    for step in plan.steps where step.requests.isEmpty { note(step) }
    let planned = Set(plan.steps.map(\.identity))
    for resource in order.deleting {
      guard let identity = DesiredAsset(resource)?.identity, observation.unknown[identity] == nil else { continue }
      if !planned.contains(identity) { conclude(identity, .absent) }
    }
    if isResting {
      for identity in order.resting where identity.isStream && observed.configurations[identity] == nil {
        failedStreams.insert(identity.stream)
      }
    }
    stages = Stages(plan, desired: order.desired).stages.reversed()
    nextStage()
  }

  private func note(_ step: PlanStep) {
    switch step.outcome {
    case .unchanged:
      conclude(
        step.identity, .unchanged(observed.configurations[step.identity] ?? JSONObject()),
        settled: neededSettled(step.identity))
    case .refused(let refusal, let changes, let message):
      conclude(step.identity, .refused(refusal, changes, message: message))
    case .create, .update, .delete: break
    }
  }

  /// A settled configuration stays only where the plan would be another without it.
  private func neededSettled(_ identity: AssetIdentity) -> SettledConfiguration? {
    guard let settled = order.settled[identity] else { return nil }
    return differences(of: identity, settled: [:]).isEmpty ? nil : settled
  }

  // MARK: - Carry out

  private func nextStage() {
    guard !isCancelled else { return }
    guard let stage = stages.popLast() else { return end() }
    queue = stage.reversed()
    fill()
  }

  private func fill() {
    while !isCancelled, inFlight < Self.mostInFlight, let step = queue.popLast() { begin(step) }
    if !isCancelled, inFlight == 0, queue.isEmpty { nextStage() }
  }

  private func begin(_ step: PlanStep) {
    if let obstacle = obstacle(step) {
      if step.identity.isStream { failedStreams.insert(step.identity.stream) }
      conclude(step.identity, .blocked(obstacle))
      return
    }
    inFlight += 1
    guard case .delete = step.outcome else { return send(step, 0) }
    confirm(step) { reason in
      guard let reason else { return self.send(step, 0) }
      self.conclude(step.identity, .kept(reason))
      self.ended()
    }
  }

  /// A stream that could not be made, below this one.
  private func obstacle(_ step: PlanStep) -> String? {
    guard case .create = step.outcome else { return nil }
    guard step.identity.isStream else {
      let stream = step.identity.stream
      return failedStreams.contains(stream) ? "spec.streamName: the stream \(stream) could not be made" : nil
    }
    let origin = order.desired.assets[step.identity]?.configuration.origins.first { failedStreams.contains($0) }
    return origin.map { "the origin \($0) could not be made" }
  }

  private func send(_ step: PlanStep, _ index: Int) {
    guard !isCancelled else { return ended() }
    let planned = step.requests[index]
    let request = Request(
      planned.subject, planned.body, timeoutNanoseconds: Self.changeTimeoutNanoseconds)
    link.request(request) { answer in
      switch answer {
      case .success(let value):
        if index + 1 < step.requests.count { return self.send(step, index + 1) }
        self.succeeded(step, value)
      case .failure(let error): self.failed(step, error)
      }
      self.ended()
    }
  }

  private func ended() {
    inFlight -= 1
    fill()
  }

  private func failed(_ step: PlanStep, _ error: JetStreamError) {
    if case .delete = step.outcome, let code = error.errorCode,
      [APIError.streamNotFound, APIError.consumerNotFound].contains(code)
    {
      return conclude(step.identity, .absent)
    }
    var changes: [ConfigurationChange] = []
    if case .update(let asked) = step.outcome { changes = asked }
    if case .create = step.outcome, step.identity.isStream { failedStreams.insert(step.identity.stream) }
    conclude(step.identity, .failed(error, changes))
  }

  // MARK: - Verify

  private func succeeded(_ step: PlanStep, _ answer: JSONValue) {
    let identity = step.identity
    if case .delete = step.outcome {
      observed.configurations[identity] = nil
      return conclude(identity, .deleted)
    }
    // Pausing a consumer answers without its configuration; the next round verifies.
    guard let configuration = answer["config"]?.object else {
      return conclude(identity, .updated(changes(step), observed.configurations[identity] ?? JSONObject()))
    }
    observed.configurations[identity] = configuration
    var settled: SettledConfiguration?
    if !differences(of: identity, settled: [:]).isEmpty, let asset = order.desired.assets[identity] {
      settled = SettledConfiguration(sent: asset.configuration, answered: configuration)
    }
    let left = differences(of: identity, settled: settled.map { [identity: $0] } ?? [:])
    guard left.isEmpty else { return conclude(identity, .ignored(left)) }
    if case .create = step.outcome {
      conclude(identity, .created(configuration), settled: settled)
    } else {
      conclude(identity, .updated(changes(step), configuration), settled: settled)
    }
  }

  private func changes(_ step: PlanStep) -> [ConfigurationChange] {
    if case .update(let changes) = step.outcome { changes } else { [] }
  }

  /// What a plan for this asset alone would change.
  private func differences(
    of identity: AssetIdentity, settled: [AssetIdentity: SettledConfiguration]
  ) -> [ConfigurationChange] {
    guard let asset = order.desired.assets[identity] else { return [] }
    var alone = DesiredState()
    _ = alone.insert(asset.resource)
    var there = ObservedState()
    for known in [identity, .stream(identity.stream)] { there.configurations[known] = observed.configurations[known] }
    var planner = planner(settled: settled)
    planner.prunes = false
    planner.isReadOnly = false
    switch planner.plan(desired: alone, observed: there).steps.first?.outcome {
    case .update(let changes), .refused(_, let changes, _): return changes
    default: return []
    }
  }
}
