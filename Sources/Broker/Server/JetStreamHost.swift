import CSystem
import Configuration
import JSON
import Subjects

/// JetStream as the server sees it. The server comes without; the program gives it one.
public protocol JetStreamHost: AnyObject, Sendable {
  /// Opens what is stored. Called before the loops run and before clients can connect.
  func start() throws
  /// Writes out what waits and closes the stores. Called when all connections are closed; `done` from any thread.
  func stop(_ done: @escaping @Sendable () -> Void)
  /// Tells clients that wait for messages that there will be none, while they are still there.
  func announceStop(_ done: @escaping @Sendable () -> Void)
  /// The settings have changed: accounts may have come, gone or other limits. Loop 0.
  func settingsChanged()
  /// The domain, or empty.
  var domain: String { get }
  /// Whether the account has JetStream. Any thread.
  func isEnabled(for account: Account) -> Bool
  /// What `/varz` and STATSZ show of it: configuration, use, limits (FEATURES 11.065 to 11.069). Any thread.
  ///
  /// - Parameter showsDirectory: events to other servers leave the directory out.
  func summary(showsDirectory: Bool) -> any JSONWritable & Sendable
  /// The answer of `/jsz`. Any thread, and so is `done`.
  func survey(_ options: JszOptions, _ done: @escaping @Sendable (any JSONWritable & Sendable) -> Void)
  /// One account's part of that, or nil when the account has no JetStream. Any thread, and so is `done`.
  func survey(
    account: Account, _ options: JszOptions, _ done: @escaping @Sendable ((any JSONWritable & Sendable)?) -> Void)
  /// What is wrong with what `/healthz` asks for. Any thread, and so is `done`.
  func checkHealth(_ options: HealthzOptions, _ done: @escaping @Sendable (JetStreamHealth) -> Void)
}

/// The health of JetStream on one server (FEATURES 11.016).
public struct JetStreamHealth: Sendable {
  /// 404 when what was asked about is not there; nil: whatever the problems make it.
  public var code: Int?
  public var problems: [HealthProblem] = []

  public init() {}
}

/// Is told when somebody subscribes or stops. Called on the loop of the connection.
public protocol InterestObserver: AnyObject, Sendable {
  /// - Parameter subject: a subject or a pattern.
  func interestChanged(in subject: [UInt8], of account: Account)
}

extension Account {
  /// Whether anybody listens to a subject without wildcards. Any thread.
  public func hasInterest(in subject: UnsafeRawBufferPointer) -> Bool { index.hasInterest(subject) }

  /// Whether somebody subscribes to exactly this subject, not by a pattern: plainly, or as a member of the queue group,
  /// if one is given. Any thread.
  public func hasLiteralInterest(in subject: UnsafeRawBufferPointer, queue: [UInt8]) -> Bool {
    var result = MatchResult()
    defer { result.destroy() }
    index.match(subject, into: &result)
    let found = queue.isEmpty ? (result.plain, result.plainCount) : (result.queued, result.queuedCount)
    for position in 0..<found.1 {
      let subscription = found.0[position]
      guard queue.isEmpty || index.queueName(of: subscription).elementsEqual(queue) else { continue }
      if index.subject(of: subscription).elementsEqual(subject) { return true }
    }
    return false
  }

  /// Who is told of subscriptions that come and go; set before the loops run, told while `isObserved`.
  public func observe(with observer: (any InterestObserver)?) {
    withListeners { _ in interestObserver = observer }
  }

  /// Whether the observer is to be told. Any thread.
  public var isObserved: Bool {
    get { csys_load32(observedFlag) != 0 }
    set { csys_store32(observedFlag, newValue ? 1 : 0) }
  }

  func tellObserver(_ subject: [UInt8]) {
    let observer = withListeners { _ in interestObserver }
    observer?.interestChanged(in: subject, of: self)
  }
}

extension Server {
  public var options: ServerOptions { settings.options }
  public var serverID: String { info.serverID }
  public var serverName: String { info.serverName }
  /// All accounts by name.
  public var accounts: [String: Account] { settings.accounts }
  /// An account that is not configured: nobody can be in it.
  public func placeholderAccount(named name: String) -> Account {
    Account(name: name, isSystem: false, records: records, rules: settings.globalAccount.rules)
  }

  public var systemAccount: Account? { settings.systemAccount }
}

/// Who has asked for something, as advisories show it.
public struct Requester: Sendable, JSONWritable {
  private let information: RequestInfo

  /// - Parameter publisher: the connection it came from; nil when the server itself asks.
  public init(_ publisher: ConnectionPointer?, in account: Account) {
    information = RequestInfo(publisher, in: account, detailed: true)
  }

  public func write(to writer: inout JSONWriter) { information.write(to: &writer) }
}
