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
    if settings.options.noFastProducerStall { state.flags.insert(.noStall) }
    if settings.options.log.trace { state.flags.insert(.tracing) }
    if settings.requiresAuthentication { state.flags.insert(.awaitingAuthentication) }
    if isRefused {
      sendInfo()
      sendError("maximum connections exceeded")
      logError("maximum connections exceeded")
      close(.maxConnectionsExceeded)
      return
    }
    guard let context = settings.tlsContext, let tls = settings.options.tls else {
      sendInfo()
      begun()
      return
    }
    guard worker.server.admitsHandshake(at: worker.loop.now) else {
      sendInfo()
      sendError("Connection throttling is active. Please try again later.")
      close(.maxConnectionsExceeded)
      return
    }
    beginTLS(context, tls, allowsPlain: settings.options.allowNonTLS)
  }

  /// The client may speak NATS from here on.
  func begun() {
    if server.settings.requiresAuthentication { startAuthenticationTimer() }
    startPingTimer(first: true)
  }
}
