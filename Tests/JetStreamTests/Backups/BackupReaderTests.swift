import JetStreamAPI
import S2
import StorageSimulation
import Testing

@testable import JetStream

@Suite("FEATURES 9.025, 9.026: reading backups") struct BackupReaderTests {
  static let magic = Archive.magic
  static let end = Archive.end
  static let consumer = #"{"config":{"durable_name":"C"},"state":{"delivered":{},"ack_floor":{}}}"#

  @Test(arguments: [1, 2, 7, 100, 100_000]) func anArchiveIsReadAsItWasWritten(_ step: Int) throws {
    let backup = BackupSamples.compressed(
      Self.magic, BackupSamples.state(messages: 2, first: 2, last: 9, consumers: 1),
      Archive.entry("consumers/C", timestamp: 1, Array(Self.consumer.utf8)),
      BackupSamples.message(3, "three", header: "NATS/1.0\r\nA: b\r\n\r\n"), BackupSamples.message(7, "", subject: "b"),
      Self.end)
    let content = BackupSamples.Content(try BackupSamples.read(backup, step: step))
    #expect(content.messages == [3: "a NATS/1.0\r\nA: b\r\n\r\nthree", 7: "b "])
    #expect(content.lastSequence == 9)
    #expect(content.consumers == ["C": BackupConsumer.State()])
  }

  /// Taken from nats-server: ten messages of which 1, 3 and 10 were deleted, and two consumers.
  @Test(arguments: ["2.15-file", "2.15-memory", "2.10-file", "2.9-file"], [13, 511, 100_000])
  func backupsOfNatsServerAreRead(_ name: String, _ step: Int) throws {
    let content = BackupSamples.Content(try BackupSamples.read(try BackupSamples.recorded(name), step: step))
    let expected = Dictionary(
      uniqueKeysWithValues: [2, 4, 5, 6, 7, 8, 9].map { (sequence: UInt64) in
        let number = sequence - 1
        return (sequence, "a.\(number % 3) \(number % 4 == 0 ? "NATS/1.0\r\nA: b\r\n\r\n" : "")hello \(number)")
      })
    #expect(content.messages == expected)
    #expect(content.lastSequence == 10)
    #expect(content.consumers.count == 2)
    let durable = try #require(content.consumers["C"])
    #expect(durable.delivered == ConsumerState.Position(consumer: 6, stream: 7))
    #expect(durable.ackFloor.consumer == 1)
    // Before 2.10, the last delivery counted.
    #expect(durable.pending.mapValues(\.consumerSequence) == [4: 2, 6: name == "2.9-file" ? 6 : 4, 7: 5])
    let state = try durable.state(policy: .explicit, maximumDeliveries: -1, now: .max / 2)
    var sequences: [UInt64] = []
    state.pending.forEach { sequences.append($0.consumerSequence) }
    #expect(sequences == [2, 4, 5])
    #expect(durable.redelivered == [6: 1])
    let other = try #require(content.consumers.first { $0.key != "C" }?.value)
    #expect(other.delivered == ConsumerState.Position(consumer: 0, stream: 1))
    #expect(other.pending.isEmpty)
  }

