import CSystem
import Glibc

/// How many CPUs and how much memory this process may use.
public enum Processors {
  /// CPUs by affinity, lowered to the cgroup's quota rounded up (v2 `cpu.max`, v1 `cpu.cfs_quota_us`); at least 1.
  public static func usable() -> Int {
    let affinity = Int(csys_usable_cpus())
    guard let quota = cgroupQuota() else { return affinity }
    return max(1, min(affinity, Int(quota.rounded(.up))))
  }

  /// CPUs that the cgroup grants, or nil without a limit.
  public static func cgroupQuota() -> Double? {
    if let text = SystemFile.read("/sys/fs/cgroup/cpu.max") {
      let fields = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
      if fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0 {
        return quota / period
      }
      return nil
    }
    guard let quota = SystemFile.read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap({ Double($0.trimmed) }),
      let period = SystemFile.read("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap({ Double($0.trimmed) }),
      quota > 0, period > 0
    else { return nil }
    return quota / period
  }
}

/// Small files of the kernel, read whole.
public enum SystemFile {
  /// The text, or nil when the file is not there.
  public static func read(_ path: String) -> String? {
    let descriptor = csys_open(path, O_RDONLY | O_CLOEXEC, 0)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }
}

extension String {
  fileprivate var trimmed: String { String(drop(while: { $0 == " " }).prefix(while: { $0 != "\n" && $0 != " " })) }
}
