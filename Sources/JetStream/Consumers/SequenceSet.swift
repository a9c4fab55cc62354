/// A set of sequences as sorted ranges: small when they are close together. Adding at the end takes constant time.
struct SequenceSet: Equatable, Sendable {
  struct Span: Equatable, Sendable {
    var first: UInt64
    var last: UInt64
  }

  private(set) var spans: [Span] = []
  private(set) var count: UInt64 = 0

  var isEmpty: Bool { spans.isEmpty }

  func contains(_ sequence: UInt64) -> Bool {
    guard let last = spans.last, sequence <= last.last else { return false }
    let index = position(sequence)
    return index < spans.count && spans[index].first <= sequence
  }

  mutating func insert(_ sequence: UInt64) {
    let index = position(sequence)
    if index < spans.count, spans[index].first <= sequence { return }
    count += 1
    let joinsLeft = index > 0 && spans[index - 1].last + 1 == sequence
    let joinsRight = index < spans.count && spans[index].first - 1 == sequence
    switch (joinsLeft, joinsRight) {
    case (true, true):
      spans[index - 1].last = spans[index].last
      spans.remove(at: index)
    case (true, false): spans[index - 1].last = sequence
    case (false, true): spans[index].first = sequence
    case (false, false): spans.insert(Span(first: sequence, last: sequence), at: index)
    }
  }

  /// Whether it was there.
  @discardableResult
  mutating func remove(_ sequence: UInt64) -> Bool {
    let index = position(sequence)
    guard index < spans.count, spans[index].first <= sequence else { return false }
    count -= 1
    let span = spans[index]
    if span.first == span.last {
      spans.remove(at: index)
    } else if span.first == sequence {
      spans[index].first += 1
    } else if span.last == sequence {
      spans[index].last -= 1
    } else {
      spans[index].last = sequence - 1
      spans.insert(Span(first: sequence + 1, last: span.last), at: index + 1)
    }
    return true
  }

  mutating func removeAll(below sequence: UInt64) {
    while let first = spans.first, first.first < sequence {
      let last = min(first.last, sequence - 1)
      count -= last - first.first + 1
      if last == first.last {
        spans.removeFirst()
      } else {
        spans[0].first = last + 1
      }
    }
  }

  mutating func removeAll() {
    spans = []
    count = 0
  }

  mutating func append(_ span: Span) {
    spans.append(span)
    count += span.last - span.first + 1
  }

  /// The first span that ends at or after a sequence.
  private func position(_ sequence: UInt64) -> Int {
    var low = 0
    var high = spans.count
    while low < high {
      let middle = (low + high) / 2
      if spans[middle].last < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
