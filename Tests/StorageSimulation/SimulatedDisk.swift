import Glibc
import Reactor

/// SplitMix64: the same numbers for the same seed.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  public mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// A disk in memory that loses power.
///
/// Bytes live in 512-byte sectors. A write is visible at once; on `crash` each sector written since the last good sync
/// is kept, lost, torn (half new, half old) or replaced by noise, by seed and independently: that is also reordering.
/// A file's name is durable after its directory was synced. After a failed sync what was written stays visible until
/// the crash, and is then lost, whatever later syncs say. Test threads use it one at a time.
public final class SimulatedDisk: Disk, @unchecked Sendable {
  public static let sectorBytes = 512

  public enum Operation: Sendable { case read, write, sync }

  final class Contents {
    var visible: [UInt8] = []
    var durable: [UInt8] = []
    var dirty: Set<Int> = []
  }

  public var random: SeededGenerator
  /// Names as seen, and as they are after a crash.
  private var names: [String: Contents] = [:]
  private var durableNames: [String: Contents] = [:]
  /// Counts every write and sync; at this number the power fails.
  public var powerFailsAt: Int?
  public private(set) var operations = 0
  public private(set) var hasPower = true
  /// The error of the nth next operation of a kind.
  public var failure: (operation: Operation, after: Int, code: Int32)?
  public var capacity = Int.max
  /// Sectors of 4096 bytes that cannot be read.
  public var unreadable: [String: Set<Int>] = [:]
  public var takesShortWrites = false
  /// Sectors of unsynced writes may become noise.
  public var makesNoise = true

  public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private func begin(_ operation: Operation, _ action: String) throws {
    if operation != .read {
      operations += 1
      if let limit = powerFailsAt, operations > limit { hasPower = false }
    }
    if !hasPower { throw SystemError(action, code: ENODEV) }
    if let planned = failure, planned.operation == operation {
      if planned.after == 0 {
        failure = nil
        throw SystemError(action, code: planned.code)
      }
      failure?.after -= 1
    }
  }

  /// Power off and on again.
  public func crash() {
    // In the order of names: the fates depend on the seed alone, not on how a set is hashed in this process.
    for names in [durableNames, names] {
      for (_, contents) in names.sorted(by: { $0.key < $1.key }) { lose(contents) }
    }
    // A name that was not synced may or may not be there.
    for (name, contents) in names.sorted(by: { $0.key < $1.key }) where durableNames[name] == nil {
      if random.chance(50) { durableNames[name] = contents }
    }
    names = durableNames
    powerFailsAt = nil
    hasPower = true
    failure = nil
  }

  private func lose(_ contents: Contents) {
    var result = contents.durable
    for sector in contents.dirty.sorted() {
      let start = sector * Self.sectorBytes
      let end = min(start + Self.sectorBytes, contents.visible.count)
      if start >= end { continue }
      let fate = Int.random(in: 0..<100, using: &random)
      if fate < 40 { continue }
      if result.count < end { result += [UInt8](repeating: 0, count: end - result.count) }
      if fate < 80 {
        result[start..<end] = contents.visible[start..<end]
      } else if fate < 95 || !makesNoise {
        let cut = Int.random(in: start...end, using: &random)
        if random.chance(50) {
          result[start..<cut] = contents.visible[start..<cut]
        } else {
          result[cut..<end] = contents.visible[cut..<end]
        }
      } else {
        for index in start..<end { result[index] = UInt8.random(in: 0...255, using: &random) }
      }
    }
    contents.durable = result
    contents.visible = result
    contents.dirty = []
  }

  /// Flips a bit, on disk.
  public func flip(_ path: String, byte: Int, bit: Int) {
    guard let contents = names[path], byte < contents.visible.count else { return }
    contents.visible[byte] ^= 1 << UInt8(bit)
    if byte < contents.durable.count { contents.durable[byte] ^= 1 << UInt8(bit) }
  }

  public func fill(_ path: String, _ range: Range<Int>, with value: UInt8) {
    guard let contents = names[path] else { return }
    for index in range where index < contents.visible.count {
      contents.visible[index] = value
      if index < contents.durable.count { contents.durable[index] = value }
    }
  }

  /// Cuts a file off, on disk.
  public func truncate(_ path: String, to size: Int) {
    guard let contents = names[path], size < contents.visible.count else { return }
    contents.visible.removeLast(contents.visible.count - size)
    contents.durable = contents.visible
  }

  public func contents(_ path: String) -> [UInt8] { names[path]?.visible ?? [] }

  // MARK: Disk

