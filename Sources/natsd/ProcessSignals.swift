import Configuration
import Glibc

// `-sl`: telling running servers something (FEATURES 3.026).

extension SignalRequest {
  /// Sends the signal. What has to be printed, and the exit code.
  func send() -> ProgramOutput {
    let running = needsRunningProcesses ? RunningServers.identifiers() : []
    switch targets(running: running) {
    case .failure(let failure): return .failure(failure.text)
    case .success(let (signal, processes)):
      var failures: [(process: Int32, reason: String)] = []
      for process in processes where kill(process, signal.rawValue) != 0 {
        failures.append((process, String(cString: strerror(errno)).lowercased()))
      }
      return failures.isEmpty ? ProgramOutput() : .failure(failure(failures).text)
    }
  }
}

/// Other servers on this machine, found by the names of their programs.
enum RunningServers {
  private static let programs: Set<String> = ["natsd", "nats-server"]

  static func identifiers() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var found: [Int32] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let identifier = Int32(name), identifier != getpid(), programs.contains(program(identifier)) else {
        continue
      }
      found.append(identifier)
    }
    return found.sorted()
  }

  private static func program(_ identifier: Int32) -> String {
    guard let file = fopen("/proc/\(identifier)/comm", "r") else { return "" }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 64)
    guard fgets(&text, Int32(text.count), file) != nil else { return "" }
    return String(decoding: text.prefix { $0 != 0 && $0 != 0x0A }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
