import Glibc

extension SubjectIndex {
  /// Calls `body` with every wanted subject, in the order of their bytes, until it returns false. Only branches that
  /// can match are entered. The index must not change meanwhile.
  ///
  /// - Parameter visits: how many nodes may be entered. Returns false when there were more.
  @discardableResult
  func walk(
    _ filters: SubjectFilters, visits: Int = .max, _ body: (UnsafeRawBufferPointer, SubjectEntry) -> Bool
  ) -> Bool {
    let wanted = filters.compiled.filters
    if !wanted.isEmpty, filters.compiled.areLiteral {
      for filter in filters.compiled.sortedTexts {
        let goesOn = filter.withUnsafeBytes { subject in
          guard let entry = entry(subject) else { return true }
          return body(subject, entry)
        }
        if !goesOn { break }
      }
      return true
    }
    var walk = SubjectWalk(filters: wanted.map(\.text), visits: visits)
    return walk.run(self, body)
  }
}

/// One way through the tree, with an explicit stack: subjects may be long.
private struct SubjectWalk {
  private struct Frame {
    var link: SubjectArena.Link
    var child: Int
    /// Of the path after the node's prefix.
    var length: Int
  }

  private let filters: [[UInt8]]
  private var visits: Int
  private var frames: [Frame] = []
  private var text: [UInt8] = []
  /// A group of states a frame: after the node's prefix.
  private var states: [Int32] = []

  init(filters: [[UInt8]], visits: Int) {
    self.filters = filters
    self.visits = visits
  }

  mutating func run(_ index: SubjectIndex, _ body: (UnsafeRawBufferPointer, SubjectEntry) -> Bool) -> Bool {
    guard index.root != SubjectArena.none else { return true }
    states = [Int32](repeating: 0, count: filters.count)
    guard enter(index, index.root, from: 0, body) else { return visits > 0 }
    while let frame = frames.last {
      let node = SubjectNode(index.arena.at(frame.link))
      if frame.child >= node.childCount {
        frames.removeLast()
        states.removeLast(filters.count)
        continue
      }
      frames[frames.count - 1].child += 1
      text.removeLast(text.count - frame.length)
      let key = node.keys[frame.child]
      text.append(key)
      let start = states.count - filters.count
      let base = states.count
      for number in 0..<filters.count { states.append(step(states[start + number], key, number)) }
      guard enter(index, node.links[frame.child], from: base, body) else { return visits > 0 }
    }
    return true
  }

  private func step(_ state: Int32, _ byte: UInt8, _ number: Int) -> Int32 {
    filters[number].withUnsafeBufferPointer { FilterState.step(state, byte, $0) }
  }

  /// The states from `base` on are those before the node's prefix; they stay when the node is entered. False: stop.
  private mutating func enter(
    _ index: SubjectIndex, _ link: SubjectArena.Link, from base: Int,
    _ body: (UnsafeRawBufferPointer, SubjectEntry) -> Bool
  ) -> Bool {
    if visits <= 0 { return false }
    visits -= 1
    let node = SubjectNode(index.arena.at(link))
    let prefix = UnsafeRawBufferPointer(start: node.prefix, count: node.prefixCount)
    if !filters.isEmpty {
      var alive = false
      for number in 0..<filters.count {
        var state = states[base + number]
        for byte in prefix {
          if state < 0 { break }
          state = step(state, byte, number)
        }
        states[base + number] = state
        if state != FilterState.dead { alive = true }
      }
      if !alive {
        states.removeLast(filters.count)
        return true
      }
    }
    text.append(contentsOf: prefix)
    if let entry = node.entry {
      var isWanted = filters.isEmpty
      for number in 0..<filters.count where !isWanted {
        isWanted = filters[number].withUnsafeBufferPointer { FilterState.accepts(states[base + number], $0) }
      }
      if isWanted, !text.withUnsafeBytes({ body($0, entry) }) {
        visits = max(visits, 1)
        return false
      }
    }
    frames.append(Frame(link: link, child: 0, length: text.count))
    return true
  }
}
