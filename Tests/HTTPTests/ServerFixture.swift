import Foundation
import Glibc
import Reactor
import Synchronization

@testable import HTTP

/// A loop on a thread of its own with a server that answers a few paths, and plain sockets to talk to it.
final class ServerFixture: @unchecked Sendable {
  let group: LoopGroup
  let server: HTTPServer
  let address: SocketAddress
  var loop: EventLoop { group.loops[0] }

  init(
    clock: ManualClock? = nil, options: HTTPServer.Options = HTTPServer.Options(),
    handler: HTTPServer.Handler? = nil
  ) throws {
    group = clock.map { LoopGroup(count: 1, clock: $0) } ?? LoopGroup(count: 1)
    server = HTTPServer(loop: group.loops[0], options: options, handler: handler ?? Self.monitoring.route)
    address = try server.listen(on: SocketAddress(numeric: "127.0.0.1", port: 0)!)
    group.startThreads(includingFirst: true)
  }

  deinit {
    stop()
  }

  private var isStopped = false

  func stop() {
    guard !isStopped else { return }
    isStopped = true
    let stopped = Waiter<Bool>()
    server.stop { stopped.fulfil(true) }
    _ = stopped.wait()
    group.stop()
    group.join()
  }

  /// Paths as on nats-server's monitoring port.
  static let monitoring: HTTPRouter = {
    var router = HTTPRouter()
    router.add("/") { _, responder in responder.respond(HTTPResponse(body: Array("<html></html>".utf8))) }
    router.add("/connz") { _, responder in
      responder.respond(HTTPResponse(status: 400, body: Array("invalid sorting option: bogus".utf8)))
    }
    router.add("/healthz") { _, responder in responder.respond(.json(Array(#"{"status":"ok"}"#.utf8))) }
    router.add("/big") { _, responder in
      responder.respond(.text(String(repeating: "0123456789abcdef", count: 65536)))
    }
    router.add("/query") { request, responder in responder.respond(.text(request.head.query["x"])) }
    router.add("/echo", methods: ["POST"]) { request, responder in
      responder.respond(.text("\(request.head.host):" + String(decoding: request.body, as: UTF8.self)))
    }
    router.add("/get", methods: ["GET"]) { _, responder in responder.respond(.text("got")) }
    router.add("/later") { _, responder in
      responder.loop.schedule(afterNanoseconds: 1_000_000) { responder.respond(.text("late")) }
    }
    router.add("/thread") { _, responder in
      Thread { responder.respond(.text("from afar")) }.start()
    }
    router.add("/dropped") { _, _ in }
    router.add("/empty") { _, responder in responder.respond(HTTPResponse(status: 204)) }
    router.add("/stream") { _, responder in
      let writer = responder.stream(headers: ["Content-Type": "text/plain"])
      writer.write(Array("one ".utf8))
      writer.write([])
      writer.write(Array("two".utf8))
      writer.finish()
    }
    router.add("/cut") { _, responder in
      responder.stream(headers: [:]).write(Array("half".utf8))
    }
    return router
  }()

  /// Sends bytes on a new connection and returns all that comes until the peer closes it.
  ///
  /// - Parameter closes: the server is expected to close by itself; else one more request makes it, and its answer is
  ///   cut off.
  func exchange(_ request: String, closes: Bool = false, thenEnd: Bool = false) -> String {
    let socket = ClientSocket(address)
    socket.send(request + (closes ? "" : "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    if thenEnd { socket.endOutput() }
    let (bytes, closed) = socket.receiveAll(silenceMilliseconds: 5000)
    var answer = String(decoding: bytes, as: UTF8.self)
    guard closed else { return "not closed: " + answer }
    if !closes, let last = answer.range(of: "HTTP/1.1 ", options: .backwards) {
      answer = String(answer[..<last.lowerBound])
    }
    return answer
  }
}

/// A blocking socket with time limits.
final class ClientSocket {
  let descriptor: Int32

  init(_ address: SocketAddress, receiveBuffer: Int32? = nil) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    let result = address.withSockaddr { connect(descriptor, $0, $1) }
    precondition(result == 0, "cannot connect to \(address)")
  }

  deinit {
    close(descriptor)
  }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }

  func send(_ text: String) {
    send(Array(text.utf8))
  }

  func endOutput() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// One read; nil at the end of the connection, empty after the silence.
  func receive(silenceMilliseconds: Int) -> [UInt8]? {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, Int32(silenceMilliseconds)) > 0 else { return [] }
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer.prefix(count)) : nil
  }

  func receiveAll(silenceMilliseconds: Int) -> (bytes: [UInt8], closed: Bool) {
    var bytes: [UInt8] = []
    while let more = receive(silenceMilliseconds: silenceMilliseconds) {
      if more.isEmpty { return (bytes, false) }
      bytes += more
    }
    return (bytes, true)
  }

  /// Reads until a text has come, or fails after two seconds of silence.
  func receive(until text: String) -> String {
    var bytes: [UInt8] = []
    while !String(decoding: bytes, as: UTF8.self).contains(text) {
      guard let more = receive(silenceMilliseconds: 2000), !more.isEmpty else { break }
      bytes += more
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Waits, on the test's side, for what happens on a loop.
final class Waiter<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let semaphore = DispatchSemaphore(value: 0)

  func fulfil(_ value: Value) {
    self.value.withLock { $0 = value }
    semaphore.signal()
  }

  /// nil after five seconds.
  func wait() -> Value? {
    _ = semaphore.wait(timeout: .now() + 5)
    return value.withLock { $0 }
  }
}
