import Bytes
import CSystem

/// The server's totals at one moment.
struct ServerStatistics: Sendable {
  var now: Int64
  var start: Int64
  var memory: Int
  var cpuPercent: Double
  var connections: Int
  var totalConnections: UInt64
  var traffic = TrafficCounts()
  var slowConsumers: UInt64
  var staleConnections: UInt64
  var stalls: UInt64 = 0
  var subscriptions = 0
  var activeAccounts: Int
}

extension Monitor {
  /// Any thread.
  var statistics: ServerStatistics {
    let accounts = server.settings.accounts.values
    var statistics = ServerStatistics(
      now: wallNanoseconds, start: server.startWall, memory: usage.residentBytes, cpuPercent: usage.cpuPercent,
      connections: server.currentConnectionCount, totalConnections: server.totalConnectionCount,
      slowConsumers: counters[\.slowConsumers], staleConnections: counters[\.staleConnections],
      activeAccounts: accounts.count { $0.connectionCount > 0 })
    for worker in server.workers {
      func load(_ field: WritableKeyPath<WorkerCounters, UInt64>) -> UInt64 {
        csys_load64_relaxed(worker.counters.pointer(to: field)!)
      }
      statistics.traffic =
        statistics.traffic
        + TrafficCounts(
          inMessages: load(\.inMessages), inBytes: load(\.inBytes), outMessages: load(\.outMessages),
          outBytes: load(\.outBytes))
      statistics.stalls += load(\.stalls)
    }
    for account in accounts { statistics.subscriptions += account.subscriptionCount }
    return statistics
  }
}
