/// `$NAME` and `${NAME}` in texts, by the rules of Go's `os.ExpandEnv`.
enum EnvironmentText {
  static func expand(_ text: String, _ environment: (String) -> String?) -> String {
    var result: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "$"), let next = rest.first else {
        result.append(byte)
        continue
      }
      if next == UInt8(ascii: "{") {
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
          rest = rest.dropFirst()
          continue
        }
        let name = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
        result += (environment(name) ?? "").utf8
        rest = rest[(end + 1)...]
        continue
      }
      let name = rest.prefix { $0 == UInt8(ascii: "_") || Character(Unicode.Scalar($0)).isASCIILetterOrDigit }
      guard !name.isEmpty else {
        result.append(byte)
        continue
      }
      result += (environment(String(decoding: name, as: UTF8.self)) ?? "").utf8
      rest = rest.dropFirst(name.count)
    }
    return String(decoding: result, as: UTF8.self)
  }
}

extension Character {
  fileprivate var isASCIILetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
