import Foundation
import Testing

@testable import Subjects

@Suite struct IndexConcurrencyTests {
  /// Each thread changes subscriptions to subjects of its own, and to patterns that all share.
  @Test("What a thread inserted or removed is what its next match sees, while others change the same index")
  func threads() {
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    let failures = FailureCounts(threads: 4)
    defer { failures.counts.deallocate() }
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      let own = "own.\(thread).subject"
      let hash = Array(own.utf8).withUnsafeBytes { subjectHash($0.baseAddress!, $0.count) }
      var result = MatchResult()
      func finds(_ record: UnsafeMutablePointer<Subscription>) -> Bool {
        Array(own.utf8).withUnsafeBytes { index.match($0, into: &result) }
        return (0..<result.plainCount).contains { result.plain[$0] == record }
          || (0..<result.queuedCount).contains { result.queued[$0] == record }
      }
      for round in 0..<1500 {
        let subject = [own, "own.*.subject", "own.>", "*.\(thread).*"][round % 4]
        let before = index.generation(forHash: hash)
        let record = index.insert(subject, queue: round % 3 == 0 ? "q\(round % 7)" : "", sid: "\(round)")!
        let between = index.generation(forHash: hash)
        let found = finds(record)
        index.remove(record)
        let after = index.generation(forHash: hash)
        let gone = !finds(record)
        if !found || !gone || before >= between || between >= after { failures.counts[thread] += 1 }
        records.release(record)
      }
      result.destroy()
    }
    #expect((0..<4).allSatisfy { failures.counts[$0] == 0 })
    #expect(index.count == 0)
    #expect(records.count == 0)
  }

  /// One counter for each thread.
  private struct FailureCounts: @unchecked Sendable {
    let counts: UnsafeMutablePointer<Int>
    init(threads: Int) {
      counts = .allocate(capacity: threads)
      counts.initialize(repeating: 0, count: threads)
    }
  }
}
