import Bytes
import JSON

/// The server's figures, told every few seconds (FEATURES 11.090, 11.091).
struct ServerStatsEvent: Sendable, JSONWritable {
  let server: EventServerInfo
  let statistics: ServerStatistics
  /// nil without JetStream.
  let jetStream: (any JSONWritable & Sendable)?

  func write(to writer: inout JSONWriter) {
    let traffic = statistics.traffic
    writer.beginObject()
    writer.field("server", server)
    writer.key("statsz")
    writer.beginObject()
    writer.field("start", Timestamp(unixNanoseconds: statistics.start))
    writer.field("mem", statistics.memory)
    writer.field("cores", ProcessUsage.processors)
    writer.field("cpu", statistics.cpuPercent)
    writer.field("connections", statistics.connections)
    writer.field("total_connections", statistics.totalConnections)
    writer.field("active_accounts", statistics.activeAccounts)
    writer.field("subscriptions", statistics.subscriptions)
    writer.data("sent", traffic.outMessages, traffic.outBytes)
    writer.data("sent_to_clients", traffic.outMessages, traffic.outBytes)
    writer.data("received", traffic.inMessages, traffic.inBytes)
    writer.data("received_from_clients", traffic.inMessages, traffic.inBytes)
    writer.field("slow_consumers", statistics.slowConsumers)
    if statistics.slowConsumers > 0 { writer.peers("slow_consumer_stats", clients: statistics.slowConsumers) }
    writer.field("stale_connections", statistics.staleConnections, omitEmpty: true)
    if statistics.staleConnections > 0 {
      writer.peers("stale_connection_stats", clients: statistics.staleConnections)
    }
    writer.field("stalled_clients", statistics.stalls, omitEmpty: true)
    writer.field("active_servers", 1)
    if let jetStream {
      writer.key("jetstream")
      jetStream.write(to: &writer)
    }
    writer.field("gomemlimit", ProcessUsage.memoryLimit ?? 0, omitEmpty: true)
    writer.field("gomaxprocs", ProcessUsage.usableProcessors)
    writer.endObject()
    writer.endObject()
  }
}
