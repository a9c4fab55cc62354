import Reactor
import StorageSimulation
import Testing

@testable import MessageStore

/// What lies on the disk, and what may lie there.
@Suite struct StoreFilesTests {
  static func open(_ disk: SimulatedDisk, compresses: Bool = false, pieceBytes: Int = 1024) throws -> StreamStore {
    var options = StoreOptions()
    options.compresses = compresses
    options.pieceBytes = pieceBytes
    options.blockBytes = 8192
    options.writeBytes = 4096
    return try StreamStore.open(directory: "s", disk: disk, options: options, memory: StoreMemory(budgetBytes: 1 << 20))
  }

  static func fill(_ store: StreamStore, _ count: UInt64) throws {
    for sequence in 1...count {
      try StoreChange.append(
        sequence: sequence, timestamp: Int64(sequence), flags: 0, subject: Array("a.\(sequence % 5)".utf8),
        header: Array("head \(sequence).".utf8), payload: secret(sequence)
      ).apply(to: store)
    }
  }

  static func secret(_ sequence: UInt64) -> [UInt8] {
    Array("secret \(sequence)! ".utf8) + [UInt8](repeating: 1, count: 100)
  }

  static func isOnDisk(_ disk: SimulatedDisk, _ bytes: [UInt8]) throws -> Bool {
    try disk.list("s").contains { name in
      let contents = disk.contents("s/" + name)
      return contents.indices.contains { contents[$0...].starts(with: bytes) }
    }
  }

  @Test(
    "an erased message's header and payload are not on the disk any more, also after a power failure (FEATURES 5.095)",
    arguments: [UInt64(3), 95, 120], [false, true])
  func erase(sequence: UInt64, wasCheckpointed: Bool) throws {
    let disk = SimulatedDisk(seed: sequence)
    let store = try Self.open(disk)
    try Self.fill(store, 120)
    if wasCheckpointed {
      let job = try #require(try store.prepareCheckpoint(appliedLog: 1, attachment: []))
      job.run()
      try store.finish(job)
      #expect(try Self.isOnDisk(disk, Self.secret(sequence)))
    }
    #expect(try store.remove(sequence, erase: true) != nil)
    let job = try #require(try store.prepareCheckpoint(appliedLog: 2, attachment: []))
    job.run()
    try store.finish(job)
    for _ in 1...2 {
      #expect(try !Self.isOnDisk(disk, Array("secret \(sequence)!".utf8)))
      #expect(try !Self.isOnDisk(disk, Array("head \(sequence).".utf8)))
      #expect(try Self.isOnDisk(disk, Array("secret \(sequence - 1)!".utf8)))
      disk.crash()
    }
    let again = try Self.open(disk)
    #expect(try again.load(sequence) == nil)
    #expect(again.messages == 119)
    #expect(again.state.lost == nil)
  }

  /// Everything that maintenance has to do now.
  static func maintain(_ store: StreamStore) throws {
    while let job = try store.prepareMaintenance() {
      job.run()
      #expect(try store.finish(job))
    }
  }

  static func checkpoint(_ store: StreamStore, _ applied: UInt64) throws {
    let job = try #require(try store.prepareCheckpoint(appliedLog: applied, attachment: []))
    job.run()
    #expect(try store.finish(job))
  }

  static func size(_ disk: SimulatedDisk) throws -> Int {
    try disk.list("s").reduce(0) { $0 + disk.contents("s/" + $1).count }
  }

