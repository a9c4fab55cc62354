import Subjects

/// What the accounts of a configuration export and import, checked as a whole (FEATURES 4.027 to 4.033).
///
/// Accounts are named here; the server binds the names to its accounts.
public struct AccountLinkPlan: Sendable {
  /// A stream that an account imports (FEATURES 3.236).
  public struct StreamImport: Equatable, Sendable {
    public let exporter: String
    /// What the exporter publishes.
    public let from: String
    /// How the importer sees it: a subject or a pattern.
    public let to: String
    /// Turns the exporter's subjects into local ones; nil when `to` is taken as it is, or when both are the same.
    public let transform: SubjectTransform?
    /// Turns local subjects into the exporter's.
    public let reverse: SubjectTransform?
    /// `from` has wildcards and `to` is the same: subjects are not changed.
    public let keepsSubject: Bool
    public let allowTrace: Bool
  }

  /// A service that an account exports (FEATURES 3.229 to 3.235).
  public struct ServiceExport: Equatable, Sendable {
    public let subject: String
    public var responseType = ServiceExportOptions.ResponseType.singleton
    public var responseThresholdNanoseconds = Defaults.serviceResponseThresholdNanoseconds
    public var latency: ServiceLatencyOptions?
    public var allowTrace = false
  }

  /// A service that an account imports (FEATURES 3.237).
  public struct ServiceImport: Equatable, Sendable {
    public let exporter: String
    /// What the importer's clients publish to: a subject or a pattern.
    public let from: String
    /// What the exporter's clients listen to.
    public let to: String
    /// Turns local subjects into the exporter's; nil when `to` is taken as it is, or when both are the same.
    public let transform: SubjectTransform?
    /// `to` has wildcards and `from` is the same: subjects are not changed.
    public let keepsSubject: Bool
    /// Tell the service who asks.
    public var share = false
    /// The export that allows it: a subject among the exporter's.
    public let export: String
  }

  /// What one account shares with others.
  public struct AccountPlan: Equatable, Sendable {
    public internal(set) var serviceExports: [ServiceExport] = []
    public internal(set) var streamImports: [StreamImport] = []
    public internal(set) var serviceImports: [ServiceImport] = []
  }

  /// By account name; accounts that share nothing may be missing.
  public let accounts: [String: AccountPlan]

  /// - Parameter hasSystemAccount: whether there is one; service latency needs it.
  /// - Throws: `AccountLinkError` with everything that is wrong.
  public init(_ options: [AccountOptions], hasSystemAccount: Bool) throws(AccountLinkError) {
    var planner = AccountLinkPlanner(options, hasSystemAccount: hasSystemAccount)
    planner.plan()
    if !planner.problems.isEmpty { throw AccountLinkError(problems: planner.problems) }
    accounts = planner.plans
  }
}

/// Exports and imports that do not fit each other. The texts are nats-server's, without the position of the `accounts`
/// block that goes in front of each.
public struct AccountLinkError: Error, Equatable, CustomStringConvertible {
  public let problems: [String]

  public var description: String { problems.joined(separator: "\n") }
}
