import CSystem
import Glibc

/// The file operations of the server, passed in so that a simulation can replace them. Errors are `SystemError`s.
public protocol Disk: Sendable {
  /// The whole file.
  func read(_ path: String) throws -> [UInt8]
  /// Replaces the file's contents; a new file gets `mode`.
  func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws
  func remove(_ path: String) throws

  /// Opens a file for reading and writing. With `creating`, a missing file is made, with that mode.
  func open(_ path: String, creating mode: UInt32?) throws -> any DiskFile
  /// Moves a file; one that had the new name is replaced at once. Durable after `synchronizeDirectory`.
  func rename(_ path: String, to newPath: String) throws
  /// The names in a directory, sorted, without `.` and `..`.
  func list(_ directory: String) throws -> [String]
  /// Makes a directory; no error when it is there.
  func makeDirectory(_ path: String, mode: UInt32) throws
  /// Removes an empty directory.
  func removeDirectory(_ path: String) throws
  /// Makes the creation, renaming and removal of files in a directory durable.
  func synchronizeDirectory(_ path: String) throws
}

/// An open file, closed when the last reference goes. One thread at a time, except that reads may run beside reads.
public protocol DiskFile: AnyObject, Sendable {
  /// Reads at `offset`. Fewer bytes than asked for may come; 0 only at the end of the file.
  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int
  /// Writes at `offset`; returns how many bytes were taken, at least 1.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws -> Int
  /// Returns when what was written, and the file's size, are on disk. After an error nothing written since the last
  /// success can be relied on, whatever a later call returns.
  func synchronizeData() throws
  func size() throws -> Int
  /// Cuts the file off at `size`, or extends it by a hole.
  func resize(to size: Int) throws
  /// From here on the file is only written, and what is written is not kept in memory: that saves a copy, and memory
  /// that counts against the container's limit. Where the file system or a write does not allow that (memory, place and
  /// length should be multiples of 4,096 bytes), it is written as usual.
  func bypassCache()
  /// The system need not keep in memory what is on disk of this file.
  func leaveCache()
}

extension DiskFile {
  /// Writes all of it, however often the system takes only a part.
  public func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      done += try write(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + done)
    }
  }

  /// Reads until `bytes` is full or the file ends; returns how many bytes came.
  public func readAll(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    var done = 0
    while done < bytes.count {
      let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[done...]), at: offset + done)
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes zeros up to `size` and syncs them. Space that was only reserved would make each later sync convert it, three
  /// times as slow.
  ///
  /// - Parameter lettingOthersSync: in pieces of 1 MiB, so that other syncs get their turn in between.
  public func fillWithZeros(upTo size: Int, lettingOthersSync: Bool = true) throws {
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: min(size, 1 << 20), alignment: 4096)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    var offset = 0
    while offset < size {
      try writeAll(UnsafeRawBufferPointer(rebasing: zeros[..<min(zeros.count, size - offset)]), at: offset)
      offset += zeros.count
      if lettingOthersSync || offset >= size { try synchronizeData() }
    }
  }

  public func bypassCache() {}
  public func leaveCache() {}
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

  public func open(_ path: String, creating mode: UInt32?) throws -> any DiskFile {
    let descriptor = csys_open(path, O_RDWR | O_CLOEXEC | (mode == nil ? 0 : O_CREAT), mode ?? 0)
    if descriptor < 0 { throw SystemError("open \(path)") }
    return SystemDiskFile(descriptor: descriptor, path: path)
  }

  public func rename(_ path: String, to newPath: String) throws {
    if Glibc.rename(path, newPath) != 0 { throw SystemError("rename \(path)") }
  }

  public func list(_ directory: String) throws -> [String] {
    guard let stream = opendir(directory) else { throw SystemError("open \(directory)") }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      csys_set_errno(0)
      guard let entry = readdir(stream) else {
        if csys_errno() != 0 { throw SystemError("read \(directory)") }
        return names.sorted()
      }
      let capacity = MemoryLayout.size(ofValue: entry.pointee.d_name)
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: capacity) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  public func makeDirectory(_ path: String, mode: UInt32) throws {
    if mkdir(path, mode) != 0 && csys_errno() != EEXIST { throw SystemError("make directory \(path)") }
  }

  public func removeDirectory(_ path: String) throws {
    if rmdir(path) != 0 { throw SystemError("remove directory \(path)") }
  }

  public func synchronizeDirectory(_ path: String) throws {
    let descriptor = csys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    if descriptor < 0 { throw SystemError("open \(path)") }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw SystemError("sync \(path)") }
  }
}

/// A file of the machine. Invariant: the descriptor is this object's alone, from init to deinit.
private final class SystemDiskFile: DiskFile, @unchecked Sendable {
  private let descriptor: Int32
  private let path: String
  private var bypassesCache = false

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    while true {
      let count = pread(descriptor, bytes.baseAddress, bytes.count, offset)
      if count >= 0 { return count }
      if csys_errno() != EINTR { throw SystemError("read \(path)") }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws -> Int {
    while true {
      let count = pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
      if count > 0 || bytes.isEmpty { return count }
      if count == 0 { throw SystemError("write \(path)", code: EIO) }
      switch csys_errno() {
      case EINTR: break
      case EINVAL where bypassesCache: useCache()
      default: throw SystemError("write \(path)")
      }
    }
  }

  func bypassCache() {
    let flags = csys_fcntl_int(descriptor, F_GETFL, 0)
    bypassesCache = flags >= 0 && csys_fcntl_int(descriptor, F_SETFL, flags | csys_o_direct()) == 0
  }

  func leaveCache() { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

  private func useCache() {
    bypassesCache = false
    let flags = csys_fcntl_int(descriptor, F_GETFL, 0)
    if flags >= 0 { _ = csys_fcntl_int(descriptor, F_SETFL, flags & ~csys_o_direct()) }
  }

  // Not repeated after EINTR either: whether the first call kept an error to itself is not known.
  func synchronizeData() throws {
    if fdatasync(descriptor) != 0 { throw SystemError("sync \(path)") }
  }

  func size() throws -> Int {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw SystemError("status of \(path)") }
    return Int(status.st_size)
  }

  func resize(to size: Int) throws {
    if ftruncate(descriptor, size) != 0 { throw SystemError("resize \(path)") }
  }
}
