import CSystem
import Foundation
import Testing

@testable import Reactor

/// Counts to a number and lets a test wait for it.
private final class Latch: @unchecked Sendable {
  private let condition = NSCondition()
  private var count = 0
  func arrive() {
    condition.lock()
    count += 1
    condition.broadcast()
    condition.unlock()
  }
  func wait(for number: Int, seconds: Double = 10) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    let deadline = Date().addingTimeInterval(seconds)
    while count < number { if !condition.wait(until: deadline) { return false } }
    return true
  }
}

@Suite struct EventLoopTests {
  @Test("mail from many threads runs on the loop, each thread's in order")
  func mail() {
    let group = LoopGroup(count: 2)
    group.startThreads(includingFirst: true)
    let latch = Latch()
    final class Log: @unchecked Sendable { var entries: [Int: [Int]] = [:] }
    let log = Log()
    let loop = group.loops[1]
    for sender in 0..<4 {
      Thread.detachNewThread {
        for number in 0..<500 {
          loop.submit {
            log.entries[sender, default: []].append(number)
            latch.arrive()
          }
        }
      }
    }
    #expect(latch.wait(for: 2000))
    group.stop()
    group.join()
    for sender in 0..<4 { #expect(log.entries[sender] == Array(0..<500)) }
  }

  @Test("a timer fires on the loop, a cancelled one does not")
  func timers() {
    let group = LoopGroup(count: 1)
    group.startThreads(includingFirst: true)
    let latch = Latch()
    let loop = group.loops[0]
    loop.submit {
      let token = loop.schedule(afterNanoseconds: 1_000_000) { Issue.record("cancelled timer fired") }
      loop.cancel(token)
      loop.schedule(afterNanoseconds: 5_000_000) { latch.arrive() }
    }
    #expect(latch.wait(for: 1))
    group.stop()
    group.join()
  }

  @Test("a listener hands over connections with the peer's address, and a taken port is an error")
  func listener() throws {
    let group = LoopGroup(count: 1)
    let loop = group.loops[0]
    let latch = Latch()
    let address = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
    let listener = try Listener(binding: address, loop: loop) { descriptor, peer in
      #expect(peer.host == "127.0.0.1")
      close(descriptor)
      latch.arrive()
    }
    #expect(throws: SystemError.self) {
      _ = try Listener(binding: listener.address, loop: loop) { _, _ in }
    }
    listener.start()
    group.startThreads(includingFirst: true)
    let client = csys_stream_socket(AF_INET)
    _ = listener.address.withSockaddr { connect(client, $0, $1) }
    #expect(latch.wait(for: 1))
    close(client)
    loop.submit { listener.stop() }
    group.stop()
    group.join()
  }

  @Test(
    "who listens on all addresses listens on those of IPv6, too, as programs in Go do", arguments: ["127.0.0.1", "::1"])
  func listenerOnAllAddresses(_ host: String) throws {
    let group = LoopGroup(count: 1)
    let latch = Latch()
    let address = try #require(SocketAddress(numeric: "0.0.0.0", port: 0))
    let listener = try Listener(binding: address, loop: group.loops[0]) { descriptor, peer in
      #expect(peer.host == host)
      close(descriptor)
      latch.arrive()
    }
    // It goes by the name that it was given.
    #expect(listener.address.host == "0.0.0.0" && listener.address.port > 0)
    listener.start()
    group.startThreads(includingFirst: true)
    let target = try #require(SocketAddress(numeric: host, port: listener.address.port))
    let client = csys_stream_socket(Int32(target.family))
    _ = target.withSockaddr { connect(client, $0, $1) }
    #expect(latch.wait(for: 1))
    close(client)
    group.loops[0].submit { listener.stop() }
    group.stop()
    group.join()
  }

  @Test(
    "addresses print and parse as users write them",
    arguments: [
      ("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("[2001:db8::5]", "[2001:db8::5]:80"),
    ])
  func addresses(_ row: (String, String)) throws {
    #expect(SocketAddress(numeric: row.0, port: 80)?.description == row.1)
    #expect(SocketAddress(numeric: "host.example", port: 80) == nil)
  }
}
