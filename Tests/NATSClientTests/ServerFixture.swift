import Foundation
import Glibc
import JSON
import Reactor

@testable import NATSClient

/// A server program on free ports of this machine, and a loop for clients of it.
final class ServerFixture: @unchecked Sendable {
  /// A program that stands for a server, with its name for messages.
  struct Program: Sendable, CustomStringConvertible {
    let description: String
    let path: String

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()

    /// The newest nats-server of the rig.
    static let natsServer: Program? = {
      let output = Pipe()
      let process = Process()
      process.executableURL = root.appendingPathComponent("Tests/rig/peers")
      process.arguments = ["newest"]
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      guard (try? process.run()) != nil else { return nil }
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return found("nats-server", [text.trimmingCharacters(in: .whitespacesAndNewlines)])
    }()

    /// Ours: the released one, else one that SwiftPM has built beside these tests.
    static let natsd: Program? = {
      let beside =
        Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
        + [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
      let given = ProcessInfo.processInfo.environment["NATSD"].map { [$0] } ?? []
      return found(
        "natsd",
        given + [root.appendingPathComponent("dist/natsd").path]
          + beside.map { $0.appendingPathComponent("natsd").path })
    }()

    private static func found(_ name: String, _ paths: [String]) -> Program? {
      let path = paths.first { !$0.isEmpty && FileManager.default.isExecutableFile(atPath: $0) }
      if path == nil { print("skip: \(name) is missing (Tests/rig/peers newest, make release)") }
      return path.map { Program(description: name, path: $0) }
    }

    static var all: [Program] { [natsServer, natsd].compactMap { $0 } }
    /// Whether tests may be skipped: not in CI.
    static let mustExist = ProcessInfo.processInfo.environment["CI"] == "true"
  }

  let program: Program
  let port: UInt16
  let directory: String
  private let group = LoopGroup(count: 1)
  private let lookups = BackgroundQueue()
  private var process: Process?
  var loop: EventLoop { group.loops[0] }

  /// - Parameter configuration: the text of a configuration; host and port are added.
  init(_ program: Program, _ configuration: String = "") throws {
    self.program = program
    port = try Self.freePort()
    var template = Array((FileManager.default.temporaryDirectory.path + "/natsd-client-XXXXXX").utf8CString)
    directory = String(cString: mkdtemp(&template)!)
    group.startThreads(includingFirst: true)
    try configure(configuration)
    try start()
  }

  /// Nil, with a message, where the server says that it has no such thing yet.
  static func ifSupported(_ program: Program, _ configuration: String) throws -> ServerFixture? {
    do {
      return try ServerFixture(program, configuration)
    } catch ClientError.connect(let text) where text.contains("does not support it yet") {
      print("skip: \(text)")
      return nil
    }
  }

  deinit {
    stop()
    lookups.stop()
    group.stop()
    group.join()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func configure(_ configuration: String) throws {
    try "listen: \"127.0.0.1:\(port)\"\n\(configuration)\n".write(
      toFile: directory + "/server.conf", atomically: true, encoding: .utf8)
  }

  func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program.path)
    process.arguments = ["-c", directory + "/server.conf", "-l", directory + "/log"]
    _ = FileManager.default.createFile(atPath: directory + "/errors", contents: nil)
    process.standardError = FileHandle(forWritingAtPath: directory + "/errors")
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    self.process = process
    // Until the port answers.
    for _ in 0..<500 where process.isRunning {
      if Self.answers(port) { return }
      usleep(10_000)
    }
    throw ClientError.connect("\(program) did not start: \(log)")
  }

  private var log: String {
    ["/errors", "/log"].map { (try? String(contentsOfFile: directory + $0, encoding: .utf8)) ?? "" }.joined()
  }

  func stop() {
    guard let process else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  var url: String { "nats://127.0.0.1:\(port)" }

  func client(
    _ url: String? = nil, change: (inout ClientOptions) -> Void = { _ in },
    events: @escaping @Sendable (ClientEvent) -> Void = { _ in }
  ) throws -> NATSClient {
    var options = try ClientOptions(url ?? self.url)
    options.reconnectWaitNanoseconds = 50_000_000
    options.reconnectJitterNanoseconds = 0
    // The machine may be busy.
    options.connectTimeoutNanoseconds = 10_000_000_000
    change(&options)
    return NATSClient(loop: loop, options: options, lookups: lookups, events: events)
  }

  private static func socketOnLoopback(_ body: (Int32, SocketAddress) -> Int32, port: UInt16) -> (Int32, UInt16?) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    let result = body(descriptor, SocketAddress(octets: [127, 0, 0, 1], port: port))
    return (result, SocketAddress(localOf: descriptor)?.port)
  }

  /// Nothing listens on it, and it is below those that the kernel gives to connections: none gets it while the server
  /// is started, or started again.
  private static func freePort() throws -> UInt16 {
    for _ in 0..<1000 {
      let chosen = UInt16.random(in: 10_000..<17_000)
      let (result, port) = socketOnLoopback(
        { socket, address in address.withSockaddr { bind(socket, $0, $1) } }, port: chosen)
      if result == 0, let port { return port }
    }
    throw ClientError.connect("no free port")
  }

  private static func answers(_ port: UInt16) -> Bool {
    socketOnLoopback({ socket, address in address.withSockaddr { Glibc.connect(socket, $0, $1) } }, port: port).0 == 0
  }
}

/// What happens on a loop, to be waited for on a test's thread.
final class Recorder<Element: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var elements: [Element] = []

  func add(_ element: Element) {
    condition.lock()
    elements.append(element)
    condition.broadcast()
    condition.unlock()
  }

  /// What there is once `isComplete`, or after ten seconds.
  @discardableResult
  func wait(until isComplete: ([Element]) -> Bool) -> [Element] {
    let end = Date(timeIntervalSinceNow: 10)
    condition.lock()
    defer { condition.unlock() }
    while !isComplete(elements), condition.wait(until: end) {}
    return elements
  }
}

extension JSONValue: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) { self = .string(text) }
}
