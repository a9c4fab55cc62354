/// Sequences by the time at which something is due for them: a binary heap. What has become void is found out when it
/// is due.
struct ExpiryQueue {
  struct Item: Equatable {
    var time: Int64
    var sequence: UInt64
  }

  private var heap: [Item] = []

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  var earliest: Int64? { heap.first?.time }

  mutating func insert(_ sequence: UInt64, at time: Int64) {
    heap.append(Item(time: time, sequence: sequence))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard isBefore(child, parent) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// The earliest that is due.
  mutating func popDue(_ now: Int64) -> Item? {
    guard let first = heap.first, first.time <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, isBefore(child + 1, child) { child += 1 }
      guard isBefore(child, parent) else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }

  mutating func removeAll() { heap = [] }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    let (left, right) = (heap[left], heap[right])
    return left.time != right.time ? left.time < right.time : left.sequence < right.sequence
  }
}
