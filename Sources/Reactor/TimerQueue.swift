/// Names a pending timer; stale tokens (fired, cancelled) are harmless.
public struct TimerToken: Sendable, Equatable {
  fileprivate let slot: UInt32
  fileprivate let generation: UInt32
}

/// A binary heap of deadlines with lazy cancellation: pure, the owner supplies the time.
///
/// A cancelled timer frees its closure at once; its heap entry stays until its deadline or until
/// more than half of the heap is dead, whichever comes first.
public struct TimerQueue {
  public typealias Action = () -> Void

  private struct Entry {
    let deadline: Int64
    let order: UInt64
    let token: TimerToken
  }

  private struct Slot {
    var generation: UInt32 = 0
    var action: Action?
  }

  private var heap: [Entry] = []
  private var slots: [Slot] = []
  private var freeSlots: [UInt32] = []
  private var nextOrder: UInt64 = 0
  /// Timers that will still fire.
  public private(set) var count = 0

  public init() {}

  /// Deadline of the earliest entry, live or dead; nil when empty.
  public var earliestDeadline: Int64? { heap.first?.deadline }

  /// Adds a timer that fires once `deadline` (nanoseconds, the owner's clock) has come.
  public mutating func schedule(at deadline: Int64, _ action: @escaping Action) -> TimerToken {
    let index: UInt32
    if let free = freeSlots.popLast() {
      index = free
    } else {
      index = UInt32(slots.count)
      slots.append(Slot())
    }
    slots[Int(index)].action = action
    let token = TimerToken(slot: index, generation: slots[Int(index)].generation)
    heap.append(Entry(deadline: deadline, order: nextOrder, token: token))
    nextOrder += 1
    siftUp(heap.count - 1)
    count += 1
    return token
  }

  /// Removes a timer; nothing happens when it has fired or was cancelled.
  public mutating func cancel(_ token: TimerToken) {
    guard isLive(token) else { return }
    release(token)
    if heap.count > 64, count < heap.count / 2 { compact() }
  }

  /// Takes the next timer that is due, or nil. Timers of one deadline come in the order they were added.
  public mutating func popDue(now: Int64) -> Action? {
    while let first = heap.first, first.deadline <= now {
      removeFirst()
      guard isLive(first.token) else { continue }
      let action = slots[Int(first.token.slot)].action
      release(first.token)
      return action
    }
    return nil
  }

  private func isLive(_ token: TimerToken) -> Bool {
    let slot = slots[Int(token.slot)]
    return slot.generation == token.generation && slot.action != nil
  }

  private mutating func release(_ token: TimerToken) {
    slots[Int(token.slot)].action = nil
    slots[Int(token.slot)].generation &+= 1
    freeSlots.append(token.slot)
    count -= 1
  }

  private mutating func compact() {
    heap = heap.filter { isLive($0.token) }
    var index = heap.count / 2
    while index > 0 {
      index -= 1
      siftDown(index)
    }
  }

  private func precedes(_ a: Entry, _ b: Entry) -> Bool {
    a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    if heap.isEmpty { return }
    heap[0] = last
    siftDown(0)
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      if !precedes(heap[index], heap[parent]) { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var smallest = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[child], heap[smallest]) {
        smallest = child
      }
      if smallest == index { return }
      heap.swapAt(index, smallest)
      index = smallest
    }
  }
}
