/// Paths as text, by the rules of Go's `path/filepath` on Unix: nothing here looks at a file system.
enum PathText {
  /// Everything before the last slash, cleaned; `.` if there is none.
  static func directory(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return clean(String(path[...slash]))
  }

  /// Both, with a slash between, cleaned. An absolute second path is joined too (FEATURES 3.011).
  static func join(_ first: String, _ second: String) -> String {
    if first.isEmpty { return second.isEmpty ? "" : clean(second) }
    return second.isEmpty ? clean(first) : clean(first + "/" + second)
  }

  /// The shortest equal path: no `.`, no doubled slash, `..` resolved where possible.
  static func clean(_ path: String) -> String {
    let isAbsolute = path.utf8.first == UInt8(ascii: "/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else if part != ".." || !isAbsolute {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    if isAbsolute { return "/" + joined }
    return joined.isEmpty ? "." : joined
  }
}
