import Glibc
import Reactor
import StorageSimulation
import Testing

@testable import Journal

/// What a listener was told. One thread at a time.
final class Ear: @unchecked Sendable {
  var notices: [JournalNotice] = []
}

/// Random appends, releases, checkpoints, crashes and errors against a model.
struct CrashRun {
  struct Entry: Equatable {
    let owner: UInt64
    let kind: UInt8
    let payload: [UInt8]
  }

  let seed: UInt64
  let disk: SimulatedDisk
  var random: SeededGenerator
  var options = JournalOptions()
  /// By sequence, as last assigned.
  var appended: [LogSequence: Entry] = [:]
  var acknowledged: LogSequence = 0
  var released: [UInt64: LogSequence] = [:]
  /// Releases in this opening of everything until then.
  var releasedUnsynced: [(owner: UInt64, through: LogSequence)] = []
  var problems: [String] = []
  /// Goes on with every step.
  let time = ManualClock()
  /// With one, only what was synced counts as acknowledged.
  var clock: ManualClock?

  init(seed: UInt64) {
    self.seed = seed
    disk = SimulatedDisk(seed: seed &+ 1)
    random = SeededGenerator(seed: seed)
    disk.takesShortWrites = random.chance(50)
    // Small segments are begun, and checkpoints written, all the time.
    options.segmentBytes = random.chance(50) ? 16 << 10 : 32 << 10
    options.firstSegmentBytes = random.chance(50) ? 12 << 10 : 1 << 20
    options.maximumSegments = random.chance(20) ? 6 : 24
    options.reserveSegments = Int.random(in: 0...2, using: &random)
    options.maximumBatchBytes = 8 << 10
    options.maximumRecordBytes = 40 << 10
    options.hasOwnThread = false
    options.salt = 77
  }

  mutating func check(_ condition: Bool, _ text: String) {
    if !condition { problems.append("seed \(seed): \(text)") }
  }

  /// Opens and compares what is replayed with the model.
  mutating func open() throws -> Journal {
    let before = problems
    let recovery = try JournalRecovery(
      directory: "/j", disk: disk, options: options, clock: clock ?? time)
    var seen: [LogSequence: Entry] = [:]
    var previous: LogSequence = 0
    while let record = recovery.next() {
      check(record.sequence > previous, "\(record.sequence) after \(previous)")
      previous = record.sequence
      let entry = Entry(owner: record.owner, kind: record.kind, payload: Array(record.payload))
      check(
        appended[record.sequence] == entry,
        "record \(record.sequence) is not what was appended: \(appended[record.sequence].map { "\($0.owner) \($0.payload.count)" } ?? "nil") now \(entry.owner) \(entry.payload.count), acknowledged \(acknowledged)"
      )
      seen[record.sequence] = entry
    }
    for (sequence, entry) in appended where sequence <= acknowledged && sequence > released[entry.owner] ?? 0 {
      check(seen[sequence] != nil, "acknowledged record \(sequence) is missing, \(String(describing: recovery.ending))")
    }
    var next: LogSequence = 0
    switch recovery.ending {
    case .clean(let following), .tornTail(let following, _): next = following
    default: check(false, "ended \(String(describing: recovery.ending)), acknowledged \(acknowledged)")
    }
    check(next > acknowledged, "next is \(next) after \(acknowledged) acknowledged")
    check(previous < next, "next is \(next) after \(previous)")
    if !disk.hasPower {
      // What was read without power says nothing.
      problems = before
      throw SystemError("open", code: ENODEV)
    }
    appended = appended.filter { $0.key < next }
    let journal = try recovery.start()
    // What was replayed is relied upon from here on.
    acknowledged = next - 1
    return journal
  }

