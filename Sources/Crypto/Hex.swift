/// Hexadecimal text.
public enum Hex {
  /// Lower-case text, two characters a byte.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    let digits: StaticString = "0123456789abcdef"
    return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      var written = 0
      for byte in bytes {
        text[written] = digits.utf8Start[Int(byte >> 4)]
        text[written + 1] = digits.utf8Start[Int(byte & 15)]
        written += 2
      }
      return written
    }
  }

  /// Either case; nil for an odd length or any other character.
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = text.utf8
    guard characters.count & 1 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 2)
    var high: UInt8?
    for character in characters {
      guard let value = value(of: character) else { return nil }
      if let upper = high {
        bytes.append(upper << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return bytes
  }

  /// The value of one hexadecimal digit.
  static func value(of character: UInt8) -> UInt8? {
    switch character {
    case 48...57: character - 48
    case 97...102: character - 87
    case 65...70: character - 55
    default: nil
    }
  }
}
