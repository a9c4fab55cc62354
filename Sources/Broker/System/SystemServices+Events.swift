import Configuration
import Crypto
import JSON
import Subjects

// What the server tells in its system account without being asked (FEATURES 11.112 to 11.119). Nothing is put together
// for subjects that nobody listens to.

extension SystemServices {
  private static let firstStatisticsNanoseconds: Int64 = 250_000_000
  private static let statisticsNanoseconds: Int64 = 10_000_000_000
  private static let connectionsNanoseconds: Int64 = 30_000_000_000

  /// Starts what is told regularly. Call before the loops run, or on loop 0.
  func startTimers() {
    scheduleStatistics(after: Self.firstStatisticsNanoseconds)
    scheduleConnections()
  }

  // MARK: connections

  /// A client has been let in. Its loop.
  func didJoin(_ connection: Connection) {
    let account = connection.account
    connectionsChanged(in: account, on: connection.worker)
    guard let system = listening(to: "$SYS.ACCOUNT.\(account.name).CONNECT") else { return }
    publish(connection, to: system, "$SYS.ACCOUNT.\(account.name).CONNECT", account: account.name, reason: nil)
  }

  /// A client is gone; its account is still known. Its loop.
  func didDisconnect(_ connection: Connection, _ reason: CloseReason) {
    // A server that ends says so once.
    if server.isEnding { return }
    let account = connection.account
    guard let system = listening(to: "$SYS.ACCOUNT.\(account.name).DISCONNECT") else { return }
    publish(connection, to: system, "$SYS.ACCOUNT.\(account.name).DISCONNECT", account: account.name, reason: reason)
  }

  /// A client could not prove who it is (FEATURES 4.076). Its loop.
  func didRefuse(_ connection: Connection, _ reason: CloseReason) {
    let account = connection.account
    let inAccount = "$SYS.ACCOUNT.CLIENT.AUTH.ERR"
    if hasInterest(account, inAccount) {
      publish(connection, to: account, inAccount, account: account.name, reason: reason)
    }
    let subject = "$SYS.SERVER.\(server.info.serverID).CLIENT.AUTH.ERR"
    guard let system = listening(to: subject) else { return }
    publish(connection, to: system, subject, account: account.name, reason: reason)
  }

  private func publish(
    _ connection: Connection, to listeners: Account, _ subject: String, account: String, reason: CloseReason?
  ) {
    let event = ClientEvent(
      server: nextIdentity(), client: connection.snapshot(), account: account, time: monitor.wallNanoseconds,
      reason: reason)
    connection.worker.publishSoon(
      ServerMessage(account: listeners, subject: Array(subject.utf8), payload: event.json()))
  }

  // MARK: accounts

  /// The number of an account's connections has changed. Changes that follow each other closely are told as one.
  func connectionsChanged(in account: Account, on worker: Worker) {
    guard account.name != Defaults.globalAccount, !server.isEnding else { return }
    let subjects = ["$SYS.SERVER.ACCOUNT.\(account.name).CONNS", "$SYS.ACCOUNT.\(account.name).SERVER.CONNS"]
    guard let system = server.settings.systemAccount, subjects.contains(where: { hasInterest(system, $0) }),
      beginCounting(account.name)
    else { return }
    let connections = account.connectionCount
    monitor.accountStatistics(of: [account]) { [self] list in
      guard var statistics = list.first else { return }
      // The number at the moment that is told of.
      statistics.connections = connections
      let event = connectionsEvent(statistics)
      worker.loop.submit { [self] in
        for subject in subjects {
          var numbered = event
          if subject == subjects[1] { numbered = event.again(by: nextIdentity()) }
          worker.publishSoon(
            ServerMessage(account: system, subject: Array(subject.utf8), payload: numbered.json()))
        }
        if endCounting(account.name) { connectionsChanged(in: account, on: worker) }
      }
    }
  }

  func connectionsEvent(_ statistics: AccountStatistics) -> AccountConnectionsEvent {
    AccountConnectionsEvent(
      id: NUID.next(), time: monitor.wallNanoseconds, server: nextIdentity(), statistics: statistics)
  }

  private func scheduleConnections() {
    server.loops.loops[0].schedule(afterNanoseconds: Self.connectionsNanoseconds) { [unowned self] in
      for account in server.settings.accounts.values where account.connectionCount > 0 {
        connectionsChanged(in: account, on: server.workers[0])
      }
      scheduleConnections()
    }
  }

  // MARK: the server

  /// Twice as long each time, up to ten seconds.
  private func scheduleStatistics(after nanoseconds: Int64) {
    server.loops.loops[0].schedule(afterNanoseconds: nanoseconds) { [unowned self] in
      publishStatistics(on: server.workers[0])
      scheduleStatistics(after: min(Self.statisticsNanoseconds, nanoseconds * 2))
    }
  }

  func publishStatistics(on worker: Worker) {
    let subject = "$SYS.SERVER.\(server.info.serverID).STATSZ"
    guard let system = listening(to: subject) else { return }
    let event = ServerStatsEvent(server: nextIdentity(), statistics: monitor.statistics, jetStream: jetStreamSummary)
    worker.publishSoon(ServerMessage(account: system, subject: Array(subject.utf8), payload: event.json()))
  }

  /// Loop 0: the server begins to end.
  func publishShutdown() { publishIdentity("SHUTDOWN") }

  /// Loop 0.
  func publishLameDuck() { publishIdentity("LAMEDUCK") }

  private func publishIdentity(_ event: String) {
    let subject = "$SYS.SERVER.\(server.info.serverID).\(event)"
    guard let system = listening(to: subject) else { return }
    server.workers[0].publish(Array(subject.utf8), payload: nextIdentity().json(), in: system)
    server.workers[0].flushStages()
  }

  // MARK: interest

  /// The system account, when somebody there listens to the subject.
  private func listening(to subject: String) -> Account? {
    guard let system = server.settings.systemAccount, hasInterest(system, subject) else { return nil }
    return system
  }

  private func hasInterest(_ account: Account, _ subject: String) -> Bool {
    var subject = subject
    return subject.withUTF8 { account.index.hasInterest(UnsafeRawBufferPointer($0)) }
  }
}
