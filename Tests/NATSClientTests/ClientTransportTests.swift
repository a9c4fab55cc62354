import CSystem
import Foundation
import Glibc
import Reactor
import Synchronization
import Testing

@testable import NATSClient

@Suite struct ClientTransportTests {
  /// A port of 127.0.0.1 that nobody accepts on.
  private func listen(backlog: Int32) throws -> (descriptor: Int32, address: SocketAddress) {
    let descriptor = csys_stream_socket(AF_INET)
    let any = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
    #expect(any.withSockaddr { bind(descriptor, $0, $1) } == 0 && Glibc.listen(descriptor, backlog) == 0)
    return (descriptor, try #require(SocketAddress(localOf: descriptor)))
  }

  /// As a name with an address of IPv6 that leads nowhere, and one of IPv4.
  @Test func anAddressThatIsSilentLeavesTimeForTheNext() throws {
    let silent = try listen(backlog: 0)
    let good = try listen(backlog: 8)
    // Its queue is full: the kernel drops what comes.
    let fillers = (0..<4).map { _ in csys_stream_socket(AF_INET) }
    for filler in fillers { _ = silent.address.withSockaddr { connect(filler, $0, $1) } }
    let group = LoopGroup(count: 1)
    group.startThreads(includingFirst: true)
    let told = Mutex<[String]>([])
    let loop = group.loops[0]
    let kept = Kept()
    loop.submit {
      let transport = ClientTransport(
        loop: loop, addresses: [silent.address, good.address], timeoutNanoseconds: 1_000_000_000
      ) { event in told.withLock { $0.append("\(event)") } }
      kept.transport = transport
      transport.connect()
    }
    let deadline = Date(timeIntervalSinceNow: 3)
    while told.withLock({ $0.isEmpty }), Date() < deadline { usleep(5000) }
    #expect(told.withLock { $0 } == ["opened"])
    loop.submit { kept.transport?.close() }
    group.stop()
    group.join()
    for descriptor in fillers + [silent.descriptor, good.descriptor] { close(descriptor) }
  }

  /// Invariant: used on the loop only.
  private final class Kept: @unchecked Sendable {
    var transport: ClientTransport?
  }
}
