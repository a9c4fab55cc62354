import Foundation
import Testing

@testable import S2

@Suite struct S2StreamTests {
  @Test(arguments: 0..<20) func whatWasWrittenIsReadInPiecesOfAnySize(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let writer = S2Writer(blockBytes: [1, 100, 4096, 256 << 10].randomElement(using: &random)!)
    let bytes = S2BlockTests.sample(&random, most: 60_000)
    var place = 0
    var stream: [UInt8] = []
    while place < bytes.count {
      let end = min(bytes.count, place + Int.random(in: 1...5000, using: &random))
      writer.append(Array(bytes[place..<end]))
      place = end
      if Int.random(in: 0..<5, using: &random) == 0 { writer.flush() }
      stream += writer.take(Int.random(in: 0...3000, using: &random))
    }
    writer.flush()
    stream += writer.take(.max)
    #expect(writer.readyCount == 0)
    let isSame = try read(stream, step: Int.random(in: 1...7000, using: &random)) == bytes
    #expect(isSame, "seed \(seed)")
  }

  @Test func anEmptyStreamIsItsIdentifier() throws {
    let writer = S2Writer()
    writer.flush()
    let stream = writer.take(.max)
    #expect(stream == [0xFF, 6, 0, 0] + Array("S2sTwO".utf8))
    #expect(try read(stream, step: 3) == [])
  }

  /// Made by nats-server, which compresses with another encoder: its backups begin with these bytes.
  @Test(arguments: [
    ("2.15-file", "NATSARC1"), ("2.15-memory", "NATSARC1"), ("2.10-file", "PaxHeaders.0/meta.inf"),
    ("2.9-file", "PaxHeaders.0/meta.inf"),
  ]) func readsBackupsOfNatsServer(_ file: String, _ beginning: String) throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Recordings/backups/\(file).s2")
    let stream = [UInt8](try Data(contentsOf: path))
    for step in [1, 7, 1000, stream.count] {
      let bytes = try read(stream, step: step)
      let beginsWell = bytes.starts(with: Array(beginning.utf8))
      #expect(beginsWell && bytes.count > 900)
    }
  }

  @Test func passesOverWhatMayBePassedOver() throws {
    let writer = S2Writer()
    writer.append(Array("hello".utf8))
    writer.flush()
    let stream = writer.take(.max)
    let skippable: [UInt8] = [0x99, 3, 0, 0, 1, 2, 3] + [0xFE, 0, 0, 0] + [0x80, 1, 0, 0, 9]
    #expect(try read(Array(stream[..<10]) + skippable + stream[10...], step: 2) == Array("hello".utf8))
    // Streams may follow each other.
    #expect(try read(stream + stream, step: 5) == Array("hellohello".utf8))
  }

  static let damaged: [(stream: [UInt8], error: S2Error)] = [
    (Array("hello, world".utf8), .notAStream),
    ([0xFF, 6, 0, 0] + Array("S3sTwO".utf8), .notAStream),
    ([0xFF, 7, 0, 0], .notAStream),
    ([0x00, 5, 0, 0, 0, 0, 0, 0, 0], .notAStream),
    (identifier + [0x02, 0, 0, 0], .unknownChunk(2)),
    (identifier + [0x7F, 0, 0, 0], .unknownChunk(0x7F)),
    (identifier + [0x00, 3, 0, 0], .damagedBlock),
    (identifier + [0x00, 255, 255, 255], .tooLarge),
    (identifier + [0x01, 9, 0, 0, 1, 2, 3, 4] + Array("hello".utf8), .wrongChecksum),
    // A block that claims to be larger than any may be.
    (identifier + [0x00, 10, 0, 0, 0, 0, 0, 0] + [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], .tooLarge),
  ]
  static let identifier: [UInt8] = [0xFF, 6, 0, 0] + Array("S2sTwO".utf8)

  @Test(arguments: damaged.indices) func damageIsAnError(_ index: Int) {
    let (stream, error) = Self.damaged[index]
    #expect(throws: error) { try read(stream, step: stream.count) }
    #expect(throws: error) { try read(stream, step: 1) }
  }

  /// Every byte of a stream matters: changing one is noticed, or it was of no importance.
  @Test func everyChangedByteIsNoticed() throws {
    let writer = S2Writer(blockBytes: 64)
    let text = Array(String(repeating: "abcdefgh 0123", count: 30).utf8)
    writer.append(text)
    writer.flush()
    let stream = writer.take(.max)
    for place in stream.indices {
      for change in [1, 0x80, 0xFF] as [UInt8] {
        var changed = stream
        changed[place] ^= change
        // What is cut off or passed over is missing, nothing else may differ.
        guard let found = try? read(changed, step: 50) else { continue }
        #expect(found.count < text.count, "byte \(place) ^ \(change)")
      }
    }
  }

  @Test(arguments: 0..<4) func noiseIsAnErrorAndTakesNoMemory(_ seed: UInt64) {
    var random = SeededGenerator(seed)
    for _ in 0..<500 {
      let noise = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      _ = try? read(Self.identifier + noise, step: 64)
    }
  }

  private func read(_ stream: [UInt8], step: Int) throws -> [UInt8] {
    var reader = S2Reader()
    var found: [UInt8] = []
    var place = 0
    while place < stream.count {
      let end = min(stream.count, place + step)
      reader.append(Array(stream[place..<end]))
      place = end
      while let bytes = try reader.next() { found += bytes }
    }
    return found
  }
}