  public func read(_ path: String) throws -> [UInt8] {
    try begin(.read, "read \(path)")
    guard let contents = names[path] else { throw SystemError("open \(path)", code: ENOENT) }
    return contents.visible
  }

  public func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws {
    let file = try open(path, creating: mode)
    try file.resize(to: 0)
    try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
  }

  public func remove(_ path: String) throws {
    try begin(.write, "remove \(path)")
    if names.removeValue(forKey: path) == nil { throw SystemError("remove \(path)", code: ENOENT) }
  }

  public func open(_ path: String, creating mode: UInt32?) throws -> any DiskFile {
    if !hasPower { throw SystemError("open \(path)", code: ENODEV) }
    if names[path] == nil {
      if mode == nil { throw SystemError("open \(path)", code: ENOENT) }
      names[path] = Contents()
    }
    return File(self, names[path]!, path)
  }

  public func rename(_ path: String, to newPath: String) throws {
    try begin(.write, "rename \(path)")
    guard let contents = names.removeValue(forKey: path) else { throw SystemError("rename \(path)", code: ENOENT) }
    names[newPath] = contents
  }

  public func list(_ directory: String) throws -> [String] {
    names.keys.filter { $0.hasPrefix(directory + "/") }.map { String($0.dropFirst(directory.count + 1)) }.sorted()
  }

  public func makeDirectory(_ path: String, mode: UInt32) throws {}

  public func removeDirectory(_ path: String) throws {}

  public func synchronizeDirectory(_ path: String) throws {
    try begin(.sync, "sync \(path)")
    durableNames = durableNames.filter { !$0.key.hasPrefix(path + "/") }
    for (name, contents) in names where name.hasPrefix(path + "/") { durableNames[name] = contents }
  }

  private var used: Int { names.values.reduce(0) { $0 + $1.visible.count } }

  private final class File: DiskFile, @unchecked Sendable {
    let disk: SimulatedDisk
    let contents: Contents
    let path: String

    init(_ disk: SimulatedDisk, _ contents: Contents, _ path: String) {
      (self.disk, self.contents, self.path) = (disk, contents, path)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
      try disk.begin(.read, "read")
      let count = max(0, min(bytes.count, contents.visible.count - offset))
      if let sectors = disk.unreadable[path], count > 0,
        (offset / 4096...(offset + count - 1) / 4096).contains(where: { sectors.contains($0) })
      {
        throw SystemError("read \(path)", code: EIO)
      }
      if count > 0 {
        contents.visible.withUnsafeBytes {
          bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
        }
      }
      return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws -> Int {
      var count = bytes.count
      if disk.takesShortWrites, count > 1, disk.random.chance(30) {
        count = Int.random(in: 1..<count, using: &disk.random)
      }
      let growth = max(0, offset + count - contents.visible.count)
      if growth > 0, disk.capacity < .max, disk.used + growth > disk.capacity {
        throw SystemError("write", code: ENOSPC)
      }
      var failed: (any Error)?
      do { try disk.begin(.write, "write") } catch {
        // A part of what was being written when the power failed may have come through.
        failed = error
        if disk.operations != (disk.powerFailsAt ?? -2) + 1 { throw error }
      }
      if growth > 0 { contents.visible += [UInt8](repeating: 0, count: growth) }
      contents.visible.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      for sector in offset / SimulatedDisk.sectorBytes...(offset + count - 1) / SimulatedDisk.sectorBytes {
        contents.dirty.insert(sector)
      }
      if let failed { throw failed }
      return count
    }

    func synchronizeData() throws {
      do { try disk.begin(.sync, "sync") } catch {
        // The system forgets that these bytes were never written.
        if disk.hasPower { contents.dirty = [] }
        throw error
      }
      if contents.durable.count != contents.visible.count {
        contents.durable += [UInt8](repeating: 0, count: max(0, contents.visible.count - contents.durable.count))
      }
      for sector in contents.dirty {
        let start = sector * SimulatedDisk.sectorBytes
        let end = min(start + SimulatedDisk.sectorBytes, contents.visible.count)
        if start < end { contents.durable[start..<end] = contents.visible[start..<end] }
      }
      contents.dirty = []
    }

    func size() throws -> Int { contents.visible.count }

    func resize(to size: Int) throws {
      try disk.begin(.write, "resize")
      if size < contents.visible.count {
        contents.visible.removeLast(contents.visible.count - size)
        contents.durable.removeLast(max(0, contents.durable.count - size))
      } else {
        contents.visible += [UInt8](repeating: 0, count: size - contents.visible.count)
      }
    }
  }
}
