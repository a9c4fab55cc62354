import Reactor
import Reconciliation

/// From a resource to the site where its asset is.
extension Engine {
  var resolver: ConnectionResolver {
    ConnectionResolver(
      flags: options.connection,
      file: { [environment] in environment.cache($0, account: $1, key: $2, contents: $3) },
      digest: { [environment] in environment.digest(ofFile: $0) })
  }

  /// Does what the state of a resource asks for.
  func process(_ record: ResourceRecord) {
    guard canWork else { return }
    if record.isDeleting { return processDeleting(record) }
    guard record.delivered.resource != nil else {
      leave(record)
      return reportInvalid(record)
    }
    if source.usesFinalizers, !record.delivered.hasFinalizer { return changeFinalizer(true, of: record) }
    if record.identity.kind == .account {
      reportReady(record)
      return reroute { $0.resource?.connection.uses(record.identity) == true }
    }
    route(record)
  }

  private func reportInvalid(_ record: ResourceRecord) {
    let errors = record.delivered.diagnostics.filter { $0.severity == .error }
    let texts = errors.map { error in
      (error.position.map { "\($0): " } ?? "") + (error.path.isEmpty ? "" : "\(error.path): ") + error.message
    }
    let message = texts.isEmpty ? "the manifest cannot be used" : texts.joined(separator: "; ")
    report(record, .errored, message, ResourceEvent(.warning, .failed, message))
    counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
    record.since = nil
  }

  /// Routes anew what may lead elsewhere now.
  func reroute(_ isConcerned: (ResourceRecord) -> Bool) {
    guard canWork else { return }
    for record in sortedRecords(where: { $0.resource != nil && isConcerned($0) }) { process(record) }
  }

  /// Finds the resource's site and makes it known there.
  func route(_ record: ResourceRecord) {
    guard let resource = record.resource, let asset = record.asset else { return }
    let settings = resource.connection
    let account = settings.accountIdentity.flatMap { records[$0]?.resource }.flatMap(AccountSettings.init)
    record.secrets = account.map { SecretIdentity.named(by: $0, in: settings.namespace) } ?? []
    switch resolver.resolve(settings, account: account, secrets: secrets) {
    case .resolved(let connection): join(record, SiteKey(connection: connection, domain: settings.domain), asset)
    case .needs(let missing):
      if case .site = record.route {} else { record.route = .waiting(Set(missing)) }
      ask(for: missing)
    case .failed(let message):
      // Secrets and Accounts may go before what they were for: then the last connection still serves.
      if record.isDeleting, let key = record.lastSite { return join(record, key, asset) }
      leave(record)
      record.route = .failed(message)
      report(
        record, record.isDeleting ? .finalizing : .errored, message, ResourceEvent(.warning, .failed, message))
      counters.reconciled(record.identity.kind, isSuccess: false, since: record.since, now: environment.now)
      record.since = nil
      retry(record)
    }
  }

  // MARK: - Sites

  func site(_ key: SiteKey) -> Site {
    if let site = sites[key] { return site }
    let site = Site(key)
    sites[key] = site
    switch pool.use(key.connection) {
    case .connecting: break
    case .connected(let version): setConnected(site, version)
    case .failed(let text): site.connection = .lost(since: environment.now, text)
    }
    return site
  }

  private func join(_ record: ResourceRecord, _ key: SiteKey, _ asset: AssetIdentity) {
    if case .site(let old) = record.route, old != key { leave(record) }
    let site = site(key)
    // The manifest may have come to describe another asset.
    if record.claimed != asset || record.isDeleting { unclaim(record, at: site) }
    if record.route != .site(key) {
      record.route = .site(key)
      record.lastSite = key
      record.since = record.since ?? environment.now
      record.retryAt = nil
      record.backoff.reset()
    }
    if record.isDeleting {
      site.deleting.insert(record.identity)
    } else {
      site.deleting.remove(record.identity)
      site.claim(asset, record.identity)
      record.claimed = asset
      reportConflicts(at: site, asset)
    }
    if record.isDeleting || (record.since != nil && site.claims[asset]?.first == record.identity) {
      site.dirty.insert(asset)
    }
    scheduleRound(site)
    guard record.reported == nil else { return }
    if case .lost(_, let text?) = site.connection {
      reportLost(record, site, text)
    } else if record.delivered.observedGeneration == 0 {
      report(record, .reconciling, "Starting reconciliation")
    }
  }

