import JSON
import NATSClient
import Reactor
import Reconciliation

/// What is said about resources, and what follows from a round for them.
extension Engine {
  /// Tells the source, if it is something else than the last time.
  ///
  /// - Returns: whether it was told.
  @discardableResult
  func report(
    _ record: ResourceRecord, _ reason: ResourceStatus.Reason, _ message: String, _ event: ResourceEvent? = nil,
    answer: JSONObject? = nil
  ) -> Bool {
    var news = ResourceReport(
      record.identity, ResourceStatus(reason, message, observedGeneration: record.generation))
    let hasSameStatus = record.reported?.status == news.status
    // What goes wrong over and over is told once.
    news.event = event?.severity == .warning && hasSameStatus ? nil : event
    let answerHash = answer.map { JSONValue.object($0).json().hashValue }
    if let answerHash, answerHash != record.answerHash {
      news.answer = answer
      record.answerHash = answerHash
    }
    guard !hasSameStatus || news.event != nil || news.answer != nil else { return false }
    record.reported = ResourceReport(record.identity, news.status)
    if let event = news.event {
      environment.log(event.severity == .warning ? .warning : .info, "\(record.identity): \(event.message)")
    } else if !hasSameStatus {
      environment.log(.debug, "\(record.identity): \(reason.rawValue): \(message)")
    }
    source.report(news)
    return true
  }

  func reportReady(_ record: ResourceRecord, _ event: ResourceEvent? = nil, answer: JSONObject? = nil) {
    record.backoff.reset()
    record.retryAt = nil
    record.wasReconciled = true
    counters.reconciled(record.identity.kind, isSuccess: true, since: record.since, now: environment.now)
    record.since = nil
    // The original's words.
    let kind = record.identity.kind
    let message = kind == .account ? "Account is ready" : "\(kind.rawValue) successfully created or updated."
    report(record, .ready, message, event, answer: answer)
  }

  private func reportFailed(_ record: ResourceRecord, _ message: String) {
    counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
    record.since = nil
    report(record, .errored, message, ResourceEvent(.warning, .failed, message))
  }

  /// - Returns: false when no resource stands behind the asset.
  func apply(
    _ outcome: AssetOutcome, _ asset: AssetIdentity, at site: Site, _ order: RoundOrder,
    settled: SettledConfiguration?, _ generations: [ResourceIdentity: Int64]
  ) -> Bool {
    var isHandled = false
    if let identity = site.claims[asset]?.first, let record = records[identity] {
      isHandled = true
      // What changed meanwhile is judged by the next round.
      if generations[identity] == record.generation, !site.dirty.contains(asset) {
        record.settled = settled
        applyLive(outcome, asset, record)
      }
    }
    for record in site.deleting.compactMap({ records[$0] }) where record.asset == asset {
      isHandled = true
      // One that came to be deleted meanwhile is the next round's.
      if order.deleting.contains(where: { ResourceIdentity($0) == record.identity }) { applyDeleting(outcome, record) }
    }
    return isHandled
  }

  /// A request that a lost connection took with it says nothing: the next connection looks at everything.
  private func applyLive(_ outcome: AssetOutcome, _ asset: AssetIdentity, _ record: ResourceRecord) {
    guard let resource = record.resource else { return }
    switch outcome {
    case .unchanged(let answer): reportReady(record, answer: answer)
    case .created(let answer):
      counters.changed(.created, record.identity.kind)
      reportReady(record, ResourceEvent(.normal, .created, "created \(asset)"), answer: answer)
    case .updated(let changes, let answer):
      let isDrift = record.reported?.status.reason == .ready && record.since == nil
      counters.changed(isDrift ? .driftRepaired : .updated, record.identity.kind)
      let fields = FieldPath.paths(changes, in: resource).joined(separator: ", ")
      let text = isDrift ? "repaired \(asset), which was changed: \(fields)" : "updated \(asset): \(fields)"
      reportReady(record, ResourceEvent(.normal, .updated, text), answer: answer)
    case .refused(let refusal, let changes, let message): refuse(record, resource, refusal, changes, message)
    case .failed(.client(.disconnected), _): break
    case .failed(let error, let changes):
      reportFailed(record, text(error, changes, resource))
      retry(record)
    case .ignored(let changes):
      let fields = FieldPath.paths(changes, in: resource).joined(separator: ", ")
      reportFailed(record, "\(fields): the server took the request, but has \(asset) otherwise: \(list(changes))")
      retry(record)
    case .blocked(let message):
      reportFailed(record, message)
      retry(record)
    // Only live resources come here; their assets are not deleted.
    case .deleted, .absent, .kept: break
    }
  }

  private func refuse(
    _ record: ResourceRecord, _ resource: Resource, _ refusal: PlanStep.Refusal, _ changes: [ConfigurationChange],
    _ message: String
  ) {
    let fields = FieldPath.paths(changes, in: resource).joined(separator: ", ")
    switch refusal {
    case .preventUpdate:
      // The manifest's own will: FEATURES 13.010.
      let text = "\(fields): \(message): \(list(changes))"
      let isNews = record.reported?.status.message != text
      record.backoff.reset()
      record.wasReconciled = true
      counters.reconciled(record.identity.kind, isSuccess: true, since: record.since, now: environment.now)
      record.since = nil
      report(record, .ready, text, isNews ? ResourceEvent(.normal, .skippedUpdate, text) : nil)
    case .readOnly where changes.isEmpty:
      report(record, .errored, message, ResourceEvent(.warning, .skippedCreate, message))
      counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
      record.since = nil
    case .readOnly:
      let text = "\(fields): \(message): \(list(changes))"
      report(record, .errored, text, ResourceEvent(.warning, .skippedUpdate, text))
      counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
      record.since = nil
    case .missingStream:
      reportFailed(record, "spec.streamName: \(message)")
      retry(record)
    case .immutable, .preventDelete, .stillNamed:
      // Only a change of the manifest or of the asset helps; every sync interval looks.
      reportFailed(record, "\(fields): \(message): \(list(changes))")
    }
  }

  private func list(_ changes: [ConfigurationChange]) -> String {
    changes.map(\.description).joined(separator: ", ")
  }

  private func text(_ error: JetStreamError, _ changes: [ConfigurationChange], _ resource: Resource) -> String {
    guard case .api(let answer) = error else { return "no answer from the server: \(error)" }
    let fields = FieldPath.refused(
      errorCode: answer.errorCode, text: answer.description, changes: changes, in: resource)
    let detail = changes.isEmpty ? "" : " (\(list(changes)))"
    return (fields.isEmpty ? "" : fields.joined(separator: ", ") + ": ") + "\(error)\(detail)"
  }
}
