import Subjects

/// Finds streams by name without a lock: what one loop has found before. Confined to its loop.
struct StreamLookup {
  private static let slots = 256

  private struct Entry {
    var hash: UInt64 = 0
    var generation: UInt64 = 0
    var handle: StreamHandle?
    /// Tells accounts apart without touching them.
    var account: UInt = 0
  }

  private var entries = [Entry](repeating: Entry(), count: slots)

  /// The account's stream of that name; nil when there is none.
  mutating func find(_ name: UnsafeRawBufferPointer, in account: AccountJetStream) -> StreamHandle? {
    guard let start = name.baseAddress, name.count > 0 else { return nil }
    let hash = nameHash(start, name.count)
    let identity = UInt(bitPattern: Unmanaged.passUnretained(account).toOpaque())
    let slot = Int(truncatingIfNeeded: (hash ^ UInt64(identity >> 4)) % UInt64(Self.slots))
    let generation = account.generation
    if entries[slot].hash == hash, entries[slot].generation == generation, entries[slot].account == identity,
      let handle = entries[slot].handle, name.elementsEqual(handle.nameBytes)
    {
      return handle
    }
    guard let handle = account.stream(named: String(decoding: name, as: UTF8.self)) else { return nil }
    entries[slot] = Entry(hash: hash, generation: generation, handle: handle, account: identity)
    return handle
  }
}

/// FNV-1a: names are short, and bytes behind them need not be readable.
@inline(__always)
func nameHash(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  var position = 0
  while position < count {
    hash = (hash ^ UInt64(start.load(fromByteOffset: position, as: UInt8.self))) &* 0x0000_0100_0000_01B3
    position &+= 1
  }
  return hash
}
