import Glibc

/// The subjects of a store, ordered, each with its number of messages and the first and last of them: a radix tree with
/// compressed prefixes. About 25 bytes a subject with one message, 40 with several, key included.
///
/// Invariant: a node without a value has at least two children, unless prefixes are too long to be joined.
final class SubjectIndex {
  private(set) var arena: SubjectArena
  private(set) var root: SubjectArena.Link
  private(set) var count: Int
  /// The links from the root to the node a removal is at.
  private var path: [SubjectArena.Link] = []

  init() {
    arena = SubjectArena()
    root = SubjectArena.none
    count = 0
  }

  init(arena: SubjectArena, root: SubjectArena.Link, count: Int) {
    self.arena = arena
    self.root = root
    self.count = count
  }

  deinit { arena.deallocate() }

  var bytes: Int { arena.bytes }

  // MARK: copies

  /// A copy of the index as it is now. It is made in `continueCopy`; what changes meanwhile is copied before.
  func beginCopy() -> SubjectSnapshot.Copy {
    let copy = SubjectSnapshot.Copy(arena, root: root, count: count)
    arena.copying = copy
    return copy
  }

  /// Copies about so many bytes more; true when the copy is complete.
  func continueCopy(_ copy: SubjectSnapshot.Copy, bytes: Int) -> Bool {
    guard copy.advance(arena.base, bytes: bytes) else { return false }
    if arena.copying === copy { arena.copying = nil }
    return true
  }

  // MARK: looking up

  /// The node that stands for exactly this subject, whether or not it has a value.
  @inline(__always) private func find(_ subject: UnsafeRawBufferPointer) -> SubjectArena.Link {
    var link = root
    var position = 0
    while link != SubjectArena.none {
      let node = SubjectNode(arena.at(link))
      let prefix = node.prefixCount
      if prefix > 0 {
        if subject.count &- position < prefix { return SubjectArena.none }
        if !Self.equal(node.prefix, subject.baseAddress! + position, prefix) { return SubjectArena.none }
        position &+= prefix
      }
      if position == subject.count { return link }
      let (index, found) = node.position(of: subject[position])
      if !found { return SubjectArena.none }
      link = node.links[index]
      position &+= 1
    }
    return SubjectArena.none
  }

  @inline(__always) private static func equal(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    if count > 8 { return memcmp(a, b, count) == 0 }
    var index = 0
    while index < count {
      if a.load(fromByteOffset: index, as: UInt8.self) != b.load(fromByteOffset: index, as: UInt8.self) {
        return false
      }
      index &+= 1
    }
    return true
  }

  func entry(_ subject: UnsafeRawBufferPointer) -> SubjectEntry? {
    let link = find(subject)
    return link == SubjectArena.none ? nil : SubjectNode(arena.at(link)).entry
  }

  // MARK: changing

  /// A message after all others. Returns the subject's last message before, when that one is known to be there.
  @discardableResult
  func add(_ subject: UnsafeRawBufferPointer, _ sequence: UInt64) -> UInt64? {
    let link = find(subject)
    if link != SubjectArena.none, var entry = SubjectNode(arena.at(link)).entry {
      let last = entry.lastIsBound ? nil : entry.last
      entry.add(sequence)
      let node = SubjectNode(arena.at(link))
      if node.form & SubjectArena.Form.valueMask == SubjectArena.Form.full {
        arena.willChange(link)
        node.setEntry(entry)
      } else {
        set(subject, entry)
      }
      return last
    }
    set(subject, SubjectEntry(only: sequence))
    return nil
  }

  /// A message goes. Returns what is left of the subject, nil for nothing.
  @discardableResult
  func remove(_ subject: UnsafeRawBufferPointer, _ sequence: UInt64) -> SubjectEntry? {
    guard var entry = entry(subject) else { return nil }
    entry.remove(sequence)
    if entry.count == 0 {
      delete(subject)
      return nil
    }
    set(subject, entry)
    return entry
  }

  /// Puts an entry in place, new or not.
  func set(_ subject: UnsafeRawBufferPointer, _ entry: SubjectEntry) {
    if root == SubjectArena.none {
      root = makeLeaf(subject, from: 0, entry)
      count = 1
      return
    }
    var link = root
    var parent = SubjectArena.none
    var slot = 0
    var position = 0
    while true {
      let node = SubjectNode(arena.at(link))
      let prefix = node.prefixCount
      var same = 0
      let limit = min(prefix, subject.count - position)
      while same < limit, node.prefix.load(fromByteOffset: same, as: UInt8.self) == subject[position + same] {
        same += 1
      }
      if same < prefix {
        replace(in: parent, slot, by: split(link, at: same, subject, position + same, entry))
        count += 1
        return
      }
      position += prefix
      if position == subject.count {
        if !node.hasValue { count += 1 }
        replace(in: parent, slot, by: setValue(link, entry))
        return
      }
      let (index, found) = node.position(of: subject[position])
      if !found {
        let leaf = makeLeaf(subject, from: position + 1, entry)
        replace(in: parent, slot, by: addChild(link, at: index, subject[position], leaf))
        count += 1
        return
      }
      parent = link
      slot = index
      link = node.links[index]
      position += 1
    }
  }

