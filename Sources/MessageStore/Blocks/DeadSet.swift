/// Which slots of a block hold nothing: one bit each, and no memory while every slot is in use.
struct DeadSet: Equatable {
  private(set) var words: [UInt64] = []

  init() {}
  init(words: [UInt64]) { self.words = words }

  var isEmpty: Bool { words.isEmpty }

  @inline(__always) func contains(_ slot: Int) -> Bool {
    let word = slot >> 6
    return word < words.count && words[word] & (1 << UInt64(slot & 63)) != 0
  }

  mutating func insert(_ slot: Int) {
    reach(slot)
    words[slot >> 6] |= 1 << UInt64(slot & 63)
  }

  mutating func insert(_ range: Range<Int>) {
    if range.isEmpty { return }
    reach(range.upperBound - 1)
    var slot = range.lowerBound
    while slot < range.upperBound {
      if slot & 63 == 0, slot + 64 <= range.upperBound {
        words[slot >> 6] = .max
        slot += 64
      } else {
        words[slot >> 6] |= 1 << UInt64(slot & 63)
        slot += 1
      }
    }
  }

  private mutating func reach(_ slot: Int) {
    let needed = (slot >> 6) + 1
    if words.count < needed { words.append(contentsOf: repeatElement(0, count: needed - words.count)) }
  }

  /// The first slot from `slot` on, below `end`, that is in use.
  func nextLive(_ slot: Int, below end: Int) -> Int? {
    var slot = slot
    while slot < end {
      let word = slot >> 6
      if word >= words.count { return slot }
      let free = ~words[word] >> UInt64(slot & 63)
      if free != 0 {
        slot += free.trailingZeroBitCount
        return slot < end ? slot : nil
      }
      slot = (word + 1) << 6
    }
    return nil
  }

  /// The last slot at or below `slot`, not below `start`, that is in use.
  func previousLive(_ slot: Int, from start: Int) -> Int? {
    var slot = slot
    while slot >= start {
      let word = slot >> 6
      if word >= words.count { return slot }
      let free = ~words[word] << UInt64(63 - slot & 63)
      if free != 0 {
        slot -= free.leadingZeroBitCount
        return slot >= start ? slot : nil
      }
      slot = (word << 6) - 1
    }
    return nil
  }

  /// How many of these slots are in use.
  func liveCount(_ range: Range<Int>) -> Int {
    var count = 0
    var slot = range.lowerBound
    while slot < range.upperBound {
      let word = slot >> 6
      if word >= words.count { return count + range.upperBound - slot }
      let end = min((word + 1) << 6, range.upperBound)
      var free = ~words[word] >> UInt64(slot & 63)
      let width = end - slot
      if width < 64 { free &= (1 << UInt64(width)) - 1 }
      count += free.nonzeroBitCount
      slot = end
    }
    return count
  }
}
