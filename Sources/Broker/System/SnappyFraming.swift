/// The framing format of snappy, with chunks that are stored as they are: every reader takes them, and answers to system
/// requests are too rare for more.
enum SnappyFraming {
  private static let start: [UInt8] = [0xFF, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8)
  private static let stored: UInt8 = 1
  /// Most bytes of a chunk.
  private static let chunkLimit = 65536

  static func frame(_ bytes: [UInt8]) -> [UInt8] {
    var result = start
    result.reserveCapacity(bytes.count + 64)
    var position = 0
    while position < bytes.count {
      let chunk = bytes[position..<min(position + chunkLimit, bytes.count)]
      let length = chunk.count + 4
      let sum = masked(CRC32C.checksum(chunk))
      result += [stored, UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length >> 16)]
      for shift: UInt32 in [0, 8, 16, 24] { result.append(UInt8(truncatingIfNeeded: sum >> shift)) }
      result += chunk
      position += chunk.count
    }
    return result
  }

  /// Sums inside data that is summed again are disguised.
  private static func masked(_ sum: UInt32) -> UInt32 { (sum >> 15 | sum << 17) &+ 0xA282_EAD8 }
}

/// CRC-32C (Castagnoli).
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }

  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in sum >> 8 ^ table[Int((sum ^ UInt32(byte)) & 0xFF)] }
  }
}
