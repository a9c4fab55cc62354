/// One delivery that waits for its acknowledgement.
struct PendingEntry: Equatable, Sendable {
  struct Flags: OptionSet, Sendable {
    let rawValue: UInt32
    /// Acknowledged; the place is kept until those in front of it are gone.
    static let gone = Flags(rawValue: 1)
    /// In the queue of redeliveries.
    static let queued = Flags(rawValue: 2)
    /// Its time is not in the order of the list any more: the heap of irregular deadlines has it.
    static let irregular = Flags(rawValue: 4)
  }

  /// In the stream.
  var sequence: UInt64
  /// Of the first delivery.
  var consumerSequence: UInt64
  /// Of the last delivery, nanoseconds since 1970; moved by `+WPI` and delays, so that the ack wait counts from here.
  var timestamp: Int64
  var deliveries: UInt32
  var flags: Flags
}

/// What is delivered and not acknowledged, in the order of the stream. Messages are first delivered in that order, so
/// entries come in at the end; an acknowledgement marks its entry, and places are given up from the front, or all at
/// once when most of them are empty. Finding a sequence is one look when they are consecutive, else a binary search.
struct PendingList: Sendable {
  private(set) var entries: ContiguousArray<PendingEntry> = []
  /// Places before this one are given up.
  private(set) var head = 0
  /// Entries that are not gone.
  private(set) var count = 0
  /// How many of them have been delivered more than once.
  private(set) var redeliveredCount = 0
  /// Everything before this place has been looked at by `nextRegular`.
  private var cursor = 0

  private static let smallestCompaction = 256

  var isEmpty: Bool { count == 0 }
  /// The first entry; there must be one.
  var first: PendingEntry { entries[head] }

  /// The place of a sequence that is not gone.
  @inline(__always)
  func find(_ sequence: UInt64) -> Int? {
    guard head < entries.count else { return nil }
    let first = entries[head].sequence
    guard sequence >= first else { return nil }
    let guess = head + Int(min(sequence - first, UInt64(entries.count - head - 1)))
    let place = entries[guess].sequence == sequence ? guess : search(sequence, through: guess)
    guard let place, !entries[place].flags.contains(.gone) else { return nil }
    return place
  }

  private func search(_ sequence: UInt64, through bound: Int) -> Int? {
    var low = head
    var high = bound
    while low < high {
      let middle = (low + high) >> 1
      if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    return entries[low].sequence == sequence ? low : nil
  }

  @inline(__always)
  subscript(place: Int) -> PendingEntry { entries[place] }

  /// Adds a delivery with a higher sequence than all before.
  mutating func append(_ entry: PendingEntry) {
    entries.append(entry)
    count += 1
    if entry.deliveries > 1 { redeliveredCount += 1 }
  }

  mutating func setTimestamp(_ timestamp: Int64, at place: Int) { entries[place].timestamp = timestamp }

  mutating func setFlag(_ flag: PendingEntry.Flags, _ isSet: Bool, at place: Int) {
    if isSet { entries[place].flags.insert(flag) } else { entries[place].flags.remove(flag) }
  }

  mutating func countDelivery(at place: Int, timestamp: Int64) {
    if entries[place].deliveries == 1 { redeliveredCount += 1 }
    entries[place].deliveries += 1
    entries[place].timestamp = timestamp
  }

  /// Marks an entry as gone.
  /// - Returns: whether it was the first one.
  @discardableResult
  mutating func remove(at place: Int) -> Bool {
    entries[place].flags.insert(.gone)
    count -= 1
    if entries[place].deliveries > 1 { redeliveredCount -= 1 }
    guard place == head else {
      if entries.count - head - count > count + Self.smallestCompaction { compact() }
      return false
    }
    head += 1
    while head < entries.count, entries[head].flags.contains(.gone) { head += 1 }
    if head == entries.count {
      removeAll()
    } else if head >= Self.smallestCompaction, head * 2 > entries.count {
      entries.removeSubrange(0..<head)
      cursor = max(cursor - head, 0)
      head = 0
    }
    return true
  }

  mutating func removeAll() {
    // Memory of a burst is given back.
    entries.removeAll(keepingCapacity: entries.capacity <= 4096)
    head = 0
    count = 0
    redeliveredCount = 0
    cursor = 0
  }

  /// Closes the gaps between what is left.
  private mutating func compact() {
    var target = 0
    var newCursor = 0
    for place in head..<entries.count {
      if place == cursor { newCursor = target }
      if entries[place].flags.contains(.gone) { continue }
      entries[target] = entries[place]
      target += 1
    }
    if cursor >= entries.count { newCursor = target }
    entries.removeSubrange(target...)
    cursor = newCursor
    head = 0
  }

  func forEach(_ body: (PendingEntry) -> Void) {
    guard head < entries.count else { return }
    for place in head..<entries.count where !entries[place].flags.contains(.gone) { body(entries[place]) }
  }

  // MARK: - Deadlines

  /// The next entry in the order of the list whose deadline nobody has looked at; it is passed by `skipRegular`.
  mutating func nextRegular() -> Int? {
    if cursor < head { cursor = head }
    while cursor < entries.count, !entries[cursor].flags.isDisjoint(with: [.gone, .irregular]) { cursor += 1 }
    return cursor < entries.count ? cursor : nil
  }

  /// The same without moving on.
  func peekRegular() -> PendingEntry? {
    var place = max(cursor, head)
    while place < entries.count, !entries[place].flags.isDisjoint(with: [.gone, .irregular]) { place += 1 }
    return place < entries.count ? entries[place] : nil
  }

  mutating func skipRegular() { cursor += 1 }

  /// Starts over: all deadlines are looked at again.
  mutating func rewind() { cursor = head }
}
