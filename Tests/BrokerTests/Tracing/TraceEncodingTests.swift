import HTTP
import Testing
import S2
import CSystem

@testable import Broker

@Suite struct TraceEncodingTests {
  @Test(
    "2.034 encodings by what is accepted",
    arguments: [
      ("", TraceEncoding.plain), ("gzip", .gzip), ("deflate, GZip", .gzip), ("snappy", .snappy), ("S2", .snappy),
      ("gzip, snappy", .snappy), ("br", .unsupported),
    ])
  func accepted(text: String, expected: TraceEncoding) { #expect(TraceEncoding(accepting: text) == expected) }

  @Test func encodedTracesSayHow() throws {
    let text = Array(String(repeating: "{\"type\":\"eg\"}", count: 50).utf8)
    #expect(TraceEncoding.plain.encode(text) == ([], text))
    let (identity, same) = TraceEncoding.unsupported.encode(text)
    #expect(String(decoding: identity, as: UTF8.self) == "NATS/1.0\r\nContent-Encoding: identity\r\n\r\n")
    #expect(same == text)
    let (gzip, zipped) = TraceEncoding.gzip.encode(text)
    #expect(String(decoding: gzip, as: UTF8.self) == "NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n")
    #expect(try Gzip.decompress(zipped, limit: 1 << 20) == text)
    let (snappy, framed) = TraceEncoding.snappy.encode(text)
    #expect(String(decoding: snappy, as: UTF8.self) == "NATS/1.0\r\nContent-Encoding: snappy\r\n\r\n")
    #expect(framed.count < text.count / 2)
    #expect(try decodeSnappy(framed) == text)
  }

  @Test func checksumOfTheStandardText() {
    #expect(Array("123456789".utf8).withUnsafeBytes { csys_crc32c(0, $0.baseAddress, $0.count) } == 0xE306_9283)
  }

  @Test("2.034 snappy gives back what went in, whatever that was")
  func snappyRoundTrips() throws {
    let seed = UInt64.random(in: .min ... .max)
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    for size in [0, 1, 3, 4, 5, 59, 60, 61, 255, 256, 257, 1000, 65535, 65536, 65537, 200_000] {
      for alphabet in [1, 2, 5, 256] as [UInt64] {
        let bytes = (0..<size).map { _ in UInt8(next() % alphabet) }
        #expect(try decodeSnappy(Snappy.compress(bytes)) == bytes, "seed \(seed), \(size) of \(alphabet)")
      }
    }
  }

  private struct Corrupt: Error {}

  /// The framing format, read by its description.
  private func decodeSnappy(_ stream: [UInt8]) throws -> [UInt8] {
    guard stream.starts(with: [0xFF, 6, 0, 0] + Array("sNaPpY".utf8)) else { throw Corrupt() }
    var output: [UInt8] = []
    var position = 10
    while position < stream.count {
      let length = Int(stream[position + 1]) | Int(stream[position + 2]) << 8 | Int(stream[position + 3]) << 16
      let chunk = Array(stream[(position + 4)..<(position + 4 + length)])
      let plain = stream[position] == 1 ? Array(chunk[4...]) : try decodeBlock(Array(chunk[4...]))
      let crc = plain.withUnsafeBytes { csys_crc32c(0, $0.baseAddress, $0.count) }
      let masked = (crc >> 15 | crc << 17) &+ 0xA282_EAD8
      guard chunk[..<4].elementsEqual([0, 8, 16, 24].map { UInt8(masked >> $0 & 0xFF) }), plain.count <= 65536 else {
        throw Corrupt()
      }
      output += plain
      position += 4 + length
    }
    return output
  }

  private func decodeBlock(_ block: [UInt8]) throws -> [UInt8] {
    var size = 0
    var position = 0
    var shift = 0
    while true {
      size |= Int(block[position] & 0x7F) << shift
      shift += 7
      position += 1
      if block[position - 1] < 0x80 { break }
    }
    var output: [UInt8] = []
    while position < block.count {
      let tag = block[position]
      if tag & 3 == 0 {
        var length = Int(tag >> 2) + 1
        position += 1
        if length > 60 {
          let extra = length - 60
          length = (0..<extra).reduce(0) { $0 | Int(block[position + $1]) << (8 * $1) } + 1
          position += extra
        }
        output += block[position..<(position + length)]
        position += length
      } else {
        // The third form, with four bytes of offset, is for nothing here: chunks have 64 KiB.
        guard tag & 3 < 3 else { throw Corrupt() }
        let isShort = tag & 3 == 1
        let offset = Int(block[position + 1]) | (isShort ? Int(tag & 0xE0) << 3 : Int(block[position + 2]) << 8)
        guard offset > 0, offset <= output.count else { throw Corrupt() }
        let length = isShort ? Int(tag >> 2 & 7) + 4 : Int(tag >> 2) + 1
        for _ in 0..<length { output.append(output[output.count - offset]) }
        position += isShort ? 2 : 3
      }
    }
    guard output.count == size else { throw Corrupt() }
    return output
  }
}
