import Foundation
import Testing

@testable import Bytes

@Suite struct GuardedTests {
  @Test func `threads take turns`() {
    let total = Guarded((count: 0, last: 0))
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for _ in 0..<10_000 {
        total.withLock { value in
          value.count += 1
          value.last = thread
        }
      }
    }
    #expect(total.withLock { $0.count } == 80_000)
  }

  @Test func `an error leaves it usable`() {
    struct Failure: Error {}
    let number = Guarded(1)
    #expect(throws: Failure.self) {
      try number.withLock { value in
        value = 2
        throw Failure()
      }
    }
    #expect(number.withLock { $0 } == 2)
  }
}
