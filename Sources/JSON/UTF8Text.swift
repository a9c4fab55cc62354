/// UTF-8 as Go reads it: every byte that is no part of a valid sequence counts as one U+FFFD.
///
/// The standard library replaces a whole cut-off sequence by one U+FFFD, so its repair cannot stand in.
enum UTF8Text {
  /// The scalar at the front, or nil and length 1 for an invalid byte. The input is not empty.
  static func decode(_ bytes: some Collection<UInt8>) -> (scalar: Unicode.Scalar?, length: Int) {
    var iterator = bytes.makeIterator()
    guard let first = iterator.next() else { return (nil, 0) }
    if first < 0x80 { return (Unicode.Scalar(first), 1) }
    let count = continuationCount(first)
    guard count > 0, let second = iterator.next(), isSecond(second, after: first) else { return (nil, 1) }
    var value = (UInt32(first) & (0x3F >> UInt32(count))) << 6 | UInt32(second & 0x3F)
    for _ in 1..<count {
      guard let next = iterator.next(), next & 0xC0 == 0x80 else { return (nil, 1) }
      value = value << 6 | UInt32(next & 0x3F)
    }
    return (Unicode.Scalar(value), count + 1)
  }

  /// Appends the bytes with each invalid one replaced by U+FFFD.
  static func appendRepaired(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    var position = 0
    while position < bytes.count {
      let length = sequenceLength(bytes, at: position)
      if length == 0 {
        output.append(contentsOf: replacement)
        position += 1
      } else {
        output.append(contentsOf: bytes[position..<(position + length)])
        position += length
      }
    }
  }

  /// Length of the valid sequence at a position, 0 when there is none.
  static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
    let first = bytes[position]
    if first < 0x80 { return 1 }
    let count = continuationCount(first)
    guard count > 0, position + count < bytes.count, isSecond(bytes[position + 1], after: first) else { return 0 }
    for index in 1...count where bytes[position + index] & 0xC0 != 0x80 { return 0 }
    return count + 1
  }

  static func append(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
    output.append(contentsOf: UTF8.encode(scalar)!)
  }

  static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

  private static func continuationCount(_ first: UInt8) -> Int {
    switch first {
    case 0xC2...0xDF: 1
    case 0xE0...0xEF: 2
    case 0xF0...0xF4: 3
    default: 0
    }
  }

  /// The second byte also rules out overlong forms, surrogates and values above U+10FFFF.
  private static func isSecond(_ second: UInt8, after first: UInt8) -> Bool {
    switch first {
    case 0xE0: second >= 0xA0 && second <= 0xBF
    case 0xED: second >= 0x80 && second <= 0x9F
    case 0xF0: second >= 0x90 && second <= 0xBF
    case 0xF4: second >= 0x80 && second <= 0x8F
    default: second & 0xC0 == 0x80
    }
  }
}
