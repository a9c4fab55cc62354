import HTTP
import JSON
import Metrics
import Reactor

/// The requests of one scrape to one server: all endpoints at once, those whose labels need `/varz` mapped behind it.
///
/// Invariant: used on the exporter's loop only.
final class ServerScrape: @unchecked Sendable {
  /// What became of an endpoint.
  struct Outcome: Sendable {
    var set: MetricSet?
    var failure: FetchFailure?
    var seconds = 0.0
    var bytes = 0
  }

  let server: MonitoredServer
  private(set) var outcomes: [MonitoringEndpoint: Outcome] = [:]
  private let options: ExporterOptions
  private let client: MonitoringClient
  private let clock: any Clock
  private let started: Int64
  private let deadline: Int64
  private var completed: (() -> Void)?
  /// By endpoint; the requests for single accounts stand under `accountz`.
  private var calls: [HTTPCall] = []
  private var waiting: [(endpoint: MonitoringEndpoint, answer: MonitoringClient.Answer)] = []
  /// `nil` while `/varz` is asked for.
  private var varz: Result<String, FetchFailure>?
  private var accounts: AccountRequests?

  init(
    _ server: MonitoredServer, options: ExporterOptions, client: MonitoringClient, clock: any Clock, deadline: Int64
  ) {
    self.server = server
    self.options = options
    self.client = client
    self.clock = clock
    self.deadline = deadline
    started = clock.monotonicNanoseconds()
  }

  /// - Parameter completed: called once, when every endpoint has an outcome.
  func start(completed: @escaping () -> Void) {
    self.completed = completed
    if needsVarz, !options.endpoints.contains(.varz) { ask(.varz) }
    for endpoint in options.endpoints { ask(endpoint) }
  }

  /// Gives up what has no outcome yet.
  func expire() {
    let unfinished = options.endpoints.filter { outcomes[$0] == nil }
    for call in calls { call.cancel() }
    waiting = []
    if needsVarz, varz == nil { varz = .failure(.timeout) }
    for endpoint in unfinished {
      if endpoint == .accountz, let accounts {
        finish(endpoint, accounts.outcome(.timeout))
      } else {
        finish(endpoint, Outcome(failure: .timeout))
      }
    }
  }

  private var needsVarz: Bool {
    server.needsIdentity || options.endpoints.contains(.jsz) || options.endpoints.contains(.varz)
  }

  private var timeLeft: Int64 { max(1, deadline - clock.monotonicNanoseconds()) }

  private func ask(_ endpoint: MonitoringEndpoint) {
    calls.append(
      client.get(
        endpoint.target(jetStream: options.jetStream), from: server.target.url, timeoutNanoseconds: timeLeft
      ) { result in self.receive(endpoint, result) })
  }

  private func receive(_ endpoint: MonitoringEndpoint, _ result: Result<MonitoringClient.Answer, FetchFailure>) {
    switch result {
    case .failure(let failure):
      if endpoint == .varz { learn(.failure(failure)) }
      finish(endpoint, Outcome(failure: failure))
    case .success(let answer):
      guard answer.status == 200 || endpoint.acceptsAnyStatus else {
        if endpoint == .varz { learn(.failure(.status)) }
        return finish(endpoint, Outcome(failure: .status, bytes: answer.body.count))
      }
      if endpoint == .varz {
        learn(server.learn(from: answer.body.bytes).map { .success($0) } ?? .failure(.garbage))
      }
      if needsVarz, varz == nil, endpoint == .jsz || server.needsIdentity {
        waiting.append((endpoint, answer))
      } else {
        map(endpoint, answer)
      }
    }
  }

  /// `/varz` is known, or known not to be had: what waited for it goes on.
  private func learn(_ result: Result<String, FetchFailure>) {
    guard varz == nil else { return }
    varz = result
    let ready = waiting
    waiting = []
    for (endpoint, answer) in ready { map(endpoint, answer) }
  }

