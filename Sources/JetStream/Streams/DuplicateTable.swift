import Glibc
import Subjects

/// Message identifiers and the sequences they were stored under, for as long as the window lasts (FEATURES 5.060).
/// Exact: the identifiers themselves are kept, some 45 bytes each besides their own.
struct DuplicateTable {
  private struct Head {
    var sequence: UInt64
    var timestamp: Int64
    var length: UInt32
  }

  private static let headBytes = 20

  /// Entries in the order of their time: head, identifier.
  private var entries: [UInt8] = []
  private var first = 0
  /// Offset of `entries[0]` since the beginning.
  private var base: UInt64 = 0
  /// 24 bits of hash above 40 bits of offset plus one; 0: free.
  private var slots: [UInt64] = []
  private(set) var count = 0

  private static let offsetMask: UInt64 = (1 << 40) - 1

  /// The sequence of a message with this identifier that is younger than `window` nanoseconds.
  func sequence(of id: UnsafeRawBufferPointer, now: Int64, window: Int64) -> UInt64? {
    guard count > 0, let index = find(id, Self.hash(id)) else { return nil }
    let head = head(at: position(slots[index]))
    return now &- head.timestamp >= window ? nil : head.sequence
  }

  /// Notes an identifier; of several of a kind the last counts.
  mutating func insert(_ id: UnsafeRawBufferPointer, sequence: UInt64, timestamp: Int64) {
    if (count + 1) * 2 > slots.count { rebuild(capacity: max(64, slots.count * 2)) }
    let hash = Self.hash(id)
    let offset = base + UInt64(entries.count)
    append(Head(sequence: sequence, timestamp: timestamp, length: UInt32(id.count)))
    entries.append(contentsOf: id)
    if let index = find(id, hash) {
      slots[index] = Self.slot(hash, offset)
    } else {
      place(Self.slot(hash, offset), hash)
      count += 1
    }
  }

  /// Forgets what is older than the window. At most `limit` entries a call.
  mutating func expire(now: Int64, window: Int64, limit: Int = 10_000) {
    var left = limit
    while left > 0, first < entries.count {
      let head = head(at: first)
      guard now &- head.timestamp >= window else { break }
      let start = first + Self.headBytes
      entries.withUnsafeBytes { bytes in
        let id = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Int(head.length))])
        let hash = Self.hash(id)
        // A later entry of the same identifier keeps its place.
        guard let index = find(id, hash), position(slots[index]) == first else { return }
        remove(index)
        count -= 1
      }
      first = start + Int(head.length)
      left -= 1
    }
    if first == entries.count {
      base += UInt64(first)
      entries = []
      first = 0
    } else if first >= 64 << 10, first * 2 > entries.count {
      entries.removeFirst(first)
      base += UInt64(first)
      first = 0
    }
  }

  /// When the oldest entry was made.
  var oldest: Int64? { first < entries.count ? head(at: first).timestamp : nil }

  mutating func removeAll() { self = DuplicateTable() }

  // MARK: - Checkpoints

  /// How much `encoded` returns, roughly.
  var encodedBytes: Int { entries.count - first + count * 4 }

  /// Every identifier in the order of time: its length (64 bits), its bytes, its sequence, its time. There may be
  /// millions.
  func encoded() -> [UInt8] {
    // An identifier that came again has two entries.
    let most = (entries.count - first) / Self.headBytes * 4 + entries.count - first
    return [UInt8](unsafeUninitializedCapacity: most) { output, written in
      guard let out = UnsafeMutableRawPointer(output.baseAddress) else { return }
      var position = first
      entries.withUnsafeBytes { bytes in
        while position < bytes.count {
          let head = head(at: position)
          let length = Int(head.length)
          out.storeBytes(of: UInt64(length).littleEndian, toByteOffset: written, as: UInt64.self)
          (out + written + 8).copyMemory(
            from: bytes.baseAddress! + position + Self.headBytes, byteCount: length)
          out.storeBytes(of: head.sequence.littleEndian, toByteOffset: written + 8 + length, as: UInt64.self)
          out.storeBytes(of: head.timestamp.littleEndian, toByteOffset: written + 16 + length, as: Int64.self)
          written += 24 + length
          position += Self.headBytes + length
        }
      }
    }
  }

  // MARK: - Entries

  private mutating func append(_ head: Head) {
    withUnsafeBytes(of: head.sequence.littleEndian) { entries.append(contentsOf: $0) }
    withUnsafeBytes(of: head.timestamp.littleEndian) { entries.append(contentsOf: $0) }
    withUnsafeBytes(of: head.length.littleEndian) { entries.append(contentsOf: $0) }
  }

  private func head(at position: Int) -> Head {
    entries.withUnsafeBytes { bytes in
      Head(
        sequence: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)),
        timestamp: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: Int64.self)),
        length: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 16, as: UInt32.self)))
    }
  }

  // MARK: - The table: open addressing, linear

  private static func hash(_ id: UnsafeRawBufferPointer) -> UInt64 {
    id.baseAddress.map { subjectHash($0, id.count) } ?? 0
  }

  private static func slot(_ hash: UInt64, _ offset: UInt64) -> UInt64 {
    hash & ~offsetMask | ((offset &+ 1) & offsetMask)
  }

  private func position(_ slot: UInt64) -> Int { Int((slot & Self.offsetMask &- 1 &- base) & Self.offsetMask) }

  private func find(_ id: UnsafeRawBufferPointer, _ hash: UInt64) -> Int? {
    guard !slots.isEmpty else { return nil }
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index] != 0 {
      if (slots[index] ^ hash) & ~Self.offsetMask == 0, isEntry(position(slots[index]), id) { return index }
      index = (index + 1) & mask
    }
    return nil
  }

  private func isEntry(_ position: Int, _ id: UnsafeRawBufferPointer) -> Bool {
    guard head(at: position).length == id.count else { return false }
    guard let start = id.baseAddress else { return true }
    return entries.withUnsafeBytes { memcmp($0.baseAddress! + position + Self.headBytes, start, id.count) } == 0
  }

  private mutating func place(_ slot: UInt64, _ hash: UInt64) {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index] != 0 { index = (index + 1) & mask }
    slots[index] = slot
  }

  private func home(_ slot: UInt64) -> Int {
    let start = position(slot) + Self.headBytes
    let length = Int(head(at: position(slot)).length)
    return entries.withUnsafeBytes { bytes in
      Int(truncatingIfNeeded: Self.hash(UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])))
        & (slots.count - 1)
    }
  }

  private mutating func remove(_ hole: Int) {
    let mask = slots.count - 1
    var hole = hole
    var next = hole
    while true {
      next = (next + 1) & mask
      if slots[next] == 0 { break }
      if (next - home(slots[next])) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
    }
    slots[hole] = 0
  }

  private mutating func rebuild(capacity: Int) {
    let old = slots
    slots = [UInt64](repeating: 0, count: capacity)
    for slot in old where slot != 0 {
      let mask = capacity - 1
      var index = home(slot)
      while slots[index] != 0 { index = (index + 1) & mask }
      slots[index] = slot
    }
  }
}
