/// Snappy's framing format: as S2's, with a name and a size of block of its own.
public enum Snappy {
  public static func compress(_ bytes: [UInt8]) -> [UInt8] {
    let writer = S2Writer(blockBytes: S2Format.largestSnappyBlock, identifier: S2Format.snappyIdentifierBody)
    writer.append(bytes)
    writer.flush()
    return writer.take(.max)
  }
}
