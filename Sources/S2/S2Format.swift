// S2 and Snappy: the compression of streams' blocks, and what backups of streams are wrapped in. Here lives the framing
// (chunks with checksums), the block format with S2's repeats, and an encoder that any Snappy decoder of large blocks
// understands. What is compressed is not this room's business.
import CSystem

/// Why bytes are not S2.
public enum S2Error: Error, Equatable, Sendable {
  /// They do not begin with the identifier of a stream.
  case notAStream
  /// A chunk of a kind that must not be passed over.
  case unknownChunk(UInt8)
  /// A chunk or a block that is larger than the format allows.
  case tooLarge
  /// The elements of a block do not add up.
  case damagedBlock
  /// The checksum of a chunk is not that of its bytes.
  case wrongChecksum
}

/// In the words that nats-server answers with.
extension S2Error: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notAStream, .tooLarge, .damagedBlock: "s2: corrupt input"
    case .unknownChunk: "s2: unsupported input"
    case .wrongChecksum: "s2: corrupt input, crc mismatch"
    }
  }
}

/// Numbers of the framing format.
enum S2Format {
  /// The most bytes that one chunk stands for.
  static let largestBlock = 4 << 20
  /// The same in Snappy.
  static let largestSnappyBlock = 64 << 10
  static let checksumBytes = 4
  static let chunkHeaderBytes = 4
  /// A block that does not compress is a little larger than what it stands for.
  static let largestChunk = checksumBytes + largestEncoding(of: largestBlock)

  enum Chunk {
    static let compressed: UInt8 = 0x00
    static let uncompressed: UInt8 = 0x01
    /// From here on chunks may be passed over.
    static let firstSkippable: UInt8 = 0x80
    static let identifier: UInt8 = 0xFF
  }

  static let identifierBody = Array("S2sTwO".utf8)
  static let snappyIdentifierBody = Array("sNaPpY".utf8)

  static func largestEncoding(of count: Int) -> Int { 32 + count + count / 6 }

  /// CRC-32C, masked as the format wants it.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let value = csys_crc32c(0, bytes.baseAddress, bytes.count)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }
}
