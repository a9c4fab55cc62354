/// How Go matches the name of a member with the name of a field: without regard to case.
public enum JSONKey {
  /// Whether two names are the same field.
  public static func matches(_ name: String, _ field: String) -> Bool {
    folded(name) == folded(field)
  }

  /// The name that all spellings of a field share. `ſ` and the Kelvin sign count as `s` and `k`, as Unicode folds them;
  /// other letters beyond ASCII keep their case, since no field of nats-server has one.
  public static func folded(_ name: String) -> String {
    if name.utf8.allSatisfy({ foldedASCII($0) == $0 && $0 < 0x80 }) { return name }
    var result = String.UnicodeScalarView()
    for scalar in name.unicodeScalars {
      switch scalar.value {
      case 0..<0x80: result.append(Unicode.Scalar(foldedASCII(UInt8(scalar.value))))
      case 0x17F: result.append("s")
      case 0x212A: result.append("k")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  static func foldedASCII(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}
