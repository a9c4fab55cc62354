/// How Go matches the name of a member with the name of a field: without regard to case.
public enum JSONKey {
  /// Whether two names are the same field. `ſ` and the Kelvin sign count as `s` and `k`, as Unicode folds them.
  public static func matches(_ name: String, _ field: String) -> Bool {
    if name == field { return true }
    var field = field
    return field.withUTF8 { matches(name, $0) }
  }

  static func matches(_ name: String, _ field: UnsafeBufferPointer<UInt8>) -> Bool {
    var position = 0
    for scalar in name.unicodeScalars {
      let folded: UInt8
      switch scalar.value {
      case 0..<0x80: folded = foldedASCII(UInt8(scalar.value))
      case 0x17F: folded = UInt8(ascii: "s")
      case 0x212A: folded = UInt8(ascii: "k")
      // No field of nats-server has such a name; maps with free keys compare exactly.
      default: return name.utf8.elementsEqual(field)
      }
      guard position < field.count, foldedASCII(field[position]) == folded else { return false }
      position += 1
    }
    return position == field.count
  }

  static func foldedASCII(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}
