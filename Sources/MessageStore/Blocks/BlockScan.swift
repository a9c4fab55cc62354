import Glibc

/// Goes through the records of a block in a file one by one, and past damaged ones to the next that is intact.
struct BlockScan {
  let block: Block
  private(set) var offset: Int
  let end: Int
  /// Whether bytes were passed over that are no intact record.
  private(set) var foundDamage = false

  init(block: Block, from start: Int, to end: Int) {
    self.block = block
    offset = start
    self.end = end
  }

  /// The next intact record and its offset, erased ones included. Its bytes are valid until the store is read again.
  mutating func next(_ store: StreamStore) throws(StoreError) -> (offset: Int, record: Record)? {
    while offset + RecordFormat.headerBytes <= end {
      if let record = try store.bytes(block, at: offset), offset + record.size <= end, record.isIntact {
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

  /// Byte by byte, the next offset where a record could begin: its sequence is the block's, its lengths fit.
  private func search(_ store: StreamStore) throws(StoreError) -> Int? {
    var at = offset + 1
    while at + RecordFormat.headerBytes <= end {
      // The whole record is read only when its first bytes look like one.
      if let start = try store.recordHeader(block, at: at), start.sequence >= block.base,
        start.sequence - block.base <= StreamStore.maximumSlots, start.kind <= RecordFormat.Kind.erased,
        start.fits(end - at), let record = try store.bytes(block, at: at), record.isIntact
      {
        return at
      }
      at += 1
    }
    return nil
  }
}
