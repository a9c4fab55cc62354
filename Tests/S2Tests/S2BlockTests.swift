import Testing

@testable import S2

@Suite struct S2BlockTests {
  /// Blocks put together by hand from the format's description.
  static let blocks: [(name: String, block: [UInt8], text: String)] = [
    ("nothing", [0], ""),
    ("a literal", [3, 2 << 2] + Array("abc".utf8), "abc"),
    ("a literal with its length in a byte", [61, 60 << 2, 60] + [UInt8](repeating: 97, count: 61), "a61"),
    ("a literal with its length in two bytes", [61, 61 << 2, 60, 0] + [UInt8](repeating: 97, count: 61), "a61"),
    ("a literal with its length in three bytes", [61, 62 << 2, 60, 0, 0] + [UInt8](repeating: 97, count: 61), "a61"),
    ("a literal with its length in four bytes", [3, 63 << 2, 2, 0, 0, 0] + Array("abc".utf8), "abc"),
    ("a short copy", [7, 2 << 2] + Array("abc".utf8) + [0 << 2 | 1, 3], "abcabca"),
    ("a copy that overlaps with itself", [9, 0 << 2] + Array("a".utf8) + [4 << 2 | 1, 1], "aaaaaaaaa"),
    ("a copy with two bytes of offset", [5, 2 << 2] + Array("abc".utf8) + [1 << 2 | 2, 3, 0], "abcab"),
    ("a copy with four bytes of offset", [5, 2 << 2] + Array("abc".utf8) + [1 << 2 | 3, 3, 0, 0, 0], "abcab"),
    (
      "S2: a repeat uses the offset before",
      [11, 2 << 2] + Array("abc".utf8) + [0 << 2 | 1, 3] + [0 << 2 | 1, 0], "abcabcabcab"
    ),
    (
      "S2: a repeat of 8 and more",
      [15, 2 << 2] + Array("abc".utf8) + [0 << 2 | 2, 3, 0] + [5 << 2 | 1, 0, 3], "abcabcabcabcabc"
    ),
    (
      "S2: a repeat behind a literal",
      [10, 2 << 2] + Array("abc".utf8) + [0 << 2 | 2, 3, 0] + [1 << 2] + Array("xy".utf8) + [0 << 2 | 1, 0],
      "abcaxyaxya"
    ),
  ]

  @Test(arguments: blocks.indices) func decodesEveryKindOfElement(_ index: Int) throws {
    let (name, block, text) = Self.blocks[index]
    let wanted = text == "a61" ? [UInt8](repeating: 97, count: 61) : Array(text.utf8)
    let found = try block.withUnsafeBytes { try S2Block.decode($0, limit: 1 << 20) }
    #expect(found == wanted, "\(name)")
  }

  @Test func decodesLongRepeats() throws {
    let head: [UInt8] = [0 << 2] + Array("z".utf8) + [0 << 2 | 2, 1, 0]
    let medium = [UInt8](Self.varint(2 + 260 + 0x1234)) + head + [6 << 2 | 1, 0, 0x34, 0x12]
    let long = [UInt8](Self.varint(2 + 65_540 + 0x012345)) + head + [7 << 2 | 1, 0, 0x45, 0x23, 0x01]
    for block in [medium, long] {
      let found = try block.withUnsafeBytes { try S2Block.decode($0, limit: 4 << 20) }
      #expect(found.allSatisfy { $0 == 122 })
    }
  }