  func removeAll() {
    arena.deallocate()
    arena = SubjectArena()
    root = SubjectArena.none
    count = 0
  }

  private func replace(in parent: SubjectArena.Link, _ slot: Int, by link: SubjectArena.Link) {
    if parent == SubjectArena.none {
      root = link
    } else {
      arena.willChange(parent)
      SubjectNode(arena.at(parent)).links[slot] = link
    }
  }

  /// A node for the rest of a subject; a chain of nodes when that is longer than a prefix may be.
  private func makeLeaf(
    _ subject: UnsafeRawBufferPointer, from start: Int, _ entry: SubjectEntry
  ) -> SubjectArena.Link {
    let form = SubjectNode.form(of: entry)
    let rest = subject.count - start
    if rest <= SubjectArena.maximumPrefix {
      let link = arena.allocate(form: form, prefix: rest, children: 0)
      let node = SubjectNode(arena.at(link))
      node.setEntry(entry)
      if rest > 0 { memcpy(node.prefix, subject.baseAddress! + start, rest) }
      return link
    }
    let next = start + SubjectArena.maximumPrefix
    let child = makeLeaf(subject, from: next + 1, entry)
    let link = arena.allocate(form: SubjectArena.Form.bare, prefix: SubjectArena.maximumPrefix, children: 1)
    let node = SubjectNode(arena.at(link))
    memcpy(node.prefix, subject.baseAddress! + start, SubjectArena.maximumPrefix)
    node.keys[0] = subject[next]
    node.links[0] = child
    return link
  }

  /// A copy of a node with another entry, prefix part or number of children; the old one is freed.
  private func remake(
    _ link: SubjectArena.Link, entry: SubjectEntry?, dropping: Int = 0, children: Int,
    _ fill: (_ old: SubjectNode, _ new: SubjectNode) -> Void
  ) -> SubjectArena.Link {
    let prefix = SubjectNode(arena.at(link)).prefixCount - dropping
    let made = arena.allocate(form: SubjectNode.form(of: entry), prefix: prefix, children: children)
    let old = SubjectNode(arena.at(link))
    let new = SubjectNode(arena.at(made))
    new.setEntry(entry)
    if prefix > 0 { memcpy(new.prefix, old.prefix + dropping, prefix) }
    fill(old, new)
    arena.free(link)
    return made
  }

  private static func copyChildren(_ old: SubjectNode, _ new: SubjectNode) {
    let count = old.childCount
    memcpy(new.keys, old.keys, count)
    memcpy(new.links, old.links, count * 4)
  }

  private func setValue(_ link: SubjectArena.Link, _ entry: SubjectEntry?) -> SubjectArena.Link {
    let node = SubjectNode(arena.at(link))
    if SubjectArena.valueBytes(node.form) == SubjectArena.valueBytes(SubjectNode.form(of: entry)) {
      arena.willChange(link)
      node.setEntry(entry)
      return link
    }
    return remake(link, entry: entry, children: node.childCount, Self.copyChildren)
  }

  private func addChild(
    _ link: SubjectArena.Link, at index: Int, _ key: UInt8, _ child: SubjectArena.Link
  ) -> SubjectArena.Link {
    let node = SubjectNode(arena.at(link))
    let count = node.childCount
    if SubjectArena.capacity(count + 1) == SubjectArena.capacity(count) {
      arena.willChange(link)
      let keys = node.keys
      let links = node.links
      memmove(keys + index + 1, keys + index, count - index)
      memmove(links + index + 1, links + index, (count - index) * 4)
      keys[index] = key
      links[index] = child
      node.base.storeBytes(of: UInt16(count + 1), as: UInt16.self)
      return link
    }
    return remake(link, entry: node.entry, children: count + 1) { old, new in
      memcpy(new.keys, old.keys, index)
      memcpy(new.links, old.links, index * 4)
      new.keys[index] = key
      new.links[index] = child
      memcpy(new.keys + index + 1, old.keys + index, count - index)
      memcpy(new.links + index + 1, old.links + index, (count - index) * 4)
    }
  }

