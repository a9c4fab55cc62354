import Bytes
import CSystem
import Configuration

// Readers that take nothing for `write_deadline` are closed (FEATURES 1.033). A loop looks while some of its sockets
// are full, and not otherwise.

extension Worker {
  /// How often a loop looks, at most and at least.
  private static let shortestSweep: Int64 = 50_000_000
  private static let longestSweep: Int64 = 1_000_000_000

  /// Called at the end of each batch.
  func watchWriteDeadlines() {
    guard sweepTimer == nil, csys_load32(armedCount) > 0 else { return }
    let deadline = server.settings.options.writeDeadlineNanoseconds
    let interval = min(Self.longestSweep, max(Self.shortestSweep, deadline / 4))
    sweepTimer = loop.schedule(afterNanoseconds: interval) { [unowned self] in
      sweepTimer = nil
      closeStalled()
    }
  }

  private func closeStalled() {
    let options = server.settings.options
    // `retry` keeps a client that has taken a part; clients close by default.
    guard options.writeTimeout != .retry, options.writeDeadlineNanoseconds > 0 else { return }
    for connection in Array(connections.values) {
      csys_lock(connection.state.lockPointer)
      let since = connection.state.output.pointee.isArmed ? connection.state.output.pointee.stalledSince : 0
      csys_unlock(connection.state.lockPointer)
      guard since > 0, loop.now - since > options.writeDeadlineNanoseconds else { continue }
      counters.add(.slowConsumers, 1)
      let bytes = connection.state.backlogBytes
      let limit = GoDuration.string(nanoseconds: options.writeDeadlineNanoseconds)
      server.logger.info(
        "\(connection.label) - Slow Consumer Detected: WriteDeadline of \(limit) exceeded with \(bytes) total bytes.")
      connection.close(.slowConsumerWriteDeadline)
    }
  }
}
