import JetStreamAPI
import Testing

@Suite("FEATURES 9.023, 9.027: requests about backups") struct StreamBackupTests {
  @Test(arguments: [
    (chunk: 0, window: 0, bytes: 131_072, inFlight: 64), (1, 1, 1024, 1), (-1, -1, 1024, 1), (1000, 0, 1024, 8192),
    (65_536, 262_144, 65_536, 4), (65_536, 300_000, 65_536, 4), (1 << 30, 0, 1 << 20, 8), (0, 1 << 40, 131_072, 256),
    (1024, 1 << 40, 1024, 32_768), (1 << 20, 1024, 1 << 20, 1), (.min, .max, 1024, 32_768), (.max, .min, 1 << 20, 1),
  ]) func chunksAndWindowsAreClamped(_ row: (chunk: Int, window: Int, bytes: Int, inFlight: Int)) {
    var request = StreamSnapshotRequest()
    request.chunkSize = row.chunk
    request.windowSize = row.window
    #expect(request.chunkBytes == row.bytes, "\(row)")
    #expect(request.chunksInFlight == row.inFlight, "\(row)")
  }

  static func surroundings(_ streams: StreamConfiguration...) -> StreamSurroundings {
    var result = StreamSurroundings(
      stream: { name in streams.first { $0.name == name } },
      overlaps: { subjects, excluded in
        streams.contains { $0.name != excluded && !Set($0.subjects).isDisjoint(with: subjects) }
      })
    result.streamCount = streams.count
    return result
  }

  static func configuration(_ name: String, _ subjects: String...) -> StreamConfiguration {
    var result = StreamConfiguration()
    result.name = name
    result.subjects = subjects
    return result
  }

  @Test func aNameIsTakenFromTheSubject() throws {
    var request = StreamRestoreRequest()
    #expect(try request.restoration(of: "S", in: Self.surroundings()).name == "S")
    request.configuration.name = "T"
    #expect(throws: JetStreamError.streamMismatch) { try request.restoration(of: "S", in: Self.surroundings()) }
  }

  @Test func limitsOfTheAccountCount() throws {
    var request = StreamRestoreRequest()
    request.configuration = Self.configuration("S", "a")
    var around = Self.surroundings(Self.configuration("S", "a"))
    #expect(throws: JetStreamError.streamNameExistRestoreFailed) { try request.restoration(of: "S", in: around) }
    around.limits?.maximumStreams = 1
    #expect(throws: JetStreamError.streamNameExistRestoreFailed) { try request.restoration(of: "S", in: around) }
    around = Self.surroundings(Self.configuration("T", "b"))
    around.limits?.maximumStreams = 1
    #expect(throws: JetStreamError.maximumStreamsLimit) { try request.restoration(of: "S", in: around) }
    around.limits = nil
    #expect(throws: JetStreamError.noLimits) { try request.restoration(of: "S", in: around) }
  }

  @Test func whatHasHappenedMeanwhileCounts() throws {
    let restored = try Self.configuration("S", "a").validated()
    try restored.checkRestored(bytes: 100, in: Self.surroundings(Self.configuration("T", "b")))
    #expect(throws: JetStreamError.streamNameExistRestoreFailed) {
      try restored.checkRestored(bytes: 0, in: Self.surroundings(Self.configuration("S", "c")))
    }
    let overlap = #expect(throws: JetStreamError.self) {
      try restored.checkRestored(bytes: 0, in: Self.surroundings(Self.configuration("T", "a")))
    }
    #expect(
      overlap == .streamRestore("error adding stream: subjects overlap with an existing stream (10065)"))
    var around = Self.surroundings()
    around.serverMaximum.file = 1000
    #expect(throws: JetStreamError.storageResourcesExceeded) { try restored.checkRestored(bytes: 1001, in: around) }
    #expect(throws: JetStreamError.storageResourcesExceeded) { try restored.checkRestored(bytes: .max, in: around) }
  }
}
