import CSystem
import Glibc

/// What a file descriptor is ready for, or interested in.
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let read = Readiness(rawValue: UInt32(EPOLLIN.rawValue))
  public static let write = Readiness(rawValue: UInt32(EPOLLOUT.rawValue))
  /// Error or hang-up; reported whether asked for or not.
  public static let failed = Readiness(rawValue: UInt32(EPOLLERR.rawValue) | UInt32(EPOLLHUP.rawValue))
}

/// Something with a file descriptor that a loop watches. Subclass it; `ready` runs on its loop.
///
/// The loop keeps a registered source alive until the batch in which it was removed has ended.
open class EventSource: @unchecked Sendable {
  /// Called on the loop when the descriptor is ready.
  open func ready(_ events: Readiness) {}
  public init() {}
  fileprivate var isRegistered = false
}

/// One thread, one epoll instance: reads what is there, runs what is due, then flushes once.
///
/// An iteration is a batch: `epoll_wait`, ready sources, due timers, mail, then `endOfBatch`. Level-triggered.
/// Invariant: everything without a lock is touched by the loop's own thread only; `submit`, `wake` and
/// `changeInterest` may be called from any thread.
public final class EventLoop: @unchecked Sendable {
  /// Events taken from the kernel at a time.
  private static let eventsPerBatch = 256
  /// How soon retired memory is looked at again while another loop is busy.
  private static let reclaimRetryNanoseconds: Int64 = 5_000_000

  public let index: Int
  public let clock: any Clock
  public let epochs: Epochs
  /// The loop's time, read once a batch (nanoseconds, monotonic).
  public private(set) var now: Int64
  /// Runs at the end of every batch, before the loop may sleep: flush here.
  public var endOfBatch: (() -> Void)?
  /// Nanoseconds until the loop must run again though nothing happens; nil when it may sleep.
  /// Asked after `endOfBatch`.
  public var nextPoll: (() -> Int64?)?

  private let epoll: Int32
  private let wakeDescriptor: Int32
  private let events: UnsafeMutablePointer<epoll_event>
  private let mailLock: UnsafeMutablePointer<UInt32>
  private var mail: [() -> Void] = []
  private let sleeping: UnsafeMutablePointer<UInt32>
  private var timers = TimerQueue()
  private var removed: [Unmanaged<EventSource>] = []
  private var running = false
  /// The thread that runs the loop; 0 while none does (atomic).
  private let thread: UnsafeMutablePointer<UInt64>

  public init(index: Int, clock: any Clock, epochs: Epochs) {
    self.index = index
    self.clock = clock
    self.epochs = epochs
    now = clock.monotonicNanoseconds()
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    precondition(epoll >= 0 && wakeDescriptor >= 0, "no file descriptors left for an event loop")
    events = .allocate(capacity: Self.eventsPerBatch)
    mailLock = .allocate(capacity: 1)
    mailLock.initialize(to: 0)
    sleeping = .allocate(capacity: 1)
    sleeping.initialize(to: 0)
    thread = .allocate(capacity: 1)
    thread.initialize(to: 0)
    var event = epoll_event()
    csys_epoll_set(&event, Readiness.read.rawValue, 0)
    epoll_ctl(epoll, EPOLL_CTL_ADD, wakeDescriptor, &event)
  }

  deinit {
    close(epoll)
    close(wakeDescriptor)
    events.deallocate()
    mailLock.deallocate()
    sleeping.deallocate()
    thread.deallocate()
  }

  // MARK: descriptors

  /// Watches `descriptor` for `interest`. Call on the loop. False when the kernel refuses (errno is kept).
  @discardableResult
  public func add(_ source: EventSource, descriptor: Int32, interest: Readiness) -> Bool {
    precondition(!source.isRegistered, "an event source is registered once")
    let unmanaged = Unmanaged.passRetained(source)
    var event = epoll_event()
    csys_epoll_set(&event, interest.rawValue, UInt64(UInt(bitPattern: unmanaged.toOpaque())))
    if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0 {
      unmanaged.release()
      return false
    }
    source.isRegistered = true
    return true
  }

  /// Changes what a registered source waits for. Any thread.
  public func changeInterest(_ source: EventSource, descriptor: Int32, interest: Readiness) {
    var event = epoll_event()
    let pointer = Unmanaged.passUnretained(source).toOpaque()
    csys_epoll_set(&event, interest.rawValue, UInt64(UInt(bitPattern: pointer)))
    epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
  }

