import CSystem
import Glibc

/// How many CPUs this process may use.
public enum Processors {
  /// CPUs by affinity, lowered to the control group's quota rounded up; at least 1.
  public static func usable() -> Int {
    usable(affinity: Int(csys_usable_cpus()), quota: cgroupQuota())
  }

  static func usable(affinity: Int, quota: Double?) -> Int {
    guard let quota else { return max(1, affinity) }
    return max(1, min(affinity, Int(quota.rounded(.up))))
  }

  /// CPUs that the control group grants, or nil without a limit.
  public static func cgroupQuota() -> Double? { ControlGroups.current().cpuQuota }
}

/// Small files of the kernel, read whole.
public enum SystemFile {
  /// Longer ones are cut off here.
  private static let mostBytes = 1 << 20

  /// The text, or nil when the file is not there.
  public static func read(_ path: String) -> String? {
    let descriptor = csys_open(path, O_RDONLY | O_CLOEXEC, 0)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var text: [UInt8] = []
    while text.count < mostBytes {
      let count = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
        if count > 0 { text += buffer[..<count] }
        return count
      }
      if count < 0 { return nil }
      if count == 0 { break }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
