import Foundation
import MessageStore
import Reactor
import StorageSimulation
import Testing

/// Stores in files on a disk that loses power, by seed. The journal is a list here that never loses anything: after each
/// crash the store is opened, told again what its last checkpoint does not contain, and compared with the model.
@Suite struct StoreCrashTests {
  /// `STORE_SEEDS=5000` for a long run.
  static let seeds: ClosedRange<UInt64> =
    1...(ProcessInfo.processInfo.environment["STORE_SEEDS"].flatMap { UInt64($0) } ?? 150)

  struct Run {
    let seed: UInt64
    var random: SeededGenerator
    let disk: SimulatedDisk
    let model = ModelStore(.file)
    var log: [StoreChange] = []
    var released = 0
    var options = StoreOptions()

    init(seed: UInt64) {
      self.seed = seed
      random = SeededGenerator(seed: seed)
      disk = SimulatedDisk(seed: seed &* 31)
      disk.takesShortWrites = seed % 3 == 0
      options.blockBytes = 4096 + Int(seed % 5) * 2048
      options.writeBytes = 4096
    }

    mutating func open() throws -> StreamStore {
      options.chooseCompression(&random)
      return try StreamStore.open(
        directory: "s", disk: disk, options: options, memory: StoreMemory(budgetBytes: seed % 2 == 0 ? 0 : 1 << 20))
    }

    /// Changes, checkpoints and maintenance until the power fails, or for a while.
    mutating func work(_ store: StreamStore, steps: Int) -> Bool {
      do {
        for _ in 0..<steps {
          let change = StoreChange.random(&random, model)
          try change.apply(to: model)
          log.append(change)
          try change.apply(to: store)
          if random.chance(4),
            let job = try store.prepareCheckpoint(appliedLog: UInt64(log.count), attachment: [UInt8(log.count & 255)])
          {
            if try carryOut(job, store) { released = log.count }
          }
          if random.chance(8), let job = try store.prepareMaintenance() { _ = try carryOut(job, store) }
        }
        return true
      } catch {
        return false
      }
    }

    private mutating func carryOut(_ job: StoreJob, _ store: StreamStore) throws -> Bool {
      job.run()
      return try store.finish(job)
    }

    /// After a start: what the checkpoint does not contain is done again.
    func replay(_ store: StreamStore) throws {
      let applied = Int(store.recovery.appliedLog)
      if applied < released { throw Problem("checkpoint \(released) is lost: \(applied)") }
      if applied > 0, store.recovery.attachment != [UInt8(applied & 255)] { throw Problem("wrong attachment") }
      for change in log[applied...] { try change.apply(to: store) }
    }
  }

  struct Problem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  static func crashes(seed: UInt64) throws {
    var run = Run(seed: seed)
    for _ in 0..<6 {
      let store = try run.open()
      try run.replay(store)
      if let lost = store.state.lost { throw Problem("lost \(lost)") }
      if let problem = try difference(store, run.model) { throw Problem(problem) }
      run.disk.powerFailsAt = run.disk.operations + Int.random(in: 1...80, using: &run.random)
      _ = run.work(store, steps: Int.random(in: 20...120, using: &run.random))
      run.disk.crash()
    }
  }

  @Test("what the journal has is there after every crash", arguments: Self.seeds)
  func crash(seed: UInt64) throws {
    do { try Self.crashes(seed: seed) } catch { Issue.record("seed \(seed): \(error)") }
  }

  /// Bits flip anywhere in blocks and sidecars: a message is as it was, or it is reported lost.
  static func flips(seed: UInt64) throws {
    var run = Run(seed: seed)
    var store = try run.open()
    _ = run.work(store, steps: 200)
    guard let job = try store.prepareCheckpoint(appliedLog: UInt64(run.log.count), attachment: []) else { return }
    job.run()
    try store.finish(job)
    try store.close()
    let names = try run.disk.list("s").filter { $0.hasSuffix(".blk") || $0.hasSuffix(".idx") || $0.hasPrefix("sub") }
    for _ in 0..<Int.random(in: 1...4, using: &run.random) {
      guard let name = names.randomElement(using: &run.random) else { return }
      let size = run.disk.contents("s/" + name).count
      if size == 0 { continue }
      run.disk.flip(
        "s/" + name, byte: Int.random(in: 0..<size, using: &run.random), bit: Int.random(in: 0...7, using: &run.random))
    }
    store = try run.open()
    var sequence = run.model.firstSequence
    while sequence <= run.model.lastSequence {
      let wanted = try run.model.load(sequence)
      do {
        let found = try store.load(sequence)
        if let found, let wanted, !found.payload.elementsEqual(wanted.payload) || found.timestamp != wanted.timestamp {
          throw Problem("message \(sequence) is silently wrong")
        }
        if found == nil, wanted != nil, store.state.lost?.sequences.contains(sequence) != true {
          throw Problem("message \(sequence) is silently gone")
        }
        if found != nil, wanted == nil { throw Problem("message \(sequence) came back") }
      } catch let error as StoreError {
        guard case .damaged = error, store.state.lost?.sequences.contains(sequence) == true else { throw error }
      }
      sequence += 1
    }
    // Whatever is left agrees with itself.
    let state = store.state
    if state.messages + (state.lost?.count ?? 0) != run.model.messages { throw Problem("counts differ") }
    var total: UInt64 = 0
    store.subjectTotals(.everything) {
      total += $1
      return true
    }
    if total != state.messages { throw Problem("subjects count \(total) of \(state.messages)") }
    var from: UInt64 = 0
    var seen: UInt64 = 0
    while let message = try store.next(from: from, matching: .everything) {
      seen += 1
      from = message.sequence + 1
    }
    if seen != state.messages { throw Problem("\(seen) of \(state.messages) found") }
  }

  @Test("flipped bits are found, and cost only what they hit", arguments: Self.seeds)
  func flip(seed: UInt64) throws {
    do { try Self.flips(seed: seed) } catch { Issue.record("seed \(seed): \(error)") }
  }

  @Test("a failing disk ends appending, not reading", arguments: 1...20 as ClosedRange<UInt64>)
  func writeErrors(seed: UInt64) throws {
    var run = Run(seed: seed)
    let store = try run.open()
    run.disk.failure = (seed % 2 == 1 ? .write : .sync, Int(seed), 5)
    _ = run.work(store, steps: 600)
    // A compaction may have met the error: it is given up.
    if store.failure != nil {
      #expect(throws: StoreError.self) {
        try store.append(sequence: .max - 1, timestamp: 0, subject: [97], payload: [])
      }
    }
    _ = try store.next(from: 0, matching: .everything)
    run.disk.crash()
    let again = try run.open()
    try run.replay(again)
    let problem = try difference(again, run.model)
    #expect(problem == nil, "seed \(seed)")
  }
}
