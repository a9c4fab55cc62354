/// The contents of the sector that small batches share (see `JournalFormat`).
///
/// Invariant: `bytes` is this object's own memory of one sector; the journal's thread alone uses it.
final class TailSector {
  let bytes: UnsafeMutableRawBufferPointer

  init() {
    bytes = .allocate(byteCount: JournalFormat.sectorBytes, alignment: JournalFormat.sectorBytes)
  }

  deinit { bytes.deallocate() }

  /// Keeps the first `kept` bytes, puts records behind them and zeros behind these; returns the whole sector.
  func join(_ records: UnsafeRawBufferPointer, keeping kept: Int) -> UnsafeRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: bytes[kept..<kept + records.count]).copyMemory(from: records)
    UnsafeMutableRawBufferPointer(rebasing: bytes[(kept + records.count)...])
      .initializeMemory(as: UInt8.self, repeating: 0)
    return UnsafeRawBufferPointer(bytes)
  }
}
