import Glibc
import Reactor

/// Goes through the records of a block in a file one by one, and past damaged ones to the next that is intact.
struct BlockScan {
  let block: Block
  private(set) var offset: Int
  let end: Int
  /// Whether bytes were passed over that are no intact record.
  private(set) var foundDamage = false
  /// What the disk said of bad places that were passed over.
  private(set) var unreadable: SystemError?
  /// How often it did.
  private(set) var unreadablePlaces = 0

  init(block: Block, from start: Int, to end: Int) {
    self.block = block
    offset = start
    self.end = end
  }

  /// The next intact record and its offset, erased ones included. Its bytes are valid until the store is read again.
  mutating func next(_ store: StreamStore) throws(StoreError) -> (offset: Int, record: Record)? {
    while offset + RecordFormat.headerBytes <= end {
      if let record = try record(store, at: offset) {
        let found = offset
        offset += record.size
        return (found, record)
      }
      foundDamage = true
      guard let candidate = try search(store) else { return nil }
      offset = candidate
    }
    return nil
  }

  /// The intact record there; nil also when a bad place is in it.
  private mutating func record(_ store: StreamStore, at offset: Int) throws(StoreError) -> Record? {
    do throws(StoreError) {
      guard let record = try store.bytes(block, at: offset), offset + record.size <= end, record.isIntact else {
        return nil
      }
      return record
    } catch {
      try note(error, store)
      return nil
    }
  }

  private mutating func note(_ error: StoreError, _ store: StreamStore) throws(StoreError) {
    try store.tolerate(error)
    if case .unreadable(let error) = error {
      unreadable = error
      unreadablePlaces += 1
    }
  }

  /// Byte by byte, the next offset where a record could begin: its sequence is the block's, its lengths fit.
  private mutating func search(_ store: StreamStore) throws(StoreError) -> Int? {
    var at = offset + 1
    while at + RecordFormat.headerBytes <= end {
      // The whole record is read only when its first bytes look like one.
      do throws(StoreError) {
        if let start = try store.recordHeader(block, at: at), start.sequence >= block.base,
          start.sequence - block.base <= StreamStore.maximumSlots, start.kind <= RecordFormat.Kind.erased,
          start.fits(end - at), try record(store, at: at) != nil
        {
          return at
        }
        at += 1
      } catch {
        try note(error, store)
        // A place that cannot be read is at least this large; the next record may begin in what follows.
        at = (at / RecordFormat.alignment + 1) * RecordFormat.alignment
      }
    }
    return nil
  }
}
