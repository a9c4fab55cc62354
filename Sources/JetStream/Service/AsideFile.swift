import CSystem
import Glibc
import Journal
import Reactor

/// Records of a stream that could not be opened, or has stopped, taken out of the journal: it would have to keep them
/// for ever, and stop everything when it is full. They are applied, before those that the journal has, by the next start
/// that can open the stream; after its next checkpoint the file is removed.
///
/// The file holds records, each behind 24 bytes: CRC-32C of what follows, length of the payload, sequence, kind. What is
/// added gathers in a second file until `finish`: a start reads records that are not certain to be durable before it has
/// made them so, and a sequence that was not durable may be used again. One thread at a time.
final class AsideFile {
  private static let headBytes = 24
  private static let bufferBytes = 256 << 10

  private let file: any DiskFile
  private let directory: String
  private let disk: any Disk
  private let path: String
  /// The sequence of its last record; 0 without any.
  private(set) var last: LogSequence = 0
  /// Behind the last record something stands that is none.
  private(set) var isDamaged = false
  private var end = 0
  /// What was added.
  private var gathered: (any DiskFile)?
  private var gatheredBytes = 0
  private var buffer: [UInt8] = []

  /// Opens the file, with `creating` a missing one too; otherwise nil when there is none.
  ///
  /// - Parameter body: gets the records that are there.
  init?(
    identifier: UInt64, location: StoreLocation, disk: any Disk, creating: Bool,
    _ body: (UInt8, UnsafeRawBufferPointer, LogSequence) throws -> Void = { _, _, _ in }
  ) throws {
    self.disk = disk
    directory = location.aside
    path = location.aside(identifier)
    if creating { try disk.makeDirectory(directory, mode: 0o700) }
    do {
      file = try disk.open(path, creating: creating ? 0o600 : nil)
    } catch let error as SystemError where error.code == ENOENT && !creating {
      return nil
    }
    try scan(body)
  }

  private func scan(_ body: (UInt8, UnsafeRawBufferPointer, LogSequence) throws -> Void) throws {
    let size = try file.size()
    var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferBytes, alignment: 16)
    defer { memory.deallocate() }
    while end + Self.headBytes <= size {
      guard
        try file.readAll(into: UnsafeMutableRawBufferPointer(rebasing: memory[..<Self.headBytes]), at: end)
          == Self.headBytes
      else { break }
      let length = Int(memory.load(fromByteOffset: 4, as: UInt32.self))
      let total = Self.headBytes + length
      guard end + total <= size else { break }
      if memory.count < total {
        memory.deallocate()
        memory = .allocate(byteCount: total, alignment: 16)
      }
      let record = UnsafeMutableRawBufferPointer(rebasing: memory[..<total])
      guard try file.readAll(into: record, at: end) == total,
        csys_crc32c(0, record.baseAddress! + 4, total - 4) == record.load(as: UInt32.self)
      else { break }
      let sequence = record.load(fromByteOffset: 8, as: UInt64.self)
      guard sequence > last else { break }
      try body(
        record.load(fromByteOffset: 16, as: UInt8.self),
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(record)[Self.headBytes...]), sequence)
      last = sequence
      end += total
    }
    isDamaged = end < size
  }

  /// Adds a record, unless the file has it. Durable after `finish`.
  func append(_ kind: UInt8, _ payload: UnsafeRawBufferPointer, _ sequence: LogSequence) throws {
    guard sequence > last else { return }
    var head = [UInt8](repeating: 0, count: Self.headBytes)
    head.withUnsafeMutableBytes { head in
      head.storeBytes(of: UInt32(payload.count), toByteOffset: 4, as: UInt32.self)
      head.storeBytes(of: sequence, toByteOffset: 8, as: UInt64.self)
      head.storeBytes(of: kind, toByteOffset: 16, as: UInt8.self)
      let first = csys_crc32c(0, head.baseAddress! + 4, Self.headBytes - 4)
      let sum = payload.isEmpty ? first : csys_crc32c(first, payload.baseAddress!, payload.count)
      head.storeBytes(of: sum, as: UInt32.self)
    }
    buffer += head
    buffer += payload
    last = sequence
    if buffer.count >= Self.bufferBytes { try flush() }
  }

  private var gatheringPath: String { path + ".new" }

  private func flush() throws {
    let target: any DiskFile
    if let gathered {
      target = gathered
    } else {
      target = try disk.open(gatheringPath, creating: 0o600)
      try target.resize(to: 0)
      gathered = target
    }
    try buffer.withUnsafeBytes { try target.writeAll($0, at: gatheredBytes) }
    gatheredBytes += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }

  /// Makes what was added part of the file, durably. The journal has it durably.
  func finish() throws {
    try flush()
    // What a crash left of an earlier attempt.
    try file.resize(to: end)
    try copyGathered()
    try file.synchronizeData()
    try disk.remove(gatheringPath)
    try disk.synchronizeDirectory(directory)
    gathered = nil
    gatheredBytes = 0
  }

  private func copyGathered() throws {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferBytes, alignment: 16)
    defer { memory.deallocate() }
    var done = 0
    while done < gatheredBytes {
      let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, gatheredBytes - done)])
      guard try gathered!.readAll(into: part, at: done) == part.count else {
        throw SystemError("read \(gatheringPath)", code: EIO)
      }
      try file.writeAll(UnsafeRawBufferPointer(part), at: end)
      done += part.count
      end += part.count
    }
  }
}
