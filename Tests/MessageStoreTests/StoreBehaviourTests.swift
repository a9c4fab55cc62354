import MessageStore
import Reactor
import StorageSimulation
import Testing

/// The same rules for stores in memory and in files.
@Suite struct StoreBehaviourTests {
  static func make(
    _ backing: StreamStore.Backing, seed: UInt64 = 1, budget: Int = 1 << 20, compresses: Bool = false
  ) throws -> StreamStore {
    var options = StoreOptions()
    options.compresses = compresses
    options.pieceBytes = seed % 3 == 0 ? 64 << 10 : 512 + Int(seed)
    options.blockBytes = 8192
    options.writeBytes = 4096
    if backing == .memory { return StreamStore(memory: options) }
    return try StreamStore.open(
      directory: "s", disk: SimulatedDisk(seed: seed), options: options, memory: StoreMemory(budgetBytes: budget))
  }

  @Test(
    "the same as the model under random changes",
    arguments: [(StreamStore.Backing.memory, false), (.file, false), (.file, true)], 1...30 as ClosedRange<UInt64>)
  func random(kind: (backing: StreamStore.Backing, compresses: Bool), seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let backing = kind.backing
    let store = try Self.make(
      backing, seed: seed, budget: seed % 2 == 0 ? 0 : 1 << 20, compresses: kind.compresses)
    let model = ModelStore(backing)
    for step in 1...400 {
      let change = StoreChange.random(&random, model)
      try change.apply(to: model)
      try change.apply(to: store)
      if random.chance(10), let job = try store.prepareCheckpoint(appliedLog: 0, attachment: []) {
        job.run()
        try store.finish(job)
      }
      if random.chance(20), let job = try store.prepareMaintenance() {
        let runsFirst = random.chance(50)
        if runsFirst { job.run() }
        let change = StoreChange.random(&random, model)
        try change.apply(to: model)
        try change.apply(to: store)
        if !runsFirst { job.run() }
        try store.finish(job)
      }
      if step % 40 == 0, let problem = try difference(store, model) {
        Issue.record("seed \(seed) step \(step): \(problem)")
        return
      }
    }
  }
}
