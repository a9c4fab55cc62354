import Crypto
import Foundation
import JSON
import Reactor
import Testing

@testable import NATSClient

/// The client against real servers: nats-server and ours.
@Suite(.serialized) struct NATSClientTests {
  typealias Program = ServerFixture.Program

  @Test(.enabled(if: Program.mustExist)) func theServersAreHere() {
    #expect(Program.natsServer != nil)
    #expect(Program.natsd != nil)
  }

  // MARK: - Messages

  @Test(arguments: Program.all) func messagesComeAndGo(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client()
    try client.connectAndWait()
    let received = Recorder<ClientMessage>()
    client.subscribe("orders.*") { received.add($0) }
    client.subscribe("ask") { client.publish($0.reply ?? "none", Array("yes, \($0.text)".utf8)) }
    client.publish("orders.1", Array("one".utf8), reply: "r")
    client.publish("orders.2", [], headers: ["Nats-Msg-Id": "2"])
    client.publish("other", [])
    #expect(try client.requestAndWait("ask", Array("please".utf8)).text == "yes, please")
    #expect(throws: ClientError.noResponders) { try client.requestAndWait("nobody") }
    try client.flushAndWait()
    let messages = received.wait { $0.count == 2 }
    #expect(
      messages == [
        ClientMessage(subject: "orders.1", reply: "r", payload: Array("one".utf8)),
        ClientMessage(subject: "orders.2", headers: ["Nats-Msg-Id": "2"]),
      ])
    client.closeAndWait()
    #expect(throws: ClientError.closed) { try client.requestAndWait("ask") }
  }

  @Test(arguments: Program.all) func manyMessagesArriveOnceAndInOrder(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client { $0.mostBufferedBytes = 256 << 20 }
    try client.connectAndWait()
    let received = Recorder<String>()
    let count = 20_000
    client.subscribe("n", limit: UInt64(count), ended: { received.add("end") }) { received.add($0.text) }
    for number in 0..<count + 10 { client.publish("n", Array("\(number)".utf8)) }
    let texts = received.wait { $0.last == "end" }
    #expect(texts == (0..<count).map(String.init) + ["end"])
    client.closeAndWait()
  }

  @Test(arguments: Program.all) func aRequestWithoutAnswerTimesOut(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client()
    try client.connectAndWait()
    client.subscribe("silent") { _ in }
    #expect(throws: ClientError.timedOut) {
      try client.requestAndWait("silent", timeoutNanoseconds: 50_000_000)
    }
    client.closeAndWait()
  }

  @Test(arguments: Program.all) func drainLosesNothing(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client()
    let other = try server.client()
    try client.connectAndWait()
    try other.connectAndWait()
    let received = Recorder<String>()
    other.subscribe("n") { received.add($0.text) }
    try other.flushAndWait()
    for number in 0..<1000 { client.publish("n", Array("\(number)".utf8)) }
    #expect(Blocking.wait { client.drain(completed: $0) } == nil)
    #expect(received.wait { $0.count == 1000 } == (0..<1000).map(String.init))
    other.closeAndWait()
  }

  @Test(arguments: Program.all) func aRefusedPublishMayBeAnsweredWithAnother(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client()
    try client.connectAndWait()
    let received = Recorder<String>()
    client.subscribe("why") { received.add($0.text) }
    server.loop.submit {
      client.publish("bad subject", []) { client.publish("why", Array("\($0)".utf8)) }
    }
    let texts = received.wait { !$0.isEmpty }
    #expect(texts == ["invalid subject \"bad subject\""])
    client.closeAndWait()
  }

  // MARK: - Loss of the connection

  @Test(arguments: Program.all) func theConnectionComesBackWithItsSubscriptions(_ program: Program) throws {
    let server = try ServerFixture(program)
    let events = Recorder<String>()
    let client = try server.client(events: {
      switch $0 {
      case .connected: events.add("connected")
      case .disconnected: events.add("disconnected")
      default: break
      }
    })
    try client.connectAndWait()
    let received = Recorder<String>()
    client.subscribe("a") { received.add($0.text) }
    client.subscribe("silent") { _ in }
    try client.flushAndWait()
    let answers = Recorder<Result<ClientMessage, ClientError>>()
    client.request("silent", []) { answers.add($0) }
    try client.flushAndWait()
    server.stop()
    #expect(answers.wait { !$0.isEmpty } == [.failure(.disconnected)])
    events.wait { $0.last == "disconnected" }
    client.publish("a", Array("while away".utf8))
    try server.start()
    #expect(received.wait { !$0.isEmpty } == ["while away"])
    client.publish("a", Array("back".utf8))
    #expect(received.wait { $0.count == 2 } == ["while away", "back"])
    #expect(events.wait { $0.count == 3 } == ["connected", "disconnected", "connected"])
    client.closeAndWait()
  }

  @Test func aServerThatIsNotThereIsAnError() throws {
    let group = LoopGroup(count: 1)
    group.startThreads(includingFirst: true)
    let client = NATSClient(loop: group.loops[0], options: try ClientOptions("nats://127.0.0.1:1"))
    #expect(throws: ClientError.connect("dial tcp 127.0.0.1:1: connect: connection refused")) {
      try client.connectAndWait()
    }
    group.stop()
    group.join()
  }

  // MARK: - Authentication

  private static let user = NKey.Pair(creating: .user)

  private static let credentials: (configuration: String, jwt: String, text: String) = {
    let (operator_, account) = (NKey.Pair(creating: .operator), NKey.Pair(creating: .account))
    func token(_ subject: NKey.Public, _ nats: JSONObject, by issuer: NKey.Pair) -> String {
      JWT.encode(
        ["sub": .string(subject.description), "name": "x", "nats": .object(nats)], signedBy: issuer,
        issuedAt: Int64(Date().timeIntervalSince1970))
    }
    let version = JSONValue(2)
    let unlimited: JSONObject = [
      "subs": JSONValue(-1), "data": JSONValue(-1), "payload": JSONValue(-1), "conn": JSONValue(-1),
      "leaf": JSONValue(-1), "imports": JSONValue(-1), "exports": JSONValue(-1), "wildcards": .bool(true),
    ]
    let operatorToken = token(operator_.publicKey, ["type": "operator", "version": version], by: operator_)
    let accountToken = token(
      account.publicKey, ["type": "account", "version": version, "limits": .object(unlimited)], by: operator_)
    let userToken = token(
      user.publicKey,
      ["type": "user", "version": version, "subs": JSONValue(-1), "data": JSONValue(-1), "payload": JSONValue(-1)],
      by: account)
    let text = """
      -----BEGIN NATS USER JWT-----
      \(userToken)
      ------END NATS USER JWT------

      ************************* IMPORTANT *************************
      -----BEGIN USER NKEY SEED-----
      \(user.seedText)
      ------END USER NKEY SEED------
      """
    let configuration = """
      operator: \(operatorToken)
      resolver: MEMORY
      resolver_preload: { \(account.publicKey): \(accountToken) }
      """
    return (configuration, userToken, text)
  }()

  private static let file: String = {
    let path = FileManager.default.temporaryDirectory.path + "/natsd-client-\(getpid()).creds"
    try! credentials.text.write(toFile: path, atomically: true, encoding: .utf8)
    atexit { try? FileManager.default.removeItem(atPath: NATSClientTests.file) }
    return path
  }()

  private static let seedFile: String = {
    let path = FileManager.default.temporaryDirectory.path + "/natsd-client-\(getpid()).nk"
    try! "\(user.seedText)\n".write(toFile: path, atomically: true, encoding: .utf8)
    atexit { try? FileManager.default.removeItem(atPath: NATSClientTests.seedFile) }
    return path
  }()

  /// Configuration, what stands in the URL before the host, what is in the options.
  private static var ways: [(String, String, Authentication)] {
    let nkey = "authorization { users: [{nkey: \(user.publicKey)}] }"
    let users = "authorization { user: \"me@x\", password: \"s:c\" }"
    let token = "authorization { token: secret }"
    return [
      (users, "me%40x:s%3Ac@", .none), (users, "", .user("me@x", password: "s:c")),
      (users, "wrong:wrong@", .user("me@x", password: "s:c")),
      (token, "secret@", .none), (token, "", .token("secret")),
      (nkey, "", .seed(user.seedText)), (nkey, "", .seedFile(seedFile)),
      (credentials.configuration, "", .jwt(credentials.jwt, seed: user.seedText)),
      (credentials.configuration, "", .credentials(credentials.text)),
      (credentials.configuration, "", .credentialsFile(file)),
    ]
  }

  @Test(arguments: Program.all) func everyWayToSayWhoWeAre(_ program: Program) throws {
    for (index, (configuration, prefix, authentication)) in Self.ways.enumerated() {
      guard let server = try ServerFixture.ifSupported(program, configuration) else { continue }
      let client = try server.client("nats://\(prefix)127.0.0.1:\(server.port)") { $0.authentication = authentication }
      #expect(throws: Never.self, "way \(index)") { try client.connectAndWait() }
      client.closeAndWait()
      let stranger = try server.client()
      #expect(throws: ClientError.authentication("Authorization Violation"), "way \(index)") {
        try stranger.connectAndWait()
      }
    }
  }

  @Test(arguments: [
    Authentication.seed("SUnonsense"), .credentials("nothing"), .credentialsFile("/nonexistent.creds"),
    .credentials("-----BEGIN-----\njwt\n-----END-----\n"),
  ])
  func credentialsThatAreNone(_ authentication: Authentication) throws {
    guard let program = Program.all.first else { return }
    let server = try ServerFixture(program)
    let client = try server.client { $0.authentication = authentication }
    let outcome = Blocking.wait { client.connect(completed: $0) }
    guard case .invalidCredentials? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
  }

  @Test(arguments: Program.all) func permissionsAreErrorsOfWhatTheyConcern(_ program: Program) throws {
    let server = try ServerFixture(
      program, "authorization { users: [{user: u, password: p, permissions: {publish: {deny: \"forbidden\"}}}] }")
    let client = try server.client { $0.authentication = .user("u", password: "p") }
    try client.connectAndWait()
    #expect(throws: ClientError.permissions("Permissions Violation for Publish to \"forbidden\"")) {
      try client.requestAndWait("forbidden")
    }
    client.closeAndWait()
  }

  // MARK: - TLS

  @Test(arguments: Program.all) func tls(_ program: Program) throws {
    let files = try Certificates()
    for (mutual, first) in [(false, false), (true, false), (false, true)] {
      let block = """
        tls { cert_file: "\(files.path("server.pem"))", key_file: "\(files.path("server.key"))"
          \(mutual ? "ca_file: \"\(files.path("ca.pem"))\", verify: true" : "")
          \(first ? "handshake_first: true" : "") }
        """
      let server = try ServerFixture(program, block)
      var parameters = TLSParameters()
      parameters.authorityFile = files.path("ca.pem")
      if mutual {
        parameters.certificateFile = files.path("client.pem")
        parameters.keyFile = files.path("client.key")
      }
      let client = try server.client("tls://localhost:\(server.port)") {
        $0.tls = parameters
        $0.tlsHandshakeFirst = first
      }
      #expect(throws: Never.self, "mutual \(mutual), first \(first)") { try client.connectAndWait() }
      let received = Recorder<Int>()
      client.subscribe("big") { received.add($0.payload.count) }
      client.publish("big", [UInt8](repeating: 65, count: 1_000_000))
      #expect(received.wait { !$0.isEmpty } == [1_000_000])
      client.closeAndWait()

      // Another authority, another name, no certificate of our own.
      for (change, name) in [({ $0.authorityFile = "" }, nil), ({ _ in }, "other.test")]
        as [((inout TLSParameters) -> Void, String?)]
      {
        var bad = parameters
        change(&bad)
        let stranger = try server.client("tls://localhost:\(server.port)") {
          $0.tls = bad
          $0.tlsServerName = name
          $0.tlsHandshakeFirst = first
        }
        #expect(throws: ClientError.self) { try stranger.connectAndWait() }
        bad.skipsServerVerification = true
        let trusting = try server.client {
          $0.tls = bad
          $0.tlsServerName = name
          $0.tlsHandshakeFirst = first
        }
        #expect(throws: Never.self) { try trusting.connectAndWait() }
        trusting.closeAndWait()
      }
    }
  }

  @Test(arguments: Program.all) func tlsIsAMustWhereItIsAskedFor(_ program: Program) throws {
    let server = try ServerFixture(program)
    let client = try server.client("tls://127.0.0.1:\(server.port)")
    #expect(throws: ClientError.secureConnectionRequired) { try client.connectAndWait() }
  }
}

/// An authority, and certificates of a server and a client by it.
final class Certificates {
  private let directory: String

  init() throws {
    var template = Array((FileManager.default.temporaryDirectory.path + "/natsd-client-tls-XXXXXX").utf8CString)
    directory = String(cString: mkdtemp(&template)!)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", Self.script]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ClientError.tls("the openssl program is needed") }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  private static let script = #"""
    set -e
    key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
    key ca; openssl req -x509 -new -key ca.key -subj "/CN=ca" -days 30 -out ca.pem
    sign() {
      key $1; printf "$2" > $1.ext; openssl req -new -key $1.key -subj "/CN=$1" -out $1.csr
      openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $1.ext -out $1.pem
    }
    sign server "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth"
    sign client "extendedKeyUsage=clientAuth"
    """#
}
