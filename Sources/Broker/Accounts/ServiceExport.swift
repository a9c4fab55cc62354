import Configuration

/// A service that an account offers to others (FEATURES 4.028). Never changes.
final class ServiceExport: Sendable {
  let plan: AccountLinkPlan.ServiceExport

  init(_ plan: AccountLinkPlan.ServiceExport) { self.plan = plan }
}

/// A step of a message over the border between two accounts.
struct ServiceHop: Sendable {
  /// Where the message was published.
  let source: Account
  /// Where it goes on.
  let target: Account
  let export: ServiceExport
  /// Measure it.
  let latency: ServiceLatencyOptions?
  /// Tell who asks.
  let share: Bool
}
