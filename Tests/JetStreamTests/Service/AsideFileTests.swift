import Configuration
import Reactor
import StorageSimulation
import Testing

@testable import JetStream

/// The file for records of a stream that cannot take them now.
@Suite struct AsideFileTests {
  typealias Record = (kind: UInt8, payload: [UInt8], sequence: UInt64)

  static let location = StoreLocationTests.location("/d")

  static func open(_ disk: SimulatedDisk, creating: Bool = true) throws -> (AsideFile, [Record])? {
    var seen: [Record] = []
    let file = try AsideFile(identifier: 17, location: location, disk: disk, creating: creating) {
      kind, bytes, sequence in
      seen.append((kind, Array(bytes), sequence))
    }
    return file.map { ($0, seen) }
  }

  static func disk(seed: UInt64 = 1) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: seed)
    for path in ["/d", "/d/jetstream", "/d/jetstream/aside"] { try disk.makeDirectory(path, mode: 0o700) }
    for path in ["/", "/d", "/d/jetstream"] { try disk.synchronizeDirectory(path) }
    return disk
  }

  static func add(_ file: AsideFile, _ sequences: ClosedRange<UInt64>) throws {
    for sequence in sequences {
      let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: Int(sequence) * 7000 % 300_000)
      try payload.withUnsafeBytes { try file.append(UInt8(sequence % 5), $0, sequence) }
    }
  }

  @Test func `records come back as they were added, also those of a second time; none twice`() throws {
    let disk = try Self.disk()
    #expect(try Self.open(disk, creating: false) == nil)
    let (file, none) = try #require(try Self.open(disk))
    #expect(none.isEmpty && file.last == 0)
    try Self.add(file, 1...40)
    try file.finish()
    let (again, some) = try #require(try Self.open(disk))
    #expect(some.map(\.sequence) == Array(1...40) && again.last == 40 && !again.isDamaged)
    try Self.add(again, 30...60)
    try again.finish()
    let (_, all) = try #require(try Self.open(disk, creating: false))
    #expect(all.map(\.sequence) == Array(1...60))
    for record in all {
      #expect(
        record.kind == UInt8(record.sequence % 5) && record.payload.count == Int(record.sequence) * 7000 % 300_000)
      #expect(record.payload.allSatisfy { $0 == UInt8(truncatingIfNeeded: record.sequence) })
    }
  }

  @Test(arguments: 0..<20) func `after a power failure what was finished is there, and goes on`(_ seed: UInt64) throws {
    let disk = try Self.disk(seed: seed)
    let (file, _) = try #require(try Self.open(disk))
    try Self.add(file, 1...10)
    try file.finish()
    try Self.add(file, 11...50)
    disk.crash()
    let (again, seen) = try #require(try Self.open(disk))
    #expect(seen.map(\.sequence).starts(with: 1...10), "seed \(seed)")
    try Self.add(again, 1...50)
    try again.finish()
    let (_, all) = try #require(try Self.open(disk))
    #expect(all.map(\.sequence) == Array(1...50), "seed \(seed)")
  }

  @Test func `a changed bit ends it, and is told`() throws {
    let disk = try Self.disk()
    let (file, _) = try #require(try Self.open(disk))
    try Self.add(file, 1...10)
    try file.finish()
    let path = Self.location.aside(17)
    var bytes = try disk.read(path)
    bytes[bytes.count / 2] ^= 4
    try disk.write(bytes, to: path, mode: 0o600)
    let (damaged, seen) = try #require(try Self.open(disk))
    #expect(damaged.isDamaged && seen.count < 10)
    #expect(seen.map(\.sequence) == Array(1...UInt64(seen.count)))
  }
}
