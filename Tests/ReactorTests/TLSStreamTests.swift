import Crypto
import Glibc
import Testing

@testable import Reactor

@Suite("TLS streams: data")
struct TLSStreamTests {
  static func pair(socketBuffer: Int32? = nil) throws -> TLSPair {
    let contexts = try TLSHandshakeTests.contexts()
    let pair = TLSPair(server: contexts.server, client: contexts.client, socketBuffer: socketBuffer)
    #expect(pair.handshake() == (.done, .done))
    return pair
  }

  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) ^ (state << 31)
    }
  }

  @Test("large transfers both ways at once, through small socket buffers, with partial writes and odd reads")
  func transfers() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = Generator(state: seed)
    for (socketBuffer, room) in [(Int32(4096), 1...5000), (40_000, 100...200_000), (nil, 1...300_000)]
      as [(Int32?, ClosedRange<Int>)]
    {
      let pair = try Self.pair(socketBuffer: socketBuffer)
      let data = (0..<2).map { _ in (0..<700_000).map { _ in UInt8.random(in: 0...255, using: &random) } }
      let streams = [pair.server, pair.client]
      var written = [0, 0]
      var received: [[UInt8]] = [[], []]
      var idle = 0
      while received[0].count < data[1].count || received[1].count < data[0].count {
        idle += 1
        for side in 0..<2 {
          let end = min(data[side].count, written[side] + Int.random(in: 1...300_000, using: &random))
          if written[side] < end, case .bytes(let count) = streams[side].write(Array(data[side][written[side]..<end])) {
            written[side] += count
            if count > 0 { idle = 0 }
          }
          if let bytes = streams[side].readAll(room: Int.random(in: room, using: &random)) {
            received[side] += bytes
            idle = 0
          }
          if streams[side].hasUnsentBytes { _ = streams[side].flush() }
        }
        try #require(idle < 1000, "stuck, seed \(seed)")
      }
      #expect(received[0] == data[1], "seed \(seed)")
      #expect(received[1] == data[0], "seed \(seed)")
    }
  }

  @Test("a full socket: what is taken, what waits, and that nothing is taken twice")
  func backpressure() throws {
    let pair = try Self.pair(socketBuffer: 4096)
    let block = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    guard case .bytes(let taken) = pair.server.write(block) else {
      Issue.record("nothing was taken")
      return
    }
    #expect(taken > 0 && taken <= 256 << 10)
    #expect(pair.server.hasUnsentBytes)
    #expect(pair.server.write(block) == .wantsWrite)
    #expect(!pair.server.flush())
    var received: [UInt8] = []
    while received.count < taken {
      received += pair.client.readAll() ?? []
      _ = pair.server.flush()
    }
    #expect(!pair.server.hasUnsentBytes)
    #expect(received == Array(block[..<taken]))
    #expect(pair.client.readAll() == nil)
  }

  @Test("64 KB go out in one system call, and come in with one")
  func batching() throws {
    // A socket that keeps one send apart from the next, and gives one of them with each receive.
    let contexts = try TLSHandshakeTests.contexts()
    let pair = TLSPair(server: contexts.server, client: contexts.client, type: SOCK_SEQPACKET)
    #expect(pair.handshake() == (.done, .done))
    #expect(pair.client.readAll() == nil)
    let block = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    #expect(pair.server.write(block) == .bytes(block.count))
    #expect(pair.client.readAll() == block)
  }

  @Test("several pieces share one write")
  func pieces() throws {
    let pair = try Self.pair()
    var pieces: [[UInt8]] = [
      Array("MSG a 1 5\r\n".utf8), [], Array("hello\r\n".utf8), [UInt8](repeating: 7, count: 70_000),
    ]
    let vector = pieces.indices.map { index in
      pieces[index].withUnsafeMutableBytes { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
    }
    let total = pieces.joined().count
    let written = vector.withUnsafeBufferPointer { pair.server.write($0) }
    #expect(written == .bytes(total))
    #expect(pair.client.readAll() == Array(pieces.joined()))
    #expect(pair.server.write([]) == .bytes(0))
    _ = pieces
  }

  @Test("a small buffer leaves bytes behind and says so")
  func unread() throws {
    let pair = try Self.pair()
    for _ in 0..<3 { #expect(pair.server.write([UInt8](repeating: 1, count: 1000)) == .bytes(1000)) }
    #expect(pair.client.readAll(room: 100)?.count == 100)
    #expect(pair.client.hasUnreadBytes)
    #expect(pair.client.readAll(room: 2800)?.count == 2800)
    #expect(pair.client.hasUnreadBytes)
    #expect(pair.client.readAll(room: 2800)?.count == 100)
    #expect(!pair.client.hasUnreadBytes)
  }

  @Test("the end: data first, then closed; with and without a goodbye", arguments: [true, false])
  func end(goodbye: Bool) throws {
    let pair = try Self.pair()
    #expect(pair.server.write([1, 2, 3]) == .bytes(3))
    if goodbye { pair.server.shutdown() }
    shutdown(pair.descriptors[0], Int32(SHUT_WR))
    #expect(pair.client.readAll() == [1, 2, 3])
    if goodbye { #expect(pair.client.hasUnreadBytes) }
    #expect(pair.client.readOnce() == .closed)
    #expect(pair.client.readOnce() == .closed)
    #expect(pair.client.failure == nil)
  }

  @Test("a peer that is gone")
  func gone() throws {
    let pair = try Self.pair()
    pair.closeClient()
    #expect(pair.server.write([1]) == .bytes(1))
    #expect(pair.server.write([1]) == .failed)
    #expect(pair.server.failure?.text == "write: broken pipe")
  }

  @Test("a damaged record fails the stream")
  func damaged() throws {
    let pair = try Self.pair()
    let record: [UInt8] = [0x17, 3, 3, 0, 20] + [UInt8](repeating: 9, count: 20)
    _ = record.withUnsafeBytes { send(pair.descriptors[0], $0.baseAddress, $0.count, 0) }
    #expect(pair.client.readOnce() == .failed)
    #expect(pair.client.failure?.text == "local error: tls: bad record MAC")
    #expect(pair.server.readAll() == nil)
    #expect(pair.server.failure?.text == "remote error: tls: bad record MAC")
  }
}
