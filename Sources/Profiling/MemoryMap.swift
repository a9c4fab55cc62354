import Reactor

/// The mappings of this process (`/proc/self/maps`).
struct MemoryMap: Sendable {
  struct Region: Sendable, Equatable {
    var start: UInt64
    var end: UInt64
    var offset: UInt64
    var isWritable: Bool
    var isExecutable: Bool
    var path: String
  }

  let regions: [Region]

  static func current() -> MemoryMap { MemoryMap(SystemFile.read("/proc/self/maps") ?? "") }

  /// `start-end flags offset device inode path`
  init(_ text: String) {
    regions = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      guard fields.count >= 5, let dash = fields[0].firstIndex(of: "-"),
        let start = UInt64(fields[0][..<dash], radix: 16),
        let end = UInt64(fields[0][fields[0].index(after: dash)...], radix: 16),
        let offset = UInt64(fields[2], radix: 16)
      else { return nil }
      return Region(
        start: start, end: end, offset: offset, isWritable: fields[1].contains("w"),
        isExecutable: fields[1].contains("x"), path: fields.count == 6 ? String(fields[5].drop { $0 == " " }) : "")
    }
  }

  /// Code, by address.
  var code: [Region] { regions.filter(\.isExecutable) }

  /// Where stacks may be: writable mappings as pairs of start and end.
  var stacks: [UInt64] { regions.filter(\.isWritable).flatMap { [$0.start, $0.end] } }

  /// Where a file begins in memory: what is added to the addresses in it. 0 for a program of fixed addresses.
  func base(of path: String) -> UInt64 {
    regions.first { $0.path == path && $0.offset == 0 }?.start ?? 0
  }
}
