import CSystem
import Glibc

/// A thread for work that would hold a loop up: password hashes, name look-ups.
///
/// Work runs in order. At most `capacity` items wait; more are refused. The thread starts with the first item.
public final class BackgroundQueue: @unchecked Sendable {
  // Invariant: what varies is guarded by `mutex`.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private let capacity: Int
  /// Those before `first` have run.
  private var items: [(@Sendable () -> Void)?] = []
  private var first = 0
  private var isRunning = false
  private var isStopped = false

  public init(capacity: Int = 65536) {
    self.capacity = capacity
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  /// The thread holds the queue while it runs, so nobody waits on these any more.
  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `work` on the thread; false when too much waits or the queue was stopped.
  @discardableResult
  public func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isStopped, items.count - first < capacity else { return false }
    items.append(work)
    if !isRunning {
      isRunning = true
      start()
    }
    pthread_cond_signal(condition)
    return true
  }

  /// Drops what waits and ends the thread.
  public func stop() {
    pthread_mutex_lock(mutex)
    isStopped = true
    items = []
    first = 0
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  private func start() {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<BackgroundQueue>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument)
    precondition(result == 0, "cannot start the background thread")
    pthread_detach(thread)
  }

  private func run() {
    while true {
      pthread_mutex_lock(mutex)
      while first == items.count, !isStopped { pthread_cond_wait(condition, mutex) }
      if isStopped {
        pthread_mutex_unlock(mutex)
        return
      }
      let work = takeFirst()
      pthread_mutex_unlock(mutex)
      work?()
    }
  }

  /// Taking one costs the same however many wait.
  private func takeFirst() -> (@Sendable () -> Void)? {
    let work = items[first]
    items[first] = nil
    first += 1
    if first == items.count {
      items.removeAll(keepingCapacity: first <= 1024)
      first = 0
    } else if first >= 1024, first * 2 >= items.count {
      items.removeFirst(first)
      first = 0
    }
    return work
  }
}
