import Glibc

/// What reading a configuration needs from outside: files and environment variables. Tests replace it.
public struct FileAccess: Sendable {
  /// Why a file could not be read; `description` is Go's text, such as `open x: no such file or directory`.
  public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
      self.description = description
    }
  }

  /// Largest file that is read: 64 MB. Configurations are text written by people.
  public static let maximumSize = 64 << 20

  public var read: @Sendable (_ path: String) -> Result<[UInt8], Failure>
  public var environment: @Sendable (_ name: String) -> String?

  public init(
    read: @escaping @Sendable (_ path: String) -> Result<[UInt8], Failure>,
    environment: @escaping @Sendable (_ name: String) -> String?
  ) {
    self.read = read
    self.environment = environment
  }

  /// The files and the environment of this process.
  public static let system = FileAccess(
    read: { readFile($0) },
    environment: { name in getenv(name).map { String(cString: $0) } })

  private static func readFile(_ path: String) -> Result<[UInt8], Failure> {
    var descriptor: Int32
    repeat { descriptor = open(path, O_RDONLY | O_CLOEXEC) } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else { return .failure(Failure("open \(path): \(errorText(errno))")) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var filled = 0
    while true {
      if filled == content.count {
        guard filled < maximumSize else { return .failure(Failure("read \(path): file too large")) }
        content.append(contentsOf: repeatElement(0, count: max(16384, filled)))
      }
      let count = content[filled...].withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(Failure("read \(path): \(errorText(errno))"))
      }
      if count == 0 { break }
      filled += count
    }
    content.removeLast(content.count - filled)
    return .success(content)
  }

  /// The system's error text as Go prints it: libc's, beginning in lower case.
  static func errorText(_ number: Int32) -> String {
    let text = String(cString: strerror(number))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
