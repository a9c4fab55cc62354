import JSON
import Reactor
import Reconciliation

/// `plan`: what would be done. Nothing is changed.
///
/// Invariant: used on the loop only, but `init`.
final class PlanCommand: @unchecked Sendable {
  private let options: ControllerOptions
  private let environment: any EngineEnvironment
  private let finished: (CommandOutcome) -> Void
  private var orders: [SiteKey: RoundOrder] = [:]
  private var plans: [SiteKey: Plan] = [:]
  private var problems: [SiteKey: String] = [:]
  private var rounds: [SiteKey: Round] = [:]
  private var links: [any ServerLink] = []
  private var warnings = ""
  private var hasEnded = false

  init(
    _ options: ControllerOptions, environment: any EngineEnvironment, finished: @escaping (CommandOutcome) -> Void
  ) {
    self.options = options
    self.environment = environment
    self.finished = finished
  }

  func start() {
    let loader = ManifestLoader(options.manifests, namespace: options.namespace)
    warnings = loader.text
    guard !loader.hasErrors else { return end(.failure(loader.text)) }
    if let failure = order(loader.resources) { return end(.failure(failure)) }
    for key in orders.keys { connect(key) }
    if orders.isEmpty { return report() }
    _ = environment.schedule(afterNanoseconds: options.timeoutNanoseconds) { [weak self] in self?.timeOut() }
  }

  // MARK: - Sites

  /// - Returns: what is wrong.
  private func order(_ resources: [Resource]) -> String? {
    let resolver = ConnectionResolver(
      flags: options.connection, file: { _, _, _, _ in nil },
      digest: { [environment] in environment.digest(ofFile: $0) })
    let accounts = Dictionary(
      resources.compactMap { resource in AccountSettings(resource).map { (ResourceIdentity(resource), $0) } },
      uniquingKeysWith: { first, _ in first })
    if options.engine.prunes { _ = site(.init(), resolver, nil) }
    for resource in resources where resource.kind != .account {
      let settings = resource.connection
      let account = settings.accountIdentity.flatMap { accounts[$0] }
      switch site(settings, resolver, account) {
      case .success(let key): _ = orders[key]?.desired.insert(resource)
      case .failure(let problem):
        return "\(resource.position.map { "\($0): " } ?? "")error: \(problem.text)"
      }
    }
    let described = Set(orders.values.flatMap { $0.desired.assets.keys })
    let named = described.union(described.map { .stream($0.stream) })
    for key in orders.keys {
      orders[key]?.described = named
      orders[key]?.prunes = options.engine.prunes && !resources.isEmpty
    }
    return nil
  }

  private struct Problem: Error {
    let text: String
  }

  private func site(
    _ settings: ConnectionSettings, _ resolver: ConnectionResolver, _ account: AccountSettings?
  ) -> Result<SiteKey, Problem> {
    switch resolver.resolve(settings, account: account, secrets: [:]) {
    case .failed(let text): return .failure(Problem(text: text))
    case .needs(let secrets):
      return .failure(
        Problem(text: "spec.account: the Account names the Secret \(secrets[0]); Secrets need Kubernetes"))
    case .resolved(let connection):
      let key = SiteKey(connection: connection, domain: settings.domain)
      if orders[key] == nil {
        var order = RoundOrder(apiPrefix: key.apiPrefix, desired: DesiredState())
        order.isDryRun = true
        order.isReadOnly = options.isReadOnly
        orders[key] = order
      }
      return .success(key)
    }
  }

  private func connect(_ key: SiteKey) {
    problems[key] = "no connection to \(key.connection.title)"
    let box = LinkBox()
    let link = environment.openLink(key.connection) { [weak self] event in
      guard let self, !self.hasEnded else { return }
      switch event {
      case .connected(let version): if let link = box.link { self.look(key, link, version) }
      case .failed(let text), .disconnected(let text):
        self.problems[key] = "no connection to \(key.connection.title): \(text)"
      }
    }
    box.link = link
    links.append(link)
  }

  private func look(_ key: SiteKey, _ link: any ServerLink, _ version: String) {
    guard rounds[key] == nil, plans[key] == nil, var order = orders[key] else { return }
    let owner = options.engine.owner
    order.ownership = ServerVersion(version).keepsMetadata ? owner.map(Ownership.init(owner:)) : nil
    order.prunes = order.prunes && order.ownership != nil
    let round = Round(
      order, link: link, environment: environment, confirm: { _, answer in answer("a plan changes nothing") },
      concluded: { [weak self] _, outcome, _ in
        if case .blocked(let text) = outcome { self?.warnings += "warning: \(text)\n" }
      },
      completed: { [weak self] result in
        guard let self else { return }
        self.rounds[key] = nil
        if let failure = result.failure {
          self.problems[key] = "no JetStream at \(key.connection.title): \(failure)"
          if case .client(.disconnected) = failure { return }
          return self.timeOut()
        }
        self.plans[key] = result.plan
        if self.plans.count == self.orders.count { self.report() }
      })
    rounds[key] = round
    round.start()
  }

  // MARK: - Ends

  private func timeOut() {
    let open = orders.keys.filter { plans[$0] == nil }.compactMap { problems[$0] }.sorted()
    end(.failure(open.map { "error: \($0)" }.joined(separator: "\n")))
  }

  private func report() {
    let sorted = plans.sorted { title($0.key) < title($1.key) }
    var outcome = CommandOutcome()
    outcome.errors = warnings
    outcome.status = Plan.exitCode(plans: sorted.map(\.value))
    if options.output == .json {
      let sites = sorted.map { key, plan -> JSONValue in
        var object: JSONObject = ["server": .string(key.connection.title)]
        if !key.domain.isEmpty { object["domain"] = .string(key.domain) }
        object.members += plan.json.object?.members ?? []
        return .object(object)
      }
      let document: JSONValue = .object([
        "hasDifferences": .bool(outcome.status != 0), "sites": .array(sites),
      ])
      outcome.output = String(decoding: document.json(style: .pretty, escapesHTML: false), as: UTF8.self) + "\n"
    } else {
      for (key, plan) in sorted {
        if sorted.count > 1 { outcome.output += "\(title(key)):\n" }
        outcome.output += plan.text
      }
      if sorted.isEmpty { outcome.output = Plan().text }
    }
    end(outcome)
  }

  private func title(_ key: SiteKey) -> String {
    key.connection.title + (key.domain.isEmpty ? "" : " (domain \(key.domain))")
  }

  private func end(_ outcome: CommandOutcome) {
    guard !hasEnded else { return }
    hasEnded = true
    for link in links { link.close() }
    finished(outcome)
  }
}

/// Lets an event find the link that it comes from.
///
/// Invariant: used on the loop only.
private final class LinkBox: @unchecked Sendable {
  var link: (any ServerLink)?
}
