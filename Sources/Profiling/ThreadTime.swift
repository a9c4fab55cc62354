import Glibc
import Reactor

/// The CPU time of one thread since it started.
struct ThreadTime: Sendable, Equatable {
  let identifier: Int
  let name: String
  let userSeconds: Double
  let systemSeconds: Double

  /// All threads, by number; empty without /proc.
  static func current() -> [ThreadTime] {
    guard let directory = opendir("/proc/self/task") else { return [] }
    defer { closedir(directory) }
    var found: [ThreadTime] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let identifier = Int(name), let text = SystemFile.read("/proc/self/task/\(name)/stat"),
        let thread = parse(text, identifier, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
      else { continue }
      found.append(thread)
    }
    return found.sorted { $0.identifier < $1.identifier }
  }

  /// `tid (name) state ...` with user and system time as fields 14 and 15 (proc(5)); a name may hold anything.
  static func parse(_ text: String, _ identifier: Int, ticksPerSecond: Double) -> ThreadTime? {
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    return ThreadTime(
      identifier: identifier, name: String(text[text.index(after: open)..<close]),
      userSeconds: user / ticksPerSecond, systemSeconds: system / ticksPerSecond)
  }
}
