import JetStreamAPI
import MessageStore
import Reactor
import StorageSimulation
import Testing

@testable import JetStream

/// Streams whose power fails: entries are applied again on what their store had on disk, where messages are back that
/// had been removed without an entry, because they were acknowledged or had expired.
struct ReplayTests {
  static let configurations: [@Sendable (inout StreamConfiguration) -> Void] = [
    { _ in },
    { $0.retention = .workQueue },
    {
      $0.retention = .workQueue
      $0.maximumMessages = 8
    },
    {
      $0.retention = .interest
      $0.maximumMessagesPerSubject = 3
      $0.maximumBytes = 700
    },
    {
      $0.allowMessageTTL = true
      $0.maximumMessages = 10
    },
    {
      $0.allowMessageTTL = true
      $0.maximumMessagesPerSubject = 3
    },
  ]

  static func open(_ disk: SimulatedDisk) throws -> StreamStore {
    var options = StoreOptions()
    options.blockBytes = 4096
    return try StreamStore.open(directory: "s", disk: disk, options: options, memory: StoreMemory(budgetBytes: 1 << 20))
  }

  @Test(
    "5.090, 5.096 entries applied again after a crash keep what they kept",
    arguments: configurations.indices, 0..<50 as Range<UInt64>)
  func replay(configuration number: Int, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var stream = try TestStream(
      {
        $0.storage = .file
        Self.configurations[number](&$0)
      }, store: Self.open(disk))
    stream.rules.hasInterest = { _ in true }
    var released: Set<UInt64> = []
    var asked: Set<UInt64> = []
    for round in 1...6 {
      for _ in 0..<Int.random(in: 1...60, using: &random) {
        try change(&stream, &random, &released, &asked)
        guard random.chance(5),
          let job = try stream.rules.store.prepareCheckpoint(
            appliedLog: UInt64(stream.log.count), attachment: stream.rules.checkpointState())
        else { continue }
        job.run()
        try stream.rules.store.finish(job)
      }
      let wanted = stream.messages
      disk.crash()
      var again = TestStream(StreamSetup(stream.rules.configuration), store: try Self.open(disk))
      again.rules.hasInterest = { _ in true }
      let recovery = again.rules.store.recovery
      if !recovery.attachment.isEmpty {
        let isRestored = again.rules.restore(recovery.attachment)
        #expect(isRestored)
      }
      for entry in stream.log[Int(recovery.appliedLog)...] { try again.replay(entry) }
      try again.rules.finishReplay(output: &again.output)
      again.log = stream.log
      again.now = stream.now
      // Consumers come back with what was acknowledged; time goes on.
      for sequence in released.sorted() { try again.rules.release(sequence) }
      try again.advance(seconds: 0)
      let found = again.messages
      let place = "seed \(seed) round \(round): \(recovery.appliedLog) of \(stream.log.count) entries"
      let missing = Set(wanted).subtracting(found)
      #expect(missing.isEmpty, "\(place)")
      // What limits had removed may be back where there is room for it now, but nothing that somebody removed.
      let more = Set(again.contents.map(\.sequence)).subtracting(stream.contents.map(\.sequence))
      #expect(more.isEmpty || stream.rules.removesSilently, "\(place)")
      #expect(more.isDisjoint(with: asked) && more.isDisjoint(with: released), "\(place)")
      let limit = stream.rules.configuration.maximumMessages
      #expect(limit <= 0 || found.count <= limit, "\(place)")
      if !missing.isEmpty { return }
      stream = again
    }
  }

  private func change(
    _ stream: inout TestStream, _ random: inout SeededGenerator, _ released: inout Set<UInt64>,
    _ asked: inout Set<UInt64>
  ) throws {
    let subject = "s.\(Int.random(in: 0..<4, using: &random))"
    let some = stream.contents.randomElement(using: &random)?.sequence ?? 0
    switch Int.random(in: 0..<100, using: &random) {
    case ..<60:
      let expires = stream.rules.configuration.allowMessageTTL && random.chance(30)
      try stream.publish(
        subject, "\(random.next())", expires ? [("Nats-TTL", "\(Int.random(in: 1...9, using: &random))s")] : [])
    case ..<80:
      guard stream.rules.configuration.retention != .limits, some > 0 else { return }
      try stream.rules.release(some)
      released.insert(some)
    case ..<88:
      if stream.rules.configuration.allowMessageTTL { try stream.advance(seconds: 2) }
    case ..<92:
      _ = try stream.delete(some)
      asked.insert(some)
    default:
      let before = Set(stream.contents.map(\.sequence))
      let keep = UInt64.random(in: 0...8, using: &random)
      let isFiltered = random.chance(50)
      _ = try stream.purge {
        $0.keep = keep
        if isFiltered { $0.subject = subject }
      }
      asked.formUnion(before.subtracting(stream.contents.map(\.sequence)))
    }
  }
}
