import JSON
import Metrics
import NATSClient
import Reactor
import Reconciliation

/// Makes servers have what resources describe, and keeps them so.
///
/// Resources are grouped into sites, one for each JetStream API that they are for. A site works in rounds: what changed
/// is looked at together a moment later, everything at every sync interval. A round observes with as few requests as it
/// can, plans, carries out and verifies; while nothing changes, nothing is sent between two intervals. What fails is
/// tried again with a backoff of its own and told once.
///
/// Invariant: everything happens on one loop, that of `environment`.
public final class Engine: ResourceSink, @unchecked Sendable {
  public struct Options: Sendable {
    /// What the flags say about the connection.
    public var connection = ResolvedConnection()
    /// Give or take a tenth, so that controllers do not march in step. FEATURES 13.012.
    public var syncIntervalNanoseconds: Int64 = 60_000_000_000
    public var isReadOnly = false
    /// Written into the metadata of assets; nil leaves them unmarked.
    public var owner: String?
    /// Delete what `owner` owns and no resource describes.
    public var prunes = false

    public init() {}
  }

  /// Changes that come so close together make one round.
  static let gatherNanoseconds: Int64 = 10_000_000
  /// A connection may be lost for so long before resources that are ready are told.
  static let lossGraceNanoseconds: Int64 = 30_000_000_000

  let source: any ResourceSource
  let environment: any EngineEnvironment
  let options: Options
  let counters = EngineCounters()
  var records: [ResourceIdentity: ResourceRecord] = [:]
  var sites: [SiteKey: Site] = [:]
  var secrets: [SecretIdentity: Result<[String: [UInt8]], SourceError>] = [:]
  var secretsAsked: Set<SecretIdentity> = []
  /// By what the flags say; for pruning when nothing is described any more.
  var defaultSite: SiteKey?
  public private(set) var isSynced = false
  public private(set) var isComplete = false
  public private(set) var isActive = true
  private var isStopped = false
  private var cancelSync: (@Sendable () -> Void)?
  private var retryTimer: (cancel: @Sendable () -> Void, at: Int64)?
  private(set) lazy var pool = ConnectionPool(environment: environment) { [weak self] connection, event in
    self?.connectionChanged(connection, event)
  }

  public init(source: any ResourceSource, environment: any EngineEnvironment, options: Options) {
    self.source = source
    self.environment = environment
    self.options = options
  }

  /// Starts the source; call on the loop.
  public func start() {
    source.start(self)
    scheduleSync()
  }

  /// Ends rounds and connections. What was reported is written down by the source until `completed`.
  public func stop(completed: @escaping @Sendable () -> Void) {
    isStopped = true
    cancelSync?()
    retryTimer?.cancel()
    retryTimer = nil
    for site in sites.values {
      site.round?.cancel()
      site.cancelStart?()
    }
    sites = [:]
    pool.closeAll()
    source.stop(completed: completed)
  }

  // MARK: - What the source delivers

  public func changed(_ resources: [DeliveredResource]) {
    for delivered in resources {
      let record: ResourceRecord
      if let known = records[delivered.identity] {
        record = known
        guard record.take(delivered) else { continue }
      } else {
        record = ResourceRecord(delivered)
        _ = record.take(delivered)
        record.settle(delivered)
        records[delivered.identity] = record
      }
      record.backoff.reset()
      record.retryAt = nil
      record.since = record.since ?? environment.now
      counters.added(record.identity.kind)
      if record.identity.kind == .account { forgetSecrets() }
      if canWork { process(record) }
    }
  }

  public func removed(_ identities: [ResourceIdentity]) {
    for identity in identities {
      guard let record = records.removeValue(forKey: identity) else { continue }
      leave(record)
      environment.log(.debug, "\(identity) is gone")
      if identity.kind == .account {
        forgetSecrets()
        reroute { $0.resource?.connection.uses(identity) == true }
      }
      if let account = record.resource?.connection.accountIdentity { processDeletingAccount(account) }
    }
    if options.prunes, !identities.isEmpty { lookAtEverything() }
  }

  public func synced(isComplete: Bool) {
    let becomesComplete = isComplete && !self.isComplete
    self.isComplete = isComplete
    let isFirst = !isSynced
    isSynced = true
    if isFirst { begin() } else if becomesComplete, options.prunes { lookAtEverything() }
  }

