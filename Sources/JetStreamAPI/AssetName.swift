/// Names of streams and consumers (FEATURES 5.001).
public enum AssetName {
  /// The longest name in bytes.
  public static let maximumLength = 255

  /// Whether it is not empty and has no white space, wildcard, separator of subjects or of paths.
  public static func isValid(_ name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains(where: isForbidden)
  }

  /// Whether the name of a stream that was asked for can be one: path separators are no reason to refuse here.
  public static func isPlausible(_ name: String) -> Bool {
    !name.isEmpty
      && !name.utf8.contains { isForbidden($0) && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "/") }
  }

  /// Whether it has a path separator.
  public static func hasPathSeparator(_ name: String) -> Bool {
    name.utf8.contains { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "/") }
  }

  private static func isForbidden(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x09, 0x0D, 0x0A, 0x0C, UInt8(ascii: "."), UInt8(ascii: "*"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
      UInt8(ascii: "/"):
      true
    default: false
    }
  }
}
