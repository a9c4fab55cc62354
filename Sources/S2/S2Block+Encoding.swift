import Glibc

extension S2Block {
  /// Sequences of four bytes that are remembered while a block is encoded.
  private static let hashBits: UInt64 = 14
  static let tableCount = 1 << 14
  /// Bytes at the end that are not looked at: reading eight at a time stays within the block.
  private static let margin = 16

  /// Appends the encoding of `bytes`, at most 4 MiB, to `output`: literals and copies that Snappy knows, too.
  public static func encode(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    let table = UnsafeMutablePointer<UInt32>.allocate(capacity: tableCount)
    defer { table.deallocate() }
    encode(bytes, table: table, to: &output)
  }

  /// - Parameter table: memory for `tableCount` numbers; what is in it does not matter.
  static func encode(
    _ bytes: UnsafeRawBufferPointer, table: UnsafeMutablePointer<UInt32>, to output: inout [UInt8]
  ) {
    precondition(bytes.count <= S2Format.largestBlock)
    let start = output.count
    let most = S2Format.largestEncoding(of: bytes.count)
    output.append(contentsOf: repeatElement(0, count: most))
    let used = output.withUnsafeMutableBytes { output in
      var target = S2Target(UnsafeMutableRawBufferPointer(rebasing: output[start...]))
      target.varint(UInt64(bytes.count))
      if !bytes.isEmpty { encode(bytes, table, &target) }
      return target.position
    }
    output.removeLast(most - used)
  }

  private static func encode(
    _ bytes: UnsafeRawBufferPointer, _ table: UnsafeMutablePointer<UInt32>, _ target: inout S2Target
  ) {
    guard bytes.count > margin else {
      target.literal(bytes)
      return
    }
    let base = bytes.baseAddress.unsafelyUnwrapped
    table.update(repeating: 0, count: tableCount)
    let limit = bytes.count - margin
    var emitted = 0
    var position = 1
    while position < limit {
      // The longer nothing was found, the larger the steps.
      let step = 1 + (position - emitted) >> 5
      let word = base.loadUnaligned(fromByteOffset: position, as: UInt32.self)
      let slot = hash(word)
      let candidate = Int(table[slot])
      table[slot] = UInt32(truncatingIfNeeded: position)
      guard base.loadUnaligned(fromByteOffset: candidate, as: UInt32.self) == word, candidate < position else {
        position += step
        continue
      }
      let length = 4 + commonLength(base, candidate + 4, position + 4, bytes.count)
      // A copy from far away takes five bytes: it has to be worth that.
      guard length >= 8 || position - candidate < 1 << 16 else {
        position += step
        continue
      }
      if position > emitted {
        target.literal(UnsafeRawBufferPointer(start: base + emitted, count: position - emitted))
      }
      target.copy(offset: position - candidate, length: length)
      position += length
      emitted = position
      if position < limit {
        let before = base.loadUnaligned(fromByteOffset: position - 1, as: UInt32.self)
        table[hash(before)] = UInt32(truncatingIfNeeded: position - 1)
      }
    }
    if emitted < bytes.count {
      target.literal(UnsafeRawBufferPointer(start: base + emitted, count: bytes.count - emitted))
    }
  }

  @inline(__always)
  private static func hash(_ word: UInt32) -> Int {
    Int(truncatingIfNeeded: (UInt64(word) &* 0x9E37_79B1 & 0xFFFF_FFFF) >> (32 - hashBits))
  }

  /// How many bytes are the same at two places, up to `end`.
  @inline(__always)
  private static func commonLength(_ base: UnsafeRawPointer, _ left: Int, _ right: Int, _ end: Int) -> Int {
    var count = 0
    while right + count + 8 <= end {
      let difference =
        base.loadUnaligned(fromByteOffset: left + count, as: UInt64.self)
        ^ base.loadUnaligned(fromByteOffset: right + count, as: UInt64.self)
      if difference != 0 { return count + difference.littleEndian.trailingZeroBitCount / 8 }
      count += 8
    }
    while right + count < end,
      base.load(fromByteOffset: left + count, as: UInt8.self)
        == base.load(fromByteOffset: right + count, as: UInt8.self)
    { count += 1 }
    return count
  }
}

/// Where a block is written. The memory is large enough for whatever the encoder does (`largestEncoding`): a literal
/// costs at most five bytes more than it has, and a copy takes no more than it stands for.
struct S2Target {
  private let bytes: UnsafeMutableRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

  @inline(__always)
  private mutating func put(_ byte: Int) {
    bytes[position] = UInt8(truncatingIfNeeded: byte)
    position += 1
  }

  mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      put(Int(value & 0x7F | 0x80))
      value >>= 7
    }
    put(Int(value))
  }

  mutating func literal(_ literal: UnsafeRawBufferPointer) {
    let last = literal.count - 1
    if last < 60 {
      put(last << 2)
    } else {
      let width = last < 1 << 8 ? 1 : last < 1 << 16 ? 2 : 3
      put((59 + width) << 2)
      for index in 0..<width { put(last >> (8 * index)) }
    }
    precondition(bytes.count - position >= literal.count)
    memcpy(bytes.baseAddress! + position, literal.baseAddress!, literal.count)
    position += literal.count
  }

  /// Copies of up to 64 bytes each; none of them shorter than four, which the short form wants.
  mutating func copy(offset: Int, length: Int) {
    var left = length
    while left > 0 {
      if left < 12, left >= 4, offset < 1 << 11 {
        put((offset >> 8) << 5 | (left - 4) << 2 | 1)
        put(offset)
        return
      }
      let part = left <= 64 ? left : left < 68 ? 60 : 64
      let isNear = offset < 1 << 16
      put((part - 1) << 2 | (isNear ? 2 : 3))
      for index in 0..<(isNear ? 2 : 4) { put(offset >> (8 * index)) }
      left -= part
    }
  }
}
