import CSystem
import Configuration
import JSON
import Subjects

/// What the server answers and tells in its system account (FEATURES 11.3), and the few services that every account has.
///
/// Invariant: the lists are guarded by `lock`. Requests are taken on the loop they arrive on; events are published by
/// the loop they happen on, so that those about one connection keep their order.
final class SystemServices: @unchecked Sendable {
  unowned let server: Server
  var monitor: Monitor { server.monitor }
  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private let sequence = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
  private var registered: [ObjectIdentifier: Registration] = [:]
  /// Accounts whose connections are being counted for an event; true: again afterwards.
  private var counting: [String: Bool] = [:]

  /// What one account was given.
  private struct Registration {
    let account: Account
    var services: [InternalService] = []
  }

  init(server: Server) {
    self.server = server
    lock.initialize(to: 0)
    sequence.initialize(to: 0)
  }

  deinit {
    lock.deallocate()
    sequence.deallocate()
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return body()
  }

  // MARK: registration

  /// Gives every account its services; those of accounts that are gone end. Any thread.
  func follow(_ settings: ServerSettings) {
    guard let system = settings.systemAccount else { return }
    let present = Set(settings.accounts.values.map(ObjectIdentifier.init))
    for account in settings.accounts.values where locked({ registered[ObjectIdentifier(account)] == nil }) {
      var registration = Registration(account: account)
      for (subject, handler) in account === system ? systemRoutes() : accountRoutes(account) {
        let service = InternalService(account, handler: handler)
        account.listen(to: Array(subject.utf8), with: service)
        registration.services.append(service)
      }
      locked { registered[ObjectIdentifier(account)] = registration }
    }
    for (key, registration) in locked({ registered }) where !present.contains(key) {
      for service in registration.services {
        registration.account.unlisten(service) { release in server.retire(release) }
      }
      locked { registered[key] = nil }
    }
  }

  /// The server's own subscriptions, as `/subsz` lists them.
  ///
  /// - Parameter account: only of this account; empty for all.
  func subscriptions(account: String) -> [SubscriptionDetail] {
    let accounts = server.settings.accounts.values.sorted { $0.name < $1.name }
    return accounts.filter { account.isEmpty || $0.name == account }.flatMap { account in
      account.listenedSubjects.sorted().enumerated().map { position, subject in
        SubscriptionDetail(
          account: account.name, subject: subject, queue: "", identifier: String(position + 1), messages: 0,
          maximum: 0, connection: 1)
      }
    }
  }

  /// What the system account offers to all others, as `/accountz` shows it (FEATURES 11.136).
  var exports: [ExportSummary] {
    let jetStream = ExportSummary(subject: "$JS.API.>", responseType: "Singleton")
    return (server.jetStream == nil ? [] : [jetStream]) + [
      ExportSummary(subject: "$SYS.REQ.ACCOUNT.*.CONNZ", responseType: "Streamed"),
      ExportSummary(subject: "$SYS.REQ.ACCOUNT.*.STATZ", responseType: "Streamed"),
      ExportSummary(subject: "$SYS.DEBUG.SUBSCRIBERS", responseType: "Singleton"),
      ExportSummary(subject: "$SYS.REQ.USER.*.INFO", responseType: "Singleton"),
    ]
  }

  /// What every account takes from the system account.
  func imports(of account: Account) -> [ImportSummary] {
    guard let system = server.settings.systemAccount else { return [] }
    func item(_ subject: String, as local: String, share: Bool = false) -> ImportSummary {
      ImportSummary(subject: subject, account: system.name, localSubject: local, isService: true, share: share)
    }
    let user = item("$SYS.REQ.USER.\(account.name).INFO", as: "$SYS.REQ.USER.INFO", share: true)
    if account === system { return [user] }
    let jetStream = server.jetStream == nil ? [] : [item("$JS.API.>", as: "$JS.API.>", share: true)]
    return jetStream + [
      item("$SYS.REQ.ACCOUNT.\(account.name).CONNZ", as: "$SYS.REQ.ACCOUNT.PING.CONNZ"),
      item("$SYS.REQ.ACCOUNT.\(account.name).CONNZ", as: "$SYS.REQ.SERVER.PING.CONNZ"),
      item("$SYS.REQ.ACCOUNT.\(account.name).STATZ", as: "$SYS.REQ.ACCOUNT.PING.STATZ"),
      user,
    ]
  }

  // MARK: identity

  /// Who speaks, with the next number.
  func nextIdentity() -> EventServerInfo {
    let info = server.info
    let options = server.settings.options
    return EventServerInfo(
      name: info.serverName, host: info.host, id: info.serverID, cluster: options.cluster?.name ?? "",
      domain: options.jetStream.domain, tags: options.serverTags, metadata: options.serverMetadata,
      featureFlags: FeatureFlags.merged(options.featureFlags), hasJetStream: server.jetStream != nil,
      sequence: csys_add64(sequence, 1) + 1,
      time: monitor.wallNanoseconds)
  }

  /// JetStream as events to other servers show it; nil without it.
  var jetStreamSummary: (any JSONWritable & Sendable)? { server.jetStream?.summary(showsDirectory: false) }

  /// Whether a request is for this server.
  func isMeant(by filter: EventFilterOptions) -> Bool {
    let info = server.info
    return filter.includes(name: info.serverName, host: info.host, server.settings.options)
  }

  // MARK: counting connections

  /// False when the account is being counted already; it is then counted once more.
  func beginCounting(_ account: String) -> Bool {
    locked {
      if counting[account] != nil {
        counting[account] = true
        return false
      }
      counting[account] = false
      return true
    }
  }

  /// Whether it changed meanwhile.
  func endCounting(_ account: String) -> Bool { locked { counting.removeValue(forKey: account) ?? false } }
}
