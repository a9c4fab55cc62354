import Glibc

// Copies and compares of the message path. Sources and destinations have `Chunk.slack` bytes behind them, so short
// ones move whole vectors and may run over the end.

@inline(__always)
func copyShort(_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int) {
  var i = 0
  repeat {
    destination.storeBytes(
      of: source.loadUnaligned(fromByteOffset: i, as: SIMD16<UInt8>.self), toByteOffset: i, as: SIMD16<UInt8>.self)
    i &+= 16
  } while i < count
}

@inline(__always)
func copyBytes(_ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int) {
  if count <= 64 { copyShort(destination, source, count) } else { memcpy(destination, source, count) }
}

@inline(__always)
func equalBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
  var i = 0
  while i &+ 8 <= count {
    if a.loadUnaligned(fromByteOffset: i, as: UInt64.self) != b.loadUnaligned(fromByteOffset: i, as: UInt64.self) {
      return false
    }
    i &+= 8
  }
  let rest = count &- i
  if rest == 0 { return true }
  let difference =
    a.loadUnaligned(fromByteOffset: i, as: UInt64.self) ^ b.loadUnaligned(fromByteOffset: i, as: UInt64.self)
  return difference &<< UInt64(64 &- 8 &* rest) == 0
}

/// Writes `value` in decimal; returns the number of digits (at most 20).
@inline(__always)
func writeDecimal(_ destination: UnsafeMutableRawPointer, _ value: Int) -> Int {
  var digits = 1
  var limit = 10
  while digits < 19, value >= limit {
    digits &+= 1
    limit = limit &* 10
  }
  var rest = value
  var i = digits
  while i > 0 {
    i &-= 1
    let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
    destination.storeBytes(of: 48 &+ UInt8(truncatingIfNeeded: remainder), toByteOffset: i, as: UInt8.self)
    rest = quotient
  }
  return digits
}
