import Glibc
import Reactor
import StorageSimulation
import Testing

@testable import Journal

/// What cannot be read, or is gone, is never taken for the end of the journal.
@Suite struct JournalReadErrorTests {
  /// A journal with records in several segments, all acknowledged; then power is cut.
  static func filled(closing: Bool, payload: Int = 1000, records: Int = 60) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1)
    disk.makesNoise = false
    var options = JournalTests.options()
    options.maximumSegments = 8
    let (journal, _) = try JournalTests.open(disk, options)
    for number in 0..<records {
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: UInt8(number), count: payload), listener: 0)
      while journal.runTurn() {}
    }
    #expect(journal.durable == UInt64(records))
    if closing { journal.close() }
    disk.crash()
    return disk
  }

  enum Result: Equatable {
    case whole, reported, refused
  }

  /// Opens, and starts where that is possible without accepting damage.
  static func open(_ disk: SimulatedDisk, records: Int = 60, _ what: String) -> Result {
    var options = JournalTests.options()
    options.maximumSegments = 8
    guard let recovery = try? JournalRecovery(directory: "/j", disk: disk, options: options) else { return .refused }
    var seen: [UInt64] = []
    while let record = recovery.next() { seen.append(record.sequence) }
    if case .damaged(let first, let last) = recovery.ending {
      #expect(UInt64(seen.count) == first - 1, "\(what)")
      recovery.skipDamage()
      while let record = recovery.next() { seen.append(record.sequence) }
      while case .damaged = recovery.ending {
        recovery.skipDamage()
        while let record = recovery.next() { seen.append(record.sequence) }
      }
      let lost = Set(1...UInt64(records)).subtracting(seen)
      #expect(lost.allSatisfy { number in recovery.report.skipped.contains { $0.contains(number) } }, "\(what)")
      #expect(Set(seen).count == seen.count && seen == seen.sorted(), "\(what)")
      disk.unreadable = [:]
      guard let journal = try? recovery.start() else {
        Issue.record("\(what): not started")
        return .refused
      }
      // No sequence that may have been acknowledged is used again.
      if case .queued(let next) = journal.append(owner: 1, kind: 0, [], listener: 0) {
        #expect(next > last && next > UInt64(records), "\(what)")
      }
      return .reported
    }
    #expect(seen == Array(1...UInt64(records)), "\(what): \(String(describing: recovery.ending))")
    return .whole
  }

  @Test(arguments: [false, true])
  func `a sector that cannot be read costs nothing, or is reported`(closing: Bool) throws {
    var results: [Result: Int] = [:]
    let names = try Self.filled(closing: closing).list("/j")
    #expect(names.count >= 6)
    for name in names {
      let path = "/j/\(name)"
      for sector in 0..<(try Self.filled(closing: closing).contents(path).count + 4095) / 4096 {
        let disk = try Self.filled(closing: closing)
        disk.unreadable[path] = [sector]
        results[Self.open(disk, "\(name) sector \(sector)"), default: 0] += 1
      }
    }
    // Headers, unused sectors and sectors of small batches are there twice or not needed.
    #expect(results[.whole, default: 0] > 10 && results[.reported, default: 0] > 10)
    // There are two checkpoints after the close only, and one that is not read has to be there.
    #expect(results[.refused, default: 0] == (closing ? 0 : 1))
  }

  @Test(arguments: [false, true])
  func `a segment that is gone, or of which nothing can be read, is reported`(closing: Bool) throws {
    var results: [Result: Int] = [:]
    for name in try Self.filled(closing: closing).list("/j") where name.hasPrefix("segment") {
      for isGone in [false, true] {
        let disk = try Self.filled(closing: closing)
        if isGone { try disk.remove("/j/\(name)") } else { disk.unreadable["/j/\(name)"] = Set(0..<100) }
        results[Self.open(disk, "\(name) gone: \(isGone)"), default: 0] += 1
      }
    }
    // Only a file that was made ahead and never foretold is no loss.
    #expect(results[.reported, default: 0] >= 8 && results[.whole, default: 0] <= 2)
  }

  @Test func `the first segment of a new journal is missed, too`() throws {
    let disk = try Self.filled(closing: false, records: 3)
    try disk.remove("/j/segment-0")
    #expect(Self.open(disk, records: 3, "segment 0") == .reported)
  }

  @Test func `a segment whose header is lost in both copies is read without it`() throws {
    for name in try Self.filled(closing: false).list("/j") where name.hasPrefix("segment") {
      let disk = try Self.filled(closing: false)
      disk.fill("/j/\(name)", 0..<8192, with: 0xA5)
      #expect(Self.open(disk, "\(name) without a header") == .whole)
    }
  }

  @Test func `one checkpoint is enough; without any, what was released comes back and the end is not called clean`()
    throws
  {
    for file in 0..<2 {
      let disk = try Self.filled(closing: true)
      disk.fill("/j/checkpoint-\(file)", 0..<64, with: 0xFF)
      #expect(Self.open(disk, "checkpoint \(file)") == .whole)
    }
    let disk = try Self.filled(closing: true)
    for file in 0..<2 { disk.fill("/j/checkpoint-\(file)", 0..<64, with: 0xFF) }
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: JournalTests.options())
    var seen = 0
    while recovery.next() != nil { seen += 1 }
    #expect(seen == 60)
    #expect(recovery.ending == .tornTail(next: 61, laterRecords: false))
    #expect(recovery.report.checkpointsAreLost)
    for file in 0..<2 { disk.unreadable["/j/checkpoint-\(file)"] = [0] }
    #expect(throws: SystemError.self) {
      try JournalRecovery(directory: "/j", disk: disk, options: JournalTests.options())
    }
  }

  @Test func `a file cut off at any length is reported or costs nothing`() throws {
    for name in try Self.filled(closing: true).list("/j") {
      for size in [0, 1, 72, 4095, 4096, 5000, 8191, 8192, 8200, 9001, 12288, 20000, 28673] {
        let disk = try Self.filled(closing: true)
        disk.truncate("/j/\(name)", to: size)
        _ = Self.open(disk, "\(name) cut off at \(size)")
      }
    }
  }
}
