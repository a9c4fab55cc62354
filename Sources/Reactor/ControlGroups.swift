/// Limits of the control groups that this process is in: version 1 and 2, nested, with and without a namespace of its own.
///
/// A group's limit holds for all below it, so the smallest one on the way up counts.
public struct ControlGroups: Sendable {
  /// CPUs, such as 1.5; nil without a limit.
  public let cpuQuota: Double?
  /// Bytes; nil without a limit.
  public let memoryBytes: Int64?
  /// Bytes above which the kernel slows the group down (`memory.high`, version 2); nil without one.
  public let memoryHighBytes: Int64?

  /// Version 1 writes "no limit" as the largest number of whole pages.
  private static let unlimited: Int64 = 1 << 60
  /// Groups above one another that are looked at.
  private static let mostLevels = 64

  /// The limits of this process now.
  public static func current() -> ControlGroups {
    ControlGroups(read: SystemFile.read)
  }

  /// - Parameter read: the text of a file, or nil.
  init(read: (String) -> String?) {
    let memberships = Self.memberships(read("/proc/self/cgroup") ?? "")
    let mounts = Mount.parse(read("/proc/self/mountinfo") ?? "")
    func directories(_ controller: String) -> (version: Int, paths: [String])? {
      if let path = memberships[controller], let mount = mounts.first(where: { $0.controllers.contains(controller) }) {
        return (1, mount.directories(of: path))
      }
      guard let path = memberships[""], let mount = mounts.first(where: \.isUnified) else { return nil }
      return (2, mount.directories(of: path))
    }
    func smallest<Limit: Comparable>(_ paths: [String], _ limit: (String) -> Limit?) -> Limit? {
      paths.prefix(Self.mostLevels).compactMap(limit).min()
    }
    func bytes(_ path: String) -> Int64? {
      guard let text = read(path), let number = Int64(Self.line(text)), number < Self.unlimited else { return nil }
      return number
    }
    switch directories("memory") {
    case (1, let paths)?:
      memoryBytes = smallest(paths) { bytes($0 + "/memory.limit_in_bytes") }
      memoryHighBytes = nil
    case (_, let paths)?:
      memoryBytes = smallest(paths) { bytes($0 + "/memory.max") }
      memoryHighBytes = smallest(paths) { bytes($0 + "/memory.high") }
    case nil:
      memoryBytes = nil
      memoryHighBytes = nil
    }
    switch directories("cpu") {
    case (1, let paths)?:
      cpuQuota = smallest(paths) { path in
        Self.quota(read(path + "/cpu.cfs_quota_us"), read(path + "/cpu.cfs_period_us"))
      }
    case (_, let paths)?:
      cpuQuota = smallest(paths) { path in
        let fields = Self.line(read(path + "/cpu.max") ?? "").split(separator: " ").map(String.init)
        return fields.count == 2 ? Self.quota(fields[0], fields[1]) : nil
      }
    case nil: cpuQuota = nil
    }
  }

  private static func quota(_ quota: String?, _ period: String?) -> Double? {
    guard let quota, let period, let quota = Double(line(quota)), let period = Double(line(period)), quota > 0,
      period > 0
    else { return nil }
    return quota / period
  }

  private static func line(_ text: String) -> String { String(text.prefix { $0 != "\n" }) }

  /// `hierarchy:controllers:path` by controller; version 2 under the empty name.
  private static func memberships(_ text: String) -> [String: String] {
    var found: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      for controller in fields[1].split(separator: ",") { found[String(controller)] = String(fields[2]) }
      if fields[1].isEmpty { found[""] = String(fields[2]) }
    }
    return found
  }

  private struct Mount {
    /// The group that is seen at the mount point.
    let root: String
    let point: String
    let isUnified: Bool
    let controllers: Set<String>

    /// `id parent device root point options... - type source options` (proc(5)).
    static func parse(_ text: String) -> [Mount] {
      text.split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ").map(String.init)
        guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, dash > 5,
          fields[dash + 1] == "cgroup" || fields[dash + 1] == "cgroup2"
        else { return nil }
        let controllers = fields[dash + 3].split(separator: ",").map(String.init)
        return Mount(
          root: fields[3], point: fields[4], isUnified: fields[dash + 1] == "cgroup2", controllers: Set(controllers))
      }
    }

    /// The group's directory and those above it, up to the mount point.
    func directories(of path: String) -> [String] {
      var rest = path
      if root != "/" {
        // Seen from a container that shares the host's namespace, the mount begins at the container's own group.
        rest = path == root ? "" : path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : ""
      }
      var names = rest.split(separator: "/").map(String.init)
      if names.contains("..") { names = [] }
      var found: [String] = []
      while !names.isEmpty {
        found.append(point + "/" + names.joined(separator: "/"))
        names.removeLast()
      }
      return found + [point]
    }
  }
}
