import CSystem
import Glibc
import Reactor

/// How much memory and CPU the process uses and may use. Any thread; guarded by its lock.
final class ProcessUsage: @unchecked Sendable {
  /// CPU is measured over at least this long.
  private static let sampleNanoseconds: Int64 = 1_000_000_000

  private let lock = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private var sampledAt: Int64
  private var sampledCPU: Int64 = 0
  private var percent = 0.0

  init() {
    lock.initialize(to: 0)
    sampledAt = csys_monotonic_ns()
    sampledCPU = csys_process_cpu_ns()
  }

  deinit { lock.deallocate() }

  /// Percent of one CPU, with one digit behind the point.
  var cpuPercent: Double {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    let now = csys_monotonic_ns()
    if now - sampledAt >= Self.sampleNanoseconds {
      let cpu = csys_process_cpu_ns()
      percent = (Double(cpu - sampledCPU) / Double(now - sampledAt) * 1000).rounded() / 10
      sampledAt = now
      sampledCPU = cpu
    }
    return percent
  }

  /// Resident memory in bytes.
  var residentBytes: Int {
    guard let text = SystemFile.read("/proc/self/statm") else { return 0 }
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// CPUs by affinity.
  static let processors = Int(csys_usable_cpus())
  /// CPUs by affinity and quota.
  static let usableProcessors = Processors.usable()
  /// Bytes that the process may use, by `GOMEMLIMIT` or its control group; nil without a limit.
  static let memoryLimit = (MemoryLimit.current.wantedBytes ?? MemoryLimit.current.groupBytes).map { Int($0) }
}
