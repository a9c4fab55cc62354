import Foundation
import Glibc
import JSON
import Testing

@testable import Reconciliation

/// Speaks just enough of the protocol for requests, one at a time.
private final class LiveServer {
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init?(port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    // What `deinit` closes, also now: closed twice, it would be somebody else's.
    guard connected == 0 else { return nil }
    send(Array("CONNECT {\"verbose\":false}\r\nSUB reply 1\r\n".utf8))
  }

  deinit { close(descriptor) }

  func ask(_ subject: String, _ body: [UInt8] = []) throws -> JSONValue {
    send(Array("PUB \(subject) reply \(body.count)\r\n".utf8) + body + [13, 10])
    while true {
      let line = try readLine()
      guard line.hasPrefix("MSG "), let size = line.split(separator: " ").last.flatMap({ Int($0) }) else { continue }
      while buffer.count < size + 2 { try receive() }
      let answer = Array(buffer.prefix(size))
      buffer.removeFirst(size + 2)
      return try JSONValue(parsing: answer)
    }
  }

  func observed() throws -> ObservedState {
    let streams = try ask("$JS.API.STREAM.LIST")["streams"]?.array ?? []
    let consumers = try streams.compactMap { $0["config"]?["name"]?.string }.flatMap {
      try ask("$JS.API.CONSUMER.LIST.\($0)")["consumers"]?.array ?? []
    }
    return ObservedState(streamInfos: streams, consumerInfos: consumers)
  }

  private func send(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }

  private func readLine() throws -> String {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        let line = String(decoding: buffer[..<end], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        buffer.removeFirst(end + 1)
        return line
      }
      try receive()
    }
  }

  private func receive() throws {
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { throw POSIXError(.ECONNRESET) }
    buffer += bytes.prefix(count)
  }
}

/// A real nats-server of the rig with JetStream and nothing in it, on a free port; it goes with this value.
private final class EmptyServer {
  let connection: LiveServer
  private let process = Process()
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("natsd-\(UUID().uuidString)")

  /// Throws when it does not start within ten seconds.
  init(program: String) throws {
    let port = try Self.freePort()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["-a", "127.0.0.1", "-p", "\(port)", "-js", "-sd", directory.path]
    process.standardError = FileHandle.nullDevice
    try process.run()
    for _ in 0..<1000 {
      if let connection = LiveServer(port: port) {
        self.connection = connection
        return
      }
      usleep(10_000)
    }
    process.terminate()
    throw POSIXError(.ETIMEDOUT)
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: directory)
  }

  /// The newest nats-server that the rig knows; nil when it cannot be had.
  static func program() -> String? {
    let output = Pipe()
    let process = Process()
    process.executableURL = repository.appendingPathComponent("Tests/rig/peers")
    process.arguments = ["newest"]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let path = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }

  /// Nothing listens on it, and it is below those that the kernel gives to connections.
  private static func freePort() throws -> UInt16 {
    for _ in 0..<1000 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      let port = UInt16.random(in: 10_000..<17_000)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      address.sin_port = port.bigEndian
      let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if bound == 0 { return port }
    }
    throw POSIXError(.EADDRINUSE)
  }
}

@Suite struct LiveServerTests {
  @Test("a real server takes every planned request, and the second plan is empty")
  func twice() throws {
    guard let program = EmptyServer.program() else {
      print("skip: nats-server is missing (Tests/rig/peers newest)")
      #expect(ProcessInfo.processInfo.environment["CI"] != "true")
      return
    }
    let running = try EmptyServer(program: program)
    let server = running.connection
    var resources: [Resource] = []
    for file in ["orders.yaml", "buckets.yaml", "mirror.json"] {
      let data = try Data(contentsOf: repository.appendingPathComponent("deploy/examples/\(file)"))
      resources += ResourceReader.read([UInt8](data), file: file).resources
    }
    for (index, spec) in PlannerTests.streamSpecs.enumerated() where spec != "replicas: 3" {
      // A server on its own has no tags to place by.
      let fields = spec.hasPrefix("placement") ? "replicas: 1" : spec
      resources.append(try resource(.stream, "name: L\(index), \(fields)", name: "l\(index)"))
    }
    for (index, spec) in PlannerTests.consumerSpecs.enumerated() {
      let filter = spec.hasPrefix("filterSubject") ? "filterSubject: L0" : spec
      let policy = ["maxAckPending", "backoff"].contains { spec.hasPrefix($0) } ? ", ackPolicy: explicit" : ""
      let attempts = spec.hasPrefix("backoff") ? ", maxDeliver: 5" : ""
      resources.append(
        try resource(
          .consumer, "streamName: L0, durableName: c\(index), \(filter)\(policy)\(attempts)", name: "c\(index)"))
    }
    var desired = DesiredState()
    for resource in resources { #expect(desired.insert(resource) == nil) }
    var planner = Planner(now: PlannerTests.now)
    planner.ownership = Ownership(owner: "test")
    planner.prunes = true
    for request in planner.plan(desired: desired, observed: try server.observed()).requests {
      let answer = try server.ask(request.subject, request.body)
      #expect(answer["error"] == nil, "\(request.subject) \(String(decoding: request.body, as: UTF8.self))")
    }
    let second = planner.plan(desired: desired, observed: try server.observed())
    #expect(second.requests.isEmpty && !second.hasDifferences, "\(second.text)")

    let export = ManifestExport(try server.observed(), now: PlannerTests.now)
    #expect(export.notes == [])
    for text in [export.yaml, export.json] {
      let (exported, diagnostics) = ResourceReader.read(Array(text.utf8), file: "export")
      #expect(diagnostics.allSatisfy { $0.severity == .warning } && exported.count == resources.count)
      var described = DesiredState()
      for resource in exported { #expect(described.insert(resource) == nil) }
      let plan = Planner(now: PlannerTests.now).plan(desired: described, observed: try server.observed())
      #expect(!plan.hasDifferences && plan.counts.unchanged == resources.count, "\(plan.text)")
    }

    let narrowed = try server.observed()
    let changed = narrowed.configurations[.stream("ORDERS")].map { configuration -> JSONObject in
      var configuration = configuration
      configuration["max_age"] = JSONValue(60_000_000_000)
      configuration["duplicate_window"] = JSONValue(60_000_000_000)
      return configuration
    }
    let drift = try server.ask("$JS.API.STREAM.UPDATE.ORDERS", JSONValue.object(try #require(changed)).json())
    #expect(drift["error"] == nil)
    let repair = planner.plan(desired: desired, observed: try server.observed())
    #expect(repair.counts.updated == 1)
    for request in repair.requests { #expect(try server.ask(request.subject, request.body)["error"] == nil) }
    #expect(!planner.plan(desired: desired, observed: try server.observed()).hasDifferences)

    let prune = planner.plan(desired: DesiredState(), observed: try server.observed())
    for request in prune.requests { #expect(try server.ask(request.subject, request.body)["error"] == nil) }
    // The mirror is kept by preventDelete, and so is nothing else.
    #expect(try server.observed().configurations.keys.map { "\($0)" } == ["stream ORDERS_COPY"])
  }
}
