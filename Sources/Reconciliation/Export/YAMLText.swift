import JSON

/// Writes JSON as YAML for people: blocks instead of braces, quotes only where a reader would take a string for
/// something else.
enum YAMLText {
  static func document(_ value: JSONValue) -> String {
    var lines: [String] = []
    append(value, indent: 0, prefix: "", to: &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  /// - Parameter prefix: goes before the first line: a key, or the dash of a list.
  private static func append(_ value: JSONValue, indent: Int, prefix: String, to lines: inout [String]) {
    switch value {
    case .object(let object) where !object.members.isEmpty:
      for (index, member) in object.members.enumerated() {
        let start = index == 0 ? prefix : String(repeating: " ", count: indent)
        append(key: member.key, member.value, indent: indent, start: start, to: &lines)
      }
    case .array(let elements) where !elements.isEmpty:
      for element in elements {
        let dash = String(repeating: " ", count: indent) + "- "
        append(element, indent: indent + 2, prefix: dash, to: &lines)
      }
    default: lines.append(prefix + scalar(value))
    }
  }

  private static func append(
    key: String, _ value: JSONValue, indent: Int, start: String, to lines: inout [String]
  ) {
    let name = start + text(key) + ":"
    switch value {
    case .object(let object) where !object.members.isEmpty:
      lines.append(name)
      append(value, indent: indent + 2, prefix: String(repeating: " ", count: indent + 2), to: &lines)
    case .array(let elements) where !elements.isEmpty:
      lines.append(name)
      append(value, indent: indent + 2, prefix: "", to: &lines)
    default: lines.append(name + " " + scalar(value))
    }
  }

  private static func scalar(_ value: JSONValue) -> String {
    if case .string(let string) = value { return text(string) }
    return String(decoding: value.json(escapesHTML: false), as: UTF8.self)
  }

  /// Words that YAML 1.1 readers take for something else.
  private static let taken: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

  private static func text(_ string: String) -> String {
    let bytes = Array(string.utf8)
    func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
    let isPlain =
      bytes.first.map(isLetter) == true && !taken.contains(string.lowercased())
      && bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || "-_./".utf8.contains($0) }
    if isPlain { return string }
    let quoted = String(decoding: JSONValue.string(string).json(escapesHTML: false), as: UTF8.self)
    var text = ""
    for scalar in quoted.unicodeScalars {
      // JSON may have these as they are, YAML may not.
      if (0x7F...0x9F).contains(scalar.value) || scalar.value == 0xFEFF
        || scalar.value >= 0xFFFE && scalar.value <= 0xFFFF
      {
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
