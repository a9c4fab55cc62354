import Glibc

/// Text for both outputs, and the exit code (FEATURES 3.024).
public struct ProgramOutput: Sendable, Equatable {
  public var standardOutput: String
  public var standardError: String
  public var exitCode: Int32

  public init(standardOutput: String = "", standardError: String = "", exitCode: Int32 = 0) {
    self.standardOutput = standardOutput
    self.standardError = standardError
    self.exitCode = exitCode
  }

  /// `nats-server: text` on standard error, exit code 1.
  public static func failure(_ text: String) -> ProgramOutput {
    ProgramOutput(standardError: "\(Launch.programName): \(text)\n", exitCode: 1)
  }

  /// Writes both texts. What a closed output does not take is lost.
  public func write() {
    Self.write(standardOutput, to: 1)
    Self.write(standardError, to: 2)
  }

  /// Writes both texts and ends the process.
  public func leave() -> Never {
    write()
    exit(exitCode)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        return
      }
    }
  }
}