  private func removeChild(_ link: SubjectArena.Link, at index: Int) -> SubjectArena.Link {
    let node = SubjectNode(arena.at(link))
    let count = node.childCount
    if SubjectArena.capacity(count - 1) == SubjectArena.capacity(count) {
      arena.willChange(link)
      let keys = node.keys
      let links = node.links
      memmove(keys + index, keys + index + 1, count - index - 1)
      memmove(links + index, links + index + 1, (count - index - 1) * 4)
      node.base.storeBytes(of: UInt16(count - 1), as: UInt16.self)
      return link
    }
    return remake(link, entry: node.entry, children: count - 1) { old, new in
      memcpy(new.keys, old.keys, index)
      memcpy(new.links, old.links, index * 4)
      memcpy(new.keys + index, old.keys + index + 1, count - index - 1)
      memcpy(new.links + index, old.links + index + 1, (count - index - 1) * 4)
    }
  }

  /// Cuts a node's prefix at `same`, where the subject at `position` goes another way or ends.
  private func split(
    _ link: SubjectArena.Link, at same: Int, _ subject: UnsafeRawBufferPointer, _ position: Int, _ entry: SubjectEntry
  ) -> SubjectArena.Link {
    let endsHere = position == subject.count
    let leaf = endsHere ? SubjectArena.none : makeLeaf(subject, from: position + 1, entry)
    let upper = arena.allocate(
      form: endsHere ? SubjectNode.form(of: entry) : SubjectArena.Form.bare, prefix: same, children: endsHere ? 1 : 2)
    var node = SubjectNode(arena.at(link))
    let key = node.prefix.load(fromByteOffset: same, as: UInt8.self)
    let new = SubjectNode(arena.at(upper))
    if endsHere { new.setEntry(entry) }
    if same > 0 { memcpy(new.prefix, node.prefix, same) }
    let lower = remake(
      link, entry: node.entry, dropping: same + 1, children: node.childCount, Self.copyChildren)
    node = SubjectNode(arena.at(upper))
    if endsHere {
      node.keys[0] = key
      node.links[0] = lower
    } else {
      let oldFirst = key < subject[position]
      node.keys[oldFirst ? 0 : 1] = key
      node.links[oldFirst ? 0 : 1] = lower
      node.keys[oldFirst ? 1 : 0] = subject[position]
      node.links[oldFirst ? 1 : 0] = leaf
    }
    return upper
  }

  /// Takes a subject out.
  private func delete(_ subject: UnsafeRawBufferPointer) {
    path.removeAll(keepingCapacity: true)
    var link = root
    var position = 0
    while true {
      let node = SubjectNode(arena.at(link))
      path.append(link)
      position += node.prefixCount
      if position >= subject.count { break }
      let (index, found) = node.position(of: subject[position])
      if !found { return }
      link = node.links[index]
      position += 1
    }
    count -= 1
    // Upwards: nodes that stand for nothing go, a node left with one child joins it.
    var changed: SubjectArena.Link? = setValue(path.removeLast(), nil)
    var old = link
    while true {
      if let now = changed, !SubjectNode(arena.at(now)).hasValue {
        let node = SubjectNode(arena.at(now))
        if node.childCount == 0 {
          arena.free(now)
          changed = nil
        } else if node.childCount == 1 {
          changed = join(now)
        }
      }
      guard let parent = path.popLast() else {
        root = changed ?? SubjectArena.none
        return
      }
      let node = SubjectNode(arena.at(parent))
      var index = 0
      while node.links[index] != old { index += 1 }
      if let changed {
        arena.willChange(parent)
        node.links[index] = changed
        return
      }
      old = parent
      changed = removeChild(parent, at: index)
    }
  }

  /// Makes one node of a node without value and its only child, when the prefix does not become too long.
  private func join(_ link: SubjectArena.Link) -> SubjectArena.Link {
    let upper = SubjectNode(arena.at(link))
    let child = upper.links[0]
    let lower = SubjectNode(arena.at(child))
    let prefix = upper.prefixCount + 1 + lower.prefixCount
    if prefix > SubjectArena.maximumPrefix { return link }
    let entry = lower.entry
    let made = arena.allocate(form: lower.form, prefix: prefix, children: lower.childCount)
    let top = SubjectNode(arena.at(link))
    let bottom = SubjectNode(arena.at(child))
    let new = SubjectNode(arena.at(made))
    new.setEntry(entry)
    memcpy(new.prefix, top.prefix, top.prefixCount)
    new.prefix.storeBytes(of: top.keys[0], toByteOffset: top.prefixCount, as: UInt8.self)
    memcpy(new.prefix + top.prefixCount + 1, bottom.prefix, bottom.prefixCount)
    Self.copyChildren(bottom, new)
    arena.free(link)
    arena.free(child)
    return made
  }
}
