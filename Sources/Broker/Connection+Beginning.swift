import Reactor

// The first moments of a connection: INFO, limits, timers. Owner loop.

extension Connection {
  /// Starts watching the socket and greets the client.
  ///
  /// - Parameter isRefused: there are too many connections already (FEATURES 1.028).
  func begin(isRefused: Bool) {
    worker.connections[identifier] = self
    guard worker.loop.add(self, descriptor: state.pointee.descriptor, interest: .read) else {
      logError("cannot watch the connection")
      finishClose()
      return
    }
    server.logger.debug("\(label) - Client connection created")
    let settings = server.settings
    if settings.options.noFastProducerStall { state.pointee.flags.insert(.noStall) }
    if settings.options.log.trace { state.pointee.flags.insert(.tracing) }
    if settings.requiresAuthentication { state.pointee.flags.insert(.awaitingAuthentication) }
    sendInfo()
    if isRefused {
      sendError("maximum connections exceeded")
      logError("maximum connections exceeded")
      close(.maxConnectionsExceeded)
      return
    }
    if settings.requiresAuthentication { startAuthenticationTimer() }
    startPingTimer(first: true)
  }
}