  static let refused: [(name: String, backup: [UInt8], reason: String)] = {
    let state = BackupSamples.state()
    let message = BackupSamples.message(1)
    func make(_ parts: [UInt8]...) -> [UInt8] {
      let writer = S2Writer()
      for part in [magic] + parts { writer.append(part) }
      writer.flush()
      return writer.take(.max)
    }
    func consumer(_ json: String) -> [UInt8] {
      make(
        BackupSamples.state(consumers: 1), Archive.entry("consumers/C", timestamp: 1, Array(json.utf8)), message, end)
    }
    return [
      ("nothing", [], "EOF"), ("no stream", Array("hello, world".utf8), "s2: corrupt input"),
      ("too little", BackupSamples.compressed(Array("NATS".utf8)), "unexpected EOF"),
      ("only the beginning", make(), "EOF"), ("no end", make(state, message), "EOF"),
      ("cut within a message", make(state, Array(message.dropLast())), "archive: invalid archive stream"),
      ("cut within a head", make(state, [5]), "archive: invalid archive stream"),
      ("cut within a chunk", Array(make(state, message, end).dropLast(3)), "s2: corrupt input"),
      ("no state", make(message, end), "expected state.json first"),
      ("messages out of order", make(state, BackupSamples.message(3), message), "message sequence 1 out of order"),
      (
        "a message before the first", make(BackupSamples.state(first: 5, last: 9), BackupSamples.message(4)),
        "message sequence 4 out of order"
      ),
      ("the highest sequence", make(state, BackupSamples.message(.max)), "message sequence \(UInt64.max) out of order"),
      (
        "a message that is too large", make(state, BackupSamples.message(1, String(repeating: "x", count: 1001))),
        "message sequence 1 exceeds maximum payload size"
      ),
      ("no consumer", make(BackupSamples.state(consumers: 1), message), #"expected consumer, found "a""#),
      ("a negative number", make(BackupSamples.state(consumers: -1)), "invalid stream state: negative consumer count"),
      (
        "a number that is too long", make(state, [UInt8](repeating: 0xFF, count: 11)), "archive: invalid archive stream"
      ),
      ("a huge name", make(state, [0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0]), "archive: invalid archive stream"),
      (
        "a huge description",
        make([10, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F] + Array("state.json".utf8)), "archive: invalid archive stream"
      ),
      ("a consumer without configuration", consumer(#"{"state":{}}"#), #"consumer "C" is missing config"#),
      ("a consumer without state", consumer(#"{"config":{}}"#), #"consumer "C" is missing state"#),
      ("a consumer with no state", consumer(#"{"config":{},"state":null}"#), #"consumer "C" is missing state"#),
      ("half a consumer", consumer("{"), #"failed to decode consumer "C" state: unexpected EOF"#),
    ]
  }()

  @Test(arguments: refused.indices) func whatIsNoBackupIsRefused(_ index: Int) {
    let (name, backup, reason) = Self.refused[index]
    var limits = BackupLimits()
    limits.payload = 1000
    for step in [3, 100_000] {
      do {
        _ = try BackupSamples.read(backup, step: step, limits: limits)
        Issue.record("\(name): nothing was wrong")
      } catch let problem as BackupProblem {
        #expect(problem.reason == reason, "\(name)")
        #expect(problem.error == .streamRestore(reason), "\(name)")
      } catch {
        Issue.record("\(name): \(error)")
      }
    }
  }

  /// A record of a block was changed on the disk of the server that the backup is from.
  @Test(arguments: ["2.10-file", "2.9-file"]) func aDamagedRecordIsRefused(_ name: String) throws {
    var stream = S2Reader()
    stream.append(try BackupSamples.recorded(name))
    var plain: [UInt8] = []
    while let bytes = try stream.next() { plain += bytes }
    let payload = Array("hello 5".utf8)
    let place = try #require((0..<plain.count - 7).first { Array(plain[$0..<$0 + 7]) == payload })
    plain[place + 6] = UInt8(ascii: "6")
    let problem = #expect(throws: BackupProblem.self) { try BackupSamples.read(BackupSamples.compressed(plain)) }
    #expect(problem?.reason == "message block is damaged at sequence 6")
  }

  /// nats-server says so within the backup, and ends it as if all were well.
  @Test func anUnfinishedBackupIsRefused() throws {
    let backup =
      StoreFilesTests.file("meta.inf", #"{"Created":"2026-01-01T00:00:00Z","name":"S"}"#)
      + StoreFilesTests.file("errors.txt", "could not read message block [2]") + [UInt8](repeating: 0, count: 1024)
    let problem = #expect(throws: BackupProblem.self) { try BackupSamples.read(BackupSamples.compressed(backup)) }
    #expect(problem?.reason == "backup is not whole: could not read message block [2]")
  }

  /// A few bytes can stand for a great many: what leads to nothing is not decompressed for ever.
  @Test func muchThatSaysNothingIsRefused() throws {
    let folder =
      StoreFilesTests.file("meta.inf", #"{"name":"S"}"#) + StoreFilesTests.header("meta.sum", size: 1 << 30)
      + [UInt8](repeating: 0, count: 20_000)
    var limits = BackupLimits()
    limits.silence = 10_000
    let problem = #expect(throws: BackupProblem.self) {
      try BackupSamples.read(BackupSamples.compressed(folder), limits: limits)
    }
    #expect(problem?.reason == "archive: invalid archive stream")
  }

  @Test func whatFollowsTheEndMeansNothing() throws {
    let backup = BackupSamples.compressed(
      Self.magic, BackupSamples.state(), BackupSamples.message(1), Self.end, Array("more".utf8))
    #expect(BackupSamples.Content(try BackupSamples.read(backup + Array("garbage".utf8))).order == [1])
  }

  /// Changed, cut and mixed backups give an error or some items, and nothing else.
  @Test(arguments: 0..<9) func damagedBackupsAreAnError(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let name = ["2.15-file", "2.10-file", "2.9-file"][Int(seed % 3)]
    var stream = S2Reader()
    stream.append(try BackupSamples.recorded(name))
    var plain: [UInt8] = []
    while let bytes = try stream.next() { plain += bytes }
    for _ in 0..<50 {
      var damaged = plain
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[place] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: damaged.removeSubrange(place..<min(damaged.count, place + Int.random(in: 1...40, using: &random)))
        default: damaged.insert(contentsOf: damaged[place..<min(damaged.count, place + 30)], at: place)
        }
        if damaged.isEmpty { damaged = [0] }
      }
      let items = try? BackupSamples.read(BackupSamples.compressed(damaged), step: 4096)
      for case .consumer(let consumer) in items ?? [] { try checkState(consumer.state) }
    }
  }

  /// Whatever a state says: what becomes of it can be written and read.
  private func checkState(_ state: BackupConsumer.State) throws {
    guard let found = try? state.state(policy: .explicit, maximumDeliveries: 3, now: BackupSamples.time) else { return }
    _ = try found.encoded().withUnsafeBytes { try ConsumerState(policy: .explicit, encoded: $0) }
  }
}
