import CSystem
import Reactor

/// Gives back what a load has left behind once it is over: pooled buffers, caches of what is on disk, and the free pages
/// of the C library's heap, which keeps them for the thread that had them.
///
/// Never while messages flow: the next message would pay for it with page faults. Confined to loop 0.
final class IdleMemory {
  /// How often the loops' counters are looked at.
  private static let intervalNanoseconds: Int64 = 10_000_000_000
  private static let settlingNanoseconds: Int64 = 200_000_000
  /// The server is idle with no more messages than this in an interval,
  private static let idleMessages: UInt64 = 2_000
  /// and there is something to give back after so many, or so many bytes.
  private static let loadMessages: UInt64 = 50_000
  private static let loadBytes: UInt64 = 16 << 20

  private unowned let server: Server
  private var last = TrafficCounts()
  private var released = TrafficCounts()

  init(server: Server) { self.server = server }

  func start() {
    server.workers[0].loop.schedule(afterNanoseconds: Self.intervalNanoseconds) { [unowned self] in
      look()
      start()
    }
  }

  private func look() {
    let now = server.workers.reduce(TrafficCounts()) { $0 + $1.counters.traffic }
    let lately = now - last
    last = now
    let since = now - released
    guard lately.messages <= Self.idleMessages, since.messages >= Self.loadMessages || since.bytes >= Self.loadBytes
    else { return }
    released = now
    for worker in server.workers { worker.loop.submit { worker.releaseSpareMemory() } }
    // When the loops have given back theirs.
    server.workers[0].loop.schedule(afterNanoseconds: Self.settlingNanoseconds) { [unowned server] in
      server.background.submit { csys_release_memory() }
    }
  }
}

extension Worker {
  /// Keeps little of what is there to be used again.
  func releaseSpareMemory() {
    chunks.releaseSpare()
    companion?.releaseSpareMemory()
  }
}

extension TrafficCounts {
  fileprivate var messages: UInt64 { inMessages &+ outMessages }
  fileprivate var bytes: UInt64 { inBytes &+ outBytes }
}
