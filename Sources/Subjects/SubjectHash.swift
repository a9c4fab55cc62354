import CSystem

/// The hash of a subject (or of one token, queue name, subscription id). One function for every table whose keys
/// arrive from the network: seeded per process, so that nobody outside can prepare collisions. Reads exactly
/// `count` bytes. All 64 bits are usable; the index takes the upper 32, generation buckets the lower 10.
@inlinable @inline(__always)
public func subjectHash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
  let seed = csys_hash_seed()
  let mask = csys_hash_seed2()
  var hash = seed &+ UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
  var at = bytes
  var rest = count
  while rest > 16 {
    hash = mixed(
      at.loadUnaligned(as: UInt64.self) ^ mask, at.loadUnaligned(fromByteOffset: 8, as: UInt64.self) ^ hash)
    at += 16
    rest &-= 16
  }
  var first: UInt64 = 0
  var second: UInt64 = 0
  if rest >= 8 {
    first = at.loadUnaligned(as: UInt64.self)
    second = at.loadUnaligned(fromByteOffset: rest &- 8, as: UInt64.self)
  } else if rest >= 4 {
    first = UInt64(at.loadUnaligned(as: UInt32.self))
    second = UInt64(at.loadUnaligned(fromByteOffset: rest &- 4, as: UInt32.self))
  } else if rest > 0 {
    first = UInt64(at.load(as: UInt8.self)) | UInt64(at.load(fromByteOffset: rest &>> 1, as: UInt8.self)) &<< 8
    second = UInt64(at.load(fromByteOffset: rest &- 1, as: UInt8.self))
  }
  return mixed(mixed(first ^ mask, second ^ hash) ^ seed, 0x9E37_79B9_7F4A_7C15)
}

/// Both halves of the 128-bit product, folded.
@inlinable @inline(__always)
func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
  let product = left.multipliedFullWidth(by: right)
  return product.high ^ product.low
}
