import CSystem
import Glibc
import Reactor

// How a connection ends. Owner loop, but for `requestClose`.

extension Connection {
  /// How long a peer may take to read the last words.
  private static let goodbyeNanoseconds: Int64 = 1_000_000_000
  /// How long a peer may take to close its side once it has been told.
  private static let lingerNanoseconds: Int64 = 250_000_000

  /// Ends the connection from any loop: nothing more is queued for it, the owner closes it.
  func requestClose(_ reason: CloseReason) {
    let connection = self
    worker.loop.submit { connection.close(reason) }
  }

  /// Ends the connection. What was sent before is still written where the reason allows it.
  func close(_ reason: CloseReason) {
    guard phase != .closed, closeReason == nil else { return }
    closeReason = reason
    server.logger.debug("\(self.label) - Client connection closed: \(reason.rawValue)")
    if reason == .slowConsumerPendingBytes {
      let limit =
        state.backlogBytes > state.maxPending
        ? "MaxPending of \(state.maxPending)" : "memory budget of \(worker.outputBudget)"
      server.logger.info("\(self.label) - Slow Consumer Detected: \(limit) Exceeded")
    }
    cancelTimers()
    server.monitor.willClose(self, reason)
    leaveAccount()
    server.unregister(self)
    guard reason.allowsFlush else {
      finishClose()
      return
    }
    phase = .closing
    worker.flushStages()
    worker.drain(state)
    csys_lock(state.lockPointer)
    let isDrained = state.output.pointee.backlogHead == nil && !state.output.pointee.isWriting
    csys_unlock(state.lockPointer)
    guard phase == .closing else { return }
    updateInterest()
    if isDrained {
      sayGoodbye()
    } else {
      lingerTimer = worker.loop.schedule(afterNanoseconds: Self.goodbyeNanoseconds) { self.finishClose() }
    }
  }

  /// Everything is written. This side is closed first: bytes that the peer is still sending would make the kernel
  /// reset the connection, and the peer would lose the error that it was told.
  func sayGoodbye() {
    tls?.shutdown()
    shutdown(state.pointee.descriptor, Int32(SHUT_WR))
    if let lingerTimer { worker.loop.cancel(lingerTimer) }
    lingerTimer = worker.loop.schedule(afterNanoseconds: Self.lingerNanoseconds) { self.finishClose() }
  }

  /// Nothing is written or read from here on; the descriptor is closed when no loop can be using it.
  func finishClose() {
    guard phase != .closed else { return }
    phase = .closed
    if let lingerTimer { worker.loop.cancel(lingerTimer) }
    lingerTimer = nil
    csys_lock(state.lockPointer)
    state.isClosed = true
    if state.output.pointee.isArmed {
      state.output.pointee.isArmed = false
      csys_add32(worker.armedCount, UInt32.max)
    }
    worker.freeBacklog(state)
    csys_unlock(state.lockPointer)
    tls?.shutdown()
    shutdown(state.pointee.descriptor, Int32(SHUT_RDWR))
    worker.loop.remove(self, descriptor: state.pointee.descriptor)
    worker.connections[identifier] = nil
    subscriptions.destroy()
    let connection = self
    worker.loop.epochs.retire(on: worker.index) { _ = connection }
  }

  func cancelTimers() {
    if let pingTimer { worker.loop.cancel(pingTimer) }
    if let authenticationTimer { worker.loop.cancel(authenticationTimer) }
    clearHandshakeTimer()
    pingTimer = nil
    authenticationTimer = nil
  }
}
