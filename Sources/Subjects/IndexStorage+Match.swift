// Reading the index. Runs under the index's lock, too.

extension IndexStorage {
  /// Fills `result` with the subscriptions that receive a message published to `subject`.
  mutating func match(_ subject: UnsafeRawBufferPointer, _ hash: UInt64, _ result: inout MatchResult) {
    result.removeAll()
    if Subject.hasEmptyToken(subject) { return }
    let reference = findExact(subject, UInt32(truncatingIfNeeded: hash &>> 32))
    if reference != 0 {
      let record = exact(reference)
      collect(record.pointee.plain, &result)
      collectGroups(record.pointee.groups, SubjectPlace.exact)
    }
    if patternCount > 0 { matchPatterns(subject, &result) }
    writeGroups(&result)
  }

  /// Whether `match` would find anything.
  mutating func hasInterest(_ subject: UnsafeRawBufferPointer, _ hash: UInt64) -> Bool {
    if Subject.hasEmptyToken(subject) { return false }
    if findExact(subject, UInt32(truncatingIfNeeded: hash &>> 32)) != 0 { return true }
    if patternCount == 0 { return false }
    pending.push(Self.position(root, 0))
    defer { pending.removeAll() }
    while let next = pending.pop() {
      var step = TreeStep(next)
      while step.isOnTree {
        let record = node(step.node)
        let last = advance(&step, subject)
        if record.pointee.tail != 0 || (last && record.pointee.star != 0) { return true }
        if hasGroup(record.pointee.groups, SubjectPlace.tail, last ? SubjectPlace.star : SubjectPlace.tail) {
          return true
        }
        if last {
          if step.child == 0 { break }
          let end = node(step.child)
          if end.pointee.own != 0 || hasGroup(end.pointee.groups, SubjectPlace.own, SubjectPlace.own) { return true }
          break
        }
        step.node = step.child
      }
    }
    return false
  }

  private mutating func matchPatterns(_ subject: UnsafeRawBufferPointer, _ result: inout MatchResult) {
    pending.push(Self.position(root, 0))
    while let next = pending.pop() {
      var step = TreeStep(next)
      while step.isOnTree {
        let record = node(step.node)
        let last = advance(&step, subject)
        collect(record.pointee.tail, &result)
        collectGroups(record.pointee.groups, SubjectPlace.tail)
        if last {
          collect(record.pointee.star, &result)
          collectGroups(record.pointee.groups, SubjectPlace.star)
          if step.child != 0 {
            collect(node(step.child).pointee.own, &result)
            collectGroups(node(step.child).pointee.groups, SubjectPlace.own)
          }
          break
        }
        step.node = step.child
      }
    }
    pending.removeAll()
  }

  /// A node, and the offset of the token that its children are compared with.
  private struct TreeStep {
    var node: UInt32
    var offset: Int
    var child: UInt32 = 0
    var isOnTree: Bool { node != 0 }

    init(_ packed: UInt64) {
      node = UInt32(truncatingIfNeeded: packed &>> 32)
      offset = Int(UInt32(truncatingIfNeeded: packed))
    }
  }

  private static func position(_ node: UInt32, _ offset: Int) -> UInt64 {
    UInt64(node) &<< 32 | UInt64(UInt32(truncatingIfNeeded: offset))
  }

  /// Reads the next token: finds the literal child for it and leaves the star child pending. True if the
  /// token is the subject's last, in which case there is nothing below the star child.
  @inline(__always)
  private mutating func advance(_ step: inout TreeStep, _ subject: UnsafeRawBufferPointer) -> Bool {
    var end = step.offset
    while end < subject.count && subject[end] != separatorByte { end &+= 1 }
    let last = end == subject.count
    let record = node(step.node)
    if !last && record.pointee.starChild != 0 {
      pending.push(Self.position(record.pointee.starChild, end &+ 1))
    }
    step.child = 0
    if record.pointee.children != 0 {
      let token = UnsafeRawBufferPointer(rebasing: subject[step.offset..<end])
      step.child = findChild(step.node, token, Self.edgeHash(step.node, token))
    }
    step.offset = end &+ 1
    return last
  }

  private func collect(_ first: UInt32, _ result: inout MatchResult) {
    var id = first
    while id != 0 {
      let record = subscription(id)
      result.appendPlain(record)
      id = record.pointee.next
    }
  }

  private mutating func collectGroups(_ first: UInt32, _ kind: UInt8) {
    var reference = first
    while reference != 0 {
      let record = group(reference)
      if record.pointee.kind == kind { found.push(UInt64(record.pointee.queue) &<< 32 | UInt64(reference)) }
      reference = record.pointee.next
    }
  }

  private func hasGroup(_ first: UInt32, _ kind: UInt8, _ otherKind: UInt8) -> Bool {
    var reference = first
    while reference != 0 {
      let record = group(reference)
      if record.pointee.kind == kind || record.pointee.kind == otherKind { return true }
      reference = record.pointee.next
    }
    return false
  }

