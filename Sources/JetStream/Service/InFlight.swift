import Glibc
import Journal

/// Records of one loop's streams between the journal and the disk, in the order of their sequences. Confined to its loop.
///
/// Each keeps the bytes of its entry, because it is applied only when it is durable.
struct InFlight {
  private struct Item {
    var sequence: LogSequence
    var entryBytes: Int
    var replyBytes: Int
    var runner: Unmanaged<StreamRunner>?
    var action: (() -> Void)?
  }

  private var items: [Item] = []
  private var first = 0
  private var bytes = UnsafeMutableRawPointer.allocate(byteCount: 64 << 10, alignment: 16)
  private var capacity = 64 << 10
  private var head = 0
  private var tail = 0

  var isEmpty: Bool { first == items.count }
  var count: Int { items.count - first }

  /// Notes a stream's entry that has been appended, and where its acknowledgement goes.
  mutating func append(
    _ sequence: LogSequence, runner: StreamRunner, entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer
  ) {
    reserve(entry.count + reply.count + 16)
    if let start = entry.baseAddress { memcpy(bytes + tail, start, entry.count) }
    tail += entry.count
    if let start = reply.baseAddress { memcpy(bytes + tail, start, reply.count) }
    // Replies are read with padding.
    tail += reply.count + 16
    items.append(
      Item(
        sequence: sequence, entryBytes: entry.count, replyBytes: reply.count, runner: .passRetained(runner),
        action: nil))
  }

  /// Notes something else that waits for a record.
  mutating func append(_ sequence: LogSequence, _ action: @escaping () -> Void) {
    items.append(Item(sequence: sequence, entryBytes: 0, replyBytes: 0, runner: nil, action: action))
  }

  /// The first item, if it is durable; it has to be handled at once, with `body`.
  mutating func takeFirst(
    through sequence: LogSequence
  ) -> (runner: Unmanaged<StreamRunner>?, entry: UnsafeRawBufferPointer, reply: UnsafeRawBufferPointer,
    sequence: LogSequence, action: (() -> Void)?)? {
    guard first < items.count, items[first].sequence <= sequence else { return nil }
    let item = items[first]
    items[first].action = nil
    first += 1
    let start = UnsafeRawPointer(bytes + head)
    if item.runner != nil { head += item.entryBytes + item.replyBytes + 16 }
    if first == items.count {
      items.removeAll(keepingCapacity: items.count <= 65_536)
      first = 0
    } else if first >= 4096, first * 2 > items.count {
      items.removeFirst(first)
      first = 0
    }
    return (
      item.runner, UnsafeRawBufferPointer(start: start, count: item.entryBytes),
      UnsafeRawBufferPointer(start: start + item.entryBytes, count: item.replyBytes), item.sequence, item.action
    )
  }

  /// Call when the bytes that `takeFirst` showed are not needed any more.
  mutating func settle() {
    guard head == tail else { return }
    head = 0
    tail = 0
    if capacity > 4 << 20 {
      bytes.deallocate()
      capacity = 64 << 10
      bytes = .allocate(byteCount: capacity, alignment: 16)
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