  @Test(
    "erased in a compressed block: not on the disk any more, also after a power failure (FEATURES 5.095, 9.014)",
    arguments: [UInt64(3), 40, 41, 95], [512, 65_536])
  func eraseCompressed(sequence: UInt64, pieceBytes: Int) throws {
    let disk = SimulatedDisk(seed: sequence)
    let store = try Self.open(disk, compresses: true, pieceBytes: pieceBytes)
    try Self.fill(store, 200)
    try Self.checkpoint(store, 1)
    let before = try Self.size(disk)
    try Self.maintain(store)
    #expect(try Self.size(disk) < before * 2 / 3)
    #expect(!store.wantsMaintenance)
    let secrets = [Array("secret \(sequence)!".utf8), Array("head \(sequence).".utf8)]
    func isReadable() throws -> Bool {
      for name in try disk.list("s") where name.hasSuffix(".blk") {
        let id = try #require(StoreFiles.number(name, ".blk"))
        let folder = StoreFolder(directory: "s", disk: disk, memory: StoreMemory(budgetBytes: 0))
        let file = try folder.openBlock(id)
        var bytes = [UInt8](repeating: 0, count: try file.size())
        _ = try bytes.withUnsafeMutableBytes { try file.readAll(into: $0, at: 0) }
        for secret in secrets where bytes.indices.contains(where: { bytes[$0...].starts(with: secret) }) { return true }
      }
      return false
    }
    #expect(try isReadable())
    #expect(try store.remove(sequence, erase: true) != nil)
    try Self.checkpoint(store, 2)
    for _ in 1...2 {
      #expect(try !isReadable())
      disk.crash()
    }
    let again = try Self.open(disk)
    #expect(try again.load(sequence) == nil)
    for other in 1...200 as ClosedRange<UInt64> where other != sequence {
      #expect(try again.load(other)?.payload.elementsEqual(Self.secret(other)) == true)
    }
    #expect(again.state.lost == nil)
  }

  @Test("compression is turned on and off: old blocks stay as they are and readable (FEATURES 5.020)")
  func update() throws {
    let disk = SimulatedDisk(seed: 1)
    var store = try Self.open(disk)
    try Self.fill(store, 200)
    try Self.checkpoint(store, 1)
    try Self.maintain(store)
    let plain = try Self.size(disk)
    store.compresses = true
    #expect(store.wantsMaintenance)
    try Self.maintain(store)
    let compressed = try Self.size(disk)
    #expect(compressed < plain * 2 / 3)
    // The checkpoint does not know yet.
    try store.close()
    store = try Self.open(disk, compresses: true)
    #expect(store.wantsMaintenance)
    try Self.maintain(store)
    #expect(try Self.size(disk) == compressed)
    store.compresses = false
    for sequence in 201...400 as ClosedRange<UInt64> {
      try store.append(sequence: sequence, timestamp: 0, subject: Array("a.1".utf8), payload: Self.secret(sequence))
    }
    try Self.checkpoint(store, 2)
    try Self.maintain(store)
    try store.close()
    store = try Self.open(disk)
    #expect(try Self.size(disk) > compressed + plain / 2)
    for sequence in 1...400 as ClosedRange<UInt64> {
      #expect(try store.load(sequence)?.payload.elementsEqual(Self.secret(sequence)) == true)
    }
  }

  @Test("a block that no durable checkpoint has as sealed is not compressed")
  func unsettled() throws {
    let disk = SimulatedDisk(seed: 1)
    let store = try Self.open(disk, compresses: true)
    try Self.fill(store, 200)
    #expect(!store.wantsMaintenance)
    let job = try #require(try store.prepareCheckpoint(appliedLog: 1, attachment: []))
    // The newest block of the checkpoint is sealed after it.
    try Self.fill(store, 400)
    job.run()
    #expect(try store.finish(job))
    let atCheckpoint = store.blocks.filter { $0.base <= 200 }
    #expect(atCheckpoint.count > 1 && atCheckpoint.dropLast().allSatisfy(\.isSettled))
    #expect(atCheckpoint.last.map { $0.isSealed && !$0.isSettled } == true)
    try Self.maintain(store)
    #expect(atCheckpoint.dropLast().allSatisfy(\.isCompressed) && atCheckpoint.last?.isCompressed == false)
    // Before the next checkpoint: what this one has is there.
    disk.crash()
    let again = try Self.open(disk)
    #expect(again.lastSequence >= 200 && again.messages == again.lastSequence)
    for sequence in 1...200 as ClosedRange<UInt64> {
      #expect(try again.load(sequence)?.payload.elementsEqual(Self.secret(sequence)) == true)
    }
  }