  static let damaged: [(name: String, block: [UInt8])] = [
    ("no length", []),
    ("a length without end", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
    ("fewer bytes than announced", [4, 2 << 2] + Array("abc".utf8)),
    ("more bytes than announced", [2, 2 << 2] + Array("abc".utf8)),
    ("a literal that ends too early", [3, 2 << 2, 97]),
    ("a literal without its length", [3, 60 << 2]),
    ("a literal of four gigabytes", [3, 63 << 2, 255, 255, 255, 255, 97]),
    ("a copy of nothing", [4, 0 << 2 | 1, 1]),
    ("a copy from before the beginning", [5, 0 << 2, 97, 0 << 2 | 1, 2]),
    ("an offset of zero", [5, 0 << 2, 97, 3 << 2 | 2, 0, 0]),
    ("an offset of zero in four bytes", [5, 0 << 2, 97, 3 << 2 | 3, 0, 0, 0, 0]),
    ("a huge offset", [5, 0 << 2, 97, 3 << 2 | 3, 255, 255, 255, 255]),
    ("a copy without its offset", [5, 0 << 2, 97, 3 << 2 | 2, 1]),
    ("a repeat without a copy before", [5, 0 << 2, 97, 0 << 2 | 1, 0]),
    ("a repeat without its length", [5, 0 << 2, 97, 0 << 2 | 2, 1, 0, 7 << 2 | 1, 0, 1]),
  ]

  @Test(arguments: damaged.indices) func refusesWhatDoesNotAddUp(_ index: Int) {
    let (name, block) = Self.damaged[index]
    #expect(throws: S2Error.damagedBlock, "\(name)") {
      try block.withUnsafeBytes { try S2Block.decode($0, limit: 1 << 20) }
    }
  }

  @Test func refusesMoreThanItMayTake() {
    let block = Self.varint(1 << 40) + [0, 97]
    #expect(throws: S2Error.tooLarge) { try block.withUnsafeBytes { try S2Block.decode($0, limit: 4 << 20) } }
  }

  @Test(arguments: 0..<24) func whatWasEncodedIsDecoded(_ seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let bytes = Self.sample(&random, most: 1 << 17)
    var block: [UInt8] = []
    bytes.withUnsafeBytes { S2Block.encode($0, to: &block) }
    #expect(block.count <= S2Format.largestEncoding(of: bytes.count), "seed \(seed)")
    let found = try block.withUnsafeBytes { try S2Block.decode($0, limit: 4 << 20) }
    let isSame = found == bytes
    #expect(isSame, "seed \(seed)")
  }

  @Test func textBecomesSmaller() {
    let text = Array(String(repeating: "{\"sensor\":17,\"value\":23.5,\"unit\":\"C\"}\n", count: 1000).utf8)
    var block: [UInt8] = []
    text.withUnsafeBytes { S2Block.encode($0, to: &block) }
    #expect(block.count < text.count / 10)
  }

  /// Mutated and random blocks: an error or some bytes, never more than the limit.
  @Test(arguments: 0..<8) func hostileBlocksAreAnError(_ seed: UInt64) {
    var random = SeededGenerator(seed)
    let bytes = Self.sample(&random, most: 4096)
    var good: [UInt8] = []
    bytes.withUnsafeBytes { S2Block.encode($0, to: &good) }
    for round in 0..<500 {
      var block = good
      if round % 4 == 0 {
        block = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !block.isEmpty {
          block[Int.random(in: 0..<block.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if round % 4 == 1 { block.removeLast(Int.random(in: 0...block.count, using: &random)) }
      }
      let found = block.withUnsafeBytes { try? S2Block.decode($0, limit: 1 << 16) }
      #expect((found?.count ?? 0) <= 1 << 16, "seed \(seed)")
    }
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var value = value
    var bytes: [UInt8] = []
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F | 0x80))
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  /// Bytes of one of several kinds: noise, few letters, repeated pieces, runs.
  static func sample(_ random: inout SeededGenerator, most: Int) -> [UInt8] {
    let count = Int.random(in: 0...(Bool.random(using: &random) ? most : 200), using: &random)
    var bytes: [UInt8] = []
    let kind = Int.random(in: 0..<5, using: &random)
    while bytes.count < count {
      switch kind {
      case 0: bytes.append(UInt8.random(in: 0...255, using: &random))
      case 1: bytes.append(UInt8.random(in: 97...100, using: &random))
      case 2 where bytes.count > 8:
        let start = Int.random(in: 0..<bytes.count - 4, using: &random)
        let end = min(bytes.count, start + Int.random(in: 4...600, using: &random))
        bytes += bytes[start..<end]
        bytes.append(UInt8.random(in: 0...255, using: &random))
      case 3:
        bytes += [UInt8](
          repeating: UInt8.random(in: 0...3, using: &random), count: .random(in: 1...300, using: &random))
      default: bytes += Array("subject.\(Int.random(in: 0...9, using: &random)) hello ".utf8)
      }
    }
    return Array(bytes.prefix(count))
  }
}

/// The same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
