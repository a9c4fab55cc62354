import CSystem
import Glibc
import Reactor

/// Where the memory of this process is, as text: a number of bytes and a name a line.
enum MemorySummary {
  /// - Parameter rooms: bytes by the part of the server that holds them.
  static func text(rooms: [(name: String, bytes: Int)]) -> String {
    var text = "# Bytes.\n"
    func section(_ title: String, _ rows: [(String, Int64)]) {
      text += "\n\(title)\n"
      for (name, bytes) in rows { text += padded(bytes) + "  " + name + "\n" }
    }
    section("Process (/proc/self/status)", status())
    var numbers = [UInt64](repeating: 0, count: 5)
    csys_malloc_numbers(&numbers)
    let names = [
      "heap", "heap, mapped one by one", "heap in use", "heap free, kept for reuse", "heap free, can be given back",
    ]
    section("malloc (mallinfo2)", zip(names, numbers).map { ($0, Int64($1)) })
    if !rooms.isEmpty { section("Server", rooms.map { ($0.name, Int64($0.bytes)) }) }
    let limit = MemoryLimit.current
    var limits: [(String, Int64)] = [("machine", limit.machineBytes)]
    if let bytes = limit.groupBytes { limits.append(("control group", bytes)) }
    if let bytes = limit.wantedBytes { limits.append(("GOMEMLIMIT", bytes)) }
    limits.append(("budget for buffers, caches and indexes", limit.budgetBytes))
    section("Limits", limits)
    return text
  }

  private static func status() -> [(String, Int64)] {
    let wanted = [
      "VmRSS": "resident", "VmHWM": "resident, at most so far", "RssAnon": "resident, anonymous",
      "RssFile": "resident, of files", "VmSize": "address space", "VmSwap": "swapped out",
    ]
    return (SystemFile.read("/proc/self/status") ?? "").split(separator: "\n").compactMap { line in
      let fields = line.split(whereSeparator: { $0 == ":" || $0 == " " || $0 == "\t" })
      guard fields.count >= 2, let name = wanted[String(fields[0])], let kilobytes = Int64(fields[1]) else {
        return nil
      }
      return (name, kilobytes * 1024)
    }
  }

  private static func padded(_ bytes: Int64) -> String {
    let text = String(bytes)
    return String(repeating: " ", count: max(0, 16 - text.count)) + text
  }
}
