/// Deadlines of the session, earliest first: a binary heap of values. The owner decides what is stale.
struct DeadlineQueue<Element> {
  private var heap: [(deadline: Int64, element: Element)] = []

  var count: Int { heap.count }
  var earliest: Int64? { heap.first?.deadline }

  mutating func add(_ deadline: Int64, _ element: Element) {
    heap.append((deadline, element))
    var index = heap.count - 1
    while index > 0, heap[(index - 1) / 2].deadline > heap[index].deadline {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func popDue(_ now: Int64) -> Element? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < heap.count && heap[child].deadline < heap[least].deadline { least = child }
      if least == index { return first.element }
      heap.swapAt(index, least)
      index = least
    }
  }

  /// Drops what is stale.
  mutating func compact(_ isLive: (Element) -> Bool) {
    let live = heap.filter { isLive($0.element) }
    heap.removeAll(keepingCapacity: true)
    for entry in live { add(entry.deadline, entry.element) }
  }
}