  mutating func work(_ journal: Journal, steps: Int) {
    let ear = Ear()
    let listener = journal.addListener { ear.notices.append($0) }
    var syncs: UInt64 = 0
    for _ in 0..<steps {
      switch Int.random(in: 0..<100, using: &random) {
      case ..<60:
        let large = random.chance(2)
        let count = Int.random(in: 0...(large ? 40 << 10 : random.chance(20) ? 6000 : 300), using: &random)
        let entry = Entry(
          owner: UInt64.random(in: 1...5, using: &random), kind: UInt8.random(in: 0...255, using: &random),
          payload: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        if random.chance(30) {
          // Together with smaller ones, of other owners.
          let records = JournalRecords()
          var entries = [entry]
          for number in 0..<Int.random(in: 0...5, using: &random) {
            entries.append(
              Entry(owner: UInt64.random(in: 1...5, using: &random), kind: UInt8(number), payload: [UInt8(number)]))
          }
          for entry in entries {
            _ = entry.payload.withUnsafeBytes { records.add(owner: entry.owner, kind: entry.kind, $0) }
          }
          if case .queued(let last) = journal.append(batch: records, listener: listener) {
            for (index, entry) in entries.enumerated() {
              appended[last + 1 + LogSequence(index) - LogSequence(entries.count)] = entry
            }
          }
        } else if case .queued(let sequence) = journal.append(
          owner: entry.owner, kind: entry.kind, entry.payload, listener: listener)
        {
          appended[sequence] = entry
        }
      case ..<85: journal.runTurn()
      case ..<97:
        let owner = UInt64.random(in: 1...5, using: &random)
        let through = journal.durable - min(journal.durable, UInt64.random(in: 0...20, using: &random))
        if random.chance(10) {
          // Of an owner that is gone, and comes back: after a crash it must not cover what replaced lost records.
          let last = appended.filter { $0.value.owner == owner }.keys.max() ?? 0
          journal.release(owner: owner, through: .max)
          releasedUnsynced.append((owner, last))
        } else {
          journal.release(owner: owner, through: through)
          released[owner] = max(released[owner] ?? 0, through)
        }
      default:
        journal.requestCheckpoint()
        journal.runTurn()
      }
      if journal.failure != nil { break }
      time.advance(byNanoseconds: 100_000_000)
      if let clock {
        clock.advance(byNanoseconds: 1)
        if journal.statistics.syncs > syncs { acknowledged = max(acknowledged, journal.durable) }
        syncs = journal.statistics.syncs
      }
    }
    for case .durable(let through) in ear.notices where clock == nil { acknowledged = max(acknowledged, through) }
    for (owner, through) in releasedUnsynced {
      released[owner] = max(released[owner] ?? 0, min(through, acknowledged))
    }
    releasedUnsynced = []
    check(journal.durable >= acknowledged, "told more than is durable")
  }
}

@Suite struct JournalCrashTests {
  /// Seeds that failed once. 2090: two copies of a segment header that differed, and the older one was believed.
  static let failedOnce: [UInt64] = [2090]

  /// 90: a segment whose header was lost, and whose records had been written again since, stood in the way.
  static let failedWithErrorsOnce: [UInt64] = [90]

  /// How many seeds each test takes: JOURNAL_SEEDS, for long runs.
  static let seeds = getenv("JOURNAL_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 120

  static func seeds(_ part: UInt64) -> Range<UInt64> { part * seeds / 4..<(part + 1) * seeds / 4 }

  /// Five power failures a seed: between any two writes or syncs, with sectors kept, lost, torn and
  /// turned to noise; on start-up too.
  @Test(arguments: 0..<4)
  func `after a power failure everything acknowledged is replayed in order, once, and nothing else`(part: UInt64) {
    for seed in Array(Self.seeds(part)) + (part == 0 ? Self.failedOnce : []) {
      var run = CrashRun(seed: seed)
      for _ in 0..<5 {
        let fails = run.disk.operations + Int.random(in: 1...150, using: &run.random)
        run.disk.powerFailsAt = fails
        if let journal = try? run.open() { run.work(journal, steps: 200) }
        run.disk.crash()
        if !run.problems.isEmpty { break }
      }
      #expect(run.problems.isEmpty, "\(run.problems.prefix(3))")
      if !run.problems.isEmpty { return }
    }
  }

  @Test func `with a sync interval a power failure loses nothing from before the last sync`() {
    for seed in 0..<Self.seeds / 4 {
      var run = CrashRun(seed: 2_000_000 + seed)
      run.clock = ManualClock()
      run.options.syncIntervalNanoseconds = Int64.random(in: 1...40, using: &run.random)
      for _ in 0..<5 {
        run.disk.powerFailsAt = run.disk.operations + Int.random(in: 1...150, using: &run.random)
        if let journal = try? run.open() { run.work(journal, steps: 200) }
        run.disk.crash()
        if !run.problems.isEmpty { break }
      }
      #expect(run.problems.isEmpty, "\(run.problems.prefix(3))")
      if !run.problems.isEmpty { return }
    }
  }

  @Test(arguments: 0..<4)
  func `an error of a write or a sync stops the journal, and nothing unsynced counts afterwards`(part: UInt64) throws {
    for seed in Array(Self.seeds(part)) + (part == 0 ? Self.failedWithErrorsOnce : []) {
      var run = CrashRun(seed: 1_000_000 + seed)
      for round in 0..<4 {
        let operation: SimulatedDisk.Operation = run.random.chance(50) ? .write : .sync
        run.disk.failure = (operation, Int.random(in: 0..<60, using: &run.random), run.random.chance(50) ? EIO : ENOSPC)
        if let journal = try? run.open() {
          run.work(journal, steps: 150)
          if let failure = journal.failure {
            #expect(journal.append(owner: 1, kind: 0, [1], listener: 0) == .refused(failure))
            let durable = journal.durable
            while journal.runTurn() {}
            #expect(journal.durable == durable)
          }
        }
        run.disk.failure = nil
        // Opened again with the same page cache, then without.
        if round % 2 == 0, let journal = try? run.open() { run.work(journal, steps: 20) }
        run.disk.crash()
        if !run.problems.isEmpty { break }
      }
      #expect(run.problems.isEmpty, "\(run.problems.prefix(3))")
      if !run.problems.isEmpty { return }
    }
  }
}
