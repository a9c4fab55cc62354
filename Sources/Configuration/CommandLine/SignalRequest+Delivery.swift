import Glibc

/// Carrying out `-sl`.
extension SignalRequest {
  /// Signals the processes and says how it went: nothing on success, as nats-server does.
  public func deliver() -> ProgramOutput {
    switch targets(running: needsRunningProcesses ? Self.runningServers() : []) {
    case .failure(let failure): return .failure(failure.text)
    case .success(let (signal, processes)):
      var failures: [(process: Int32, reason: String)] = []
      for process in processes where kill(process, signal.rawValue) != 0 {
        failures.append((process, FileAccess.errorText(errno)))
      }
      return failures.isEmpty ? ProgramOutput() : .failure(failure(failures).text)
    }
  }

  /// The other processes whose program is a server: `natsd`, or one that carries nats-server's name.
  private static func runningServers() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var found: [Int32] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = Int32(name), process != getpid(),
        case .success(let content) = FileAccess.system.read("/proc/\(process)/comm")
      else { continue }
      let program = String(decoding: content, as: UTF8.self).trimmingSpaces()
      if program == "natsd" || program == Launch.programName { found.append(process) }
    }
    return found.sorted()
  }
}
