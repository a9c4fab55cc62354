import Glibc

/// The process of this very program that serves while we only look: what a health check in its container is about.
public enum ServingProcess {
  /// Bytes of a command line that are read.
  private static let maximumBytes = 1 << 20

  /// The arguments of the first other process that runs our executable, its name left out; nil where there is none.
  ///
  /// - Parameter names: programs called by these are no servers, but other looks at one.
  public static func arguments(exceptNamed names: [String]) -> [String]? {
    guard let own = identity(of: "self") else { return nil }
    for process in processes() where process != getpid() && identity(of: "\(process)") == own {
      let words = commandLine(of: process)
      guard let name = words.first?.split(separator: "/").last, !names.contains(String(name)) else { continue }
      return Array(words.dropFirst())
    }
    return nil
  }

  private struct Identity: Equatable {
    let device: dev_t
    let file: ino_t
  }

  private static func identity(of process: String) -> Identity? {
    var status = stat()
    guard stat("/proc/\(process)/exe", &status) == 0 else { return nil }
    return Identity(device: status.st_dev, file: status.st_ino)
  }

  private static func processes() -> [pid_t] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var numbers: [pid_t] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let number = pid_t(name) { numbers.append(number) }
    }
    return numbers.sorted()
  }

  private static func commandLine(of process: pid_t) -> [String] {
    let descriptor = open("/proc/\(process)/cmdline", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while bytes.count < maximumBytes {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    // Every argument ends with a zero; empty ones count.
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast()
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