  /// Writes the groups found, those of one queue name as one.
  private mutating func writeGroups(_ result: inout MatchResult) {
    if found.count == 0 { return }
    var groups = UnsafeMutableBufferPointer(start: found.values, count: found.count)
    if groups.count > 1 { groups.sort() }
    var index = 0
    while index < groups.count {
      let queue = groups[index] &>> 32
      let start = result.queuedCount
      while index < groups.count && groups[index] &>> 32 == queue {
        var id = group(UInt32(truncatingIfNeeded: groups[index])).pointee.members
        while id != 0 {
          let record = subscription(id)
          result.appendQueued(record)
          id = record.pointee.next
        }
        index &+= 1
      }
      result.closeGroup(UInt32(truncatingIfNeeded: queue), from: start)
    }
    found.removeAll()
  }
}

extension IndexStorage {
  /// The subject that the subscription was made with.
  func subject(of subscription: UnsafeMutablePointer<Subscription>) -> [UInt8] {
    var place = subscription.pointee.place
    if place == 0 { return [] }
    if subscription.pointee.queue != 0 { place = group(place).pointee.place }
    return subject(place, subscription.pointee.kind)
  }

  /// The hash of the subscription's subject if that is literal.
  func literalHash(of subscription: UnsafeMutablePointer<Subscription>) -> UInt64? {
    guard subscription.pointee.kind == SubjectPlace.exact else { return nil }
    var place = subscription.pointee.place
    if subscription.pointee.queue != 0 { place = group(place).pointee.place }
    let subject = key(exact(place))
    return subjectHash(subject.baseAddress!, subject.count)
  }

  /// Calls `body` with every subject that has subscriptions, and each list of them.
  private func forEachPlace(_ body: (_ place: UInt32, _ kind: UInt8, _ plain: UInt32, _ groups: UInt32) -> Void) {
    exactSubjects.forEach { place in
      let record = exact(place)
      body(place, SubjectPlace.exact, record.pointee.plain, record.pointee.groups)
    }
    func visit(_ start: UInt32) {
      var place = start
      while place != 0 {
        let record = node(place)
        body(place, SubjectPlace.own, record.pointee.own, record.pointee.groups)
        body(place, SubjectPlace.star, record.pointee.star, record.pointee.groups)
        body(place, SubjectPlace.tail, record.pointee.tail, record.pointee.groups)
        place = record.pointee.starChild
      }
    }
    visit(root)
    edges.forEach(visit)
  }

  /// Calls `body` with every subscription and its subject.
  func forEach(_ body: (UnsafeMutablePointer<Subscription>, UnsafeRawBufferPointer) -> Void) {
    forEachPlace { place, kind, plain, groups in
      if plain == 0 && !hasGroup(groups, kind, kind) { return }
      subject(place, kind).withUnsafeBytes { subject in
        forEachMember(plain) { body($0, subject) }
        var reference = groups
        while reference != 0 {
          let record = group(reference)
          if record.pointee.kind == kind { forEachMember(record.pointee.members) { body($0, subject) } }
          reference = record.pointee.next
        }
      }
    }
  }

  /// Fills `result` with the subscriptions the subject of which collides with `pattern`.
  mutating func reverseMatch(_ pattern: UnsafeRawBufferPointer, _ result: inout MatchResult) {
    result.removeAll()
    var groupsFound = ScratchStack()
    forEachPlace { place, kind, plain, groups in
      if plain == 0 && !hasGroup(groups, kind, kind) { return }
      if !(subject(place, kind).withUnsafeBytes { Subject.collide($0, pattern) }) { return }
      collect(plain, &result)
      var reference = groups
      while reference != 0 {
        let record = group(reference)
        if record.pointee.kind == kind {
          groupsFound.push(UInt64(record.pointee.queue) &<< 32 | UInt64(reference))
        }
        reference = record.pointee.next
      }
    }
    swap(&found, &groupsFound)
    writeGroups(&result)
    swap(&found, &groupsFound)
    groupsFound.destroy()
  }

  private func forEachMember(_ first: UInt32, _ body: (UnsafeMutablePointer<Subscription>) -> Void) {
    var id = first
    while id != 0 {
      let record = subscription(id)
      id = record.pointee.next
      body(record)
    }
  }

  private func subject(_ place: UInt32, _ kind: UInt8) -> [UInt8] {
    if kind == SubjectPlace.exact { return [UInt8](key(exact(place))) }
    var tokens: [UnsafeRawBufferPointer] = []
    var reference = place
    while reference != root {
      tokens.append(token(node(reference)))
      reference = node(reference).pointee.parent
    }
    var bytes: [UInt8] = []
    for token in tokens.reversed() {
      if !bytes.isEmpty { bytes.append(separatorByte) }
      bytes.append(contentsOf: token)
    }
    if kind != SubjectPlace.own {
      if !bytes.isEmpty { bytes.append(separatorByte) }
      bytes.append(kind == SubjectPlace.star ? starByte : tailByte)
    }
    return bytes
  }
}
