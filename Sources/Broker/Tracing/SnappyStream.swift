/// Snappy's framing format: a stream identifier, then chunks of at most 64 KiB, each with a checksum.
enum SnappyStream {
  private static let identifier: [UInt8] = [0xFF, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8)
  private static let chunkSize = 65536

  static func compress(_ bytes: [UInt8]) -> [UInt8] {
    var output = identifier
    var start = 0
    while start < bytes.count {
      let end = min(start + chunkSize, bytes.count)
      bytes[start..<end].withUnsafeBytes { append($0, to: &output) }
      start = end
    }
    return output
  }

  /// A compressed chunk, or a plain one when that is not longer.
  private static func append(_ part: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    let block = SnappyBlock.compress(part)
    let isSmaller = block.count < part.count
    let length = 4 + (isSmaller ? block.count : part.count)
    output.append(isSmaller ? 0x00 : 0x01)
    output += [UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length >> 16 & 0xFF)]
    withUnsafeBytes(of: maskedChecksum(part).littleEndian) { output += $0 }
    if isSmaller { output += block } else { output += part }
  }

  private static func maskedChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let crc = CRC32C.checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}

/// Snappy's block format: the length, then literals and copies of what came before. Blocks of at most 64 KiB.
enum SnappyBlock {
  private static let tableBits = 14
  private static let shortest = 4

  static func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count / 2 + 16)
    var length = bytes.count
    while length >= 0x80 {
      output.append(UInt8(length & 0x7F) | 0x80)
      length >>= 7
    }
    output.append(UInt8(length))
    // Where four bytes with this hash were seen last, plus one.
    var table = [UInt32](repeating: 0, count: 1 << tableBits)
    var position = 0
    var literalStart = 0
    while position + shortest <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)
      let slot = Int((word &* 0x1E35_A7BD) >> (32 - UInt32(tableBits)))
      let candidate = Int(table[slot]) - 1
      table[slot] = UInt32(position + 1)
      guard candidate >= 0, bytes.loadUnaligned(fromByteOffset: candidate, as: UInt32.self) == word else {
        position += 1
        continue
      }
      var end = position + shortest
      while end < bytes.count, bytes[end] == bytes[candidate + end - position] { end += 1 }
      appendLiteral(UnsafeRawBufferPointer(rebasing: bytes[literalStart..<position]), to: &output)
      appendCopy(offset: position - candidate, length: end - position, to: &output)
      position = end
      literalStart = end
    }
    appendLiteral(UnsafeRawBufferPointer(rebasing: bytes[literalStart...]), to: &output)
    return output
  }

  private static func appendLiteral(_ part: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    if part.isEmpty { return }
    let last = part.count - 1
    if last < 60 {
      output.append(UInt8(last) << 2)
    } else if last < 256 {
      output += [60 << 2, UInt8(last)]
    } else {
      output += [61 << 2, UInt8(last & 0xFF), UInt8(last >> 8)]
    }
    output += part
  }

  /// Copies of at most 64 bytes, with two bytes of offset.
  private static func appendCopy(offset: Int, length: Int, to output: inout [UInt8]) {
    var rest = length
    while rest > 0 {
      let part = min(rest, 64)
      output += [UInt8(part - 1) << 2 | 2, UInt8(offset & 0xFF), UInt8(offset >> 8)]
      rest -= part
    }
  }
}

/// CRC-32C (Castagnoli), bit by bit in bytes: for the few places where speed does not matter.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
  }

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
  }
}
