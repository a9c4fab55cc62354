import Glibc

/// How much memory this process may use. Read once; limits of a running container hardly ever change.
public struct MemoryLimit: Sendable, Equatable {
  /// The control group's limit, or nil without one.
  public let groupBytes: Int64?
  /// What the machine has.
  public let machineBytes: Int64
  /// `GOMEMLIMIT`, which deployments of nats-server set to tell it what to stay below; nil when unset or `off`.
  public let wantedBytes: Int64?

  public static let current = MemoryLimit(
    groups: ControlGroups.current(), machineBytes: Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(getpagesize()),
    wanted: getenv("GOMEMLIMIT").map { String(cString: $0) })

  init(groups: ControlGroups, machineBytes: Int64, wanted: String?) {
    groupBytes = [groups.memoryBytes, groups.memoryHighBytes].compactMap { $0 }.min()
    self.machineBytes = machineBytes
    wantedBytes = wanted.flatMap(Self.parse)
  }

  /// The process is killed, or slowed down, above this.
  public var bytes: Int64 { min(groupBytes ?? .max, machineBytes) }

  /// What buffers, caches and indexes together should stay below: what was asked for, or three quarters of the limit;
  /// the rest is for code, stacks and the kernel's buffers of our sockets.
  public var budgetBytes: Int64 { min(wantedBytes ?? .max, bytes / 4 * 3) }

  /// A number of bytes as Go's runtime reads it: `1073741824`, `512MiB`.
  static func parse(_ text: String) -> Int64? {
    let units: [(suffix: String, shift: Int64)] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)]
    let unit = units.first { text.hasSuffix($0.suffix) }
    guard let number = Int64(text.dropLast(unit?.suffix.count ?? 0)), number > 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (unit?.shift ?? 0))
    return overflow ? nil : bytes
  }
}
