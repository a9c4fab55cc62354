/// A pull request that waits for messages.
struct WaitingRequest: Sendable {
  /// Where its messages go.
  var reply: [UInt8]
  /// Messages it still wants.
  var wanted: Int
  /// Messages it got.
  var received = 0
  /// Bytes it still takes; 0 is any number.
  var bytesLeft: Int
  /// Nanoseconds; `.max` is never.
  var expires: Int64
  var arrived: Int64
  var noWait: Bool
  /// Nanoseconds; 0 is none.
  var heartbeat: Int64
  var nextHeartbeat: Int64
  var group: String
  var pinID: String
  var minPending: Int64
  var minAckPending: Int64
  /// Served in this order first; requests without one come last.
  var priority: Int

  /// A place in the list, or none.
  fileprivate(set) var next: Int32 = -1
}

/// The waiting pull requests in the order in which they are served: a list linked through places in an array, so that
/// moving a request to the end, as serving in turn does after every message, moves no memory.
struct WaitingRequests: Sendable {
  private(set) var slots: ContiguousArray<WaitingRequest> = []
  private var free: [Int32] = []
  private(set) var head: Int32 = -1
  private var tail: Int32 = -1
  private(set) var count = 0
  /// How many of them are `noWait`.
  private(set) var noWaitCount = 0

  var isEmpty: Bool { count == 0 }

  subscript(place: Int32) -> WaitingRequest {
    @inline(__always) get { slots[Int(place)] }
    @inline(__always) _modify { yield &slots[Int(place)] }
  }

  func next(_ place: Int32) -> Int32 { slots[Int(place)].next }

  /// Adds a request at the end, or behind those of the same or a lower priority number.
  mutating func insert(_ request: WaitingRequest, byPriority: Bool) {
    let place: Int32
    if let reused = free.popLast() {
      place = reused
      slots[Int(reused)] = request
    } else {
      place = Int32(slots.count)
      slots.append(request)
    }
    count += 1
    if request.noWait { noWaitCount += 1 }
    link(place, byPriority: byPriority)
  }

  private mutating func link(_ place: Int32, byPriority: Bool) {
    slots[Int(place)].next = -1
    guard byPriority, tail >= 0, slots[Int(tail)].priority > slots[Int(place)].priority else {
      if tail >= 0 { slots[Int(tail)].next = place } else { head = place }
      tail = place
      return
    }
    var previous: Int32 = -1
    var current = head
    while slots[Int(current)].priority <= slots[Int(place)].priority {
      previous = current
      current = slots[Int(current)].next
    }
    slots[Int(place)].next = current
    if previous >= 0 { slots[Int(previous)].next = place } else { head = place }
  }

  private mutating func unlink(_ place: Int32, after previous: Int32) {
    let next = slots[Int(place)].next
    if previous >= 0 { slots[Int(previous)].next = next } else { head = next }
    if tail == place { tail = previous }
  }

  /// Takes a request out.
  /// - Parameter previous: the one before it, -1 at the head.
  mutating func remove(_ place: Int32, after previous: Int32) {
    unlink(place, after: previous)
    count -= 1
    if slots[Int(place)].noWait { noWaitCount -= 1 }
    slots[Int(place)].reply = []
    free.append(place)
    if count == 0 {
      slots.removeAll(keepingCapacity: slots.capacity <= 1024)
      free.removeAll(keepingCapacity: slots.capacity <= 1024)
    }
  }

  /// The head goes to the end, or to the end of its priority.
  mutating func rotate(byPriority: Bool) {
    guard count > 1 else { return }
    let place = head
    unlink(place, after: -1)
    link(place, byPriority: byPriority)
  }

  mutating func removeAll() {
    slots = []
    free = []
    head = -1
    tail = -1
    count = 0
    noWaitCount = 0
  }
}
