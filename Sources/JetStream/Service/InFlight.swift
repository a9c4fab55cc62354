import Journal

/// Records of one loop's streams between the loop and the disk, in their order. Confined to its loop.
///
/// What they say is needed until it is durable: it stays where it was put together (`JournalRecords`), in pieces that
/// this value takes over when the journal has them. Records get their sequences then.
struct InFlight {
  struct Item {
    /// 0 until the journal has assigned it.
    var sequence: LogSequence = 0
    var kind: UInt8 = 0
    /// It has no record: it is done right after the record before it.
    var isFollowing = false
    /// In its piece.
    var entryOffset = 0
    var entryBytes = 0
    var replyBytes = 0
    /// Not counted: a runner that ends lives until nothing of it is in flight.
    var runner: Unmanaged<StreamRunner>?
    var action: (() -> Void)?
  }

  /// Memory of records that were given to the journal together.
  private struct Piece {
    let memory: UnsafeMutableRawBufferPointer
    /// Items that are not settled.
    var items: Int
  }

  /// Pieces that are kept for later records, of at most `JetStreamLoop.recordBytes` and what a record more takes.
  private static let mostSpare = 8
  /// When nothing is in flight.
  private static let spareAtRest = 1
  private static let mostSpareBytes = 1 << 20

  private var items: [Item] = []
  private var first = 0
  /// Items from here on have no sequence yet.
  private var unassigned = 0
  /// Of these, those with an entry.
  private var unassignedEntries = 0
  private var pieces: [Piece] = []
  private var firstPiece = 0
  private var spare: [UnsafeMutableRawBufferPointer] = []
  private var replies = Replies()
  private(set) var byteCount = 0

  var isEmpty: Bool { first == items.count }

  /// Notes a stream's record, which was added to the records last, and where the answer to it goes.
  mutating func append(
    _ kind: UInt8, runner: StreamRunner, entryOffset: Int, entryBytes: Int, reply: UnsafeRawBufferPointer
  ) {
    replies.append(reply)
    byteCount += entryBytes + reply.count
    unassignedEntries += 1
    items.append(
      Item(
        kind: kind, entryOffset: entryOffset, entryBytes: entryBytes, replyBytes: reply.count,
        runner: .passUnretained(runner), action: nil))
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

  /// The journal has taken the records that had no sequence yet, and has given them those up to `last`.
  mutating func assign(through last: LogSequence, _ records: JournalRecords) {
    if unassignedEntries > 0 {
      pieces.append(Piece(memory: records.takeStorage(leaving: spare.popLast()), items: unassignedEntries))
      unassignedEntries = 0
    }
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
    if item.action != nil { items[first].action = nil }
    first += 1
    return item
  }

  /// The entry of the durable item that was taken out last; call `settle` afterwards.
  func entry(of item: Item) -> UnsafeRawBufferPointer {
    let piece = UnsafeRawPointer(pieces[firstPiece].memory.baseAddress.unsafelyUnwrapped)
    return UnsafeRawBufferPointer(start: piece + item.entryOffset, count: item.entryBytes)
  }

  /// The reply of the item that was taken out last.
  func reply(of item: Item) -> UnsafeRawBufferPointer { replies.first(item.replyBytes) }

  /// The bytes of the item that was taken out are not needed any more.
  mutating func settle(_ item: Item) {
    if item.runner != nil {
      byteCount -= item.entryBytes + item.replyBytes
      replies.removeFirst(item.replyBytes)
      if item.sequence == 0 { unassignedEntries -= 1 } else { settlePiece() }
    }
    if first == items.count {
      items.removeAll(keepingCapacity: items.count <= 65_536)
      unassigned = 0
      first = 0
      while spare.count > Self.spareAtRest { spare.removeLast().deallocate() }
    } else if first >= 4096, first * 2 > items.count {
      items.removeFirst(first)
      unassigned = max(0, unassigned - first)
      first = 0
    }
  }

  private mutating func settlePiece() {
    pieces[firstPiece].items -= 1
    guard pieces[firstPiece].items == 0 else { return }
    let memory = pieces[firstPiece].memory
    if spare.count < Self.mostSpare, memory.count <= Self.mostSpareBytes {
      spare.append(memory)
    } else {
      memory.deallocate()
    }
    firstPiece += 1
    if firstPiece == pieces.count {
      pieces.removeAll(keepingCapacity: true)
      firstPiece = 0
    } else if firstPiece >= 64 {
      pieces.removeFirst(firstPiece)
      firstPiece = 0
    }
  }
}

/// Reply subjects one behind the other: added at the end, taken from the beginning.
private struct Replies {
  private static let smallest = 4 << 10
  private static let mostKept = 1 << 20

  private var bytes = UnsafeMutableRawPointer.allocate(byteCount: smallest, alignment: 16)
  private var capacity = smallest
  private var head = 0
  private var tail = 0

  mutating func append(_ reply: UnsafeRawBufferPointer) {
    guard let start = reply.baseAddress, reply.count > 0 else { return }
    reserve(reply.count)
    (bytes + tail).copyMemory(from: start, byteCount: reply.count)
    tail += reply.count
  }

  func first(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes + head, count: count) }

  mutating func removeFirst(_ count: Int) {
    head += count
    guard head == tail else { return }
    head = 0
    tail = 0
    if capacity > Self.mostKept { move(to: Self.smallest) }
  }

  private mutating func reserve(_ count: Int) {
    guard tail + count > capacity else { return }
    let used = tail - head
    if used + count <= capacity / 2 {
      bytes.copyMemory(from: bytes + head, byteCount: used)
      head = 0
      tail = used
    } else {
      move(to: max(capacity * 2, used + count))
    }
  }

  private mutating func move(to size: Int) {
    let used = tail - head
    let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    larger.copyMemory(from: bytes + head, byteCount: used)
    bytes.deallocate()
    bytes = larger
    capacity = size
    head = 0
    tail = used
  }
}
