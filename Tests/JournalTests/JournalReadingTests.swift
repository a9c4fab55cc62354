import StorageSimulation
import Testing

@testable import Journal

/// A journal that runs shows an owner's records, so that they can be kept elsewhere and it can go on.
@Suite struct JournalReadingTests {
  static func records(_ journal: Journal, _ owner: UInt64, through: LogSequence = .max) throws -> [LogSequence] {
    var seen: [LogSequence] = []
    try journal.read(owner: owner, through: through) { record in
      #expect(record.owner == owner && record.payload.allSatisfy { $0 == UInt8(truncatingIfNeeded: record.sequence) })
      seen.append(record.sequence)
    }
    return seen
  }

  /// Appends `count` records of 500 bytes in turn for these owners, and writes them.
  static func append(_ journal: Journal, _ count: Int, owners: [UInt64], from: inout LogSequence) {
    for number in 0..<count {
      let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: from), count: 500)
      guard case .queued(from) = journal.append(owner: owners[number % owners.count], kind: 1, payload, listener: 0)
      else { return }
      from += 1
      if number % 5 == 4 { while journal.runTurn() {} }
    }
    while journal.runTurn() {}
  }

  @Test func `what an owner has not released is shown, in order, and what others write meanwhile does not matter`()
    throws
  {
    let (journal, _) = try JournalTests.open(SimulatedDisk(seed: 1))
    var next: LogSequence = 1
    Self.append(journal, 30, owners: [1, 2, 3], from: &next)
    #expect(try Self.records(journal, 2) == stride(from: 2, through: 29, by: 3).map { LogSequence($0) })
    #expect(try Self.records(journal, 2, through: 11) == [2, 5, 8, 11])
    #expect(try Self.records(journal, 4) == [])
    journal.release(owner: 2, through: 14)
    #expect(try Self.records(journal, 2) == [17, 20, 23, 26, 29])
    journal.release(owner: 2, through: .max)
    #expect(try Self.records(journal, 2) == [])
  }

  @Test func `records that are not durable yet are not shown`() throws {
    let (journal, _) = try JournalTests.open(SimulatedDisk(seed: 1))
    var next: LogSequence = 1
    Self.append(journal, 5, owners: [1], from: &next)
    _ = journal.append(owner: 1, kind: 1, [], listener: 0)
    #expect(try Self.records(journal, 1) == [1, 2, 3, 4, 5])
  }

  @Test func `segments that others have released are overwritten; the owner's records are found all the same`() throws {
    let (journal, _) = try JournalTests.open(SimulatedDisk(seed: 1))
    var next: LogSequence = 1
    for _ in 0..<10 {
      Self.append(journal, 40, owners: [1], from: &next)
      journal.release(owner: 1, through: .max)
    }
    let first = next
    Self.append(journal, 20, owners: [2], from: &next)
    #expect(try Self.records(journal, 2) == Array(first..<next))
    #expect(journal.statistics.segmentsRecycled > 0)
  }

  @Test func `records that cannot be read are an error, not less records`() throws {
    let disk = SimulatedDisk(seed: 1)
    let (journal, _) = try JournalTests.open(disk)
    var next: LogSequence = 1
    Self.append(journal, 40, owners: [1], from: &next)
    disk.unreadable["/j/segment-0"] = [4]
    #expect(throws: JournalFailure.self) { try Self.records(journal, 1) }
  }
}
