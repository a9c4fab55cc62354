import Glibc

@testable import NATSClient

/// Waits on a thread of one's own for what is reported on a loop.
enum Blocking {
  /// Starts something and returns what it reports. Never call it on the loop that reports: it would wait for itself.
  static func wait<Value: Sendable>(_ start: (_ completed: @escaping @Sendable (Value) -> Void) -> Void) -> Value {
    let box = Box<Value>()
    start { box.fulfil($0) }
    return box.take()
  }

  /// Invariant: `value` is touched under `lock` only.
  private final class Box<Value: Sendable>: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value?

    init() {
      pthread_mutex_init(lock, nil)
      pthread_cond_init(condition, nil)
    }

    deinit {
      pthread_cond_destroy(condition)
      pthread_mutex_destroy(lock)
      condition.deallocate()
      lock.deallocate()
    }

    func fulfil(_ value: Value) {
      pthread_mutex_lock(lock)
      self.value = value
      pthread_cond_signal(condition)
      pthread_mutex_unlock(lock)
    }

    func take() -> Value {
      pthread_mutex_lock(lock)
      defer { pthread_mutex_unlock(lock) }
      while true {
        if let value { return value }
        pthread_cond_wait(condition, lock)
      }
    }
  }
}

extension NATSClient {
  /// `connect`, waiting for the outcome.
  func connectAndWait() throws(ClientError) {
    if let error = Blocking.wait({ connect(completed: $0) }) { throw error }
  }

  /// `request`, waiting for the answer.
  func requestAndWait(
    _ subject: String, _ payload: [UInt8] = [], headers: MessageHeaders? = nil,
    timeoutNanoseconds: Int64 = NATSClient.defaultTimeoutNanoseconds
  ) throws(ClientError) -> ClientMessage {
    try Blocking.wait {
      request(subject, payload, headers: headers, timeoutNanoseconds: timeoutNanoseconds, completed: $0)
    }.get()
  }

  /// `flush`, waiting for the outcome.
  func flushAndWait(
    timeoutNanoseconds: Int64 = NATSClient.defaultTimeoutNanoseconds
  ) throws(ClientError) {
    if let error = Blocking.wait({ flush(timeoutNanoseconds: timeoutNanoseconds, completed: $0) }) { throw error }
  }

  /// `close`, waiting for the end.
  func closeAndWait() {
    _ = Blocking.wait { close(completed: $0) }
  }
}
