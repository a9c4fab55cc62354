import Foundation
import Testing

@testable import Profiling

@Suite struct ProfilingTests {
  @Test func mappingsAreReadByAddressAndKind() {
    let map = MemoryMap(
      """
      00400000-00c85000 r--p 00000000 fd:00 123 /usr/bin/natsd
      00c85000-01c85000 r-xp 00885000 fd:00 123 /usr/bin/natsd
      7ffe35000000-7ffe35021000 rw-p 00000000 00:00 0                          [stack]
      7ffe35100000-7ffe35101000 rw-p 00000000 00:00 0
      """)
    #expect(map.regions.count == 4)
    #expect(map.code.map(\.start) == [0xC85000])
    #expect(map.base(of: "/usr/bin/natsd") == 0x400000)
    #expect(map.stacks == [0x7FFE_3500_0000, 0x7FFE_3502_1000, 0x7FFE_3510_0000, 0x7FFE_3510_1000])
    #expect(map.regions[2].path == "[stack]" && map.regions[3].path == "")
  }

  @Test func threadTimesSurviveOddNames() throws {
    let fields = "S 1 1 1 0 -1 4194368 100 0 0 0 250 50 0 0 20 0 4 0"
    let thread = try #require(ThreadTime.parse("77 (a) b (c) \(fields)", 77, ticksPerSecond: 100))
    #expect(thread == ThreadTime(identifier: 77, name: "a) b (c", userSeconds: 2.5, systemSeconds: 0.5))
    #expect(ThreadTime.parse("77 no name", 77, ticksPerSecond: 100) == nil)
    #expect(ThreadTime.parse("77 (x) S 1", 77, ticksPerSecond: 100) == nil)
  }

  @Test func samplesAreCountedByStackUntilTheCutOffOne() {
    var profile = CPUProfile(map: MemoryMap(""), startNanoseconds: 0, durationNanoseconds: 1)
    let words: [UInt64] = [2, 7, 0x10, 0x20, 2, 7, 0x10, 0x20, 1, 8, 0x30, 0, 0, 0]
    words.withUnsafeBufferPointer { profile.read($0) }
    #expect(
      profile.counts == [
        CPUProfile.Stack(thread: 7, addresses: [0x10, 0x20]): 2, CPUProfile.Stack(thread: 8, addresses: [0x30]): 1,
      ])
    var symbolizer = Symbolizer(map: MemoryMap(""))
    profile.threadNames = [7: "loop-1"]
    // A caller's address is that of return: one less is inside the call.
    #expect(profile.folded(&symbolizer) == "loop-1;0x1f;0x10 2\nthread;0x30 1\n")
    #expect(profile.summary(&symbolizer).contains("3 samples of 10 ms CPU time"))
  }

  @Test func protocolBuffersAreWrittenAsSpecified() {
    var writer = ProtobufWriter()
    writer.number(1, 150)
    writer.number(2, 0)
    writer.text(2, "testing")
    writer.packed(4, [3, 270, 86942])
    writer.message(3) { $0.number(1, 150) }
    #expect(
      writer.bytes == [
        0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67, 0x22, 0x06, 0x03, 0x8E, 0x02, 0x9E,
        0xA7,
        0x05, 0x1A, 0x03, 0x08, 0x96, 0x01,
      ])
  }

  @Test func brokenProgramFilesHaveNoSymbols() throws {
    let own = try Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"))
    let header = Array(own.prefix(4096))
    for length in [0, 10, 63, 64, 65, 4096] {
      #expect(header.prefix(length).withUnsafeBytes { SymbolTable($0) }.isEmpty)
    }
    var state: UInt64 = 42
    for _ in 0..<500 {
      var bytes = header
      for _ in 0..<8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % 64] = UInt8(truncatingIfNeeded: state >> 20)
      }
      _ = bytes.withUnsafeBytes { SymbolTable($0) }.name(at: state)
    }
  }

  @Test func aBusyThreadIsSeen() throws {
    let isDone = Flag()
    let thread = Thread { while !isDone.isSet { spin() } }
    thread.start()
    defer { isDone.set() }
    let profile = try CPUProfile.record(seconds: 0.5)
    // A machine that is busy with other things gives the thread less than its half second.
    #expect(profile.counts.values.reduce(0, +) >= 3)
    var symbolizer = Symbolizer(map: profile.map)
    #expect(profile.folded(&symbolizer).contains("spin"))
    let bytes = profile.pprof(&symbolizer)
    #expect(bytes.first == 0x0A && bytes.count > 200)
    #expect(!CPUProfile.isRecording)
  }
}

@inline(never) private func spin() {
  var sum: UInt64 = 1
  for index in 0..<100_000 as Range<UInt64> { sum = sum &* 31 &+ index }
  withExtendedLifetime(sum) {}
}

private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}
