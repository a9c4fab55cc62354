import Glibc

/// Memory of a subject index: nodes of 4-byte units, named by 32-bit links, at most 16 GiB.
///
/// A node: children (16 bits), prefix length (8), form (8), then its value, prefix bytes, the children's first bytes in
/// ascending order and their links. Everything is padded to units. Freed nodes wait in one list per size.
struct SubjectArena {
  typealias Link = UInt32
  static let none: Link = 0
  /// Larger than the largest node.
  static let sizeClasses = 512
  static let maximumPrefix = 255

  enum Form {
    /// Bits 0 and 1: what value a node has.
    static let bare: UInt8 = 0
    /// One message: its sequence.
    static let single: UInt8 = 1
    /// first, last, count
    static let full: UInt8 = 2
    static let valueMask: UInt8 = 3
    static let firstIsBound: UInt8 = 4
    static let lastIsBound: UInt8 = 8
  }

  private(set) var base: UnsafeMutableRawPointer
  private(set) var capacityUnits: Int
  /// Unit 0 is never a node.
  private(set) var usedUnits = 1
  private(set) var freeLists = [Link](repeating: 0, count: sizeClasses)
  /// A copy under way.
  var copying: SubjectSnapshot.Copy?

  init() {
    capacityUnits = 64
    base = malloc(capacityUnits * 4)!
    base.storeBytes(of: 0, as: UInt32.self)
  }

  /// Takes over memory of `usedUnits` units made by malloc.
  init(adopting base: UnsafeMutableRawPointer, usedUnits: Int, freeLists: [Link]) {
    self.base = base
    self.usedUnits = usedUnits
    self.freeLists = freeLists
    capacityUnits = usedUnits
  }

  /// A copy under way goes on with the memory.
  func deallocate() {
    if let copying { copying.takeOver(base) } else { Glibc.free(base) }
  }

  /// To be called before a node changes in place.
  @inline(__always) func willChange(_ link: Link) {
    if copying != nil { keep(link) }
  }

  @inline(never) private func keep(_ link: Link) {
    let node = SubjectNode(at(link))
    keep(link, units: Self.units(form: node.form, prefix: node.prefixCount, children: node.childCount))
  }

  @inline(never) private func keep(_ link: Link, units: Int) {
    copying?.keep(base, from: Int(link) * 4, count: units * 4)
  }

  var bytes: Int { capacityUnits * 4 }

  // MARK: nodes

  @inline(__always) func at(_ link: Link) -> UnsafeMutableRawPointer { base + Int(link) &* 4 }

  /// How many children a node with `count` has room for.
  @inline(__always) static func capacity(_ count: Int) -> Int {
    if count <= 6 { return count }
    if count <= 16 { return (count + 1) & ~1 }
    if count <= 32 { return (count + 3) & ~3 }
    return min(256, (count + 15) & ~15)
  }

  @inline(__always) static func valueBytes(_ form: UInt8) -> Int {
    let kind = form & Form.valueMask
    return kind == Form.bare ? 0 : kind == Form.single ? 8 : 24
  }

  @inline(__always) static func padded(_ count: Int) -> Int { (count &+ 3) & ~3 }

  static func units(form: UInt8, prefix: Int, children: Int) -> Int {
    let room = capacity(children)
    return (4 + valueBytes(form) + padded(prefix) + padded(room) + room * 4) / 4
  }

  mutating func allocate(form: UInt8, prefix: Int, children: Int) -> Link {
    let units = Self.units(form: form, prefix: prefix, children: children)
    let link: Link
    if freeLists[units] != Self.none {
      link = freeLists[units]
      if copying != nil { keep(link, units: units) }
      freeLists[units] = at(link).load(as: UInt32.self)
    } else {
      if usedUnits + units > capacityUnits { grow(units) }
      link = Link(usedUnits)
      usedUnits += units
    }
    let node = at(link)
    node.storeBytes(of: UInt16(children), as: UInt16.self)
    node.storeBytes(of: UInt8(prefix), toByteOffset: 2, as: UInt8.self)
    node.storeBytes(of: form, toByteOffset: 3, as: UInt8.self)
    return link
  }

