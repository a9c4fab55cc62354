import CSystem
import Glibc

/// Delivers POSIX signals on a loop. `block` must run before any thread starts.
public final class SignalSource: EventSource, @unchecked Sendable {
  private let descriptor: Int32
  private let loop: EventLoop
  private let received: (Int32) -> Void

  /// Blocks `signals` in this thread and every thread made later; SIGPIPE is ignored.
  public static func block(_ signals: [Int32]) {
    signal(SIGPIPE, SIG_IGN)
    var set = maskOf(signals)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Calls `received` on `loop` for each of the blocked `signals`.
  public init(_ signals: [Int32], loop: EventLoop, received: @escaping (Int32) -> Void) {
    var set = Self.maskOf(signals)
    descriptor = signalfd(-1, &set, Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC))
    self.loop = loop
    self.received = received
    super.init()
    loop.add(self, descriptor: descriptor, interest: .read)
  }

  deinit { close(descriptor) }

  public override func ready(_ events: Readiness) {
    var info = signalfd_siginfo()
    while read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
      received(Int32(info.ssi_signo))
    }
  }

  private static func maskOf(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    return set
  }
}
