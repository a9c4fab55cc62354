/// Records that one thread collects without a lock, and hands to the journal together: `Journal.append(batch:)`.
///
///     records.add(owner: stream, kind: 1, byteCount: count) { $0.copyMemory(from: message) }    // as often as needed
///     switch journal.append(batch: records, listener: listener) {
///     case .queued(let last):      // they have the sequences last - count + 1 ... last, and `records` is empty again
///     case .full:                  // `records` is unchanged: again after `room`
///     case .refused(let failure):  // unchanged, too
///     }
///     journal.commit()
///
/// Invariant: `storage` is this object's own memory of `capacity` bytes; its first `byteCount` bytes are records as
/// `JournalBatch` takes them. One thread at a time.
public final class JournalRecords {
  /// Neighbouring records of one owner; their numbers in this collection, from 0.
  struct Run {
    let owner: UInt64
    let first: Int
    var last: Int
  }

  private static let smallest = 4 << 10

  private(set) var storage: UnsafeMutableRawPointer
  private var capacity: Int
  /// Where in the memory of the records the payload that was added last lies: see `takeStorage`.
  public private(set) var lastPayloadOffset = 0
  private let kept: Int
  private(set) var runs: [Run] = []
  private(set) var largestPayload = 0
  public private(set) var count = 0
  /// What the records take in the journal: 32 bytes and the payload each, in multiples of 8.
  public private(set) var byteCount = 0

  /// Memory beyond `capacity` bytes is given back when it is empty again.
  public init(keeping capacity: Int = 256 << 10) {
    kept = max(capacity, Self.smallest)
    self.capacity = Self.smallest
    storage = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { storage.deallocate() }

  public var isEmpty: Bool { count == 0 }

  /// Adds a record of `byteCount` bytes, which `fill` writes, all of them. Returns its number, from 0.
  @discardableResult
  public func add(
    owner: UInt64, kind: UInt8, byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) -> Int {
    fill(room(owner: owner, kind: kind, byteCount: byteCount))
    return count - 1
  }

  /// Adds a record. Returns its number, from 0.
  @discardableResult
  public func add(owner: UInt64, kind: UInt8, _ payload: UnsafeRawBufferPointer) -> Int {
    room(owner: owner, kind: kind, byteCount: payload.count).copyMemory(from: payload)
    return count - 1
  }

  private func room(owner: UInt64, kind: UInt8, byteCount payload: Int) -> UnsafeMutableRawBufferPointer {
    precondition(payload >= 0 && payload <= Int(UInt32.max), "a record has at most 4 GiB")
    let size = JournalFormat.recordBytes(payload: payload)
    if isEmpty { shrink() }
    if byteCount + size > capacity { grow(to: byteCount + size) }
    lastPayloadOffset = byteCount + RecordHeader.byteCount
    let header = RecordHeader(payloadBytes: UInt32(payload), sequence: 0, owner: owner, unsynced: .max, kind: kind)
    let result = header.begin(at: storage + byteCount)
    if let last = runs.indices.last, runs[last].owner == owner {
      runs[last].last = count
    } else {
      runs.append(Run(owner: owner, first: count, last: count))
    }
    largestPayload = max(largestPayload, payload)
    byteCount += size
    count += 1
    return result
  }

  private func grow(to needed: Int) {
    var larger = capacity
    while larger < needed { larger *= 2 }
    let grown = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
    grown.copyMemory(from: storage, byteCount: byteCount)
    storage.deallocate()
    storage = grown
    capacity = larger
  }

  /// Forgets the records.
  public func removeAll() {
    count = 0
    byteCount = 0
    largestPayload = 0
    runs.removeAll(keepingCapacity: true)
  }

  /// Gives back what a large record needed.
  private func shrink() {
    guard capacity > kept else { return }
    storage.deallocate()
    capacity = Self.smallest
    storage = .allocate(byteCount: capacity, alignment: 16)
  }

  /// Hands the memory of the records that the journal has just taken to the caller, who deallocates it: for who needs
  /// their payloads until they are durable.
  ///
  /// - Parameter spare: memory for the next records, which this object deallocates; nil: it makes its own.
  public func takeStorage(leaving spare: UnsafeMutableRawBufferPointer?) -> UnsafeMutableRawBufferPointer {
    precondition(isEmpty, "the journal has not taken these records")
    let taken = UnsafeMutableRawBufferPointer(start: storage, count: capacity)
    if let spare {
      storage = spare.baseAddress!
      capacity = spare.count
    } else {
      capacity = max(min(capacity, kept), Self.smallest)
      storage = .allocate(byteCount: capacity, alignment: 16)
    }
    return taken
  }
}

extension RecordHeader {
  /// Writes the header at `start`, and zeros behind the payload up to the next record; returns where the payload goes.
  func begin(at start: UnsafeMutableRawPointer) -> UnsafeMutableRawBufferPointer {
    let count = Int(payloadBytes)
    let size = JournalFormat.recordBytes(payload: count)
    // The last 8 bytes are padding and payload, or the header's own end.
    start.storeBytes(of: 0, toByteOffset: size - 8, as: UInt64.self)
    write(to: UnsafeMutableRawBufferPointer(start: start, count: Self.byteCount))
    return UnsafeMutableRawBufferPointer(start: start + Self.byteCount, count: count)
  }
}
