import Glibc
import Subjects

/// Messages that were accepted and are not applied yet, in their order, and what is asked about them by subject.
struct InFlightMessages {
  struct Message {
    var sequence: UInt64
    var bytes: UInt64
    /// The fast batch it belongs to, as the position in a table of the owner's; -1: none.
    var batch: Int32
    var isSchedule: Bool
    /// Whether it is stored, as opposed to only using up its sequence.
    var isKept: Bool
    fileprivate var subjectLength: Int
    fileprivate var hash: UInt64
  }

  private struct Slot {
    /// 0: free.
    var hash: UInt64 = 0
    /// The newest message of the subject: its number since the beginning.
    var newest: UInt64 = 0
    /// Where its subject lies: the offset since the beginning.
    var subject: UInt64 = 0
    var count: UInt32 = 0
  }

  private var messages: [Message] = []
  private var first = 0
  /// Number of `messages[0]`.
  private var base: UInt64 = 0
  private var subjects: [UInt8] = []
  private var firstSubject = 0
  /// Offset of `subjects[0]`.
  private var subjectBase: UInt64 = 0
  private var slots = [Slot](repeating: Slot(), count: 64)
  private var used = 0
  /// Bytes that the messages count in the stream's limits.
  private(set) var bytes: UInt64 = 0
  /// Messages that are kept.
  private(set) var kept: UInt64 = 0

  var isEmpty: Bool { first == messages.count }
  var count: Int { messages.count - first }
  var oldest: Message? { isEmpty ? nil : messages[first] }

  mutating func append(
    sequence: UInt64, subject: UnsafeRawBufferPointer, bytes size: Int, isKept: Bool, isSchedule: Bool = false,
    batch: Int32 = -1
  ) {
    let hash = Self.hash(subject)
    let number = base + UInt64(messages.count)
    let offset = subjectBase + UInt64(subjects.count)
    subjects.append(contentsOf: subject)
    messages.append(
      Message(
        sequence: sequence, bytes: isKept ? UInt64(size) : 0, batch: batch, isSchedule: isSchedule, isKept: isKept,
        subjectLength: subject.count, hash: hash))
    guard isKept else { return }
    bytes += UInt64(size)
    kept += 1
    if used * 2 >= slots.count { grow() }
    let index = slot(of: subject, hash)
    if slots[index].hash == 0 {
      slots[index].hash = hash
      used += 1
    }
    slots[index].newest = number
    slots[index].subject = offset
    slots[index].count += 1
  }

  /// Takes out the oldest.
  mutating func removeFirst() {
    let message = messages[first]
    if message.isKept {
      bytes -= message.bytes
      kept -= 1
      release(message)
    }
    first += 1
    firstSubject += message.subjectLength
    guard first == messages.count || (first >= 1024 && first * 2 > messages.count) else { return }
    base += UInt64(first)
    subjectBase += UInt64(firstSubject)
    if first == messages.count {
      messages.removeAll(keepingCapacity: messages.count <= 65_536)
      subjects.removeAll(keepingCapacity: subjects.count <= 1 << 20)
    } else {
      messages.removeFirst(first)
      subjects.removeFirst(firstSubject)
    }
    first = 0
    firstSubject = 0
  }

  /// The newest message of a subject.
  func last(of subject: UnsafeRawBufferPointer) -> Message? {
    if isEmpty { return nil }
    let slot = slots[slot(of: subject, Self.hash(subject))]
    return slot.hash == 0 ? nil : messages[Int(slot.newest - base)]
  }

  /// How many messages a subject has.
  func count(of subject: UnsafeRawBufferPointer) -> UInt64 {
    isEmpty ? 0 : UInt64(slots[slot(of: subject, Self.hash(subject))].count)
  }

  /// The newest message whose subject matches a pattern: looks at all of them.
  func last(matching pattern: UnsafeRawBufferPointer) -> Message? {
    subjects.withUnsafeBytes { bytes in
      var found: Message?
      var position = firstSubject
      for message in messages[first...] {
        let subject = UnsafeRawBufferPointer(rebasing: bytes[position..<(position + message.subjectLength)])
        if message.isKept, Subject.matches(pattern: pattern, literal: subject) { found = message }
        position += message.subjectLength
      }
      return found
    }
  }

  // MARK: - The table by subject: open addressing, linear

  private static func hash(_ subject: UnsafeRawBufferPointer) -> UInt64 {
    subject.baseAddress.map { subjectHash($0, subject.count) | 1 } ?? 1
  }

  /// Where the subject is, or the free place where it would be.
  private func slot(of subject: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash >> 1) & mask
    while slots[index].hash != 0 {
      if slots[index].hash == hash, isSubject(slots[index], subject) { return index }
      index = (index + 1) & mask
    }
    return index
  }

  private func isSubject(_ slot: Slot, _ subject: UnsafeRawBufferPointer) -> Bool {
    guard messages[Int(slot.newest - base)].subjectLength == subject.count else { return false }
    guard let start = subject.baseAddress else { return true }
    return subjects.withUnsafeBytes { memcmp($0.baseAddress! + Int(slot.subject - subjectBase), start, subject.count) }
      == 0
  }

  private mutating func release(_ message: Message) {
    let mask = slots.count - 1
    var index = subjects.withUnsafeBytes { bytes in
      slot(
        of: UnsafeRawBufferPointer(rebasing: bytes[firstSubject..<(firstSubject + message.subjectLength)]),
        message.hash)
    }
    slots[index].count -= 1
    guard slots[index].count == 0 else { return }
    used -= 1
    // What stands behind moves up, so that no search ends too early.
    var next = index
    while true {
      next = (next + 1) & mask
      if slots[next].hash == 0 { break }
      let home = Int(truncatingIfNeeded: slots[next].hash >> 1) & mask
      if (next - home) & mask >= (next - index) & mask {
        slots[index] = slots[next]
        index = next
      }
    }
    slots[index] = Slot()
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    let mask = slots.count - 1
    for slot in old where slot.hash != 0 {
      var index = Int(truncatingIfNeeded: slot.hash >> 1) & mask
      while slots[index].hash != 0 { index = (index + 1) & mask }
      slots[index] = slot
    }
  }
}
