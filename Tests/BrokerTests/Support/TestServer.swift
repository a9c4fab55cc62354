import Configuration
import Foundation
import Reactor

@testable import Broker

/// A server on a free port, with two loops. Stopped when it goes out of use.
/// Safe to share: nothing of it changes.
final class TestServer: @unchecked Sendable {
  let server: Server
  private let loops: LoopGroup

  init(_ accounts: [AccountOptions] = [], edit: (inout ServerOptions) -> Void = { _ in }) throws {
    var options = Self.options(accounts)
    edit(&options)
    var log = Logger.Settings()
    log.destination = .file(path: "/dev/null", sizeLimit: 0, maxFiles: 0)
    loops = LoopGroup(count: 2)
    server = try Server(options: options, loops: loops, logger: try Logger(log))
    try server.start()
    loops.startThreads(includingFirst: true)
  }

  deinit {
    server.shutdown()
    loops.join()
  }

  static func options(_ accounts: [AccountOptions]) -> ServerOptions {
    var options = ServerOptions()
    options.host = "127.0.0.1"
    options.port = 0
    options.accounts = accounts
    return options
  }

  func account(_ name: String) -> Account { server.settings.accounts[name]! }

  func reload(_ accounts: [AccountOptions]) throws { try server.reload(Self.options(accounts), changes: []) }

  /// A connection of `user`, connected.
  func connect(_ user: String, _ more: String = "") throws -> TestClient {
    let client = try TestClient(port: server.clientPort)
    client.send(
      "CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":0,\"user\":\"\(user)\",\"pass\":\"\(user)\"\(more)}\r\n"
    )
    client.barrier()
    return client
  }

  /// Waits until a condition holds, at most five seconds. False when it does not.
  static func eventually(_ condition: () -> Bool) -> Bool {
    let deadline = Date().addingTimeInterval(5)
    while !condition() {
      if Date() > deadline { return false }
      usleep(1000)
    }
    return true
  }
}

/// An account with one user of the same name in lower case, who may do everything.
func testAccount(_ name: String, _ edit: (inout AccountOptions) -> Void = { _ in }) -> AccountOptions {
  var account = AccountOptions(name: name)
  account.users = [UserOptions(user: name.lowercased(), password: name.lowercased())]
  edit(&account)
  return account
}

/// One raw connection. What the server says is kept as text.
final class TestClient {
  private let descriptor: Int32
  private var pending = ""

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
    var timeout = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    _ = take(through: "\r\n")
  }

  deinit { close() }

  private var isClosed = false

  func close() {
    if isClosed { return }
    isClosed = true
    Foundation.close(descriptor)
  }

  func send(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if written <= 0 { return }
      rest = rest.dropFirst(written)
    }
  }

  /// Everything that comes before the answer to a PING.
  @discardableResult
  func barrier() -> String {
    send("PING\r\n")
    return String(take(through: "PONG\r\n").dropLast(5))
  }

  /// Everything up to and including the text; what has come when the server closes or is silent for ten seconds.
  func take(through end: String) -> String {
    while true {
      if let range = pending.range(of: end) {
        let taken = String(pending[..<range.upperBound])
        pending = String(pending[range.upperBound...])
        return taken
      }
      var buffer = [UInt8](repeating: 0, count: 65536)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count <= 0 {
        defer { pending = "" }
        return pending
      }
      pending += String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  func publish(_ subject: String, _ payload: String = "", reply: String = "") {
    send("PUB \(subject)\(reply.isEmpty ? "" : " " + reply) \(payload.utf8.count)\r\n\(payload)\r\n")
  }
}