  @Test("a bad place in a compressed block costs its piece, however many messages that is (FEATURES 5.092)")
  func badPiece() throws {
    let disk = SimulatedDisk(seed: 1)
    var options = StoreOptions()
    options.blockBytes = 1 << 20
    options.compresses = true
    let store = try StreamStore.open(
      directory: "s", disk: disk, options: options, memory: StoreMemory(budgetBytes: 0))
    for sequence in 1...40_000 as ClosedRange<UInt64> {
      try store.append(sequence: sequence, timestamp: 0, subject: [97], payload: [UInt8(sequence & 15)])
    }
    try Self.checkpoint(store, 1)
    try Self.maintain(store)
    let sectors = disk.contents("s/1.blk").count / 4096
    #expect(sectors > 4)
    disk.unreadable["s/1.blk"] = [sectors / 2]
    var from: UInt64 = 0
    var seen: UInt64 = 0
    while let message = try store.next(from: from, matching: .everything) {
      from = message.sequence + 1
      seen += 1
    }
    #expect(seen + store.lostCount == 40_000)
    #expect(store.lostCount > StreamStore.mostUnreadable && store.lostCount < 6000)
  }

  @Test(
    "an erasure repeated after the process was killed is synced by the next checkpoint", arguments: [UInt64(3), 120])
  func eraseAgain(sequence: UInt64) throws {
    let disk = SimulatedDisk(seed: sequence)
    var store = try Self.open(disk)
    try Self.fill(store, 120)
    let job = try #require(try store.prepareCheckpoint(appliedLog: 1, attachment: []))
    job.run()
    try store.finish(job)
    try store.remove(sequence, erase: true)
    try store.close()
    store = try Self.open(disk)
    try store.remove(sequence, erase: true)
    let next = try #require(try store.prepareCheckpoint(appliedLog: 2, attachment: []))
    next.run()
    try store.finish(next)
    disk.crash()
    #expect(try !Self.isOnDisk(disk, Array("secret \(sequence)!".utf8)))
    #expect(try Self.open(disk).messages == 119)
  }

  @Test("a directory full of rubbish is opened or refused, and can be used", arguments: 1...40 as ClosedRange<UInt64>)
  func rubbish(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    if random.chance(70) {
      let store = try Self.open(disk)
      try Self.fill(store, 200)
      if random.chance(70), let job = try store.prepareCheckpoint(appliedLog: 9, attachment: [1, 2]) {
        job.run()
        try store.finish(job)
      }
      try store.close()
    }
    let names = [
      "1.blk", "2.blk", "7.blk", "0.blk", "18446744073709551615.blk", "9223372036854775807.blk", "+3.blk", "007.blk",
      "-1.blk", ".blk", "x", "1.idx", "2.idx", "9.idx", "18446744073709551615.idx", "checkpoint", "checkpoint.new",
      "subjects.1", "subjects.2", "subjects.18446744073709551615", "subjects.", "subjects.x",
    ]
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      let name = "s/" + names.randomElement(using: &random)!
      let old = try disk.list("s").map { "s/" + $0 }
      switch Int.random(in: 0..<4, using: &random) {
      case 0: try disk.write([], to: name, mode: 0o600)
      case 1:
        let noise = (0..<Int.random(in: 1...3000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
        }
        try disk.write(noise, to: name, mode: 0o600)
      case 2:
        if let other = old.randomElement(using: &random) { try disk.write(disk.contents(other), to: name, mode: 0o600) }
      default: if let other = old.randomElement(using: &random) { try disk.remove(other) }
      }
    }
    let store = try Self.open(disk)
    var from: UInt64 = 0
    while let message = try store.next(from: from, matching: .everything) {
      #expect(message.payload.elementsEqual(Self.secret(message.sequence)), "seed \(seed)")
      from = message.sequence + 1
    }
    #expect(store.messages == (try store.pending(from: 0, matching: SubjectFilters("*.*")).messages), "seed \(seed)")
    let next = store.lastSequence + 1
    try StoreChange.append(sequence: next, timestamp: 1, flags: 0, subject: [97], header: [], payload: [1])
      .apply(to: store)
    let job = try #require(try store.prepareCheckpoint(appliedLog: 10, attachment: []))
    job.run()
    try store.finish(job)
    disk.crash()
    let again = try Self.open(disk)
    #expect(again.lastSequence == next, "seed \(seed)")
    #expect(try again.load(next)?.payload.elementsEqual([1]) == true, "seed \(seed)")
  }
}
