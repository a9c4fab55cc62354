import Metrics
import Reconciliation

/// Families for /metrics: controller-runtime's names where dashboards have them (FEATURES 13.022), `nack_` for what is
/// ours.
extension Engine {
  public func addMetrics(to set: inout MetricSet) {
    for kind in ResourceKind.allCases { addKind(kind, to: &set) }
    addResources(to: &set)
    addRequests(to: &set)
    set.add("nack_connections", help: "Connections to NATS that are up.", [:], Double(pool.connectedCount))
    set.add("nack_connections_configured", help: "Connections to NATS that resources need.", [:], Double(pool.count))
    set.add("nack_leader", help: "1 while this controller may change servers.", [:], isActive ? 1 : 0)
    set.add("nack_synced", help: "1 once every resource has been read.", [:], isSynced ? 1 : 0)
    set.add(
      "nack_pruned_total", .counter, help: "Assets deleted because no manifest described them any more.", [:],
      Double(counters.pruned))
    addDurations("nack_round_seconds", "Time of a look at a server, with what followed.", [:], counters.rounds, &set)
    source.addMetrics(to: &set)
  }

  private func addKind(_ kind: ResourceKind, to set: inout MetricSet) {
    let counts = counters.kinds[kind] ?? EngineCounters.KindCounts()
    let labels: LabelSet = ["controller": kind.singular]
    for (result, count) in [("success", counts.successes), ("error", counts.errors)] {
      set.add(
        "controller_runtime_reconcile_total", .counter, help: "Reconciliations by kind and result.",
        labels.with(["result": result]), Double(count))
    }
    set.add(
      "controller_runtime_reconcile_errors_total", .counter, help: "Reconciliations that failed, by kind.", labels,
      Double(counts.errors))
    addDurations(
      "controller_runtime_reconcile_time_seconds", "From a change of a resource to its outcome.", labels,
      counts.durations, &set)
    let queue: LabelSet = ["name": kind.singular, "controller": kind.singular]
    set.add("workqueue_depth", help: "Resources that wait to be reconciled.", queue, Double(depth(kind)))
    set.add("workqueue_adds_total", .counter, help: "Changes of resources.", queue, Double(counts.added))
    set.add(
      "workqueue_retries_total", .counter, help: "Resources that are to be tried again.", queue, Double(counts.retries))
    for change in EngineCounters.Change.allCases {
      set.add(
        "nack_changes_total", .counter, help: "What was done to assets.",
        ["kind": kind.singular, "change": change.rawValue], Double(counts.changes[change] ?? 0))
    }
  }

  private func depth(_ kind: ResourceKind) -> Int {
    records.values.count { $0.identity.kind == kind && $0.since != nil }
  }

  private func addDurations(
    _ name: String, _ help: String, _ labels: LabelSet, _ durations: EngineCounters.Durations, _ set: inout MetricSet
  ) {
    var below = 0
    for (index, count) in durations.buckets.enumerated() {
      below += count
      let bounds = EngineCounters.Durations.bounds
      let bound = index < bounds.count ? Self.text(bounds[index]) : "+Inf"
      set.add("\(name)_bucket", .counter, help: help, labels.with(["le": bound]), Double(below))
    }
    set.add("\(name)_sum", .counter, help: help, labels, durations.sum)
    set.add("\(name)_count", .counter, help: help, labels, Double(durations.count))
  }

  private static func text(_ bound: Double) -> String {
    bound == bound.rounded() ? String(Int(bound)) : String(bound)
  }

  private func addResources(to set: inout MetricSet) {
    var counts: [ResourceKind: [String: Int]] = [:]
    for record in records.values {
      let reason = record.reported?.status.reason ?? .reconciling
      counts[record.identity.kind, default: [:]][reason.rawValue, default: 0] += 1
    }
    let reasons: [ResourceStatus.Reason] = [.ready, .reconciling, .errored, .finalizing]
    for kind in ResourceKind.allCases {
      for reason in reasons {
        set.add(
          "nack_resources", help: "Resources by kind and the reason of their condition Ready.",
          ["kind": kind.singular, "reason": reason.rawValue], Double(counts[kind]?[reason.rawValue] ?? 0))
      }
    }
  }

  private func addRequests(to set: inout MetricSet) {
    for (operation, outcomes) in counters.requests.sorted(by: { $0.key < $1.key }) {
      for (outcome, count) in outcomes.sorted(by: { $0.key < $1.key }) {
        set.add(
          "nack_api_requests_total", .counter, help: "Requests to the JetStream API.",
          ["operation": operation, "outcome": outcome], Double(count))
      }
    }
  }
}
