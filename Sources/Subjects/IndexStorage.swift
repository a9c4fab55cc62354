import CSystem

// The memory behind a SubscriptionIndex and the changes to it. Everything here runs under the index's lock.
//
// Literal subjects: one flat hash table. Patterns: a tree of tokens. A pattern's last `*` or `>` needs no node of its
// own: its subscriptions hang on the node before it. All tree edges with literal tokens are in one flat table,
// keyed by (parent, token). Queue subscriptions hang in one group record for each (place, queue name).

/// A literal subject; its bytes follow.
struct ExactSubject {
  var groups: UInt32
  var plain: UInt32
  var length: UInt32
  static let headerBytes = 12
}

/// A token of patterns; its bytes follow. The first fields are laid out as in `ExactSubject`, list heads in the
/// order of `SubjectPlace`.
struct TreeNode {
  var groups: UInt32
  var own: UInt32
  var star: UInt32
  var tail: UInt32
  var starChild: UInt32
  var parent: UInt32
  /// Literal children.
  var children: UInt32
  var length: UInt32
  static let headerBytes = 32

  var isBare: Bool { groups | own | star | tail | starChild | children == 0 }
}

/// The members of one queue name at one place.
struct QueueGroup {
  var place: UInt32
  var queue: UInt32
  var members: UInt32
  var count: UInt32
  var next: UInt32
  var previous: UInt32
  var kind: UInt8
}

struct IndexStorage {
  let subscriptions: SlabArena.Reader
  var arena = SlabArena()
  var exactSubjects = SlotTable()
  var edges = SlotTable()
  var groups = SlotTable()
  var root: UInt32 = 0
  var count = 0
  var patternCount = 0
  /// Tree positions still to visit: node and offset into the subject.
  var pending = ScratchStack()
  /// Groups found by a match.
  var found = ScratchStack()

  init(_ records: SubscriptionRecords) {
    subscriptions = records.subscriptions
    root = arena.allocate(TreeNode.headerBytes)
    node(root).initialize(
      to: TreeNode(groups: 0, own: 0, star: 0, tail: 0, starChild: 0, parent: 0, children: 0, length: 0))
  }

  mutating func destroy() {
    arena.destroy()
    exactSubjects.destroy()
    edges.destroy()
    groups.destroy()
    pending.destroy()
    found.destroy()
  }

  var memoryBytes: Int {
    arena.mappedBytes + exactSubjects.memoryBytes + edges.memoryBytes + groups.memoryBytes + pending.memoryBytes
      + found.memoryBytes
  }

  // MARK: Records

  @inline(__always)
  func subscription(_ id: UInt32) -> UnsafeMutablePointer<Subscription> {
    subscriptions.pointer(id).assumingMemoryBound(to: Subscription.self)
  }

  @inline(__always)
  func exact(_ reference: UInt32) -> UnsafeMutablePointer<ExactSubject> {
    arena.pointer(reference).assumingMemoryBound(to: ExactSubject.self)
  }

  @inline(__always)
  func node(_ reference: UInt32) -> UnsafeMutablePointer<TreeNode> {
    arena.pointer(reference).assumingMemoryBound(to: TreeNode.self)
  }

  @inline(__always)
  func group(_ reference: UInt32) -> UnsafeMutablePointer<QueueGroup> {
    arena.pointer(reference).assumingMemoryBound(to: QueueGroup.self)
  }

