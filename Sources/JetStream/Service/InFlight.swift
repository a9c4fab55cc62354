import Glibc
import Journal

/// Records of one loop's streams between the loop and the disk, in their order. Confined to its loop.
///
/// Each keeps the bytes of its entry, because it is applied only when it is durable. Records get their sequences when the
/// loop hands them to the journal.
struct InFlight {
  struct Item {
    /// 0 until the journal has assigned it.
    var sequence: LogSequence = 0
    var kind: UInt8 = 0
    /// It has no record: it is done right after the record before it.
    var isFollowing = false
    var entryBytes = 0
    var replyBytes = 0
    var runner: Unmanaged<StreamRunner>?
    var action: (() -> Void)?
  }

  private var items: [Item] = []
  private var first = 0
  /// Items from here on have no sequence yet.
  private var unassigned = 0
  private var bytes = UnsafeMutableRawPointer.allocate(byteCount: 64 << 10, alignment: 16)
  private var capacity = 64 << 10
  private var head = 0
  private var tail = 0

  var isEmpty: Bool { first == items.count }
  var byteCount: Int { tail - head }

  /// Notes a stream's record, and where the answer to it goes.
  mutating func append(
    _ kind: UInt8, runner: StreamRunner, entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer
  ) {
    reserve(entry.count + reply.count)
    if let start = entry.baseAddress { memcpy(bytes + tail, start, entry.count) }
    if let start = reply.baseAddress { memcpy(bytes + tail + entry.count, start, reply.count) }
    tail += entry.count + reply.count
    items.append(
      Item(kind: kind, entryBytes: entry.count, replyBytes: reply.count, runner: .passRetained(runner), action: nil))
  }

  /// Notes a record of another kind.
  mutating func append(_ action: @escaping () -> Void) { items.append(Item(action: action)) }

  /// Notes what is to be done after the records so far, of which there must be some.
  mutating func appendFollowing(_ action: @escaping () -> Void) {
    precondition(!isEmpty, "what follows nothing is done at once")
    let isAssigned = unassigned == items.count
    items.append(Item(sequence: items[items.count - 1].sequence, isFollowing: true, action: action))
    if isAssigned { unassigned += 1 }
  }

  /// The records that have no sequence yet were given those up to `last`.
  mutating func assign(through last: LogSequence) {
    var next = last
    var position = items.count - 1
    while position >= unassigned {
      items[position].sequence = next
      // What follows a record has its sequence.
      if !items[position].isFollowing { next -= 1 }
      position -= 1
    }
    unassigned = items.count
  }

  /// Takes the first item out when its record is durable.
  mutating func takeFirst(through sequence: LogSequence) -> Item? {
    guard first < unassigned, items[first].sequence <= sequence else { return nil }
    return take()
  }

  /// Takes the first item out, durable or not: it will never be.
  mutating func takeFailed() -> Item? { first < items.count ? take() : nil }

  private mutating func take() -> Item {
    let item = items[first]
    items[first].action = nil
    items[first].runner = nil
    first += 1
    return item
  }

  /// The entry and the reply of the item that was taken out last; call `settle` afterwards.
  func bytes(of item: Item) -> (entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer) {
    let start = UnsafeRawPointer(bytes + head)
    return (
      UnsafeRawBufferPointer(start: start, count: item.entryBytes),
      UnsafeRawBufferPointer(start: start + item.entryBytes, count: item.replyBytes)
    )
  }

  /// The bytes of the item that was taken out are not needed any more.
  mutating func settle(_ item: Item) {
    head += item.entryBytes + item.replyBytes
    if head == tail {
      head = 0
      tail = 0
      if capacity > 4 << 20 {
        bytes.deallocate()
        capacity = 64 << 10
        bytes = .allocate(byteCount: capacity, alignment: 16)
      }
    }
    if first == items.count {
      items.removeAll(keepingCapacity: items.count <= 65_536)
      unassigned = 0
      first = 0
    } else if first >= 4096, first * 2 > items.count {
      items.removeFirst(first)
      unassigned -= first
      first = 0
    }
  }

  private mutating func reserve(_ count: Int) {
    guard tail + count > capacity else { return }
    let used = tail - head
    if used + count <= capacity / 2 {
      memmove(bytes, bytes + head, used)
    } else {
      capacity = max(capacity * 2, used + count)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
      memcpy(larger, bytes + head, used)
      bytes.deallocate()
      bytes = larger
    }
    head = 0
    tail = used
  }
}
