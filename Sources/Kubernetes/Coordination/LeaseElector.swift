import Bytes
import JSON
import Reactor

/// What becomes of the leadership.
public enum LeadershipEvent: Sendable, Equatable {
  case began
  /// Leads though Leases are refused to us: there had better be no other replica.
  case beganUnguarded(KubernetesError)
  case ended
  /// Another replica leads.
  case follows(String)
}

/// Takes part in the election of a leader, on the client's loop.
///
/// Invariant: all state belongs to the loop's thread.
public final class LeaseElector: @unchecked Sendable {
  private let client: KubernetesClient
  private let key: ObjectKey
  private let settings: LeaderElection.Settings
  private let receive: @Sendable (LeadershipEvent) -> Void
  private let failed: @Sendable (KubernetesError) -> Void
  private var election: LeaderElection
  private var timer: TimerToken?
  private var deadlineTimer: TimerToken?
  private var released: (@Sendable () -> Void)?

  /// - Parameters:
  ///   - lease: where the Lease stands; it is made when it is missing.
  ///   - receive: called on the loop, between two requests of the one that leads.
  public init(
    client: KubernetesClient, lease: ObjectKey, settings: LeaderElection.Settings,
    receive: @escaping @Sendable (LeadershipEvent) -> Void,
    failed: @escaping @Sendable (KubernetesError) -> Void = { _ in }
  ) {
    self.client = client
    key = lease
    self.settings = settings
    self.receive = receive
    self.failed = failed
    election = LeaderElection(settings)
  }

  public func start() {
    client.onLoop { self.perform(self.election.start(now: self.now)) }
  }

  /// Gives the leadership up. - Parameter completed: called on the loop when the Lease is free, or cannot be freed.
  public func stop(completed: @escaping @Sendable () -> Void = {}) {
    client.onLoop {
      for timer in [self.timer, self.deadlineTimer] { timer.map(self.client.loop.cancel) }
      let actions = self.election.stop()
      self.released = completed
      self.perform(actions)
      self.tellReleased()
    }
  }

  private var now: Int64 { client.loop.clock.monotonicNanoseconds() }
  private var wall: Timestamp { Timestamp(unixNanoseconds: client.loop.clock.wallNanoseconds()) }

  private func perform(_ actions: [LeaderElection.Action]) {
    for action in actions {
      switch action {
      case .get: get()
      case .create(let record): write(.create(.leases, namespace: key.namespace, record.object(key)))
      case .update(let record, let version):
        write(.update(.leases, key, record.object(key, resourceVersion: version)))
      case .wait(let nanoseconds):
        timer = client.loop.schedule(afterNanoseconds: nanoseconds) { [weak self] in
          guard let self else { return }
          self.perform(self.election.timerFired(now: self.now, wall: self.wall))
        }
      case .began: receive(.began)
      case .beganUnguarded(let error): receive(.beganUnguarded(error))
      case .ended: receive(.ended)
      case .follows(let identity): receive(.follows(identity))
      }
    }
    watchDeadline()
  }

  private func watchDeadline() {
    if let deadlineTimer { client.loop.cancel(deadlineTimer) }
    deadlineTimer = election.deadline.map { deadline in
      client.loop.schedule(afterNanoseconds: deadline - now) { [weak self] in
        guard let self else { return }
        self.perform(self.election.deadlineReached(now: self.now))
      }
    }
  }

  private func get() {
    client.object(patient(.get(.leases, key))) { result in
      switch result {
      case .success(let object):
        self.perform(
          self.election.got(
            LeaseRecord(object), resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "", now: self.now,
            wall: self.wall))
      // A missing kind of objects is 404 too, but has no name in it.
      case .failure(let error) where error.isNotFound:
        self.perform(self.election.gotNone(now: self.now, wall: self.wall))
      case .failure(let error): self.fail(error)
      }
    }
  }

  private func write(_ request: ResourceRequest) {
    client.object(patient(request)) { result in
      switch result {
      case .success(let object):
        let version = object["metadata"]?["resourceVersion"]?.string ?? ""
        self.perform(self.election.wrote(resourceVersion: version, now: self.now))
      case .failure(let error): self.fail(error)
      }
      self.tellReleased()
    }
  }

  private func tellReleased() {
    guard election.isStopped, let action = released else { return }
    released = nil
    action()
  }

  private func fail(_ error: KubernetesError) {
    if !error.isConflict { failed(error) }
    perform(election.failed(error, now: now))
  }

  /// Retries are the election's, and a Lease cannot wait.
  private func patient(_ request: ResourceRequest) -> ResourceRequest {
    var request = request
    request.attempts = 1
    request.isUrgent = true
    request.timeoutNanoseconds = settings.renewDeadlineNanoseconds / 2
    return request
  }
}

extension LeaseRecord {
  init(_ object: JSONValue) {
    let specification = object["spec"]
    holder = specification?["holderIdentity"]?.string ?? ""
    durationSeconds = specification?["leaseDurationSeconds"]?.int64 ?? 0
    acquired = specification?["acquireTime"]?.string.flatMap { try? RFC3339.parse($0) } ?? .zero
    renewed = specification?["renewTime"]?.string.flatMap { try? RFC3339.parse($0) } ?? .zero
    transitions = specification?["leaseTransitions"]?.int64 ?? 0
  }

  func object(_ key: ObjectKey, resourceVersion: String = "") -> JSONValue {
    var metadata: JSONObject = ["name": .string(key.name), "namespace": .string(key.namespace)]
    if !resourceVersion.isEmpty { metadata["resourceVersion"] = .string(resourceVersion) }
    let specification: JSONObject = [
      "holderIdentity": .string(holder), "leaseDurationSeconds": JSONValue(durationSeconds),
      "acquireTime": .string(KubernetesTime.micro(acquired)), "renewTime": .string(KubernetesTime.micro(renewed)),
      "leaseTransitions": JSONValue(transitions),
    ]
    return .object([
      "apiVersion": .string(ResourceType.leases.apiVersion), "kind": .string("Lease"),
      "metadata": .object(metadata), "spec": .object(specification),
    ])
  }
}