  private var mapping: MetricMapping {
    var mapping = MetricMapping(serverID: server.id)
    if case .success(let name) = varz { mapping.serverName = name }
    mapping.prefix = options.prefix
    mapping.streamMetadata = options.streamMetadata
    mapping.consumerMetadata = options.consumerMetadata
    mapping.maximumSeries = options.maximumSeries
    return mapping
  }

  private func map(_ endpoint: MonitoringEndpoint, _ answer: MonitoringClient.Answer) {
    if endpoint == .jsz, case .failure = varz { return finish(endpoint, Outcome(failure: .unnamed)) }
    if endpoint == .accountz { return startAccounts(answer) }
    do throws(JSONError) {
      let set = try mapping.map(endpoint, answer.body.bytes)
      finish(endpoint, Outcome(set: set, bytes: answer.body.count))
    } catch {
      finish(endpoint, Outcome(failure: .garbage, bytes: answer.body.count))
    }
  }

  private func finish(_ endpoint: MonitoringEndpoint, _ outcome: Outcome) {
    // `/varz` may have been asked for its labels only.
    guard options.endpoints.contains(endpoint), outcomes[endpoint] == nil else { return }
    var outcome = outcome
    outcome.seconds = Double(clock.monotonicNanoseconds() - started) / 1e9
    if outcome.set == nil { outcome.set = mapping.mapUnreachable(endpoint) }
    outcomes[endpoint] = outcome
    guard outcomes.count == options.endpoints.count else { return }
    let action = completed
    completed = nil
    action?()
  }

  // MARK: - Accounts

  /// `/accountz` lists names; each account is asked for by itself, a few at a time.
  private func startAccounts(_ answer: MonitoringClient.Answer) {
    do throws(JSONError) {
      let names = try MetricMapping.accounts(answer.body.bytes)
      accounts = AccountRequests(names: names, mapping: mapping, bytes: answer.body.count)
      for _ in 0..<AccountRequests.together { askNextAccount() }
      completeAccounts()
    } catch {
      finish(.accountz, Outcome(failure: .garbage, bytes: answer.body.count))
    }
  }

  private func askNextAccount() {
    guard let name = accounts?.next() else { return }
    let call = client.get(
      "/accountz?acc=" + PercentEncoding.encode(name), from: server.target.url, timeoutNanoseconds: timeLeft
    ) { result in
      guard self.outcomes[.accountz] == nil else { return }
      self.accounts?.receive(result)
      self.askNextAccount()
      self.completeAccounts()
    }
    calls.append(call)
  }

  private func completeAccounts() {
    guard let accounts, accounts.isComplete else { return }
    finish(.accountz, accounts.outcome(nil))
  }
}

/// The accounts of one server that are asked for one by one.
private struct AccountRequests {
  /// Requests under way.
  static let together = 4

  private var names: ArraySlice<String>
  private let mapping: MetricMapping
  private var merged: MetricSet
  private var running = 0
  private var bytes: Int
  private var failure: FetchFailure?

  init(names: [String], mapping: MetricMapping, bytes: Int) {
    self.names = names[...]
    self.mapping = mapping
    self.bytes = bytes
    merged = MetricSet(maximumSeries: mapping.maximumSeries)
  }

  var isComplete: Bool { names.isEmpty && running == 0 }

  mutating func next() -> String? {
    guard let name = names.popFirst() else { return nil }
    running += 1
    return name
  }

  mutating func receive(_ result: Result<MonitoringClient.Answer, FetchFailure>) {
    running -= 1
    switch result {
    case .failure(let failure): self.failure = failure
    case .success(let answer):
      bytes += answer.body.count
      guard answer.status == 200 else {
        failure = .status
        return
      }
      do throws(JSONError) {
        try mapping.mapAccount(answer.body.bytes, into: &merged)
      } catch {
        failure = .garbage
      }
    }
  }

  /// What came counts, and so does what did not.
  func outcome(_ reason: FetchFailure?) -> ServerScrape.Outcome {
    ServerScrape.Outcome(set: merged, failure: reason ?? failure, bytes: bytes)
  }
}
