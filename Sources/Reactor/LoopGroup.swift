import CSystem
import Glibc

/// All event loops of a process, one thread each.
///
/// Loop 0 runs on the thread that calls `run`; the others get threads of their own. Signals are blocked in
/// every thread: `SignalSource` takes them.
public final class LoopGroup: @unchecked Sendable {
  public let loops: [EventLoop]
  public let epochs: Epochs
  public let clock: any Clock
  private var threads: [pthread_t] = []

  /// Makes `count` loops (at least 1).
  public init(count: Int, clock: any Clock = SystemClock()) {
    precondition(count >= 1)
    self.clock = clock
    let epochs = Epochs(loops: count)
    self.epochs = epochs
    loops = (0..<count).map { EventLoop(index: $0, clock: clock, epochs: epochs) }
  }

  /// Starts the threads of loops 1 and up. Loop 0 is run by `run`, or here too when `includingFirst`.
  public func startThreads(includingFirst: Bool = false) {
    for loop in loops where includingFirst || loop.index > 0 {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(loop).toOpaque()
      let result = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<EventLoop>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, argument)
      precondition(result == 0, "cannot start a thread for an event loop")
      threads.append(thread)
    }
  }

  /// Runs loop 0 on this thread until the group is stopped, then waits for the other threads.
  public func run() {
    startThreads()
    loops[0].run()
    join()
  }

  /// Waits for the threads that were started.
  public func join() {
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  /// Ends every loop after its current batch. Any thread.
  public func stop() { for loop in loops { loop.stop() } }
}