  /// Two resources for one asset: the first one by title stands, whatever the order in which they came.
  func reportConflicts(at site: Site, _ asset: AssetIdentity) {
    guard let claimants = site.claims[asset], claimants.count > 1 else { return }
    for identity in claimants.dropFirst() {
      guard let record = records[identity] else { continue }
      let message = "\(nameField(record)): \(asset) is already described by \(claimants[0])"
      if report(record, .errored, message, ResourceEvent(.warning, .failed, message)) {
        counters.reconciled(identity.kind, isSuccess: false, since: record.since, now: environment.now)
      }
      record.since = nil
    }
  }

  private func nameField(_ record: ResourceRecord) -> String {
    switch record.identity.kind {
    case .stream, .account: "spec.name"
    case .consumer: "spec.durableName"
    case .keyValue, .objectStore: "spec.bucket"
    }
  }

  /// Takes a resource out of its site.
  func leave(_ record: ResourceRecord) {
    guard case .site(let key) = record.route else { return }
    record.route = .none
    guard let site = sites[key] else { return record.claimed = nil }
    site.deleting.remove(record.identity)
    unclaim(record, at: site)
    if site.isUsed { return }
    site.cancelStart?()
    sites[key] = nil
    pool.release(key.connection)
  }

  private func unclaim(_ record: ResourceRecord, at site: Site) {
    guard let asset = record.claimed else { return }
    record.claimed = nil
    let wasFirst = site.claims[asset]?.first == record.identity
    site.unclaim(asset, record.identity)
    guard wasFirst, let next = site.claims[asset]?.first, let heir = records[next] else { return }
    heir.since = environment.now
    heir.retryAt = nil
    site.dirty.insert(asset)
    scheduleRound(site)
  }

  // MARK: - Connections

  func connectionChanged(_ connection: ResolvedConnection, _ event: LinkEvent) {
    let concerned = sites.values.filter { $0.key.connection == connection }
    switch event {
    case .connected(let version):
      environment.log(.info, "Connected to \(connection.title), version \(version)")
      for site in concerned {
        setConnected(site, version)
        scheduleRound(site)
      }
    case .failed(let text), .disconnected(let text):
      let isNews = concerned.contains { if case .lost = $0.connection { false } else { true } }
      if isNews { environment.log(.warning, "No connection to \(connection.title): \(text)") }
      var reason: String?
      if case .failed = event { reason = text }
      for site in concerned { lose(site, reason) }
    }
  }

  private func setConnected(_ site: Site, _ version: String) {
    site.connection = .connected
    site.keepsMetadata = ServerVersion(version).keepsMetadata
    // While it was away anything may have happened.
    site.needsFullRound = true
    site.restsUntil = 0
    site.cancelStart?()
    site.cancelStart = nil
    site.hasToldFailure = false
    for record in recordsOf(site) { record.retryAt = nil }
  }

  /// A connection that comes back at the first attempt is not worth a word.
  private func lose(_ site: Site, _ text: String?) {
    if case .lost(let since, nil) = site.connection {
      site.connection = .lost(since: since, text)
    } else if case .lost = site.connection {
      return
    } else {
      site.connection = .lost(since: environment.now, text)
    }
    guard let text else { return }
    for record in recordsOf(site) where record.reported?.status.reason != .ready { reportLost(record, site, text) }
  }

  /// What is ready stays so for a while.
  func tellLostConnections() {
    for site in sites.values {
      guard case .lost(let since, let text?) = site.connection,
        environment.now - since >= Self.lossGraceNanoseconds
      else { continue }
      for record in recordsOf(site) { reportLost(record, site, text) }
    }
  }

  private func reportLost(_ record: ResourceRecord, _ site: Site, _ text: String) {
    let message = "no connection to \(site.key.connection.title): \(text)"
    report(
      record, record.isDeleting ? .finalizing : .errored, message, ResourceEvent(.warning, .failed, message))
  }

  func recordsOf(_ site: Site) -> [ResourceRecord] {
    let claimed = site.claims.values.compactMap(\.first) + Array(site.deleting)
    return claimed.compactMap { records[$0] }.sorted { $0.identity.description < $1.identity.description }
  }
}

/// A server's version, as far as it matters here.
struct ServerVersion {
  let major, minor: Int

  /// An unreadable version counts as new.
  init(_ text: String) {
    let parts = text.split(separator: ".")
    major = parts.first.flatMap { Int($0) } ?? Int.max
    minor = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
  }

  /// Streams and consumers have metadata since 2.10.
  var keepsMetadata: Bool { (major, minor) >= (2, 10) }
}
