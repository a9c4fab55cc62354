import JSON
import Reconciliation

/// How things stand, for those who look from outside.
extension Engine {
  /// Changes whenever something is done.
  public var workCount: Int {
    counters.requests.values.reduce(0) { $0 + $1.values.reduce(0, +) }
      + counters.kinds.values.reduce(0) { $0 + $1.added + $1.retries }
  }

  /// Everything has been tried at least once: what is not ready waits for its next attempt.
  public var isSettled: Bool {
    guard isSynced else { return false }
    let isEverySiteSettled = sites.values.allSatisfy { site in
      guard site.connection == .connected, site.round == nil else { return false }
      return site.hasToldFailure || (!site.needsFullRound && site.dirty.isEmpty)
    }
    return isEverySiteSettled
      && records.values.allSatisfy { record in
        guard let reason = record.reported?.status.reason else { return false }
        return reason != .reconciling
      }
  }

  /// Every resource with its status, sorted by title.
  public var overview: [JSONValue] {
    records.values.sorted { $0.identity.description < $1.identity.description }.map { record in
      let status = record.reported?.status
      var object: JSONObject = [
        "kind": .string(record.identity.kind.rawValue), "namespace": .string(record.identity.namespace),
        "name": .string(record.identity.name),
      ]
      object["asset"] = record.asset.map { .string("\($0)") }
      object["ready"] = .string(status?.condition ?? "Unknown")
      object["reason"] = .string(status?.reason.rawValue ?? ResourceStatus.Reason.reconciling.rawValue)
      object["message"] = .string(status?.message ?? "")
      return .object(object)
    }
  }
}
