import Foundation
import Glibc
import Reactor
import Synchronization
import StorageSimulation
import Testing

@testable import Journal

/// What happens at the bounds, and at the end.
@Suite struct JournalBoundsTests {
  @Test func `one owner more than the limit is refused, alone and in a batch, until records are recycled`() throws {
    var options = JournalTests.options()
    options.maximumOwners = 3
    let (journal, _) = try JournalTests.open(SimulatedDisk(seed: 1), options)
    for owner in UInt64(1)...3 {
      #expect(journal.append(owner: owner, kind: 0, [], listener: 0) == .queued(owner))
    }
    let refusal = AppendOutcome.refused(.tooManyOwners(limit: 3))
    #expect(journal.append(owner: 4, kind: 0, [], listener: 0) == refusal)
    let records = JournalRecords()
    for owner in UInt64(2)...4 { records.add(owner: owner, kind: 0, byteCount: 0) { _ in } }
    #expect(journal.append(batch: records, listener: 0) == refusal)
    #expect(records.count == 3)
    records.removeAll()
    for owner in [UInt64(2), 3, 2, 3, 1] { records.add(owner: owner, kind: 0, byteCount: 0) { _ in } }
    #expect(journal.append(batch: records, listener: 0) == .queued(8))
    #expect(records.isEmpty)
    while journal.runTurn() {}
    journal.release(owner: 1, through: .max)
    for _ in 0..<2 {
      journal.requestCheckpoint()
      while journal.runTurn() {}
    }
    // Owner 1's last record is 8; the journal forgets owners once a replay cannot show their records.
    journal.release(owner: 2, through: .max)
    journal.release(owner: 3, through: .max)
    journal.requestCheckpoint()
    while journal.runTurn() {}
    #expect(journal.append(owner: 4, kind: 0, [], listener: 0) == .queued(9))
  }

