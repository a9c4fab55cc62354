import JSON
import Metrics
import NATSClient
import Reconciliation

/// What the engine has done, counted.
///
/// Invariant: used on the engine's loop only.
final class EngineCounters: @unchecked Sendable {
  enum Change: String, CaseIterable {
    case created, updated, deleted
    case driftRepaired = "drift_repaired"
  }

  struct KindCounts {
    var successes = 0
    var errors = 0
    var added = 0
    var retries = 0
    var changes: [Change: Int] = [:]
    /// From the change of a resource to its outcome.
    var durations = Durations()
  }

  /// Buckets of controller-runtime's histogram of reconcile times, the coarser half of them.
  struct Durations {
    static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    var buckets = [Int](repeating: 0, count: bounds.count + 1)
    var sum = 0.0

    var count: Int { buckets.reduce(0, +) }

    mutating func observe(_ seconds: Double) {
      buckets[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
      sum += seconds
    }
  }

  private(set) var kinds: [ResourceKind: KindCounts] = [:]
  private(set) var rounds = Durations()
  /// By operation, `STREAM.CREATE`, and outcome.
  private(set) var requests: [String: [String: Int]] = [:]
  var pruned = 0

  func added(_ kind: ResourceKind) { kinds[kind, default: KindCounts()].added += 1 }

  func retried(_ kind: ResourceKind) { kinds[kind, default: KindCounts()].retries += 1 }

  func changed(_ change: Change, _ kind: ResourceKind) {
    kinds[kind, default: KindCounts()].changes[change, default: 0] += 1
  }

  /// - Parameter since: when the change came that this is the outcome of; nil for a look at what has not changed.
  func reconciled(_ kind: ResourceKind, isSuccess: Bool, since: Int64?, now: Int64) {
    if isSuccess {
      kinds[kind, default: KindCounts()].successes += 1
    } else {
      kinds[kind, default: KindCounts()].errors += 1
    }
    if let since { kinds[kind, default: KindCounts()].durations.observe(Double(max(0, now - since)) / 1e9) }
  }

  func roundEnded(nanoseconds: Int64) { rounds.observe(Double(nanoseconds) / 1e9) }

  func requested(_ subject: String, _ answer: Result<JSONValue, JetStreamError>) {
    let parts = subject.split(separator: ".")
    // `$JS.API.STREAM.INFO.name`, `$JS.domain.API.STREAM.INFO.name`.
    let start = (parts.firstIndex(of: "API") ?? 0) + 1
    let operation = parts[min(start, parts.count)...].prefix(2).joined(separator: ".")
    let outcome =
      switch answer {
      case .success: "ok"
      case .failure(.api): "refused"
      case .failure: "no_answer"
      }
    requests[operation, default: [:]][outcome, default: 0] += 1
  }
}

/// Counts what goes through a link.
final class CountingLink: ServerLink {
  private let link: any ServerLink
  private let counters: EngineCounters

  init(_ link: any ServerLink, _ counters: EngineCounters) {
    self.link = link
    self.counters = counters
  }

  func request(
    _ request: Request, completed: @escaping @Sendable (Result<JSONValue, JetStreamError>) -> Void
  ) {
    link.request(request) { [counters] answer in
      counters.requested(request.subject, answer)
      completed(answer)
    }
  }

  func close() { link.close() }
}
