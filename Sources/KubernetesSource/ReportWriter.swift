import Bytes
import Controlling
import JSON
import Kubernetes
import Reactor
import Reconciliation

/// Writes reports into their objects: for each object one request at a time, the newest report only, until it is done
/// or no use.
///
/// Invariant: used on the client's loop only.
final class ReportWriter: @unchecked Sendable {
  struct Counts {
    var written = 0
    var failed = 0
  }

  private struct Work {
    /// Of the object that the report is about.
    let uid: String
    var status: ResourceStatus?
    var answer: JSONObject?
    var backoff = Backoff(first: 1_000_000_000, most: 60_000_000_000)
    var isBusy = false
    /// It waits for others.
    var isQueued = false
  }

  private let client: KubernetesClient
  private let object: (ResourceIdentity) -> CustomObject?
  private let replaced: (ResourceKind, JSONValue) -> Void
  private let log: @Sendable (LogLevel, String) -> Void
  private var work: [ResourceIdentity: Work] = [:]
  /// What cannot be sent at once waits here and not in the client: what is dropped is not sent.
  private var queue: ArraySlice<ResourceIdentity> = []
  private var underWay = 0
  private var idle: [@Sendable () -> Void] = []
  private(set) var counts = Counts()

  /// - Parameters:
  ///   - object: as it was seen last; nil when it is gone.
  ///   - replaced: the object after a change of ours, before the watch tells it.
  init(
    client: KubernetesClient, object: @escaping (ResourceIdentity) -> CustomObject?,
    replaced: @escaping (ResourceKind, JSONValue) -> Void, log: @escaping @Sendable (LogLevel, String) -> Void
  ) {
    self.client = client
    self.object = object
    self.replaced = replaced
    self.log = log
  }

  func write(_ report: ResourceReport, about object: CustomObject) {
    var item = work[report.identity] ?? Work(uid: object.uid)
    if item.uid != object.uid { item = Work(uid: object.uid, isBusy: item.isBusy) }
    item.status = report.status
    item.answer = report.answer ?? item.answer
    work[report.identity] = item
    next(report.identity)
  }

  /// Nothing of what waits is written any more: another replica leads.
  func drop() {
    work = work.filter(\.value.isBusy).mapValues { Work(uid: $0.uid, isBusy: true) }
    queue = []
    tellIdle()
  }

  /// Calls when nothing is left to write.
  func whenIdle(_ action: @escaping @Sendable () -> Void) {
    idle.append(action)
    tellIdle()
  }

  private func tellIdle() {
    guard work.isEmpty else { return }
    let actions = idle
    idle = []
    for action in actions { action() }
  }

  private func next(_ identity: ResourceIdentity) {
    guard let item = work[identity], !item.isBusy, !item.isQueued else { return }
    guard underWay < KubernetesLimits.requests else {
      work[identity]?.isQueued = true
      return queue.append(identity)
    }
    guard let current = object(identity), current.uid == item.uid, let step = step(item, current) else {
      work[identity] = nil
      return tellIdle()
    }
    work[identity]?.isBusy = true
    underWay += 1
    client.object(step.request) { result in
      self.underWay -= 1
      defer { self.sendQueued() }
      guard self.work[identity]?.uid == item.uid else {
        self.work[identity]?.isBusy = false
        return self.next(identity)
      }
      // Done, even if the server keeps only a part of it, as one with older definitions does.
      if case .success = result {
        if !step.isStatus, self.work[identity]?.answer == item.answer { self.work[identity]?.answer = nil }
        if step.isStatus, self.work[identity]?.status == item.status { self.work[identity]?.status = nil }
      }
      self.done(identity, isStatus: step.isStatus, result)
    }
  }

  private func sendQueued() {
    while underWay < KubernetesLimits.requests, let identity = queue.popFirst() {
      work[identity]?.isQueued = false
      next(identity)
    }
  }

  /// The configuration goes first: a status that says Ready must not outlive a controller that did not keep it.
  private func step(_ item: Work, _ current: CustomObject) -> (request: ResourceRequest, isStatus: Bool)? {
    let type = current.identity.kind.type
    if let patch = item.answer.flatMap({ current.statePatch($0) }) {
      return (.patch(type, current.key, patch), false)
    }
    let now = Timestamp(unixNanoseconds: client.loop.clock.wallNanoseconds())
    guard let patch = item.status.flatMap({ current.statusPatch($0, now: now) }) else { return nil }
    return (.patch(type, current.key, subresource: "status", patch), true)
  }

  private func done(_ identity: ResourceIdentity, isStatus: Bool, _ result: Result<JSONValue, KubernetesError>) {
    work[identity]?.isBusy = false
    switch result {
    case .success(let object):
      counts.written += 1
      work[identity]?.backoff.reset()
      replaced(identity.kind, object)
      next(identity)
    case .failure(let error):
      counts.failed += 1
      failed(identity, isStatus: isStatus, error)
    }
  }

  private func failed(_ identity: ResourceIdentity, isStatus: Bool, _ error: KubernetesError) {
    // A conflict may mean that it is another object of the name by now: the watch tells before the next attempt.
    if error.isNotFound {
      work[identity] = nil
      return tellIdle()
    }
    if error.isInvalid {
      log(.warning, "\(identity): the API server does not take \(isStatus ? "the status" : "the state"): \(error)")
      if isStatus {
        work[identity] = nil
        return tellIdle()
      }
      work[identity]?.answer = nil
      return next(identity)
    }
    guard var item = work[identity] else { return }
    let wait = item.backoff.wait(random: Double.random(in: 0..<1))
    if wait < 2_000_000_000, !error.isConflict { log(.warning, "\(identity): the status cannot be written: \(error)") }
    item.isBusy = true
    work[identity] = item
    client.loop.schedule(afterNanoseconds: wait) {
      self.work[identity]?.isBusy = false
      self.next(identity)
    }
  }
}
