import NATSClient
import Reactor
import Reconciliation

/// When rounds begin, and what they are about.
extension Engine {
  func scheduleRound(_ site: Site) {
    guard canWork, site.round == nil, site.cancelStart == nil, site.connection == .connected,
      site.needsFullRound || !site.dirty.isEmpty
    else { return }
    let delay = max(Self.gatherNanoseconds, site.restsUntil - environment.now)
    site.cancelStart = environment.schedule(afterNanoseconds: delay) { [weak self, weak site] in
      guard let self, let site else { return }
      site.cancelStart = nil
      self.startRound(site)
    }
  }

  private func startRound(_ site: Site) {
    guard canWork, site.round == nil, site.connection == .connected, sites[site.key] === site,
      let link = pool.link(site.key.connection)
    else { return }
    let order = roundOrder(site)
    guard order.prunes || !order.desired.assets.isEmpty || !order.deleting.isEmpty else { return }
    var generations: [ResourceIdentity: Int64] = [:]
    for record in recordsOf(site) { generations[record.identity] = record.generation }
    let begun = environment.now
    let round = Round(
      order, link: CountingLink(link, counters), environment: environment,
      confirm: { [weak self, weak site] step, answer in
        guard let self, let site else { return answer("the controller stops") }
        self.confirm(step, at: site, answer)
      },
      concluded: { [weak self, weak site] asset, outcome, settled in
        guard let self, let site else { return }
        self.noteAttempt(order, asset, outcome)
        let isHandled = self.apply(outcome, asset, at: site, order, settled: settled, generations)
        if !isHandled { self.tellPruned(asset, outcome) }
      },
      completed: { [weak self, weak site] result in
        guard let self, let site else { return }
        site.round = nil
        self.counters.roundEnded(nanoseconds: self.environment.now - begun)
        self.finish(site, result)
      })
    site.round = round
    round.start()
  }

  private func roundOrder(_ site: Site) -> RoundOrder {
    let isFull = site.needsFullRound
    var wanted = isFull ? Set(site.claims.keys) : site.dirty
    // Whether a stream may go depends on its consumers' manifests.
    let leaving = Set(site.deleting.compactMap { records[$0]?.asset }.filter(\.isStream).map(\.stream))
    for asset in site.claims.keys where leaving.contains(asset.stream) { wanted.insert(asset) }
    // A consumer is judged together with its stream.
    for asset in wanted where !asset.isStream && site.claims[.stream(asset.stream)] != nil {
      wanted.insert(.stream(asset.stream))
    }
    var order = RoundOrder(apiPrefix: site.key.apiPrefix, desired: DesiredState())
    for asset in wanted {
      guard let identity = site.claims[asset]?.first, let record = records[identity], let resource = record.resource
      else { continue }
      _ = order.desired.insert(resource)
      order.settled[asset] = record.settled
      if let retryAt = record.retryAt, retryAt > environment.now { order.resting.insert(asset) }
    }
    order.deleting = site.deleting.compactMap { identity in
      guard let record = records[identity], let asset = record.asset, record.retryAt == nil,
        isFull || site.dirty.contains(asset)
      else { return nil }
      return record.resource
    }
    order.isReadOnly = options.isReadOnly
    order.ownership = site.keepsMetadata ? options.owner.map(Ownership.init(owner:)) : nil
    order.prunes = isFull && order.ownership != nil && canPrune
    order.described = order.prunes ? describedAssets() : []
    site.needsFullRound = false
    site.dirty = []
    return order
  }

  /// Only the whole truth tells what is not described: no manifest with an error, and not a folder that is empty,
  /// perhaps because it was unmounted.
  var canPrune: Bool {
    options.prunes && isComplete && !records.isEmpty
      && records.values.allSatisfy { $0.delivered.resource != nil || $0.isDeleting }
  }

  private func describedAssets() -> Set<AssetIdentity> {
    let assets = records.values.compactMap { $0.isLive ? $0.asset : nil }
    return Set(assets).union(assets.map { .stream($0.stream) })
  }

  /// Just before an asset is deleted: is that still right?
  private func confirm(_ step: PlanStep, at site: Site, _ answer: @escaping @Sendable (String?) -> Void) {
    let asset = step.identity
    let namesIt = site.claims.first { claimed, _ in
      claimed == asset || (asset.isStream && claimed.stream == asset.stream)
    }
    if let identity = namesIt?.value.first { return answer("\(identity) names it") }
    guard step.resource != nil else {
      let isPrunable = canPrune && !describedAssets().contains(asset)
      return answer(isPrunable ? nil : "manifests have changed meanwhile")
    }
    guard let record = site.deleting.compactMap({ records[$0] }).first(where: { $0.asset == asset }) else {
      return answer("its resource is gone")
    }
    source.confirm(record.identity) { presence in
      switch presence {
      case .success(.deleting), .success(.absent): answer(nil)
      case .success(.live): answer("\(record.identity) is not being deleted")
      case .failure(let error): answer("\(record.identity) cannot be looked at: \(error)")
      }
    }
  }

  // MARK: - After a round

  private func finish(_ site: Site, _ result: Round.Result) {
    if let failure = result.failure {
      fail(site, failure)
    } else {
      site.backoff.reset()
      site.hasToldFailure = false
      site.restsUntil = 0
    }
    let deferred = site.deferred
    site.deferred = []
    for record in deferred.compactMap({ records[$0] }) { process(record) }
    if !site.isUsed, sites[site.key] === site {
      sites[site.key] = nil
      pool.release(site.key.connection)
    } else {
      scheduleRound(site)
    }
  }

  /// From here on an asset is the resource's, even if it is to be deleted by now, or the answer was lost.
  private func noteAttempt(_ order: RoundOrder, _ asset: AssetIdentity, _ outcome: AssetOutcome) {
    guard let resource = order.desired.assets[asset]?.resource, let record = records[ResourceIdentity(resource)]
    else { return }
    switch outcome {
    case .created, .updated: record.wasReconciled = true
    case .failed(.client, let changes) where changes.isEmpty: record.wasReconciled = true
    default: break
    }
  }

  /// Nothing could be found out: the site rests.
  private func fail(_ site: Site, _ failure: JetStreamError) {
    site.needsFullRound = true
    // The connection tells about itself; a single slow answer is not worth a word.
    if case .client(.disconnected) = failure { return }
    site.restsUntil = environment.now + site.backoff.next(chance: environment.chance())
    if case .client(.timedOut) = failure, site.backoff.failures < 2 { return }
    guard !site.hasToldFailure else { return }
    site.hasToldFailure = true
    let hint = failure == .client(.noResponders) ? "; is JetStream enabled for this account?" : ""
    let message = "no JetStream at \(site.key.connection.title): \(failure)\(hint)"
    for record in recordsOf(site) {
      report(
        record, record.isDeleting ? .finalizing : .errored, message, ResourceEvent(.warning, .failed, message))
      counters.reconciled(record.identity.kind, isSuccess: false, since: nil, now: environment.now)
    }
  }

  private func tellPruned(_ asset: AssetIdentity, _ outcome: AssetOutcome) {
    switch outcome {
    case .deleted:
      counters.pruned += 1
      environment.log(.info, "Deleted \(asset): no manifest describes it any more")
    case .failed(let error, _):
      environment.log(.warning, "Cannot delete \(asset), which no manifest describes: \(error)")
    case .refused(_, _, let message):
      environment.log(.debug, "\(asset), which no manifest describes: \(message)")
    case .kept(let reason): environment.log(.info, "\(asset) is kept: \(reason)")
    case .unchanged, .created, .updated, .absent, .ignored, .blocked: break
    }
  }
}