  /// Stops watching. Call on the loop; the source gets no more calls.
  public func remove(_ source: EventSource, descriptor: Int32) {
    guard source.isRegistered else { return }
    source.isRegistered = false
    epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
    // Events of this batch may still name it.
    removed.append(Unmanaged.passUnretained(source))
  }

  // MARK: mail and timers

  /// Runs `work` on the loop soon, in the order of submission. Any thread.
  public func submit(_ work: @escaping @Sendable () -> Void) {
    csys_lock(mailLock)
    mail.append(work)
    csys_unlock(mailLock)
    wake()
  }

  /// Makes the loop run a batch if it sleeps. Any thread.
  public func wake() {
    if csys_exchange32(sleeping, 0) != 0 { writeWakeDescriptor() }
  }

  private func writeWakeDescriptor() {
    var one: UInt64 = 1
    _ = write(wakeDescriptor, &one, 8)
  }

  /// Runs `action` on the loop after `nanoseconds`. Call on the loop.
  @discardableResult
  public func schedule(afterNanoseconds nanoseconds: Int64, _ action: @escaping () -> Void) -> TimerToken {
    timers.schedule(at: clock.monotonicNanoseconds() + max(0, nanoseconds), action)
  }

  /// Cancels a timer of this loop. Call on the loop.
  public func cancel(_ token: TimerToken) { timers.cancel(token) }

  /// True on the loop's own thread.
  public var isCurrent: Bool { csys_load64(thread) == UInt64(pthread_self()) }

  // MARK: running

  /// Runs the loop on this thread until `stop`.
  public func run() {
    csys_store64(thread, UInt64(pthread_self()))
    running = true
    // The first thread's name is the program's.
    if index > 0 { csys_name_thread("loop-\(index)") }
    while running { runBatch() }
    csys_store64(thread, 0)
    epochs.leave(index)
    while epochs.reclaim(on: index) > 0 { usleep(1000) }
  }

  /// Ends `run` after the current batch. Any thread.
  public func stop() { submit { self.running = false } }

  private func runBatch() {
    // Announced first, checked after: mail that arrives in between finds the loop awake or wakes it.
    csys_store32_seq_cst(sleeping, 1)
    let count = epoll_wait(epoll, events, Int32(Self.eventsPerBatch), timeoutMilliseconds())
    csys_store32_seq_cst(sleeping, 0)
    epochs.enter(index)
    now = clock.monotonicNanoseconds()

    var position = 0
    while position < Int(count) {
      let data = csys_epoll_data(events + position)
      let readiness = Readiness(rawValue: (events + position).pointee.events)
      position += 1
      guard let pointer = UnsafeRawPointer(bitPattern: UInt(data)) else {
        var drained: UInt64 = 0
        _ = read(wakeDescriptor, &drained, 8)
        continue
      }
      let source = Unmanaged<EventSource>.fromOpaque(pointer)
      source._withUnsafeGuaranteedRef { if $0.isRegistered { $0.ready(readiness) } }
    }
    while let action = timers.popDue(now: now) { action() }
    deliverMail()
    endOfBatch?()

    epochs.leave(index)
    for source in removed { source.release() }
    removed.removeAll(keepingCapacity: true)
    epochs.reclaim(on: index)
  }

  private func deliverMail() {
    csys_lock(mailLock)
    let batch = mail
    if !batch.isEmpty { mail = [] }
    csys_unlock(mailLock)
    for work in batch { work() }
  }

  private func timeoutMilliseconds() -> Int32 {
    csys_lock(mailLock)
    let hasMail = !mail.isEmpty
    csys_unlock(mailLock)
    if hasMail || !removed.isEmpty { return 0 }
    var wait = Int64.max
    if let deadline = timers.earliestDeadline { wait = max(0, deadline - clock.monotonicNanoseconds()) }
    if let poll = nextPoll?() { wait = min(wait, poll) }
    if epochs.reclaim(on: index) > 0 { wait = min(wait, Self.reclaimRetryNanoseconds) }
    if wait == Int64.max { return -1 }
    return Int32(min((wait + 999_999) / 1_000_000, 3_600_000))
  }
}
