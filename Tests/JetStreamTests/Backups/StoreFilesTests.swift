import StorageSimulation
import Testing

@testable import JetStream

@Suite("FEATURES 9.025: the files of nats-server's store") struct StoreFilesTests {
  /// `1.idx` and `o.dat` of nats-server 2.9, `index.db` shortened to what it says of blocks.
  static let index: [UInt8] = [
    0x16, 1, 7, 0xC4, 2, 2, 0x88, 0xBE, 0x9B, 0xCE, 0xF3, 0xB1, 0xFF, 0xE9, 0x31, 10, 0x86, 0xE7, 0xE1, 0xCF, 0xF3,
    0xB1,
    0xFF, 0xE9, 0x31, 2, 0x54, 0x2B, 0x64, 4, 0x5A, 0xD9, 0x69, 0x5B, 8, 1,
  ]
  static let state: [UInt8] = [
    0x16, 2, 1, 3, 6, 7, 3, 0xD6, 0x9F, 0x8A, 0xB0, 0x0D, 3, 3, 0, 4, 4, 0, 1, 1, 0, 1, 3, 1,
  ]
  static let stream: [UInt8] = {
    var bytes: [UInt8] = [11, 3, 7, 100, 2, 4, 10, 6, 1, 3] + Array("a.1".utf8) + [1, 1]
    bytes += [1, 1, 50, 2, 0, 10, 2, 2, 0, 0]
    bytes += [22, 2, 1, 0, 0, 0, 2, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
    bytes += [8, 4] + [UInt8](repeating: 0, count: 32 * 8 - 2) + [1, 0]
    return bytes + [1, 1, 2, 3, 4, 5, 6, 7, 8]
  }()

  @Test func anIndexOfABlockIsRead() throws {
    let summary = try #require(BlockSummary(index: Self.index))
    #expect(summary.first == 2 && summary.last == 10)
    #expect(summary.deleted.sorted() == [3, 10])
  }

  @Test func theIndexOfAStreamIsRead() throws {
    let summary = try #require(StreamSummary(Self.stream))
    #expect(summary.first == 2 && summary.last == 10 && summary.lastBlock == 1)
    #expect(summary.lastHash == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(summary.blocks.map(\.summary.deleted) == [[3, 10]])
  }

  @Test func theStateOfAConsumerIsRead() throws {
    let state = try #require(BackupConsumer.State(file: Self.state))
    #expect(state.delivered == ConsumerState.Position(consumer: 6, stream: 7))
    #expect(state.ackFloor == ConsumerState.Position(consumer: 1, stream: 3))
    #expect(state.pending.mapValues(\.consumerSequence) == [4: 2, 6: 4, 7: 5])
    #expect(state.pending[4]?.timestamp == 1_795_246_059_000_000_000)
    #expect(state.redelivered == [6: 1])
  }

  @Test func filesCutOffAreNone() {
    for count in 0..<Self.index.count { #expect(BlockSummary(index: Array(Self.index[..<count])) == nil) }
    for count in 0..<Self.stream.count { #expect(StreamSummary(Array(Self.stream[..<count])) == nil, "\(count)") }
    for count in 0..<Self.state.count { #expect(BackupConsumer.State(file: Array(Self.state[..<count])) == nil) }
  }

  @Test(arguments: 0..<6) func changedFilesDoNoHarm(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      for file in [Self.index, Self.state, Self.stream] {
        var file = file
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          file[Int.random(in: 0..<file.count, using: &random)] = [0, 0x7F, 0x80, 0xFF, .random(in: 0...255)]
            .randomElement(
              using: &random)!
        }
        _ = BlockSummary(index: file)
        _ = StreamSummary(file)
        _ = BackupConsumer.State(file: file)
      }
    }
  }

  // MARK: tar

  static func header(_ name: String, size: Int, kind: Character = "0", prefix: String = "") -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ place: Int) {
      header.replaceSubrange(place..<(place + text.utf8.count), with: text.utf8)
    }
    put(name, 0)
    put(String(repeating: "0", count: 11 - String(size, radix: 8).count) + String(size, radix: 8), 124)
    put(String(kind), 156)
    put("ustar", 257)
    put(prefix, 345)
    put("        ", 148)
    let sum = header.reduce(0) { $0 + Int($1) }
    let digits = String(sum, radix: 8)
    put(String(repeating: "0", count: 6 - digits.count) + digits + "\0 ", 148)
    return header
  }

  static func file(_ name: String, _ content: String, prefix: String = "") -> [UInt8] {
    let bytes = Array(content.utf8)
    return header(name, size: bytes.count, prefix: prefix) + bytes
      + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
  }

  static func files(_ archive: [UInt8], step: Int) throws -> [String: String] {
    var reader = TarReader()
    var found: [String: String] = [:]
    var current = ""
    var place = 0
    while place < archive.count {
      reader.append(Array(archive[place..<min(archive.count, place + step)]))
      place += step
      while let event = try reader.next() {
        switch event {
        case .file(let name, _):
          current = name
          found[name] = ""
        case .data(let bytes): found[current]! += String(decoding: bytes, as: UTF8.self)
        case .endOfFile: break
        }
      }
    }
    #expect(reader.isAtBoundary)
    return found
  }

  @Test(arguments: [1, 100, 512, 5000]) func tarFilesAreRead(_ step: Int) throws {
    let long = "path=" + String(repeating: "n", count: 200) + "\n"
    let record = "\(long.utf8.count + 4) \(long)"
    let archive =
      Self.file("a", "one") + Self.file("b", "", prefix: "folder")
      + Self.header("x", size: record.utf8.count, kind: "x")
      + Array(record.utf8) + [UInt8](repeating: 0, count: 512 - record.utf8.count) + Self.file("short", "three")
      + [UInt8](repeating: 0, count: 1024) + Array("rest".utf8)
    #expect(
      try Self.files(archive, step: step) == ["a": "one", "folder/b": "", String(repeating: "n", count: 200): "three"])
  }

  @Test func whatIsNoFileIsRefused() {
    var broken = Self.file("a", "one")
    broken[3] = 1
    let archives = [broken, Self.header("link", size: 0, kind: "2"), Self.header("x", size: 1 << 20, kind: "x")]
    for archive in archives { #expect(throws: BackupProblem.self) { try Self.files(archive, step: 512) } }
  }
}
