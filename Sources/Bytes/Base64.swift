/// Base64 (RFC 4648): the standard and the URL alphabet, with and without padding.
///
/// Decoding accepts what Go's decoder of the same name accepts: CR and LF are skipped, unused trailing bits are
/// ignored; wrong padding and characters of the other alphabet are refused.
public struct Base64: Sendable {
  /// `+` and `/`, padded with `=`.
  public static let standard = Base64(urlSafe: false, padded: true)
  /// `+` and `/`, unpadded.
  public static let rawStandard = Base64(urlSafe: false, padded: false)
  /// `-` and `_`, padded with `=`.
  public static let url = Base64(urlSafe: true, padded: true)
  /// `-` and `_`, unpadded: nonces, signatures and JWTs.
  public static let rawURL = Base64(urlSafe: true, padded: false)

  private let urlSafe: Bool
  private let padded: Bool

  private static let standardAlphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  private static let urlAlphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

  /// Characters that `count` bytes encode to.
  public func encodedCount(_ count: Int) -> Int {
    padded ? (count + 2) / 3 * 4 : (count * 4 + 2) / 3
  }

  /// Writes the text of `bytes` and returns its length; `text` has room for `encodedCount(bytes.count)` bytes.
  @discardableResult
  public func encode(_ bytes: UnsafeRawBufferPointer, into text: UnsafeMutableRawBufferPointer) -> Int {
    precondition(text.count >= encodedCount(bytes.count))
    let alphabet = (urlSafe ? Self.urlAlphabet : Self.standardAlphabet).utf8Start
    var read = 0
    var written = 0
    while read + 3 <= bytes.count {
      let group = UInt32(bytes[read]) << 16 | UInt32(bytes[read + 1]) << 8 | UInt32(bytes[read + 2])
      text[written] = alphabet[Int(group >> 18)]
      text[written + 1] = alphabet[Int(group >> 12 & 63)]
      text[written + 2] = alphabet[Int(group >> 6 & 63)]
      text[written + 3] = alphabet[Int(group & 63)]
      read += 3
      written += 4
    }
    let left = bytes.count - read
    guard left > 0 else { return written }
    let group = UInt32(bytes[read]) << 16 | (left == 2 ? UInt32(bytes[read + 1]) << 8 : 0)
    text[written] = alphabet[Int(group >> 18)]
    text[written + 1] = alphabet[Int(group >> 12 & 63)]
    written += 2
    if left == 2 {
      text[written] = alphabet[Int(group >> 6 & 63)]
      written += 1
    }
    while padded && written & 3 != 0 {
      text[written] = UInt8(ascii: "=")
      written += 1
    }
    return written
  }

  public func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: encodedCount(bytes.count)) {
      encode(bytes, into: UnsafeMutableRawBufferPointer($0))
    }
  }

  public func encode(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { encode($0) }
  }

  /// Nil when the text is not of this encoding.
  public func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 2)
    var bits: UInt32 = 0
    var inGroup = 0
    var padding = 0
    for character in text where character != 10 && character != 13 {
      if character == UInt8(ascii: "=") {
        guard padded, inGroup >= 2, inGroup + padding < 4 else { return nil }
        padding += 1
        continue
      }
      guard padding == 0, let value = value(of: character) else { return nil }
      bits = bits << 6 | UInt32(value)
      inGroup += 1
      if inGroup == 4 {
        bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bits = 0
        inGroup = 0
      }
    }
    guard inGroup != 1, !padded || inGroup == 0 || inGroup + padding == 4 else { return nil }
    if inGroup >= 2 { bytes.append(UInt8(truncatingIfNeeded: bits >> (inGroup == 2 ? 4 : 10))) }
    if inGroup == 3 { bytes.append(UInt8(truncatingIfNeeded: bits >> 2)) }
    return bytes
  }

  public func decode(_ text: String) -> [UInt8]? {
    var text = text
    return text.withUTF8 { decode(UnsafeRawBufferPointer($0)) }
  }

  private func value(of character: UInt8) -> UInt8? {
    switch character {
    case 65...90: character - 65
    case 97...122: character - 71
    case 48...57: character + 4
    case UInt8(ascii: "+") where !urlSafe, UInt8(ascii: "-") where urlSafe: 62
    case UInt8(ascii: "/") where !urlSafe, UInt8(ascii: "_") where urlSafe: 63
    default: nil
    }
  }
}
