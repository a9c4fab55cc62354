/// The client that a priority group is pinned to (FEATURES 6.078).
struct ConsumerPin: Sendable {
  /// Empty: nobody.
  var id = ""
  var group = ""
  /// When it was given.
  var since: Int64 = 0
  /// When it is lost.
  var expires = Int64.max
}

/// How much of a push consumer's messages is under way without a sign that they arrived (FEATURES 6.062).
struct FlowControlWindow: Sendable {
  /// The largest window.
  static let limit = 32 << 20

  /// 0: no flow control.
  var size = 0
  /// The largest that this one may become.
  private var largest = limit
  var outstanding = 0
  /// The subject whose message ends the wait; empty when none is under way.
  var subject: [UInt8] = []
  /// What that message stands for.
  var asked = 0

  var isStalled: Bool { size > 0 && outstanding > size }

  mutating func start(largest: Int) {
    self.largest = min(largest, Self.limit)
    size = min(Self.limit / 16, self.largest)
  }

  mutating func answered() {
    size = min(size * 2, largest)
    outstanding = max(outstanding - asked, 0)
    subject = []
    asked = 0
  }
}

/// What slows down deliveries: a rate limit, and replay at the original speed (FEATURES 6.010, 6.011).
struct DeliveryPace: Sendable {
  /// Bytes a second; 0 is no limit.
  var rate: Double = 0
  var burst: Double = 0
  private var tokens: Double = 0
  private var tokensAt: Int64 = 0

  /// Messages up to here are replayed with the pauses between them; 0: no more.
  var replayThrough: UInt64 = 0
  /// A message that was not delivered before waits for its time.
  var holdsNewMessage = false
  private var lastTimestamp: Int64 = 0
  private var lastDelivery: Int64 = 0

  var isUnlimited: Bool { rate == 0 && replayThrough == 0 }

  mutating func setRate(bitsPerSecond: UInt64, burst: Int, now: Int64) {
    rate = Double(bitsPerSecond / 8)
    self.burst = Double(burst)
    tokens = self.burst
    tokensAt = now
  }

  /// When a message may be delivered; not after `now`: at once.
  mutating func due(size: Int, timestamp: Int64, now: Int64) -> Int64 {
    var due = now
    if replayThrough > 0, lastTimestamp > 0, timestamp - lastTimestamp > 1_000_000 {
      due = max(due, lastDelivery + (timestamp - lastTimestamp))
    }
    if rate > 0 {
      tokens = min(burst, tokens + Double(now - tokensAt) / 1e9 * rate)
      tokensAt = now
      // A message larger than the burst goes when the bucket is full.
      let missing = min(Double(size), burst) - tokens
      if missing > 0 { due = max(due, now + Int64(min(missing / rate * 1e9, 1e18)) + 1) }
    }
    return due
  }

  mutating func delivered(size: Int, timestamp: Int64, now: Int64) {
    lastTimestamp = timestamp
    lastDelivery = now
    if rate > 0 { tokens -= Double(size) }
  }
}

/// What is to be delivered again, first in, first out. A sequence may be in it that is not to be any more: the entry's
/// flag `queued` decides.
struct RedeliveryQueue: Sendable {
  private var sequences: ContiguousArray<UInt64> = []
  private var head = 0
  /// How many of them are still to be delivered.
  var count = 0

  var first: UInt64? { head < sequences.count ? sequences[head] : nil }

  mutating func append(_ sequence: UInt64) {
    sequences.append(sequence)
    count += 1
  }

  mutating func dropFirst() {
    head += 1
    if head == sequences.count {
      sequences.removeAll(keepingCapacity: sequences.capacity <= 4096)
      head = 0
    } else if head >= 256, head * 2 > sequences.count {
      sequences.removeSubrange(0..<head)
      head = 0
    }
  }

  /// Drops what is not to be delivered any more, when that is most of it.
  mutating func tidy(_ isQueued: (UInt64) -> Bool) {
    guard sequences.count - head > count * 2 + 256 else { return }
    sequences = ContiguousArray(sequences[head...].filter(isQueued))
    head = 0
  }

  mutating func removeAll() { self = RedeliveryQueue() }
}

/// Deadlines that are not in the order of the pending list: of redelivered and delayed messages. An element may be
/// out of date; the entry decides.
struct DeadlineHeap: Sendable {
  struct Element: Sendable {
    var deadline: Int64
    var sequence: UInt64
  }

  private var elements: ContiguousArray<Element> = []

  var count: Int { elements.count }
  var first: Element? { elements.first }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[parent].deadline > elements[child].deadline else { break }
      elements.swapAt(parent, child)
      child = parent
    }
  }

  mutating func removeFirst() {
    let last = elements.removeLast()
    guard !elements.isEmpty else { return }
    elements[0] = last
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    var parent = start
    while true {
      var child = parent * 2 + 1
      guard child < elements.count else { return }
      if child + 1 < elements.count, elements[child + 1].deadline < elements[child].deadline { child += 1 }
      guard elements[child].deadline < elements[parent].deadline else { return }
      elements.swapAt(parent, child)
      parent = child
    }
  }

  /// Keeps what `isCurrent` accepts.
  mutating func filter(_ isCurrent: (Element) -> Bool) {
    let kept = elements.filter(isCurrent)
    elements = []
    for element in kept { insert(element) }
  }

  mutating func removeAll() { elements = [] }
}
