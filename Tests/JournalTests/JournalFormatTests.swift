import CSystem
import StorageSimulation
import Testing

@testable import Journal

@Suite struct JournalFormatTests {
  /// RFC 3720, appendix B.4, and the usual check value.
  static let published: [([UInt8], UInt32)] = [
    (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
  ]

  @Test(arguments: published)
  func `CRC-32C gives the published values, by instruction and by table`(bytes: [UInt8], expected: UInt32) {
    #expect(csys_crc32c(0, bytes, bytes.count) == expected)
    #expect(csys_crc32c_by_table(0, bytes, bytes.count) == expected)
  }

  @Test func `both ways to compute CRC-32C agree, in one piece and in two`() {
    var random = SeededGenerator(seed: 1)
    for count in Array(0..<300) + [383, 384, 385, 767, 768, 1052, 1151, 1152, 3071, 3072, 3073, 3456, 7000, 65536] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let whole = csys_crc32c(0, bytes, count)
      #expect(whole == csys_crc32c_by_table(0, bytes, count))
      let cut = Int.random(in: 0...count, using: &random)
      let first = csys_crc32c(0, bytes, cut)
      #expect(whole == csys_crc32c(first, Array(bytes[cut...]), count - cut))
    }
  }

  @Test func `a segment header survives damage to either copy, not to both`() {
    let header = SegmentHeader(salt: 7, number: 9, epoch: 2, first: 11, durable: 10, capacity: 1 << 20)
    let good = header.encoded()
    for sector in [0, 4096] {
      for bit in 0..<64 * 8 where !(12 * 8..<16 * 8).contains(bit) || bit % 5 == 0 {
        var bytes = good
        bytes[sector + bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(bytes.withUnsafeBytes { SegmentHeader($0) } == header)
      }
    }
    var bytes = good
    bytes[20] ^= 1
    bytes[4096 + 30] ^= 1
    #expect(bytes.withUnsafeBytes { SegmentHeader($0) } == nil)
  }

  @Test func `of two intact copies of a segment header the newer one counts, wherever it stands`() {
    let old = SegmentHeader(salt: 7, number: 2, epoch: 1, first: 27, durable: 26, capacity: 1 << 20)
    let sameEpoch = SegmentHeader(salt: 7, number: 8, epoch: 1, first: 103, durable: 102, capacity: 1 << 20)
    let sameNumber = SegmentHeader(salt: 7, number: 2, epoch: 3, first: 103, durable: 102, capacity: 1 << 20)
    for new in [sameEpoch, sameNumber] {
      for (front, back) in [(old, new), (new, old)] {
        let bytes = Array(front.encoded()[..<4096] + back.encoded()[4096...])
        #expect(bytes.withUnsafeBytes { SegmentHeader($0) } == new)
      }
    }
  }

  @Test func `a checkpoint with any bit flipped is not whole`() {
    let checkpoint = Checkpoint(
      number: 3, salt: 1, replayFrom: 100, durable: 200, foretold: ForetoldSegment(slot: 4, epoch: 5, number: 6),
      released: [5: 150, 9: 120])
    let good = checkpoint.encoded()
    #expect(good.withUnsafeBytes { Checkpoint($0) } == checkpoint)
    #expect((good + [1, 2, 3]).withUnsafeBytes { Checkpoint($0) } == checkpoint)
    for bit in 0..<good.count * 8 {
      var bytes = good
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(bytes.withUnsafeBytes { Checkpoint($0) } == nil, "bit \(bit)")
    }
  }

  @Test func `a record counts only in the use of the segment that it was written for`() {
    let batch = JournalBatch()
    batch.append(RecordHeader(payloadBytes: 5, sequence: 8, owner: 2, unsynced: .max, kind: 1))
      .copyBytes(from: [1, 2, 3, 4, 5])
    let seal = RecordSeal(salt: 4, epoch: 1, segment: 6)
    let bytes = [UInt8](batch.close(seal: seal, durable: 7))
    #expect(bytes.count == 4096)
    let record = Array(bytes[..<37])
    #expect(record.withUnsafeBytes { seal.opens($0) })
    #expect(!record.withUnsafeBytes { RecordSeal(salt: 4, epoch: 1, segment: 6 + 65536).opens($0) })
    #expect(!record.withUnsafeBytes { RecordSeal(salt: 5, epoch: 1, segment: 6).opens($0) })
    #expect(!record.withUnsafeBytes { RecordSeal(salt: 4, epoch: 2, segment: 6).opens($0) })
    for bit in 0..<record.count * 8 {
      var damaged = record
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!damaged.withUnsafeBytes { seal.opens($0) }, "bit \(bit)")
    }
  }
}