  @inline(__always)
  func key(_ exact: UnsafeMutablePointer<ExactSubject>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: UnsafeRawPointer(exact) + ExactSubject.headerBytes, count: Int(exact.pointee.length))
  }

  @inline(__always)
  func token(_ node: UnsafeMutablePointer<TreeNode>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(node) + TreeNode.headerBytes, count: Int(node.pointee.length))
  }

  // MARK: Places

  func findExact(_ subject: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32 {
    var cursor = exactSubjects.start(hash)
    while true {
      let reference = exactSubjects.candidate(&cursor, hash)
      if reference == 0 || key(exact(reference)).equals(subject) { return reference }
    }
  }

  mutating func findOrAddExact(_ subject: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32 {
    let present = findExact(subject, hash)
    if present != 0 { return present }
    let reference = arena.allocate(ExactSubject.headerBytes + subject.count)
    let record = exact(reference)
    record.initialize(to: ExactSubject(groups: 0, plain: 0, length: UInt32(subject.count)))
    (UnsafeMutableRawPointer(record) + ExactSubject.headerBytes)
      .copyMemory(from: subject.baseAddress!, byteCount: subject.count)
    exactSubjects.insert(hash, reference)
    return reference
  }

  static func edgeHash(_ parent: UInt32, _ token: UnsafeRawBufferPointer) -> UInt32 {
    let hash = subjectHash(token.baseAddress!, token.count)
    return UInt32(truncatingIfNeeded: mixed(hash ^ UInt64(parent), 0xD6E8_FEB8_6659_FD93) &>> 32)
  }

  func findChild(_ parent: UInt32, _ token: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32 {
    var cursor = edges.start(hash)
    while true {
      let reference = edges.candidate(&cursor, hash)
      if reference == 0 { return 0 }
      let child = node(reference)
      if child.pointee.parent == parent && self.token(child).equals(token) { return reference }
    }
  }

  private mutating func addNode(_ parent: UInt32, _ token: UnsafeRawBufferPointer) -> UInt32 {
    let reference = arena.allocate(TreeNode.headerBytes + token.count)
    let record = node(reference)
    record.initialize(
      to: TreeNode(
        groups: 0, own: 0, star: 0, tail: 0, starChild: 0, parent: parent, children: 0,
        length: UInt32(token.count)))
    (UnsafeMutableRawPointer(record) + TreeNode.headerBytes)
      .copyMemory(from: token.baseAddress!, byteCount: token.count)
    return reference
  }

  /// The node and list on which a pattern's subscriptions hang, added where missing.
  mutating func findOrAddPattern(_ pattern: UnsafeRawBufferPointer) -> (node: UInt32, kind: UInt8) {
    var reference = root
    var tokens = SubjectTokens(pattern)
    while let token = tokens.next() {
      if token.isTail { return (reference, SubjectPlace.tail) }
      if token.isStar {
        if tokens.finished { return (reference, SubjectPlace.star) }
        if node(reference).pointee.starChild == 0 {
          let child = addNode(reference, token)
          node(reference).pointee.starChild = child
        }
        reference = node(reference).pointee.starChild
      } else {
        let hash = Self.edgeHash(reference, token)
        var child = findChild(reference, token, hash)
        if child == 0 {
          child = addNode(reference, token)
          edges.insert(hash, child)
          node(reference).pointee.children += 1
        }
        reference = child
      }
    }
    return (reference, SubjectPlace.own)
  }

  /// Removes a node on which nothing hangs any more, and its ancestors likewise.
  private mutating func prune(_ reference: UInt32) {
    var reference = reference
    while reference != root && node(reference).pointee.isBare {
      let parent = node(reference).pointee.parent
      if node(parent).pointee.starChild == reference {
        node(parent).pointee.starChild = 0
      } else {
        edges.remove(Self.edgeHash(parent, token(node(reference))), reference)
        node(parent).pointee.children -= 1
      }
      arena.free(reference)
      reference = parent
    }
  }

  // MARK: Lists

  /// The first subscription of a list.
  @inline(__always)
  func head(_ place: UInt32, _ kind: UInt8) -> UnsafeMutablePointer<UInt32> {
    (arena.pointer(place) + Int(max(kind, 1)) &* 4).assumingMemoryBound(to: UInt32.self)
  }

  private func append(_ subscription: UnsafeMutablePointer<Subscription>, _ head: UnsafeMutablePointer<UInt32>) {
    let id = subscription.pointee.id
    subscription.pointee.next = 0
    if head.pointee == 0 {
      subscription.pointee.previous = id
      head.pointee = id
    } else {
      let first = self.subscription(head.pointee)
      let last = first.pointee.previous
      self.subscription(last).pointee.next = id
      subscription.pointee.previous = last
      first.pointee.previous = id
    }
  }

  private func unlink(_ subscription: UnsafeMutablePointer<Subscription>, _ head: UnsafeMutablePointer<UInt32>) {
    let next = subscription.pointee.next
    let previous = subscription.pointee.previous
    if head.pointee == subscription.pointee.id {
      head.pointee = next
      if next != 0 { self.subscription(next).pointee.previous = previous }
    } else {
      self.subscription(previous).pointee.next = next
      self.subscription(next == 0 ? head.pointee : next).pointee.previous = previous
    }
  }

  // MARK: Attaching

  mutating func attach(_ subscription: UnsafeMutablePointer<Subscription>, _ place: UInt32, _ kind: UInt8) {
    subscription.pointee.kind = kind
    if subscription.pointee.queue == 0 {
      subscription.pointee.place = place
      append(subscription, head(place, kind))
    } else {
      let reference = findOrAddGroup(place, kind, subscription.pointee.queue)
      subscription.pointee.place = reference
      append(subscription, members(reference))
      group(reference).pointee.count += 1
    }
    count += 1
    if kind != SubjectPlace.exact { patternCount += 1 }
  }

  /// Takes the subscription off its place. Returns the hash of its subject if that was literal.
  mutating func detach(_ subscription: UnsafeMutablePointer<Subscription>) -> UInt64? {
    var place = subscription.pointee.place
    let kind = subscription.pointee.kind
    if subscription.pointee.queue == 0 {
      unlink(subscription, head(place, kind))
    } else {
      let reference = place
      place = group(reference).pointee.place
      unlink(subscription, members(reference))
      group(reference).pointee.count -= 1
      if group(reference).pointee.count == 0 { removeGroup(reference) }
    }
    subscription.pointee.place = 0
    count -= 1
    guard kind == SubjectPlace.exact else {
      patternCount -= 1
      prune(place)
      return nil
    }
    let record = exact(place)
    let subject = key(record)
    let hash = subjectHash(subject.baseAddress!, subject.count)
    if record.pointee.plain | record.pointee.groups == 0 {
      exactSubjects.remove(UInt32(truncatingIfNeeded: hash &>> 32), place)
      arena.free(place)
    }
    return hash
  }

  private func members(_ reference: UInt32) -> UnsafeMutablePointer<UInt32> {
    (arena.pointer(reference) + MemoryLayout<QueueGroup>.offset(of: \.members)!).assumingMemoryBound(to: UInt32.self)
  }

  private static func groupHash(_ place: UInt32, _ kind: UInt8, _ queue: UInt32) -> UInt32 {
    let key = UInt64(place) &<< 32 | UInt64(queue)
    return UInt32(truncatingIfNeeded: mixed(key ^ csys_hash_seed2(), 0xD6E8_FEB8_6659_FD93 &+ UInt64(kind)) &>> 32)
  }

  private mutating func findOrAddGroup(_ place: UInt32, _ kind: UInt8, _ queue: UInt32) -> UInt32 {
    let hash = Self.groupHash(place, kind, queue)
    var cursor = groups.start(hash)
    while true {
      let candidate = groups.candidate(&cursor, hash)
      if candidate == 0 { break }
      let record = group(candidate)
      if record.pointee.place == place && record.pointee.kind == kind && record.pointee.queue == queue {
        return candidate
      }
    }
    let reference = arena.allocate(MemoryLayout<QueueGroup>.size)
    let chain = arena.pointer(place).assumingMemoryBound(to: UInt32.self)
    group(reference).initialize(
      to: QueueGroup(
        place: place, queue: queue, members: 0, count: 0, next: chain.pointee, previous: 0, kind: kind))
    if chain.pointee != 0 { group(chain.pointee).pointee.previous = reference }
    chain.pointee = reference
    groups.insert(hash, reference)
    return reference
  }

  private mutating func removeGroup(_ reference: UInt32) {
    let record = group(reference)
    let next = record.pointee.next
    let previous = record.pointee.previous
    if next != 0 { group(next).pointee.previous = previous }
    if previous != 0 {
      group(previous).pointee.next = next
    } else {
      arena.pointer(record.pointee.place).storeBytes(of: next, as: UInt32.self)
    }
    groups.remove(Self.groupHash(record.pointee.place, record.pointee.kind, record.pointee.queue), reference)
    arena.free(reference)
  }
}

/// A growing stack of 64-bit values, kept between uses.
struct ScratchStack {
  private(set) var values: UnsafeMutablePointer<UInt64>?
  private var capacity = 0
  private(set) var count = 0

  mutating func push(_ value: UInt64) {
    if count == capacity {
      let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: max(capacity * 2, 16))
      if let values {
        larger.moveInitialize(from: values, count: count)
        values.deallocate()
      }
      values = larger
      capacity = max(capacity * 2, 16)
    }
    values![count] = value
    count &+= 1
  }

  mutating func pop() -> UInt64? {
    if count == 0 { return nil }
    count &-= 1
    return values![count]
  }

  /// Empties it; buffers above 64 KiB are freed.
  mutating func removeAll() {
    count = 0
    if capacity > 8192 { destroy() }
  }

  mutating func destroy() {
    values?.deallocate()
    values = nil
    capacity = 0
    count = 0
  }

  var memoryBytes: Int { capacity * 8 }
}
