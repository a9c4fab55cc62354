import Glibc

/// A block by itself: its length, then literals and copies.
public enum S2Block {
  /// The bytes that a block stands for.
  ///
  /// - Parameter limit: the most bytes that it may stand for.
  public static func decode(_ block: UnsafeRawBufferPointer, limit: Int) throws(S2Error) -> [UInt8] {
    var source = S2Source(block)
    guard let announced = source.varint() else { throw .damagedBlock }
    guard announced <= UInt64(limit) else { throw .tooLarge }
    let count = Int(announced)
    // An element of five bytes stands for no more than 16 MiB: a length beyond is a lie that needs no memory.
    var isWhole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      isWhole = decode(&source, into: UnsafeMutableRawBufferPointer(start: target.baseAddress, count: count))
      initialized = isWhole ? count : 0
    }
    guard isWhole else { throw .damagedBlock }
    return bytes
  }

  /// Writes the bytes that a block stands for; false when it is damaged, or does not stand for exactly as many.
  public static func decode(_ block: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    var source = S2Source(block)
    guard source.varint() == UInt64(target.count) else { return false }
    return decode(&source, into: target)
  }

  /// Whether the elements fill the target exactly.
  private static func decode(_ source: inout S2Source, into target: UnsafeMutableRawBufferPointer) -> Bool {
    var end = 0
    var offset = 0
    while let tag = source.byte() {
      switch tag & 3 {
      case 0:
        guard let length = source.literalLength(tag), length <= target.count - end,
          let bytes = source.take(length)
        else { return false }
        memcpy(target.baseAddress! + end, bytes.baseAddress!, length)
        end += length
      default:
        guard let length = source.copy(tag, &offset), offset > 0, offset <= end, length <= target.count - end else {
          return false
        }
        repeatBytes(target, from: end - offset, to: end, count: length)
        end += length
      }
    }
    return end == target.count
  }

  /// Copies bytes that may overlap with their copy: what has been written is read again.
  @inline(__always)
  private static func repeatBytes(_ target: UnsafeMutableRawBufferPointer, from: Int, to: Int, count: Int) {
    let base = target.baseAddress!
    let distance = to - from
    if distance >= count {
      memcpy(base + to, base + from, count)
      return
    }
    // The pattern doubles with every step.
    var done = 0
    while done < count {
      let step = min(count - done, distance + done)
      memcpy(base + to + done, base + from, step)
      done += step
    }
  }
}

/// Reads a block's elements; nil where it ends too early.
struct S2Source {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  @inline(__always)
  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  /// A number of 1 to 4 bytes, the lowest first.
  @inline(__always)
  mutating func number(_ count: Int) -> Int? {
    guard bytes.count - position >= count else { return nil }
    var value = 0
    for index in 0..<count { value |= Int(bytes[position + index]) << (8 * index) }
    position += count
    return value
  }

  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count > 0, bytes.count - position >= count else { return nil }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte() {
      guard shift < 63 || next <= 1 else { return nil }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  @inline(__always)
  mutating func literalLength(_ tag: UInt8) -> Int? {
    let short = Int(tag >> 2)
    if short < 60 { return short + 1 }
    return number(short - 59).map { $0 + 1 }
  }

  /// The length of a copy, whose offset is put into `offset`; a repeat leaves it.
  @inline(__always)
  mutating func copy(_ tag: UInt8, _ offset: inout Int) -> Int? {
    switch tag & 3 {
    case 1:
      guard let low = byte() else { return nil }
      let wanted = Int(tag & 0xE0) << 3 | Int(low)
      let length = Int(tag >> 2 & 7)
      if wanted == 0 { return repeatLength(length) }
      offset = wanted
      return length + 4
    case 2:
      guard let wanted = number(2) else { return nil }
      offset = wanted
    default:
      guard let wanted = number(4) else { return nil }
      offset = wanted
    }
    return Int(tag >> 2) + 1
  }

  /// S2's own: a copy with the offset of the last one, which may be long.
  private mutating func repeatLength(_ code: Int) -> Int? {
    switch code {
    case 5: number(1).map { $0 + 8 }
    case 6: number(2).map { $0 + 260 }
    case 7: number(3).map { $0 + 65_540 }
    default: code + 4
    }
  }
}
