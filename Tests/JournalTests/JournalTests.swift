import Foundation
import Glibc
import Reactor
import Synchronization
import StorageSimulation
import Testing

@testable import Journal

@Suite struct JournalTests {
  static func options() -> JournalOptions {
    var options = JournalOptions()
    options.segmentBytes = 32 << 10
    options.maximumSegments = 4
    options.maximumBatchBytes = 4 << 10
    options.maximumRecordBytes = 100 << 10
    options.hasOwnThread = false
    options.salt = 1
    return options
  }

  static func open(_ disk: SimulatedDisk, _ options: JournalOptions = options()) throws -> (Journal, [UInt64]) {
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: options)
    var seen: [UInt64] = []
    while let record = recovery.next() { seen.append(record.sequence) }
    return (try recovery.start(), seen)
  }

  /// Three batches of two records; then power is cut.
  static func sixRecords(payload: Int, closing: Bool) throws -> SimulatedDisk {
    let disk = SimulatedDisk(seed: 1)
    var options = Self.options()
    options.maximumBatchBytes = 8 << 10
    let (journal, _) = try open(disk, options)
    for batch in 0..<3 {
      for _ in 0..<2 {
        _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: UInt8(batch), count: payload), listener: 0)
      }
      journal.runTurn()
    }
    if closing { journal.close() }
    disk.crash()
    return disk
  }

  struct Damage: Sendable {
    let payload: Int
    let bytes: [Int]
    let closing: Bool
    let ending: JournalEnding
    let seen: Int
    init(_ payload: Int, _ bytes: [Int], closing: Bool = false, _ ending: JournalEnding, seen: Int) {
      (self.payload, self.bytes, self.closing) = (payload, bytes, closing)
      (self.ending, self.seen) = (ending, seen)
    }
  }

  /// Which bytes are damaged, and what replay says.
  static let damages: [Damage] = [
    // Batches of two sectors at 8192, 16384 and 24576, records of 2136 bytes. What is before the last batch is proven by
    // it.
    Damage(2100, [], .clean(next: 7), seen: 6),
    Damage(2100, [8192 + 50], .damaged(first: 1, last: 1), seen: 0),
    Damage(2100, [8192 + 2136 + 3], .damaged(first: 2, last: 2), seen: 1),
    Damage(2100, [16384 + 9], .damaged(first: 3, last: 3), seen: 2),
    // Of the last batch nothing says whether it was synced, except after an orderly close.
    Damage(2100, [24576 + 50], .tornTail(next: 5, laterRecords: true), seen: 4),
    Damage(2100, [24576 + 2136 + 50], .tornTail(next: 6, laterRecords: false), seen: 5),
    Damage(2100, [24576 + 50], closing: true, .damaged(first: 5, last: 5), seen: 4),
    Damage(2100, [24576 + 2136 + 50], closing: true, .damaged(first: 6, last: 6), seen: 5),
    // Small ones share a pair of sectors: all six at 8192, and the first four, from before the last batch, at 12288.
    Damage(100, [], .clean(next: 7), seen: 6),
    Damage(100, [8192 + 50], .tornTail(next: 5, laterRecords: true), seen: 4),
    Damage(100, [8192 + 50], closing: true, .damaged(first: 5, last: 5), seen: 4),
    Damage(100, [8192 + 5 * 136 + 1], .tornTail(next: 6, laterRecords: false), seen: 5),
    Damage(100, [8192 + 5 * 136 + 1], closing: true, .damaged(first: 6, last: 6), seen: 5),
    Damage(100, [12288 + 50], .tornTail(next: 7, laterRecords: false), seen: 6),
    Damage(100, [8192 + 50, 12288 + 50], closing: true, .damaged(first: 1, last: 1), seen: 0),
  ]

  @Test(arguments: damages)
  func `replay stops before the first damaged record and says why`(damage: Damage) throws {
    let ending = damage.ending
    let seen = (0..<damage.seen).map { UInt64($0 + 1) }
    let disk = try Self.sixRecords(payload: damage.payload, closing: damage.closing)
    for byte in damage.bytes { disk.flip("/j/segment-0", byte: byte, bit: 3) }
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: Self.options())
    var found: [UInt64] = []
    while let record = recovery.next() { found.append(record.sequence) }
    #expect(found == seen)
    #expect(recovery.ending == ending)
    guard case .damaged(let first, let last) = ending else { return }
    #expect(throws: JournalFailure.damaged(ending)) { try recovery.start() }
    recovery.skipDamage()
    while let record = recovery.next() { found.append(record.sequence) }
    let expected: [UInt64] = (1...6).filter { $0 < first || $0 > last }
    #expect(found == expected)
    let after: [JournalEnding?] = [.clean(next: 7), .tornTail(next: 7, laterRecords: false)]
    #expect(after.contains(recovery.ending))
    #expect(recovery.report.skipped == [first...last])
    let journal = try recovery.start()
    #expect(journal.append(owner: 1, kind: 0, [], listener: 0) == .queued(7))
  }

  @Test func `a missing segment is damage, not an end`() throws {
    let disk = SimulatedDisk(seed: 1)
    let (journal, _) = try Self.open(disk)
    for _ in 0..<16 {
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 1, count: 4000), listener: 0)
      while journal.runTurn() {}
    }
    disk.crash()
    try disk.remove("/j/segment-1")
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: Self.options())
    while recovery.next() != nil {}
    guard case .damaged(let first, _) = recovery.ending else {
      Issue.record("ended \(String(describing: recovery.ending))")
      return
    }
    #expect(first > 1 && first < 16)
  }

  @Test func `appends are refused when the batch is full, and the listener hears of room`() throws {
    let (journal, _) = try Self.open(SimulatedDisk(seed: 1))
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    var outcome = AppendOutcome.queued(0)
    var taken = 0
    while case .queued = outcome {
      outcome = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 500), listener: listener)
      taken += 1
    }
    #expect(outcome == .full && taken == 8)
    journal.runTurn()
    #expect(ear.notices == [.room, .durable(through: 7)])
    #expect(
      journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 102_401), listener: listener)
        == .refused(.recordTooLarge(bytes: 102_401, limit: 102_400)))
  }

  @Test func `without releases the journal stops at its last segment; a release lets it go on, in recycled ones`()
    throws
  {
    let (journal, _) = try Self.open(SimulatedDisk(seed: 1))
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    func fill() {
      repeat {
        _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: listener)
      } while journal.runTurn()
    }
    fill()
    let stopped = journal.durable
    #expect(ear.notices.last == .checkpointWanted(through: stopped))
    #expect(journal.failure == nil)
    journal.release(owner: 1, through: stopped)
    while journal.runTurn() {}
    #expect(journal.durable > stopped)
    for _ in 0..<100 {
      journal.release(owner: 1, through: journal.durable)
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: listener)
      while journal.runTurn() {}
    }
    #expect(journal.statistics.segmentsCreated <= 4)
    #expect(journal.statistics.segmentsRecycled > 10)
  }

  @Test func `when all segments are in use, what is on its way goes to the reserve, whose files do not stay`() throws {
    let disk = SimulatedDisk(seed: 1)
    var options = Self.options()
    options.reserveSegments = 3
    func segments() throws -> Int { try disk.list("/j").count { $0.hasPrefix("segment") } }
    let (journal, _) = try Self.open(disk, options)
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    func append() {
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: listener)
      journal.commit()
    }
    func wishes() -> [LogSequence] {
      ear.notices.compactMap { if case .checkpointWanted(let through) = $0 { through } else { nil } }
    }
    // With the maximum, checkpoints are asked for and the journal goes on.
    while try segments() <= options.maximumSegments {
      append()
      while journal.runTurn() {}
    }
    let atMaximum = journal.durable
    #expect(wishes().contains { $0 < atMaximum && $0 + 8 >= atMaximum })
    // Beyond the reserve it stops, and says so once more.
    for _ in 0..<200 {
      append()
      while journal.runTurn() {}
    }
    let stopped = journal.durable
    #expect(stopped > atMaximum && stopped < 200)
    #expect(wishes().last == stopped)
    #expect(try segments() == options.maximumSegments + options.reserveSegments)
    // Released, the files beyond the maximum go.
    journal.release(owner: 1, through: stopped)
    for _ in 0..<40 {
      append()
      while journal.runTurn() {}
      journal.release(owner: 1, through: journal.durable)
    }
    #expect(journal.durable > stopped + 30)
    #expect(try segments() <= options.maximumSegments)
    #expect(journal.failure == nil)
  }

  @Test func `a start after the reserve was used shows everything, and makes the journal small again`() throws {
    let disk = SimulatedDisk(seed: 1)
    var options = Self.options()
    options.reserveSegments = 3
    let (journal, _) = try Self.open(disk, options)
    for _ in 0..<200 {
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: 0)
      journal.commit()
      while journal.runTurn() {}
    }
    let stopped = journal.durable
    disk.crash()
    let (again, seen) = try Self.open(disk, options)
    #expect(seen.count >= Int(stopped))
    for _ in 0..<60 {
      again.release(owner: 1, through: again.durable)
      _ = again.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: 0)
      again.commit()
      while again.runTurn() {}
    }
    #expect(again.failure == nil)
    #expect(again.durable >= stopped + 50)
    #expect(try disk.list("/j").count { $0.hasPrefix("segment") } <= options.maximumSegments)
  }

  @Test(arguments: [70 << 10, 76 << 10, 80 << 10, 90 << 10, 100 << 10])
  func `on a full disk the journal waits, and goes on when there is space`(capacity: Int) throws {
    let disk = SimulatedDisk(seed: 1)
    disk.capacity = capacity
    let clock = ManualClock()
    let recovery = try JournalRecovery(directory: "/j", disk: disk, options: Self.options(), clock: clock)
    #expect(recovery.next() == nil)
    let journal = try recovery.start()
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    var appended: LogSequence = 0
    func append() {
      if case .queued(let last) = journal.append(
        owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: listener)
      {
        appended = last
      }
    }
    while !ear.notices.contains(where: { if case .shortage(.some) = $0 { true } else { false } }) {
      append()
      journal.runTurn()
      if appended > 1000 { throw JournalFailure.closed }
    }
    let durable = journal.durable
    append()
    for _ in 0..<5 {
      #expect(!journal.runTurn(), "not tried again before a second has gone by")
      clock.advance(byNanoseconds: Journal.retryNanoseconds)
      journal.runTurn()
    }
    #expect(journal.durable == durable)
    #expect(journal.failure == nil)
    let told = ear.notices.filter { if case .shortage = $0 { true } else { false } }
    #expect(told.count == 1)
    // A crash now loses nothing that was acknowledged.
    let copy = try JournalRecovery(directory: "/j", disk: disk, options: Self.options(), clock: clock)
    var seen: LogSequence = 0
    while let record = copy.next() { seen = record.sequence }
    #expect(seen >= durable)
    disk.capacity = .max
    clock.advance(byNanoseconds: Journal.retryNanoseconds)
    while journal.runTurn() {}
    #expect(ear.notices.contains(.shortage(nil)))
    #expect(journal.durable == appended)
    let (_, all) = try Self.open(disk)
    #expect(all == Array(1...appended))
  }

  @Test func `a journal that is closed on a full disk does not wait`() throws {
    let disk = SimulatedDisk(seed: 1)
    disk.capacity = 80 << 10
    let (journal, _) = try Self.open(disk)
    for _ in 0..<40 {
      _ = journal.append(owner: 1, kind: 0, [UInt8](repeating: 0, count: 4000), listener: 0)
      journal.runTurn()
    }
    let durable = journal.durable
    journal.close()
    guard case .disk(let code, _) = journal.failure else {
      Issue.record("\(String(describing: journal.failure))")
      return
    }
    #expect(code == ENOSPC)
    disk.capacity = .max
    let (again, seen) = try Self.open(disk)
    #expect(seen == Array(1...durable))
    #expect(again.append(owner: 1, kind: 0, [], listener: 0) == .queued(durable + 1))
  }

  @Test func `with a sync interval batches are acknowledged when written, and synced when it is over`() throws {
    let clock = ManualClock(monotonicNanoseconds: 1_000_000)
    var options = Self.options()
    options.syncIntervalNanoseconds = 1_000_000_000
    let recovery = try JournalRecovery(directory: "/j", disk: SimulatedDisk(seed: 1), options: options, clock: clock)
    #expect(recovery.next() == nil)
    let journal = try recovery.start()
    for sequence in 1...3 {
      _ = journal.append(owner: 1, kind: 0, [1], listener: 0)
      #expect(journal.runTurn())
      #expect(journal.durable == UInt64(sequence))
    }
    #expect(journal.statistics.syncs == 0)
    #expect(!journal.runTurn())
    clock.advance(byNanoseconds: 1_000_000_000)
    #expect(journal.runTurn())
    #expect(journal.statistics.syncs == 1)
  }

  /// Four threads on a real disk. Prints what it measured; the numbers are information.
  @Test func `four threads append at once, and replay shows each one's records in its order`() throws {
    let directory = NSTemporaryDirectory() + "journal-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let recovery = try JournalRecovery(directory: directory)
    #expect(recovery.next() == nil)
    let journal = try recovery.start()
    let perThread = 20_000
    let start = ContinuousClock.now
    let threads = (0..<4).map { index in
      let done = DispatchSemaphore(value: 0)
      let thread = Thread {
        let room = DispatchSemaphore(value: 0)
        let finished = DispatchSemaphore(value: 0)
        let last = Atomic<UInt64>(.max)
        let listener = journal.addListener { notice in
          if case .durable(let through) = notice, through >= last.load(ordering: .acquiring) { finished.signal() }
          if notice == .room { room.signal() }
        }
        var sequence: UInt64 = 0
        for number in 0..<perThread {
          while true {
            let outcome = journal.append(owner: UInt64(index), kind: 1, byteCount: 128, listener: listener) {
              $0.storeBytes(of: number, as: Int.self)
              memset($0.baseAddress! + 8, Int32(index), 120)
            }
            if case .queued(let given) = outcome {
              sequence = given
              break
            }
            room.wait()
          }
          if number % 100 == 99 { journal.commit() }
        }
        last.store(sequence, ordering: .releasing)
        journal.commit()
        if journal.durable < sequence { finished.wait() }
        done.signal()
      }
      thread.start()
      return done
    }
    for thread in threads { thread.wait() }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let statistics = journal.statistics
    journal.close()
    print(
      "journal: \(Int(Double(statistics.records) / seconds)) records of 128 B a second, \(statistics.syncs) syncs,",
      "\(Int(Double(statistics.syncs) / seconds)) a second")
    let again = try JournalRecovery(directory: directory)
    var next = [Int](repeating: 0, count: 4)
    while let record = again.next() {
      let number = record.payload.loadUnaligned(as: Int.self)
      #expect(number == next[Int(record.owner)])
      next[Int(record.owner)] = number + 1
    }
    #expect(next == [Int](repeating: perThread, count: 4))
    #expect(again.ending == .clean(next: UInt64(4 * perThread) + 1))
  }
}
