import Crypto

/// The digest of a parsed configuration (FEATURES 3.014): SHA-256 over its JSON, keys sorted, with the escapes of
/// Go's encoder and a newline at the end. Order, comments, units and positions do not count; includes do.
struct ConfigurationDigest {
  private var json: [UInt8] = []

  static func of(_ root: ConfigurationMap) -> String {
    "sha256:" + Hex.encode(SHA256.digest(json(of: root)))
  }

  static func json(of root: ConfigurationMap) -> [UInt8] {
    var digest = ConfigurationDigest()
    digest.append(root)
    digest.append("\n")
    return digest.json
  }

  private mutating func append(_ map: ConfigurationMap) {
    append("{")
    for (index, entry) in map.entries.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }).enumerated() {
      if index > 0 { append(",") }
      appendString(entry.key)
      append(":")
      append(entry.value)
    }
    append("}")
  }

  private mutating func append(_ value: ConfigurationValue) {
    switch value.content {
    case .string(let text): appendString(text)
    case .integer(let number): append(String(number))
    case .float(let number): append(GoText.json(number))
    case .boolean(let flag): append(flag ? "true" : "false")
    case .date(let seconds): appendString(ConfigurationDate.text(seconds))
    case .map(let map): append(map)
    case .array(let values):
      append("[")
      for (index, element) in values.enumerated() {
        if index > 0 { append(",") }
        append(element)
      }
      append("]")
    }
  }

  private mutating func append(_ text: String) { json.append(contentsOf: text.utf8) }

  private mutating func appendString(_ text: String) {
    append("\"")
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case "\u{08}": append("\\b")
      case "\u{0C}": append("\\f")
      case "<", ">", "&", "\u{00}"..."\u{1F}", "\u{2028}", "\u{2029}":
        let hexadecimal = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal)
      default: json.append(contentsOf: String(Character(scalar)).utf8)
      }
    }
    append("\"")
  }
}
