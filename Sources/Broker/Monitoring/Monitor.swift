import Configuration
import JSON
import Reactor

/// What a request for monitoring data comes to.
enum MonitoringOutcome: Sendable {
  case answer(any JSONWritable & Sendable)
  case failed(MonitoringError)
  /// This server has nothing to say, and says nothing.
  case silent
}

/// Answers questions about the server, for HTTP and for the system account alike.
///
/// What belongs to connections is collected on their loops; sorting and writing happens on a thread of its own.
final class Monitor: @unchecked Sendable {
  typealias Completion = @Sendable (MonitoringOutcome) -> Void

  unowned let server: Server
  let closed: ClosedConnections
  let usage = ProcessUsage()
  let counters = EventCounters()
  let requests = RequestCounts()
  /// Where answers are sorted and written.
  let background = BackgroundQueue()

  init(server: Server, options: ServerOptions) {
    self.server = server
    closed = ClosedConnections(capacity: options.maxClosedClients)
  }

  var wallNanoseconds: Int64 { server.loops.clock.wallNanoseconds() }

  /// A connection is about to give its subscriptions and its account up. Owner loop.
  func willClose(_ connection: Connection, _ reason: CloseReason) {
    switch reason {
    case .slowConsumerPendingBytes, .slowConsumerWriteDeadline:
      counters.add(\.slowConsumers)
      connection.account.traffic.addSlowConsumer()
    case .staleConnection: counters.add(\.staleConnections)
    default: break
    }
    var info = connection.snapshot()
    info.stop = wallNanoseconds
    info.reason = reason
    info.subscriptions = connection.subscriptionDetails(withAccount: true, limit: ClosedConnections.subscriptionLimit)
    closed.append(info)
    server.system.didDisconnect(connection, reason)
  }
}
