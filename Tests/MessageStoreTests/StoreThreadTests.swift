import Foundation
import MessageStore
import Reactor
import StorageSimulation
import Testing

/// Checkpoints and compactions run on a thread of their own while the store's loop goes on; for ThreadSanitizer, too.
@Suite struct StoreThreadTests {
  @Test("jobs beside the loop leave what the loop says (FEATURES 5.090)", arguments: 1...4 as ClosedRange<UInt64>)
  func besideTheLoop(seed: UInt64) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var random = SeededGenerator(seed: seed)
    let model = ModelStore(.file)
    var options = StoreOptions()
    options.blockBytes = 8192
    options.writeBytes = 4096
    // Two stores share the memory of their caches, each with a thread.
    let memory = StoreMemory(budgetBytes: 64 << 10)
    let store = try StreamStore.open(directory: directory, disk: SystemDisk(), options: options, memory: memory)
    let beside = StoreThread(directory + "-beside", memory)
    let queue = BackgroundQueue()
    defer {
      queue.stop()
      beside.join()
      try? FileManager.default.removeItem(atPath: directory + "-beside")
    }
    var log: UInt64 = 0
    var running: (job: StoreJob, done: DispatchSemaphore)?
    func finishJob() throws {
      guard let current = running else { return }
      running = nil
      try store.finish(current.job)
    }
    for _ in 0..<2500 {
      let change = StoreChange.random(&random, model)
      log += 1
      try change.apply(to: model)
      try change.apply(to: store)
      if random.chance(20) { _ = try store.next(from: model.firstSequence, matching: .everything) }
      if let current = running {
        if current.done.wait(timeout: .now()) == .success { try finishJob() }
        continue
      }
      var job = random.chance(50) ? try store.prepareMaintenance() : nil
      if job == nil {
        job = try store.prepareCheckpoint(appliedLog: log, attachment: [1], inSlices: true)
        while let job, !store.continueCheckpoint(job) {}
      }
      guard let job else { continue }
      let done = DispatchSemaphore(value: 0)
      running = (job, done)
      _ = queue.submit {
        job.run()
        done.signal()
      }
    }
    running?.done.wait()
    try finishJob()
    if let problem = try difference(store, model) { Issue.record("seed \(seed): \(problem)") }
    #expect(store.state.lost == nil, "seed \(seed)")
  }
}

/// Another store at work on a thread of its own.
private final class StoreThread: @unchecked Sendable {
  // Invariant: set once; the store belongs to the thread.
  private let ended = DispatchSemaphore(value: 0)

  init(_ directory: String, _ memory: StoreMemory) {
    let ended = self.ended
    Thread.detachNewThread {
      defer { ended.signal() }
      guard
        let store = try? StreamStore.open(
          directory: directory, disk: SystemDisk(), options: StoreOptions(), memory: memory)
      else { return }
      for sequence in 1...3000 as ClosedRange<UInt64> {
        try? StoreChange.append(
          sequence: sequence, timestamp: 1, flags: 0, subject: [97], header: [],
          payload: [UInt8](repeating: 1, count: 300)
        ).apply(to: store)
        _ = try? store.load(sequence / 2)
      }
    }
  }

  func join() { ended.wait() }
}