  private mutating func grow(_ units: Int) {
    capacityUnits = max(capacityUnits + units, capacityUnits + capacityUnits / 4 + 64)
    precondition(capacityUnits <= Int(UInt32.max), "a subject index is at most 16 GiB")
    base = realloc(base, capacityUnits * 4)!
  }

  mutating func free(_ link: Link) {
    let node = SubjectNode(at(link))
    let units = Self.units(form: node.form, prefix: node.prefixCount, children: node.childCount)
    if copying != nil { keep(link, units: units) }
    at(link).storeBytes(of: freeLists[units], as: UInt32.self)
    freeLists[units] = link
  }
}

/// A node in place. Valid until the arena allocates.
struct SubjectNode {
  let base: UnsafeMutableRawPointer
  @inline(__always) init(_ base: UnsafeMutableRawPointer) { self.base = base }

  @inline(__always) var childCount: Int { Int(base.load(as: UInt16.self)) }
  @inline(__always) var prefixCount: Int { Int(base.load(fromByteOffset: 2, as: UInt8.self)) }
  @inline(__always) var form: UInt8 { base.load(fromByteOffset: 3, as: UInt8.self) }
  @inline(__always) var hasValue: Bool { form & SubjectArena.Form.valueMask != 0 }
  @inline(__always) var prefix: UnsafeMutableRawPointer { base + 4 + SubjectArena.valueBytes(form) }
  @inline(__always) var keys: UnsafeMutablePointer<UInt8> {
    (prefix + SubjectArena.padded(prefixCount)).assumingMemoryBound(to: UInt8.self)
  }
  @inline(__always) var links: UnsafeMutablePointer<UInt32> {
    (UnsafeMutableRawPointer(keys) + SubjectArena.padded(SubjectArena.capacity(childCount)))
      .assumingMemoryBound(to: UInt32.self)
  }

  /// Where the child for `byte` stands, or would stand.
  @inline(__always) func position(of byte: UInt8) -> (index: Int, found: Bool) {
    let keys = keys
    let count = childCount
    var index = 0
    while index < count {
      let key = keys[index]
      if key >= byte { return (index, key == byte) }
      index &+= 1
    }
    return (index, false)
  }

  var entry: SubjectEntry? {
    let form = form
    switch form & SubjectArena.Form.valueMask {
    case SubjectArena.Form.bare: return nil
    case SubjectArena.Form.single: return SubjectEntry(only: base.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
    default:
      var entry = SubjectEntry(
        first: base.loadUnaligned(fromByteOffset: 4, as: UInt64.self),
        last: base.loadUnaligned(fromByteOffset: 12, as: UInt64.self),
        count: base.loadUnaligned(fromByteOffset: 20, as: UInt64.self))
      entry.firstIsBound = form & SubjectArena.Form.firstIsBound != 0
      entry.lastIsBound = form & SubjectArena.Form.lastIsBound != 0
      return entry
    }
  }

  /// The form an entry needs.
  static func form(of entry: SubjectEntry?) -> UInt8 {
    guard let entry else { return SubjectArena.Form.bare }
    if entry.count == 1, entry.first == entry.last, !entry.firstIsBound, !entry.lastIsBound {
      return SubjectArena.Form.single
    }
    return SubjectArena.Form.full | (entry.firstIsBound ? SubjectArena.Form.firstIsBound : 0)
      | (entry.lastIsBound ? SubjectArena.Form.lastIsBound : 0)
  }

  /// The node's form has room for it.
  func setEntry(_ entry: SubjectEntry?) {
    guard let entry else { return }
    let form = Self.form(of: entry)
    base.storeBytes(of: form, toByteOffset: 3, as: UInt8.self)
    base.storeBytes(of: entry.first, toByteOffset: 4, as: UInt64.self)
    if form & SubjectArena.Form.valueMask == SubjectArena.Form.full {
      base.storeBytes(of: entry.last, toByteOffset: 12, as: UInt64.self)
      base.storeBytes(of: entry.count, toByteOffset: 20, as: UInt64.self)
    }
  }
}