  public func setActive(_ isActive: Bool) {
    guard self.isActive != isActive else { return }
    self.isActive = isActive
    let waiting = isSynced ? "This controller does not lead any more" : "This controller waits for its turn to lead"
    environment.log(.info, isActive ? "This controller leads now" : waiting)
    if isActive {
      begin()
    } else {
      abandonSites()
    }
  }

  /// Nothing more is sent from here on.
  private func abandonSites() {
    for site in sites.values {
      site.round?.cancel()
      site.cancelStart?()
      pool.release(site.key.connection)
    }
    sites = [:]
    defaultSite = nil
    for record in records.values { record.abandon() }
  }

  /// Whether requests may be sent.
  var canWork: Bool { isSynced && isActive && !isStopped }

  private func begin() {
    guard canWork else { return }
    keepDefaultSite()
    for record in sortedRecords() { process(record) }
  }

  /// Accounts first, since others need them; then by title.
  func sortedRecords(where isConcerned: (ResourceRecord) -> Bool = { _ in true }) -> [ResourceRecord] {
    records.values.filter(isConcerned).sorted { left, right in
      let isAccount = (left.identity.kind == .account, right.identity.kind == .account)
      return isAccount.0 == isAccount.1 ? left.identity.description < right.identity.description : isAccount.0
    }
  }

  /// Where pruning looks when no resource is left that leads there.
  private func keepDefaultSite() {
    guard options.prunes, options.owner != nil, !options.connection.servers.isEmpty, defaultSite == nil else { return }
    let settings = ConnectionSettings()
    guard case .resolved(let connection) = resolver.resolve(settings, account: nil, secrets: [:]) else { return }
    let key = SiteKey(connection: connection, domain: "")
    defaultSite = key
    let site = site(key)
    site.isKept = true
    scheduleRound(site)
  }

  // MARK: - Time

  private func scheduleSync() {
    let interval = Double(options.syncIntervalNanoseconds) * (0.9 + 0.2 * environment.chance())
    cancelSync = environment.schedule(afterNanoseconds: Int64(interval)) { [weak self] in
      guard let self else { return }
      self.scheduleSync()
      self.sync()
    }
  }

  /// Looks at everything: files that connections name, and every site.
  private func sync() {
    guard canWork else { return }
    reroute { if case .site = $0.route { true } else { false } }
    tellLostConnections()
    lookAtEverything()
  }

  func lookAtEverything() {
    for site in sites.values {
      site.needsFullRound = true
      scheduleRound(site)
    }
  }

  /// Tries a resource again after its backoff.
  func retry(_ record: ResourceRecord) {
    counters.retried(record.identity.kind)
    let next = environment.now + record.backoff.next(chance: environment.chance())
    record.retryAt = next
    scheduleRetry(at: next)
  }

  private func scheduleRetry(at next: Int64) {
    if let timer = retryTimer, timer.at <= next { return }
    retryTimer?.cancel()
    let cancel = environment.schedule(afterNanoseconds: max(0, next - environment.now)) { [weak self] in
      self?.retryDue()
    }
    retryTimer = (cancel, next)
  }

  private func retryDue() {
    retryTimer = nil
    let now = environment.now
    let due = sortedRecords { $0.retryAt.map { $0 <= now } ?? false }
    for record in due { record.retryAt = nil }
    if canWork { for record in due { tryAgain(record) } }
    if let next = records.values.compactMap(\.retryAt).min() { scheduleRetry(at: next) }
  }

  private func tryAgain(_ record: ResourceRecord) {
    // Secrets that could not be read are asked for anew.
    for secret in record.secrets { if case .failure? = secrets[secret] { secrets[secret] = nil } }
    guard case .site(let key) = record.route, let site = sites[key], let asset = record.asset, !record.isDeleting else {
      return process(record)
    }
    site.dirty.insert(asset)
    scheduleRound(site)
  }
}

extension ConnectionSettings {
  var accountIdentity: ResourceIdentity? {
    account.isEmpty ? nil : ResourceIdentity(.account, namespace: namespace, name: account)
  }

  func uses(_ identity: ResourceIdentity) -> Bool { accountIdentity == identity }
}
