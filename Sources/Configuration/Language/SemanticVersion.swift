/// The three numbers of a version; what follows a `-` or `+` must be well formed and does not count.
struct SemanticVersion: Comparable {
  let numbers: [Int]

  init(_ major: Int, _ minor: Int, _ patch: Int) {
    numbers = [major, minor, patch]
  }

  init?(_ text: String) {
    let core = text.prefix { $0 != "-" && $0 != "+" }
    let suffix = text.dropFirst(core.count)
    let parts = core.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, suffix.isEmpty || suffix.count > 1 else { return nil }
    guard suffix.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-+.".contains($0)) }) else { return nil }
    var numbers: [Int] = []
    for part in parts {
      guard let number = Int(part), part.allSatisfy({ $0.isASCII && $0.isNumber }),
        part.count == 1 || part.first != "0"
      else { return nil }
      numbers.append(number)
    }
    self.numbers = numbers
  }

  static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
    left.numbers.lexicographicallyPrecedes(right.numbers)
  }
}
