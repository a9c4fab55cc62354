import StorageSimulation
import Testing

@testable import JetStream

struct TableTests {
  @Test("5.060 identifiers are found as long as their window lasts, and forgotten after it", arguments: 1...4)
  func duplicateTable(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = DuplicateTable()
    var model: [String: (sequence: UInt64, time: Int64)] = [:]
    let window: Int64 = 2000
    for time in Int64(0)..<12_000 {
      let id = "identifier-\(Int.random(in: 0..<6000, using: &random))"
      let known = model[id].flatMap { time - $0.time < window ? $0.sequence : nil }
      let found = withBytes(id) { table.sequence(of: $0, now: time, window: window) }
      if found != known {
        Issue.record("seed \(seed), time \(time): \(found ?? 0) instead of \(known ?? 0)")
        return
      }
      if known == nil || time % 7 == 0 {
        withBytes(id) { table.insert($0, sequence: UInt64(time) + 1, timestamp: time) }
        model[id] = (UInt64(time) + 1, time)
      }
      if time % 100 == 0 { table.expire(now: time, window: window) }
    }
    table.expire(now: 20_000, window: window, limit: .max)
    #expect(table.count == 0 && table.oldest == nil)
  }

  @Test("what is in flight is counted and found by subject", arguments: 1...4)
  func inFlight(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var messages = InFlightMessages()
    var model: [(sequence: UInt64, subject: String)] = []
    for sequence in UInt64(1)...6000 {
      let subject = "s.\(Int.random(in: 0..<300, using: &random))"
      withBytes(subject) { messages.append(sequence: sequence, subject: $0, bytes: 10, isKept: true) }
      model.append((sequence, subject))
      let limit = Int.random(in: 0..<1500, using: &random)
      while model.count > limit, Bool.random(using: &random) {
        messages.removeFirst()
        model.removeFirst()
      }
      guard sequence % 20 == 0 else { continue }
      let asked = "s.\(Int.random(in: 0..<300, using: &random))"
      let last = withBytes(asked) { messages.last(of: $0)?.sequence }
      let count = withBytes(asked) { messages.count(of: $0) }
      if last != model.last(where: { $0.subject == asked })?.sequence
        || count != UInt64(model.count { $0.subject == asked }) || messages.count != model.count
        || messages.bytes != UInt64(model.count * 10)
      {
        Issue.record("seed \(seed), sequence \(sequence), subject \(asked)")
        return
      }
    }
  }

  private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
  }
}
