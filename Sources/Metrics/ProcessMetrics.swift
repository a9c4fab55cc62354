import CSystem
import Glibc

/// What a program says about its own process, under the names that Prometheus's client libraries use. FEATURES 15.014.
public enum ProcessMetrics {
  public static func add(to set: inout MetricSet) {
    func add(_ name: String, _ kind: MetricKind, _ help: String, _ value: Double?) {
      if let value { set.add("process_" + name, kind, help: help, [:], value) }
    }
    add(
      "cpu_seconds_total", .counter, "CPU time of the process, user and system.", Double(csys_process_cpu_ns()) / 1e9)
    let status = Statistics.read()
    add("virtual_memory_bytes", .gauge, "Virtual memory of the process.", status?.virtualBytes)
    add("resident_memory_bytes", .gauge, "Resident memory of the process.", status?.residentBytes)
    add("start_time_seconds", .gauge, "When the process started, in seconds since 1970.", status?.startSeconds)
    add("threads", .gauge, "Threads of the process.", status?.threads)
    add("open_fds", .gauge, "Open file descriptors.", openDescriptors())
    add("max_fds", .gauge, "File descriptors that may be open.", Double(csys_nofile_soft()))
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 {
      add(
        "virtual_memory_max_bytes", .gauge, "Virtual memory that the process may have.", Double(UInt64(limit.rlim_cur)))
    }
    let network = networkBytes()
    add(
      "network_receive_bytes_total", .counter, "Bytes received in the network namespace of the process.",
      network?.received)
    add("network_transmit_bytes_total", .counter, "Bytes sent in the network namespace of the process.", network?.sent)
  }

  private struct Statistics {
    let virtualBytes, residentBytes, startSeconds, threads: Double

    /// From `/proc/self/stat`; nil without `/proc`.
    static func read() -> Statistics? {
      let text = contents(of: "/proc/self/stat")
      // The program's name in parentheses may hold anything.
      guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
      let fields = text[text.index(after: end)...].split(separator: 0x20).map {
        Double(String(decoding: $0, as: UTF8.self)) ?? 0
      }
      // Field 3, the state, comes first.
      guard fields.count > 21 else { return nil }
      let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
      let upNow = Double(csys_clock(Int32(CLOCK_BOOTTIME))) / 1e9
      let bootTime = Double(csys_realtime_ns()) / 1e9 - upNow
      return Statistics(
        virtualBytes: fields[20], residentBytes: fields[21] * Double(sysconf(Int32(_SC_PAGESIZE))),
        startSeconds: bootTime + fields[19] / ticks, threads: fields[17])
    }
  }

  private static func openDescriptors() -> Double? {
    guard let directory = opendir("/proc/self/fd") else { return nil }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // Without `.`, `..` and the directory's own descriptor.
    return Double(max(0, count - 3))
  }

  /// `InOctets` and `OutOctets` of `IpExt`: a line of names, then a line of values.
  private static func networkBytes() -> (received: Double, sent: Double)? {
    let lines = contents(of: "/proc/self/net/netstat").split(separator: 0x0A).filter { $0.starts(with: "IpExt:".utf8) }
    guard lines.count == 2 else { return nil }
    let names = lines[0].split(separator: 0x20)
    let values = lines[1].split(separator: 0x20)
    func value(_ name: String) -> Double? {
      names.firstIndex { $0.elementsEqual(name.utf8) }.flatMap {
        $0 < values.count ? Double(String(decoding: values[$0], as: UTF8.self)) : nil
      }
    }
    guard let received = value("InOctets"), let sent = value("OutOctets") else { return nil }
    return (received, sent)
  }

  /// The first 64 KB of a file; empty when it cannot be read.
  private static func contents(of path: String) -> [UInt8] {
    let descriptor = csys_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    return [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
      while count < buffer.count {
        let result = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if result <= 0 { break }
        count += result
      }
    }
  }
}
