import Bytes
import Foundation
import Testing

@testable import Reactor

@Suite struct BackgroundQueueTests {
  @Test func `work runs in order, however much waits, and taking it costs the same`() {
    let queue = BackgroundQueue(capacity: .max)
    let seen = Guarded<[Int]>([])
    let (gate, end) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    queue.submit { gate.wait() }
    for number in 0..<200_000 { queue.submit { seen.withLock { $0.append(number) } } }
    queue.submit { end.signal() }
    gate.signal()
    #expect(end.wait(timeout: .now() + 20) == .success)
    #expect(seen.withLock { $0 } == Array(0..<200_000))
    queue.stop()
    #expect(!queue.submit {})
  }

  @Test func `what waits is bounded`() {
    let queue = BackgroundQueue(capacity: 3)
    let (begun, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    queue.submit {
      begun.signal()
      gate.wait()
    }
    begun.wait()
    for _ in 0..<3 { #expect(queue.submit {}) }
    #expect(!queue.submit {})
    gate.signal()
    queue.stop()
  }
}
