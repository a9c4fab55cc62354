import Bytes

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
      statistics.traffic = statistics.traffic + worker.counters.traffic
      statistics.stalls += worker.counters[.stalls]
    }
    for account in accounts { statistics.subscriptions += account.subscriptionCount }
    return statistics
  }
}
