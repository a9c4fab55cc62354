/// Takes a stream of chunks apart as it arrives. It keeps at most one chunk that is not whole yet, which the format
/// bounds (5 MiB), and what was appended and not asked for.
public struct S2Reader {
  private var input: [UInt8] = []
  /// Up to here `input` has been taken.
  private var taken = 0
  private var isBegun = false
  /// Bytes of a chunk that is passed over and has not arrived.
  private var skipping = 0

  public init() {}

  /// Nothing of an unfinished chunk waits.
  public var isAtBoundary: Bool { taken == input.count && skipping == 0 }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if taken == input.count {
      input.removeAll(keepingCapacity: true)
      taken = 0
    } else if taken > 64 << 10, taken * 2 > input.count {
      input.removeSubrange(..<taken)
      taken = 0
    }
    input.append(contentsOf: bytes)
  }

  public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  /// The bytes of the next chunk that has some; nil when more has to be appended first. After an error call nothing.
  public mutating func next() throws(S2Error) -> [UInt8]? {
    while true {
      if skipping > 0 {
        let step = min(skipping, input.count - taken)
        taken += step
        skipping -= step
        if skipping > 0 { return nil }
      }
      guard input.count - taken >= S2Format.chunkHeaderBytes else { return nil }
      let kind = input[taken]
      let length = Int(input[taken + 1]) | Int(input[taken + 2]) << 8 | Int(input[taken + 3]) << 16
      guard isBegun || kind == S2Format.Chunk.identifier else { throw .notAStream }
      if kind >= S2Format.Chunk.firstSkippable, kind != S2Format.Chunk.identifier {
        taken += S2Format.chunkHeaderBytes
        skipping = length
        continue
      }
      try check(kind, length)
      guard input.count - taken - S2Format.chunkHeaderBytes >= length else { return nil }
      let start = taken + S2Format.chunkHeaderBytes
      taken = start + length
      if let bytes = try decode(kind, start..<taken), !bytes.isEmpty { return bytes }
    }
  }

  /// Before anything of the chunk is waited for.
  private func check(_ kind: UInt8, _ length: Int) throws(S2Error) {
    switch kind {
    case S2Format.Chunk.identifier:
      if length != S2Format.identifierBody.count { throw .notAStream }
    case S2Format.Chunk.compressed, S2Format.Chunk.uncompressed:
      if length < S2Format.checksumBytes { throw .damagedBlock }
      if length > S2Format.largestChunk { throw .tooLarge }
    default: throw .unknownChunk(kind)
    }
  }

  private mutating func decode(_ kind: UInt8, _ range: Range<Int>) throws(S2Error) -> [UInt8]? {
    if kind == S2Format.Chunk.identifier {
      guard
        input[range].elementsEqual(S2Format.identifierBody) || input[range].elementsEqual(S2Format.snappyIdentifierBody)
      else { throw .notAStream }
      isBegun = true
      return nil
    }
    let body = (range.lowerBound + S2Format.checksumBytes)..<range.upperBound
    let expected = (0..<4).reduce(UInt32(0)) { $0 | UInt32(input[range.lowerBound + $1]) << (8 * UInt32($1)) }
    let bytes: [UInt8]
    if kind == S2Format.Chunk.uncompressed {
      if body.count > S2Format.largestBlock { throw .tooLarge }
      bytes = Array(input[body])
    } else {
      bytes = try input.withUnsafeBytes { input in
        Result { () throws(S2Error) in
          try S2Block.decode(UnsafeRawBufferPointer(rebasing: input[body]), limit: S2Format.largestBlock)
        }
      }.get()
    }
    guard bytes.withUnsafeBytes({ S2Format.checksum($0) }) == expected else { throw .wrongChecksum }
    return bytes
  }
}
