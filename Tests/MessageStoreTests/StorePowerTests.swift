import Glibc
import MessageStore
import Reactor
import StorageSimulation
import Testing

/// What is left after the power failed, processes were killed, writes failed and bits changed. The changes stand for
/// the journal: it has all of them, whatever the store's files have.
@Suite struct StorePowerTests {
  /// More for a longer search: `STORE_SEEDS=1000`.
  static let seeds: ClosedRange<UInt64> = 1...(getenv("STORE_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 40)

  static func open(
    _ disk: SimulatedDisk, _ random: inout SeededGenerator, blockBytes: Int? = 8192
  ) throws -> StreamStore {
    var options = StoreOptions()
    options.blockBytes = blockBytes
    options.writeBytes = 4096
    options.chooseCompression(&random)
    let memory = StoreMemory(budgetBytes: random.chance(50) ? 0 : 1 << 20)
    return try StreamStore.open(directory: "s", disk: disk, options: options, memory: memory)
  }

  /// A store, its disk, what it should hold and every change so far.
  struct Scene {
    let disk: SimulatedDisk
    var random: SeededGenerator
    var store: StreamStore
    let model = ModelStore(.file)
    var log: [StoreChange] = []
    /// What the last finished checkpoint covers.
    var released: UInt64 = 0
    let blockBytes: Int?

    init(seed: UInt64, blockBytes: Int? = 8192) throws {
      disk = SimulatedDisk(seed: seed)
      random = SeededGenerator(seed: seed)
      self.blockBytes = blockBytes
      store = try StorePowerTests.open(disk, &random, blockBytes: blockBytes)
    }

    /// Blocks of full size need messages that fill them.
    mutating func fill(_ count: Int) throws {
      for _ in 0..<count {
        let size = Int.random(in: 0...200_000, using: &random)
        let change = StoreChange.append(
          sequence: model.lastSequence + 1, timestamp: Int64(model.lastSequence) * 1000, flags: 0,
          subject: Array("a.\(Int.random(in: 1...3, using: &random))".utf8), header: [],
          payload: [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: size))
        log.append(change)
        try change.apply(to: model)
        try change.apply(to: store)
      }
    }

    mutating func change() throws {
      let change = StoreChange.random(&random, model)
      log.append(change)
      try change.apply(to: model)
      try change.apply(to: store)
    }

    mutating func checkpoint(changing: Bool = true) throws {
      let isSliced = random.chance(50)
      guard
        let job = try store.prepareCheckpoint(appliedLog: UInt64(log.count), attachment: [7], inSlices: isSliced)
      else { return }
      if changing, random.chance(50) {
        for _ in 0..<Int.random(in: 1...20, using: &random) { try change() }
      }
      while isSliced, !store.continueCheckpoint(job) { if changing { try change() } }
      job.run()
      if try store.finish(job) { released = job.appliedLog ?? released }
    }

    mutating func maintain() throws {
      guard let job = try store.prepareMaintenance() else { return }
      let runsFirst = random.chance(50)
      if runsFirst { job.run() }
      if random.chance(70) { try change() }
      if !runsFirst { job.run() }
      try store.finish(job)
    }

    mutating func work(_ steps: Int) throws {
      for _ in 0..<steps {
        try change()
        if random.chance(4) { try checkpoint() }
        if random.chance(6) { try maintain() }
      }
    }

    mutating func reopen() throws {
      store = try StorePowerTests.open(disk, &random, blockBytes: blockBytes)
      for change in log[Int(store.recovery.appliedLog)...] { try change.apply(to: store) }
    }
  }

  @Test(
    "after a power failure or a kill and the journal's replay everything is there (FEATURES 5.090)", arguments: seeds)
  func crash(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    for round in 1...8 {
      let place = "seed \(seed) round \(round)"
      let isKill = scene.random.chance(30)
      if !isKill { scene.disk.powerFailsAt = scene.disk.operations + Int.random(in: 1...60, using: &scene.random) }
      do { try scene.work(Int.random(in: 20...200, using: &scene.random)) } catch is StoreError
        where !scene.disk.hasPower
      {}
      if !isKill { scene.disk.crash() }
      // The next failure may come before everything is applied again.
      if scene.random.chance(40) {
        scene.disk.powerFailsAt = scene.disk.operations + Int.random(in: 0...20, using: &scene.random)
        do { try scene.reopen() } catch is StoreError where !scene.disk.hasPower {}
        scene.disk.crash()
      }
      try scene.reopen()
      #expect(scene.store.recovery.appliedLog >= scene.released, "\(place)")
      if scene.released > 0 { #expect(scene.store.recovery.attachment == [7], "\(place)") }
      if let problem = try difference(scene.store, scene.model) {
        Issue.record("\(place): \(problem)\n\(scene.store.recovery)")
        return
      }
      if let lost = scene.store.state.lost {
        Issue.record("\(place): lost \(lost)\n\(scene.store.recovery.notes)")
        return
      }
    }
  }

  /// What is wrong with a store whose disk has bad places, but may be: each message is as it was, or reported lost.
  static func misread(_ store: StreamStore, _ model: ModelStore) throws -> String? {
    var sequence = model.firstSequence
    while sequence <= model.lastSequence {
      let wanted = try model.load(sequence)
      var found: StoredMessage?
      do { found = try store.load(sequence) } catch {
        guard case .damaged = error else { throw error }
      }
      let isLost = store.state.lost?.sequences.contains(sequence) == true
      if let found, let wanted, !found.payload.elementsEqual(wanted.payload) || found.timestamp != wanted.timestamp {
        return "message \(sequence) is silently wrong"
      }
      if found == nil, wanted != nil, !isLost { return "message \(sequence) is silently gone" }
      if found != nil, wanted == nil { return "message \(sequence) came back" }
      sequence += 1
    }
    let state = store.state
    var total: UInt64 = 0
    store.subjectTotals(.everything) {
      total += $1
      return true
    }
    if total != state.messages { return "subjects count \(total) of \(state.messages)" }
    var from: UInt64 = 0
    var seen: UInt64 = 0
    while let message = try store.next(from: from, matching: .everything) {
      seen += 1
      from = message.sequence + 1
    }
    return seen == store.state.messages ? nil : "\(seen) of \(state.messages) found"
  }

  @Test(
    "bad places and changed bits in use cost the messages that lie there and nothing else (FEATURES 5.092)",
    arguments: seeds)
  func failingReads(seed: UInt64) throws {
    let isLarge = seed % 10 == 0
    var scene = try Scene(seed: seed, blockBytes: isLarge ? nil : 8192)
    if isLarge { try scene.fill(200) }
    for round in 1...3 {
      try scene.work(isLarge ? 50 : 300)
      try scene.checkpoint(changing: false)
      let names = try scene.disk.list("s").filter { !$0.hasPrefix("checkpoint") && !$0.hasPrefix("subjects") }
      for _ in 0..<Int.random(in: 1...4, using: &scene.random) {
        guard let chosen = names.randomElement(using: &scene.random) else { continue }
        let name = "s/" + chosen
        let size = scene.disk.contents(name).count
        if size == 0 { continue }
        let byte = Int.random(in: 0..<size, using: &scene.random)
        switch Int.random(in: 0..<3, using: &scene.random) {
        case 0: scene.disk.flip(name, byte: byte, bit: Int.random(in: 0...7, using: &scene.random))
        case 1: scene.disk.unreadable[name, default: []].insert(byte / 4096)
        // Once only.
        default: scene.disk.failure = (.read, Int.random(in: 0...20, using: &scene.random), EIO)
        }
      }
      let place = "seed \(seed) round \(round)"
      for _ in 0..<3 {
        if let problem = try Self.misread(scene.store, scene.model) {
          Issue.record("\(place): \(problem)\n\(scene.store.recovery.notes)")
          return
        }
        try scene.work(isLarge ? 5 : 30)
      }
      #expect(scene.store.failure == nil, "\(place)")
      if scene.random.chance(50) {
        scene.disk.failure = nil
        scene.disk.crash()
        try scene.reopen()
        if let problem = try Self.misread(scene.store, scene.model) {
          Issue.record("\(place), opened again: \(problem)\n\(scene.store.recovery.notes)")
          return
        }
      }
    }
  }

  @Test("a disk that cannot be read at all does not cost every message (FEATURES 5.092)")
  func unreadableDisk() throws {
    let disk = SimulatedDisk(seed: 1)
    var random = SeededGenerator(seed: 4)
    let store = try StreamStore.open(
      directory: "s", disk: disk, options: StoreOptions(), memory: StoreMemory(budgetBytes: 0))
    for sequence in 1...3000 as ClosedRange<UInt64> {
      try StoreChange.append(
        sequence: sequence, timestamp: 0, flags: 0, subject: [97], header: [],
        payload: [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: 5000)
      ).apply(to: store)
    }
    for name in try disk.list("s") where name.hasSuffix(".blk") {
      disk.unreadable["s/" + name] = Set(0...4096)
    }
    var from: UInt64 = 0
    #expect(throws: StoreError.self) {
      while let message = try store.next(from: from, matching: .everything) { from = message.sequence + 1 }
    }
    #expect(store.lostCount <= StreamStore.mostUnreadable)
    disk.unreadable = [:]
    var seen: UInt64 = 0
    from = 0
    while let message = try store.next(from: from, matching: .everything) {
      from = message.sequence + 1
      seen += 1
    }
    #expect(seen + store.lostCount == 3000)
  }

  @Test("changed bits below the checkpoint are lost messages, never other ones (FEATURES 5.092)", arguments: seeds)
  func flippedBits(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    try scene.work(300)
    while scene.model.messages < 20 { try scene.change() }
    try scene.checkpoint(changing: false)
    try scene.store.close()
    let names = try scene.disk.list("s").filter { !$0.hasPrefix("checkpoint") }
    for _ in 0..<Int.random(in: 1...4, using: &scene.random) {
      let name = "s/" + names.randomElement(using: &scene.random)!
      let size = scene.disk.contents(name).count
      if size == 0 { continue }
      let byte = Int.random(in: 0..<size, using: &scene.random)
      if scene.random.chance(80) {
        scene.disk.flip(name, byte: byte, bit: Int.random(in: 0...7, using: &scene.random))
      } else if scene.random.chance(50) {
        scene.disk.fill(name, byte..<min(size, byte + 600), with: 0)
      } else {
        scene.disk.truncate(name, to: byte)
      }
    }
    try scene.reopen()
    let store = scene.store
    // Reading finds what is damaged.
    var from: UInt64 = 0
    while let message = try store.next(from: from, matching: .everything) { from = message.sequence + 1 }
    let lost = store.state.lost ?? LostMessages()
    #expect(lost.count == UInt64(lost.sequences.count), "seed \(seed)")
    for sequence in lost.sequences {
      #expect(try scene.model.remove(sequence) != nil, "seed \(seed): \(sequence) was not there")
    }
    // A lost message's length is a guess where its record's begin is gone.
    if let problem = try difference(store, scene.model, comparesBytes: lost.count == 0) {
      Issue.record("seed \(seed): \(problem)\n\(store.recovery.notes)")
    }
  }

  @Test(
    "a damaged checkpoint costs nothing while its copy is whole: removed messages stay removed (FEATURES 5.092)",
    arguments: seeds)
  func damagedCheckpoint(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    for round in 1...4 {
      let place = "seed \(seed) round \(round)"
      try scene.work(Int.random(in: 0...200, using: &scene.random))
      if scene.random.chance(70) { try scene.checkpoint(changing: scene.random.chance(50)) }
      if scene.random.chance(50) {
        // In the middle of a checkpoint, too, power and all.
        scene.disk.powerFailsAt = scene.disk.operations + Int.random(in: 1...20, using: &scene.random)
        do {
          while true { try scene.checkpoint() }
        } catch is StoreError where !scene.disk.hasPower {}
        scene.disk.crash()
      }
      let (main, copy) = ("s/checkpoint", "s/checkpoint.copy")
      let copyIsWhole = scene.disk.contents(main) == scene.disk.contents(copy)
      let name = copyIsWhole && scene.random.chance(50) ? main : copy
      let size = scene.disk.contents(name).count
      if size > 0 {
        switch Int.random(in: 0..<3, using: &scene.random) {
        case 0:
          for _ in 0..<Int.random(in: 1...3, using: &scene.random) {
            scene.disk.flip(
              name, byte: Int.random(in: 0..<size, using: &scene.random),
              bit: Int.random(in: 0...7, using: &scene.random))
          }
        case 1: scene.disk.truncate(name, to: Int.random(in: 0..<size, using: &scene.random))
        default: try scene.disk.remove(name)
        }
      }
      try scene.reopen()
      #expect(scene.store.recovery.appliedLog >= scene.released, "\(place)")
      #expect(scene.store.recovery.damage == nil, "\(place)")
      if let problem = try difference(scene.store, scene.model) {
        Issue.record("\(place): \(problem)\n\(scene.store.recovery.notes)")
        return
      }
      #expect(scene.store.state.lost == nil, "\(place)")
    }
  }

  @Test("without checkpoint and copy everything readable is there, and it is told (FEATURES 5.092)", arguments: seeds)
  func bothCheckpointsDamaged(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    try scene.work(200)
    while scene.model.messages < 5 { try scene.change() }
    // Records of a sequence that was used twice cannot be told apart.
    let isCut = scene.log.contains { change in
      switch change {
      case .reset: true
      default: false
      }
    }
    if isCut { return }
    try scene.checkpoint(changing: false)
    try scene.store.close()
    for name in ["s/checkpoint", "s/checkpoint.copy"] {
      let size = scene.disk.contents(name).count
      scene.disk.flip(name, byte: Int.random(in: 0..<size, using: &scene.random), bit: 3)
    }
    scene.store = try Self.open(scene.disk, &scene.random)
    #expect(scene.store.recovery.damage != nil, "seed \(seed)")
    var sequence = scene.model.firstSequence
    while sequence <= scene.model.lastSequence {
      if let wanted = try scene.model.load(sequence) {
        let found = try scene.store.load(sequence)
        #expect(found?.payload.elementsEqual(wanted.payload) == true, "seed \(seed): \(sequence)")
      }
      sequence += 1
    }
  }

  @Test("a failed write ends writing and not reading (FEATURES 5.090)", arguments: seeds)
  func failedWrites(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    try scene.work(50)
    let isSync = scene.random.chance(40)
    // Space may come back: see below. After a failed sync nobody knows what is on the disk.
    let code = isSync && scene.random.chance(50) ? ENOSPC : EIO
    scene.disk.failure = (isSync ? .sync : .write, Int.random(in: 0...20, using: &scene.random), code)
    var hasFailed = false
    do {
      try scene.work(1000)
    } catch StoreError.failed(let error) {
      #expect(error.code == code, "seed \(seed)")
      hasFailed = true
    }
    #expect((scene.store.failure != nil) == hasFailed, "seed \(seed)")
    if hasFailed {
      let last = scene.store.lastSequence
      #expect(throws: StoreError.self) {
        try StoreChange.append(sequence: last + 1, timestamp: 0, flags: 0, subject: [97], header: [], payload: [])
          .apply(to: scene.store)
      }
      #expect(scene.store.lastSequence == last)
    }
    // What was there before the change that failed can be read.
    var from: UInt64 = 0
    while let message = try scene.store.next(from: from, matching: .everything) {
      from = message.sequence + 1
      #expect(scene.store.contains(message.sequence), "seed \(seed)")
    }
    #expect(scene.store.state.lost == nil, "seed \(seed)")
    scene.disk.crash()
    try scene.reopen()
    if let problem = try difference(scene.store, scene.model) { Issue.record("seed \(seed): \(problem)") }
    #expect(scene.store.state.lost == nil, "seed \(seed)")
  }

  @Test("a compaction that fails is given up, and made later", arguments: seeds)
  func failedCompaction(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    let operations: [SimulatedDisk.Operation] = [.write, .sync, .read]
    var (failures, successes) = (0, 0)
    for _ in 0..<600 {
      try scene.change()
      if scene.random.chance(4) { try scene.checkpoint() }
      guard let job = try scene.store.prepareMaintenance() else { continue }
      let operation = operations.randomElement(using: &scene.random)!
      if scene.random.chance(50) { try scene.change() }
      if scene.random.chance(50) {
        let code = scene.random.chance(50) ? ENOSPC : EIO
        scene.disk.failure = (operation, Int.random(in: 0...6, using: &scene.random), code)
      }
      let before = Set(try scene.disk.list("s"))
      job.run()
      let hasFailed = job.failure != nil
      scene.disk.failure = nil
      #expect(try scene.store.finish(job) == !hasFailed, "seed \(seed)")
      if hasFailed {
        failures += 1
        #expect(Set(try scene.disk.list("s")).subtracting(before).isEmpty, "seed \(seed)")
      } else {
        successes += 1
      }
      #expect(scene.store.failure == nil && scene.store.shortage == nil, "seed \(seed)")
    }
    if seed <= 40 { #expect(successes > 0, "seed \(seed): \(failures) failures") }
    if let problem = try difference(scene.store, scene.model) { Issue.record("seed \(seed): \(problem)") }
    #expect(scene.store.state.lost == nil, "seed \(seed)")
    scene.disk.crash()
    try scene.reopen()
    if let problem = try difference(scene.store, scene.model) { Issue.record("seed \(seed) again: \(problem)") }
    #expect(scene.store.state.lost == nil, "seed \(seed)")
  }

  @Test("a store on a full disk keeps what it is given until there is space", arguments: seeds)
  func fullDisk(seed: UInt64) throws {
    var scene = try Scene(seed: seed)
    for round in 1...4 {
      let place = "seed \(seed) round \(round)"
      try scene.work(Int.random(in: 0...100, using: &scene.random))
      let used = try scene.disk.list("s").reduce(0) { $0 + scene.disk.contents("s/" + $1).count }
      scene.disk.capacity = used + Int.random(in: 0...20_000, using: &scene.random)
      var hasFailed = false
      do {
        // What is cut off then cannot be written.
        try scene.work(Int.random(in: 50...300, using: &scene.random))
      } catch StoreError.failed(let error) {
        #expect(error.code == ENOSPC, "\(place)")
        hasFailed = true
      }
      if !hasFailed, let problem = try difference(scene.store, scene.model) {
        Issue.record("\(place): \(problem)")
        return
      }
      // With the power failing instead of space coming back: the journal has it.
      let crashes = scene.random.chance(30)
      if crashes || hasFailed {
        scene.disk.crash()
        scene.disk.capacity = .max
        try scene.reopen()
      } else {
        scene.disk.capacity = .max
        try scene.checkpoint(changing: false)
        #expect(scene.store.shortage == nil && scene.released == UInt64(scene.log.count), "\(place)")
      }
      if let problem = try difference(scene.store, scene.model) {
        Issue.record("\(place), with space again: \(problem)")
        return
      }
      #expect(scene.store.state.lost == nil, "\(place)")
    }
    scene.disk.crash()
    try scene.reopen()
    if let problem = try difference(scene.store, scene.model) { Issue.record("seed \(seed) again: \(problem)") }
  }
}
