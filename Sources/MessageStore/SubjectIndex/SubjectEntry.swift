/// What the index knows of one subject.
struct SubjectEntry: Equatable {
  /// The first message; when `firstIsBound`, no message is before it, but it may be gone.
  var first: UInt64
  /// The last message; when `lastIsBound`, no message is after it, but it may be gone.
  var last: UInt64
  var count: UInt64
  var firstIsBound = false
  var lastIsBound = false

  init(only sequence: UInt64) {
    first = sequence
    last = sequence
    count = 1
  }

  init(first: UInt64, last: UInt64, count: UInt64) {
    self.first = first
    self.last = last
    self.count = count
  }

  /// A message after all others.
  mutating func add(_ sequence: UInt64) {
    if count == 0 {
      first = sequence
      firstIsBound = false
    }
    last = sequence
    lastIsBound = false
    count += 1
  }

  /// One of its messages goes. Which is first or last afterwards is looked for when somebody asks.
  mutating func remove(_ sequence: UInt64) {
    count -= 1
    if count == 0 { return }
    if sequence == first, !firstIsBound {
      first = sequence + 1
      firstIsBound = true
    }
    if sequence == last, !lastIsBound {
      last = sequence - 1
      lastIsBound = true
    }
    if count == 1 {
      if !lastIsBound {
        first = last
        firstIsBound = false
      } else if !firstIsBound {
        last = first
        lastIsBound = false
      }
    }
  }
}
