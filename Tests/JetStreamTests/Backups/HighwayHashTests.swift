import StorageSimulation
import Testing

@testable import JetStream

@Suite struct HighwayHashTests {
  /// The first of the public test vectors: of 0, 1, 2, ... bytes with the values 0, 1, 2, ...
  static let vectors: [UInt64] = [
    0x907A_56DE_22C2_6E53, 0x7EAB_43AA_C7CD_DD78, 0xB8D0_569A_B0B5_3D62, 0x5C6B_EFAB_8A46_3D80,
  ]

  @Test func publicTestVectors() {
    let key: [UInt8] = (0..<32).map { $0 }
    for (count, expected) in Self.vectors.enumerated() {
      var hash = HighwayHash(key: key)
      let bytes = (0..<count).map { UInt8($0) }
      bytes.withUnsafeBytes { hash.update($0) }
      #expect(hash.finish() == expected, "\(count) bytes")
    }
  }

  @Test(arguments: 0..<20) func piecesMakeNoDifference(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    var whole = HighwayHash(key: key)
    bytes.withUnsafeBytes { whole.update($0) }
    var pieces = HighwayHash(key: key)
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(Int.random(in: 1...40, using: &random)))
      part.withUnsafeBytes { pieces.update($0) }
      rest = rest.dropFirst(part.count)
    }
    #expect(whole.finish() == pieces.finish(), "seed \(seed)")
  }
}
