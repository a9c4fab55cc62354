import CSystem
import Glibc

/// The process as its command line shows it.
public enum CommandLineProgram {
  /// The arguments with the program's name, from the C library, so that this works without /proc.
  public static var arguments: [String] {
    (0..<csys_argument_count()).compactMap { index in csys_argument(index).map { String(cString: $0) } }
  }

  /// Writes all of it, or as much as the other end takes.
  public static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Other users see the command line: passwords are blanked there.
  ///
  /// - Parameter flags: names of flags whose values are secrets, without dashes.
  public static func hideSecrets(of flags: Set<String> = []) {
    let arguments = arguments
    for (index, places) in secrets(in: arguments, of: flags) {
      guard let storage = csys_argument_storage(Int32(index)) else { continue }
      for offset in places { storage[offset] = CChar(UInt8(ascii: "x")) }
    }
  }

  /// By argument, the bytes that are secrets: values of such flags, and what URLs carry before `@`.
  static func secrets(in arguments: [String], of flags: Set<String>) -> [Int: [Int]] {
    var found: [Int: [Int]] = [:]
    for (index, argument) in arguments.enumerated() {
      let bytes = Array(argument.utf8)
      if index > 0, flags.contains(flagName(arguments[index - 1])) {
        found[index] = Array(bytes.indices)
      } else if let equals = bytes.firstIndex(of: UInt8(ascii: "=")),
        flags.contains(flagName(String(decoding: bytes[..<equals], as: UTF8.self)))
      {
        found[index] = Array((equals + 1)..<bytes.count)
      } else {
        found[index] = credentials(in: bytes)
      }
    }
    return found.filter { !$0.value.isEmpty }
  }

  /// `password` for `-password` and `--password`; empty for what is no flag.
  private static func flagName(_ argument: String) -> String {
    argument.hasPrefix("-") ? String(argument.drop { $0 == "-" }) : ""
  }

  /// In `id,nats://user:password@host,...`: user and password of each URL, but not what separates them.
  private static func credentials(in bytes: [UInt8]) -> [Int] {
    var found: [Int] = []
    for part in bytes.split(separator: UInt8(ascii: ",")) {
      let scheme = part.indices.first { part[$0...].starts(with: "://".utf8) }
      guard let scheme, let at = part.lastIndex(of: UInt8(ascii: "@")), scheme + 3 < at else { continue }
      found += (scheme + 3..<at).filter { bytes[$0] != UInt8(ascii: ":") }
    }
    return found
  }
}
