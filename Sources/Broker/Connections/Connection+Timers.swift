import CSystem

// PING timers: dead peers are noticed, and round trips measured (FEATURES 1.024, 1.025).

extension Connection {
  /// The first PING comes within two seconds, to learn the round trip.
  private static let firstPingNanoseconds: Int64 = 2_000_000_000
  private static let roundTripInterval: Int64 = 3_600_000_000_000

  func startPingTimer(first: Bool = false) {
    if let pingTimer { worker.loop.cancel(pingTimer) }
    let interval = server.settings.options.pingIntervalNanoseconds
    var delay = interval
    if first {
      let shortest = min(Self.firstPingNanoseconds, interval)
      delay = shortest + Int64.random(in: 0...max(1, shortest / 5))
    }
    // Strong, here and in the other timers that closing cancels: one weak reference would make every retain of the
    // connection several times as dear, for as long as it lives.
    pingTimer = worker.loop.schedule(afterNanoseconds: delay) { [self] in pingTimerFired() }
  }

  private func pingTimerFired() {
    pingTimer = nil
    guard phase == .open || phase == .suspended else { return }
    let now = worker.loop.now
    let interval = server.settings.options.pingIntervalNanoseconds
    let needsRoundTrip = roundTripNanoseconds == 0 || pingSentAt == 0 || now - pingSentAt > Self.roundTripInterval
    if now - lastInbound >= interval || needsRoundTrip {
      if pingsOutstanding + 1 > server.settings.options.maxPingsOutstanding {
        server.logger.debug("\(self.label) - Stale Client Connection - Closing")
        sendError("Stale Connection")
        close(.staleConnection)
        return
      }
      sendPing(now)
    }
    startPingTimer()
  }

  private func sendPing(_ now: Int64) {
    pingsOutstanding += 1
    pingSentAt = now
    traceOut("PING", nil)
    worker.send("PING\r\n", to: state)
  }
}