  @Test func `a batch takes its sequences in order, and comes back as it was given`() throws {
    let disk = SimulatedDisk(seed: 1)
    let (journal, _) = try JournalTests.open(disk)
    _ = journal.append(owner: 9, kind: 9, [9], listener: 0)
    let records = JournalRecords()
    for number in 0..<20 {
      let added = records.add(owner: UInt64(number % 3), kind: UInt8(number), byteCount: number) { bytes in
        for index in bytes.indices { bytes[index] = UInt8(number + index) }
      }
      #expect(added == number)
    }
    #expect(journal.append(batch: records, listener: 0) == .queued(21))
    _ = journal.append(owner: 9, kind: 9, [9], listener: 0)
    while journal.runTurn() {}
    disk.crash()
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: JournalTests.options())
    var sequence: UInt64 = 0
    while let record = recovery.next() {
      sequence += 1
      #expect(record.sequence == sequence)
      guard (2...21).contains(sequence) else { continue }
      let number = Int(sequence) - 2
      #expect(record.owner == UInt64(number % 3) && Int(record.kind) == number)
      #expect(Array(record.payload) == (0..<number).map { UInt8(number + $0) })
    }
    #expect(sequence == 22)
  }

  @Test func `a batch that does not fit is kept, and fits after room; one too large a record is refused`() throws {
    let (journal, _) = try JournalTests.open(SimulatedDisk(seed: 1))
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 3000), listener: listener)
    let records = JournalRecords(keeping: 0)
    for _ in 0..<10 { records.add(owner: 1, kind: 0, byteCount: 200) { _ in } }
    #expect(journal.append(batch: records, listener: listener) == .full)
    #expect(records.count == 10)
    while journal.runTurn() {}
    #expect(ear.notices == [.room, .durable(through: 1)])
    #expect(journal.append(batch: records, listener: listener) == .queued(11))
    while journal.runTurn() {}
    #expect(journal.durable == 11)
    records.add(owner: 1, kind: 0, byteCount: 102_401) { _ in }
    #expect(
      journal.append(batch: records, listener: listener) == .refused(.recordTooLarge(bytes: 102_401, limit: 102_400)))
    #expect(records.count == 1)
  }

  @Test func `one small record at a time takes its own size, not a sector`() throws {
    let disk = SimulatedDisk(seed: 1)
    let (journal, _) = try JournalTests.open(disk)
    // A segment has three pairs of sectors; a sector has 30 records of 136 bytes.
    for sequence in UInt64(1)...90 {
      #expect(journal.append(owner: 1, kind: 0, [UInt8](repeating: 1, count: 100), listener: 0) == .queued(sequence))
      while journal.runTurn() {}
      #expect(journal.durable == sequence)
    }
    #expect(disk.contents("/j/segment-1")[..<8192].allSatisfy { $0 == 0 })
    _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 1, count: 100), listener: 0)
    while journal.runTurn() {}
    #expect(!disk.contents("/j/segment-1")[..<8192].allSatisfy { $0 == 0 })
    disk.crash()
    let (_, seen) = try JournalTests.open(disk)
    #expect(seen == Array(1...91))
  }

  @Test func `opening again and again makes no more files than the options allow`() throws {
    let disk = SimulatedDisk(seed: 1)
    for opening in 0..<30 {
      let (journal, _) = try JournalTests.open(disk)
      for _ in 0..<(opening % 7) * 10 {
        _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 1, count: 3000), listener: 0)
        while journal.runTurn() {}
        journal.release(owner: 1, through: .max)
      }
      if opening % 3 == 0 { disk.crash() } else { journal.close() }
    }
    #expect(try disk.list("/j").count { $0.hasPrefix("segment") } <= JournalTests.options().maximumSegments)
  }

  @Test func `an interval without end never syncs, and does not overflow`() throws {
    var options = JournalTests.options()
    options.hasOwnThread = true
    options.syncIntervalNanoseconds = .max
    let recovery = try JournalRecovery(directory: "/j", disk: SimulatedDisk(seed: 1), options: options)
    #expect(recovery.next() == nil)
    let journal = try recovery.start()
    _ = journal.append(owner: 1, kind: 0, [1], listener: 0)
    journal.commit()
    while journal.durable < 1 { usleep(100) }
    #expect(journal.statistics.syncs == 0)
    journal.close()
    #expect(journal.statistics.syncs == 1)
    #expect(journal.append(owner: 1, kind: 0, [1], listener: 0) == .refused(.closed))
  }

  @Test func `a release of records that were lost does not cover those that take their place`() throws {
    let disk = SimulatedDisk(seed: 1)
    let (journal, _) = try JournalTests.open(disk)
    _ = journal.append(owner: 1, kind: 0, [1], listener: 0)
    while journal.runTurn() {}
    for _ in 0..<5 { _ = journal.append(owner: 1, kind: 0, [2], listener: 0) }
    journal.release(owner: 1, through: .max)
    journal.requestCheckpoint()
    #expect(journal.runTurn())
    disk.crash()
    let (again, _) = try JournalTests.open(disk)
    #expect(again.append(owner: 1, kind: 0, [3], listener: 0) == .queued(2))
    while again.runTurn() {}
    disk.crash()
    let (_, seen) = try JournalTests.open(disk)
    #expect(seen == [2])
  }

  /// Begins a segment at every few batches, stalls until a release, and makes files ahead, all at once.
  @Test(arguments: [3, 4, 8])
  func `threads that release go on in the smallest number of segments`(segments: Int) throws {
    let directory = NSTemporaryDirectory() + "journal-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = JournalOptions()
    options.segmentBytes = 32 << 10
    options.maximumBatchBytes = 8 << 10
    options.maximumRecordBytes = 60 << 10
    options.maximumSegments = segments
    let recovery = try JournalRecovery(directory: directory, options: options)
    #expect(recovery.next() == nil)
    let journal = try recovery.start()
    let finished = DispatchSemaphore(value: 0)
    for index in 0..<4 {
      Thread.detachNewThread {
        let notices = DispatchSemaphore(value: 0)
        let listener = journal.addListener { _ in notices.signal() }
        let records = JournalRecords()
        for round in 0..<150 {
          // Now and then one that is larger than a segment.
          let payload = round % 50 == 49 ? 50_000 : 300
          for _ in 0..<(payload > 300 ? 1 : 8) {
            records.add(owner: UInt64(index), kind: 0, byteCount: payload) { _ = memset($0.baseAddress!, 1, payload) }
          }
          while !records.isEmpty {
            if case .queued(let last) = journal.append(batch: records, listener: listener) {
              journal.commit()
              while journal.durable < last { notices.wait() }
              journal.release(owner: UInt64(index), through: last)
            } else {
              notices.wait()
            }
          }
        }
        finished.signal()
      }
    }
    for _ in 0..<4 { #expect(finished.wait(timeout: .now() + 60) == .success, "a thread does not go on") }
    let statistics = journal.statistics
    #expect(statistics.records == UInt64(4 * (147 * 8 + 3)))
    journal.close()
    let names = try SystemDisk().list(directory)
    #expect(names.count { $0.hasPrefix("segment") } <= segments)
  }

  @Test func `closing beside appending threads: what was queued is durable, the rest refused`() throws {
    for _ in 0..<10 {
      let directory = NSTemporaryDirectory() + "journal-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
      defer { try? FileManager.default.removeItem(atPath: directory) }
      var options = JournalOptions()
      options.segmentBytes = 64 << 10
      options.maximumBatchBytes = 16 << 10
      options.maximumSegments = 2000
      let recovery = try JournalRecovery(directory: directory, options: options)
      #expect(recovery.next() == nil)
      let journal = try recovery.start()
      let highest = (0..<3).map { _ in Atomic64() }
      let finished = DispatchSemaphore(value: 0)
      for index in 0..<3 {
        let mine = highest[index]
        Thread.detachNewThread {
          let records = JournalRecords()
          while true {
            if records.isEmpty {
              for _ in 0..<5 { records.add(owner: UInt64(index), kind: 0, byteCount: 100) { _ in } }
            }
            let outcome = journal.append(batch: records, listener: 0)
            if case .queued(let last) = outcome { mine.value.store(last, ordering: .releasing) }
            journal.commit()
            if outcome == .refused(.closed) { break }
          }
          finished.signal()
        }
      }
      usleep(UInt32.random(in: 500...20_000))
      journal.close()
      for _ in 0..<3 { finished.wait() }
      let last = highest.map { $0.value.load(ordering: .acquiring) }.max()!
      #expect(journal.durable == last)
      let again = try JournalRecovery(directory: directory, options: options)
      while again.next() != nil {}
      #expect(again.ending == .clean(next: last + 1))
    }
  }
}

/// A number that threads share.
final class Atomic64: Sendable {
  let value = Atomic<UInt64>(0)
}
