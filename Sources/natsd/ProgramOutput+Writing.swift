import Configuration
import Glibc

extension ProgramOutput {
  /// Prints both texts.
  func write() {
    print(standardOutput, to: STDOUT_FILENO)
    print(standardError, to: STDERR_FILENO)
  }

  /// Prints both texts and ends the program with the exit code.
  func leave() -> Never {
    write()
    exit(exitCode)
  }

  private func print(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
      if count <= 0 { return }
      offset += count
    }
  }
}
