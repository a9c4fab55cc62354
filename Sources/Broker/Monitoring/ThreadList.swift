import CSystem
import Glibc
import Reactor

/// The answer of `/stacksz` (FEATURES 11.018). Go's runtime prints the stack of each goroutine there; a Swift program
/// has threads, of which the kernel tells name, state and what they wait for.
enum ThreadList {
  static func read() -> [UInt8] {
    var text = ""
    for identifier in identifiers() {
      let folder = "/proc/self/task/\(identifier)"
      let name = (SystemFile.read("\(folder)/comm") ?? "").split(separator: "\n").first ?? ""
      let state = field("State:", in: SystemFile.read("\(folder)/status") ?? "")
      let waits = SystemFile.read("\(folder)/wchan") ?? ""
      text += "thread \(identifier) [\(state)]:\n\t\(name)\(waits.isEmpty || waits == "0" ? "" : " in \(waits)")\n\n"
    }
    return Array(text.utf8)
  }

  private static func field(_ name: String, in status: String) -> String {
    let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.map { String($0.dropFirst(name.count).drop { $0 == "\t" || $0 == " " }) } ?? ""
  }

  private static func identifiers() -> [Int] {
    guard let directory = opendir("/proc/self/task") else { return [] }
    defer { closedir(directory) }
    var found: [Int] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let identifier = Int(name) { found.append(identifier) }
    }
    return found.sorted()
  }
}
