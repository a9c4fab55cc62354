/// Base32 without padding (RFC 4648 alphabet), the text form of NKeys.
///
/// Decoding follows Go's `base32.StdEncoding.WithPadding(NoPadding)`, because that decides which keys a
/// configuration may hold: CR and LF are skipped, unused trailing bits are ignored, and a last group of 1, 3 or 6
/// characters, which cannot be the end of any byte, contributes nothing. Lower case is refused.
public enum Base32 {
  private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

  /// Upper-case text without padding.
  public static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    let count = (bytes.count * 8 + 4) / 5
    return String(unsafeUninitializedCapacity: count) { text in
      var bits: UInt32 = 0
      var bitCount: UInt32 = 0
      var written = 0
      for byte in bytes {
        bits = bits << 8 | UInt32(byte)
        bitCount += 8
        while bitCount >= 5 {
          bitCount -= 5
          text[written] = alphabet.utf8Start[Int(bits >> bitCount & 31)]
          written += 1
        }
      }
      if bitCount > 0 {
        text[written] = alphabet.utf8Start[Int(bits << (5 - bitCount) & 31)]
        written += 1
      }
      return written
    }
  }

  public static func encode(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { encode($0) }
  }

  /// Nil when a character outside of the alphabet appears.
  public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 5 / 8 + 1)
    var bits: UInt64 = 0
    var inGroup = 0
    for character in text where character != 10 && character != 13 {
      guard let value = value(of: character) else { return nil }
      bits = bits << 5 | UInt64(value)
      inGroup += 1
      if inGroup == 8 {
        for shift in stride(from: 32, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        bits = 0
        inGroup = 0
      }
    }
    let whole = [0, 0, 1, 0, 2, 3, 0, 4][inGroup]
    bits <<= UInt64(40 - inGroup * 5)
    for index in 0..<whole { bytes.append(UInt8(truncatingIfNeeded: bits >> (32 - index * 8))) }
    return bytes
  }

  public static func decode(_ text: String) -> [UInt8]? {
    var text = text
    return text.withUTF8 { decode(UnsafeRawBufferPointer($0)) }
  }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case 65...90: character - 65
    case 50...55: character - 24
    default: nil
    }
  }
}
