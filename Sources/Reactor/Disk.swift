import CSystem
import Glibc

/// The file operations of the server, passed in so that a simulation can replace them.
public protocol Disk: Sendable {
  /// The whole file.
  func read(_ path: String) throws -> [UInt8]
  /// Replaces the file's contents; a new file gets `mode`.
  func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws
  func remove(_ path: String) throws
}

/// The machine's file system.
public struct SystemDisk: Disk {
  public init() {}

  public func read(_ path: String) throws -> [UInt8] {
    let descriptor = csys_open(path, O_RDONLY | O_CLOEXEC, 0)
    if descriptor < 0 { throw SystemError("open \(path)") }
    defer { close(descriptor) }
    var result: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(descriptor, &block, block.count)
      if count == 0 { return result }
      if count < 0 {
        if csys_errno() == EINTR { continue }
        throw SystemError("read \(path)")
      }
      result += block[..<count]
    }
  }

  public func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws {
    let descriptor = csys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    if descriptor < 0 { throw SystemError("open \(path)") }
    defer { close(descriptor) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
      if count < 0 {
        if csys_errno() == EINTR { continue }
        throw SystemError("write \(path)")
      }
      offset += count
    }
  }

  public func remove(_ path: String) throws {
    if unlink(path) != 0 { throw SystemError("remove \(path)") }
  }
}
