import Testing

@testable import Reactor

@Suite struct TimerQueueTests {
  @Test("timers fire in the order of their deadlines, equal ones in the order they were added")
  func order() {
    var queue = TimerQueue()
    var fired: [String] = []
    for (deadline, name) in [(30, "c"), (10, "a"), (20, "b1"), (20, "b2")] as [(Int64, String)] {
      _ = queue.schedule(at: deadline) { fired.append(name) }
    }
    while let action = queue.popDue(now: 25) { action() }
    #expect(fired == ["a", "b1", "b2"])
    #expect(queue.earliestDeadline == 30)
    while let action = queue.popDue(now: 30) { action() }
    #expect(fired.last == "c")
    #expect(queue.count == 0)
  }

  @Test("a cancelled timer does not fire, and its token harms no later timer in the same slot")
  func cancelled() {
    var queue = TimerQueue()
    var fired: [Int] = []
    let first = queue.schedule(at: 1) { fired.append(1) }
    queue.cancel(first)
    _ = queue.schedule(at: 1) { fired.append(2) }
    queue.cancel(first)
    while let action = queue.popDue(now: 5) { action() }
    #expect(fired == [2])
  }

  @Test("any sequence agrees with a sorted list", arguments: 0..<20)
  func property(_ seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var queue = TimerQueue()
    var model: [(deadline: Int64, id: Int)] = []
    var tokens: [Int: TimerToken] = [:]
    var fired: [Int] = []
    var now: Int64 = 0
    for id in 0..<2000 {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<6:
        let deadline = now + Int64.random(in: 0..<500, using: &generator)
        tokens[id] = queue.schedule(at: deadline) { fired.append(id) }
        model.append((deadline, id))
      case 6..<9:
        guard let victim = model.randomElement(using: &generator) else { continue }
        queue.cancel(tokens[victim.id]!)
        model.removeAll { $0.id == victim.id }
      default:
        now += Int64.random(in: 0..<300, using: &generator)
        fired = []
        while let action = queue.popDue(now: now) { action() }
        let due = model.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
        #expect(fired == due.map(\.id), "seed \(seed)")
        model.removeAll { $0.deadline <= now }
      }
      #expect(queue.count == model.count, "seed \(seed)")
    }
  }
}

/// splitmix64: the same sequence for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
