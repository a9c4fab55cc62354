import Metrics
import Reconciliation

extension KubernetesSource {
  public func addMetrics(to set: inout MetricSet) {
    for (kind, state) in kinds.sorted(by: { $0.key.plural < $1.key.plural }) {
      let labels: LabelSet = ["kind": kind.singular]
      set.add(
        "nack_kubernetes_synced", help: "1 once the resources of the kind have been listed.", labels,
        state.isSynchronized ? 1 : 0)
      set.add(
        "nack_kubernetes_lists_total", .counter, help: "Complete lists of the kind; watches go on from them.", labels,
        Double(state.lists))
      set.add(
        "nack_kubernetes_watch_errors_total", .counter, help: "Lists and watches of the kind that failed.", labels,
        Double(state.failures))
    }
    set.add("nack_kubernetes_secrets", help: "Secrets that are followed.", [:], Double(secrets.count))
    for (outcome, count) in [("success", writer.counts.written), ("error", writer.counts.failed)] {
      set.add(
        "nack_kubernetes_writes_total", .counter, help: "Changes of status and state in resources.",
        ["outcome": outcome], Double(count))
    }
  }
}
