import CSystem
import Reactor

// Lame duck mode: clients are asked to go, then closed one by one, then the server ends (FEATURES 1.007, 1.056).

extension Server {
  private static let longestStepNanoseconds: Int64 = 1_000_000_000

  /// Enters lame duck mode; nothing happens the second time. Any thread.
  public func enterLameDuckMode() {
    loops.loops[0].submit { [self] in
      guard beginLameDuck() else { return }
      logger.info("Entering lame duck mode, stop accepting new clients")
      system.publishLameDuck()
      let options = settings.options
      if currentConnectionCount == 0 {
        shutdown()
        return
      }
      for worker in workers {
        worker.loop.submit { [unowned worker] in
          for connection in worker.connections.values
          where connection.options.protocolVersion >= 1 && connection.hasAnsweredPing {
            connection.sendInfo(lameDuck: true)
          }
        }
      }
      loops.loops[0].schedule(afterNanoseconds: options.lameDuckGracePeriodNanoseconds) { [self] in
        logger.info("Closing existing clients")
        let count = max(1, currentConnectionCount)
        var spread = options.lameDuckDurationNanoseconds - options.lameDuckGracePeriodNanoseconds
        if spread <= 0 { spread = 1_000_000_000 }
        let step = min(Self.longestStepNanoseconds, max(1, spread / Int64(count)))
        closeNext(step: step, batch: max(1, count / Int(max(1, spread / 1_000_000))))
      }
    }
  }

  /// Closes some connections, the same again after a step, until none is left.
  private func closeNext(step: Int64, batch: Int) {
    guard currentConnectionCount > 0 else {
      shutdown()
      return
    }
    let worker = workers[Int.random(in: 0..<workers.count)]
    for worker in [worker] + workers.filter({ $0 !== worker }) where worker.clientCount > 0 {
      worker.loop.submit { [unowned worker] in
        for connection in Array(worker.connections.values.prefix(batch)) { connection.close(.serverShutdown) }
      }
      break
    }
    let jittered = step / 2 + Int64.random(in: 0...max(1, step / 2))
    loops.loops[0].schedule(afterNanoseconds: jittered) { [self] in closeNext(step: step, batch: batch) }
  }
}
