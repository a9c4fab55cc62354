import Testing

@testable import NATSClient

/// A session with a made-up server: what goes in and what comes out.
struct Script {
  var session: ClientSession
  var now: Int64 = 1_000_000_000_000

  static let info = #"{"server_id":"A","headers":true,"max_payload":100,"nonce":"n","connect_urls":["h2:4222"]}"#

  init(_ urls: String = "nats://h1", change: (inout ClientOptions) -> Void = { _ in }) throws {
    var options = try ClientOptions(urls)
    options.keepsServerOrder = true
    options.reconnectJitterNanoseconds = 0
    change(&options)
    session = ClientSession(options, inbox: "X", seed: 1)
  }

  mutating func send(_ text: String) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes { session.received($0, now) }
  }

  mutating func wait(_ seconds: Double) {
    now += Int64(seconds * 1e9)
    session.tick(now)
  }

  /// What the socket would get.
  mutating func output() -> String {
    defer { session.wrote(session.outputCount) }
    return String(decoding: session.output[session.outputStart...], as: UTF8.self)
  }

  mutating func actions() -> [ClientSession.Action] { session.takeActions() }

  /// Up to the server's consent, and forget about it.
  mutating func connect(info: String = Script.info) {
    session.start(now)
    greet(info: info)
  }

  mutating func greet(info: String = Script.info) {
    session.opened(Identity(), now)
    send("INFO \(info)\r\n")
    _ = output()
    send("PONG\r\n")
    _ = actions()
  }
}

struct ClientSessionTests {
  static let dial1 = ClientSession.Action.dial(ServerURL("nats://h1")!)

  @Test func connectsWithTheServersConsent() throws {
    var script = try Script()
    script.session.start(script.now)
    #expect(script.actions() == [Self.dial1])
    script.session.opened(Identity(), script.now)
    #expect(script.output() == "")
    script.send("INFO \(Script.info)\r\n")
    let output = script.output()
    #expect(output.hasPrefix(#"CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"#))
    #expect(output.hasSuffix("\r\nPING\r\n"))
    #expect(output.contains(#""headers":true,"no_responders":true"#))
    #expect(script.actions() == [])
    script.send("PONG\r\n")
    #expect(script.session.state == .connected)
    #expect(script.actions().count == 1)
  }

  @Test(arguments: [
    (false, false, false, false), (true, false, false, true), (false, true, true, false), (false, true, false, true),
    (true, true, true, true),
  ])
  func startsTLSWhereOneSideWantsIt(_ required: Bool, _ wanted: Bool, _ isRefused: Bool, _ isSecured: Bool) throws {
    var script = try Script(wanted ? "tls://h1" : "nats://h1")
    script.session.start(script.now)
    _ = script.actions()
    script.session.opened(Identity(), script.now)
    let available = wanted && isSecured
    script.send("INFO {\"tls_required\":\(required),\"tls_available\":\(available)}\r\nPONG\r\nPING\r\n")
    let actions = script.actions()
    #expect(actions.contains(.secure(serverName: "h1")) == (isSecured || required))
    #expect(actions.contains(.hangUp) == (isRefused && !required))
    // Nothing goes out unprotected, and what came unprotected after INFO is not listened to.
    if isSecured || required {
      #expect(script.output() == "")
      script.session.secured(script.now)
      #expect(script.session.state == .authenticating)
      #expect(script.output().contains(#""tls_required":true"#))
    }
  }

  @Test func publishesWaitForAConnectionUpToTheBound() throws {
    var script = try Script { $0.mostBufferedBytes = 40 }
    #expect(script.session.publish("a", payload: Array("1".utf8)) == nil)
    #expect(script.session.publish("a", payload: [UInt8](repeating: 65, count: 30)) == .bufferFull)
    #expect(script.session.publish("b", reply: "r", payload: Array("2".utf8)) == nil)
    script.session.start(script.now)
    script.session.opened(Identity(), script.now)
    script.send("INFO \(Script.info)\r\n")
    _ = script.output()
    script.send("PONG\r\n")
    #expect(script.output() == "PUB a 1\r\n1\r\nPUB b r 1\r\n2\r\n")
    // Nothing is sent twice.
    script.session.inputEnded(script.now)
    script.wait(2)
    script.greet()
    #expect(script.output() == "")
  }

  @Test(
    arguments: [
      ("a b", nil, 0, ClientError.invalidSubject("a b")), ("", nil, 0, .invalidSubject("")),
      ("a..b", nil, 0, .invalidSubject("a..b")), ("a.", nil, 0, .invalidSubject("a.")),
      ("a\r\nPUB", nil, 0, .invalidSubject("a\r\nPUB")), ("a", "r r", 0, .invalidSubject("r r")),
      ("a", nil, 101, .payloadTooLarge(100)),
    ] as [(String, String?, Int, ClientError)])
  func refusesAtOnce(_ subject: String, _ reply: String?, _ size: Int, _ error: ClientError) throws {
    var script = try Script()
    script.connect()
    let payload = [UInt8](repeating: 65, count: size)
    #expect(script.session.publish(subject, reply: reply, payload: payload) == error)
    #expect(script.output() == "")
  }

  @Test func whatWaitedAndIsTooLargeForTheServerIsRefusedThen() throws {
    var script = try Script()
    #expect(script.session.publish("a", payload: [UInt8](repeating: 65, count: 101)) == nil)
    script.session.start(script.now)
    script.session.opened(Identity(), script.now)
    script.send("INFO \(Script.info)\r\nPONG\r\n")
    #expect(script.actions().contains(.event(.refused(subject: "a", .payloadTooLarge(100)))))
  }

  @Test func requestsAreAnsweredThroughOneInbox() throws {
    var script = try Script()
    script.connect()
    script.session.request(7, "s", payload: [65], deadline: script.now + 1000, inboxSubscription: 8)
    script.session.request(9, "s", payload: [], deadline: script.now + 1000, inboxSubscription: 10)
    #expect(script.output() == "SUB _INBOX.X.* 8\r\nPUB s _INBOX.X.7 1\r\nA\r\nPUB s _INBOX.X.9 0\r\n\r\n")
    script.send("MSG _INBOX.X.9 8 2\r\nok\r\nMSG _INBOX.X.9 8 2\r\nno\r\nMSG _INBOX.X.x 8 0\r\n\r\n")
    #expect(
      script.actions() == [
        .answered(request: 9, .success(ClientMessage(subject: "_INBOX.X.9", payload: Array("ok".utf8))))
      ])
    script.send("HMSG _INBOX.X.7 8 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
    #expect(script.actions() == [.answered(request: 7, .failure(.noResponders))])
  }

  @Test func requestsInFlightFailWithTheConnectionAndOthersAreSentOnce() throws {
    var script = try Script()
    script.connect()
    script.session.request(1, "s", payload: [], deadline: script.now + 60_000_000_000, inboxSubscription: 2)
    _ = script.output()
    script.session.inputEnded(script.now)
    #expect(script.actions().contains(.answered(request: 1, .failure(.disconnected))))
    // One that has time, and one that has not.
    script.session.request(3, "t", payload: [], deadline: script.now + 60_000_000_000, inboxSubscription: 4)
    script.session.request(5, "u", payload: [], deadline: script.now + 1_000_000_000, inboxSubscription: 6)
    script.wait(1)
    #expect(script.actions() == [.answered(request: 5, .failure(.timedOut))])
    script.wait(1)
    script.session.opened(Identity(), script.now)
    script.send("INFO \(Script.info)\r\n")
    _ = script.output()
    script.send("PONG\r\n")
    #expect(script.output() == "SUB _INBOX.X.* 2\r\nPUB t _INBOX.X.3 0\r\n\r\n")
  }

  @Test func subscriptionsComeBackWithWhatIsLeftOfTheirLimit() throws {
    var script = try Script()
    script.connect()
    script.session.subscribe(1, "a.*", queue: "q")
    script.session.subscribe(2, "b", limit: 3)
    script.session.subscribe(3, "c")
    script.session.unsubscribe(3)
    #expect(script.output() == "SUB a.* q 1\r\nSUB b 2\r\nUNSUB 2 3\r\nSUB c 3\r\nUNSUB 3\r\n")
    script.send("MSG b 2 0\r\n\r\n")
    _ = script.actions()
    script.session.inputEnded(script.now)
    script.wait(2)
    script.session.opened(Identity(), script.now)
    script.send("INFO \(Script.info)\r\n")
    _ = script.output()
    script.send("PONG\r\n")
    #expect(script.output() == "SUB a.* q 1\r\nSUB b 2\r\nUNSUB 2 2\r\n")
    _ = script.actions()
    script.send("MSG b 2 0\r\n\r\nMSG b 2 0\r\n\r\nMSG b 2 0\r\n\r\n")
    let message = ClientMessage(subject: "b")
    #expect(
      script.actions() == [
        .deliver(subscription: 2, message), .deliver(subscription: 2, message), .ended(subscription: 2),
      ])
  }

  @Test func aServerIsNotTriedMoreOftenThanTheWaitAllows() throws {
    var script = try Script("nats://h1,nats://h2") { $0.retriesFirstConnect = true }
    script.session.start(script.now)
    var dials: [(String, Int64)] = []
    let start = script.now
    for _ in 0..<100 {
      for case .dial(let url) in script.actions() {
        dials.append((url.host, (script.now - start) / 100_000_000))
        script.session.failed(.connect("refused"), script.now)
      }
      for case .dial(let url) in script.actions() {
        dials.append((url.host, (script.now - start) / 100_000_000))
        script.session.failed(.connect("refused"), script.now)
      }
      script.wait(0.1)
    }
    #expect(dials.map(\.0) == ["h1", "h2", "h1", "h2", "h1", "h2", "h1", "h2", "h1", "h2"])
    #expect(dials.map(\.1) == [0, 0, 20, 20, 40, 40, 60, 60, 80, 80])
  }

  @Test func theFirstConnectTriesEachServerOnce() throws {
    var script = try Script("nats://h1,nats://h2")
    script.session.start(script.now)
    script.session.failed(.connect("one"), script.now)
    #expect(script.session.state == .dialing)
    script.session.failed(.connect("two"), script.now)
    #expect(script.actions().last == .event(.closed(.connect("two"))))
  }

  @Test func theSameAuthenticationErrorTwiceInARowEndsTheClient() throws {
    for (second, isEnd) in [("Authorization Violation", true), ("Authentication Timeout", false)] {
      var script = try Script { $0.retriesFirstConnect = true }
      script.session.start(script.now)
      for text in ["Authorization Violation", second] {
        script.session.opened(Identity(), script.now)
        script.send("INFO {}\r\n-ERR '\(text)'\r\n")
        script.wait(2)
      }
      #expect((script.session.state == .closed) == isEnd, "\(second)")
    }
  }

  @Test func aServerThatDoesNotAnswerPingsIsStale() throws {
    var script = try Script()
    script.connect(info: "{}")
    for _ in 0..<2 {
      script.wait(120)
      #expect(script.output() == "PING\r\n")
    }
    script.send("PONG\r\nPONG\r\n")
    for _ in 0..<2 { script.wait(120) }
    #expect(script.session.state == .connected)
    script.wait(120)
    #expect(script.actions().contains(.event(.disconnected(.staleConnection))))
  }

  @Test func anAttemptHasItsTime() throws {
    var script = try Script()
    script.session.start(script.now)
    script.session.opened(Identity(), script.now)
    script.wait(2)
    #expect(script.actions().last == .event(.closed(.timedOut)))
  }

  @Test func theClusterIsLearnedAndForgotten() throws {
    var script = try Script("nats://u:p@h1")
    script.connect()
    #expect(script.session.pool.entries.map(\.url.address) == ["h1:4222", "h2:4222"])
    #expect(script.session.pool.entries[1].url.password == "p")
    script.send(#"INFO {"connect_urls":["h3:1","h1:4222"],"ldm":true}"# + "\r\n")
    #expect(script.session.pool.entries.map(\.url.address) == ["h1:4222", "h3:1"])
    #expect(script.actions() == [.event(.lameDuck)])
    script.session.inputEnded(script.now)
    #expect(script.actions().last == .dial(script.session.pool.entries[0].url))
    #expect(script.session.pool.entries[0].url.address == "h3:1")
  }

  @Test func aPermissionErrorFailsWhatItIsAbout() throws {
    var script = try Script()
    script.connect()
    script.session.request(1, "no", payload: [], deadline: .max, inboxSubscription: 2)
    script.session.request(3, "yes", payload: [], deadline: .max, inboxSubscription: 4)
    script.session.subscribe(5, "secret")
    let publish = #"Permissions Violation for Publish to "no""#
    let subscribe = #"Permissions Violation for Subscription to "secret""#
    script.send("-ERR '\(publish)'\r\n-ERR '\(subscribe)'\r\n")
    #expect(
      script.actions() == [
        .answered(request: 1, .failure(.permissions(publish))), .event(.error(.permissions(publish))),
        .ended(subscription: 5), .event(.error(.permissions(subscribe))),
      ])
  }

  @Test func drainWaitsForWhatIsOnItsWay() throws {
    var script = try Script()
    script.connect()
    script.session.subscribe(1, "a")
    script.session.request(2, "s", payload: [], deadline: .max, inboxSubscription: 3)
    _ = script.output()
    script.session.drainAll(script.now)
    #expect(script.output() == "UNSUB 1\r\nPING\r\n")
    script.send("MSG a 1 0\r\n\r\nPONG\r\n")
    #expect(
      script.actions() == [.deliver(subscription: 1, ClientMessage(subject: "a")), .ended(subscription: 1)])
    script.session.request(4, "s", payload: [], deadline: .max, inboxSubscription: 5)
    #expect(script.actions() == [.answered(request: 4, .failure(.draining))])
    script.send("MSG _INBOX.X.2 3 0\r\n\r\n")
    #expect(script.output() == "PING\r\n")
    _ = script.actions()
    script.send("PONG\r\n")
    #expect(script.actions() == [.hangUp, .event(.closed(nil))])
  }

  @Test func closeFailsWhatIsOpen() throws {
    var script = try Script()
    script.connect()
    script.session.request(1, "s", payload: [], deadline: .max, inboxSubscription: 2)
    script.session.flush(3, deadline: .max)
    script.session.subscribe(4, "a")
    script.session.close()
    #expect(
      script.actions() == [
        .hangUp, .answered(request: 1, .failure(.closed)), .flushed(3, .closed), .ended(subscription: 4),
        .event(.closed(nil)),
      ])
    #expect(script.session.publish("a", payload: []) == .closed)
  }

  @Test func deadlinesComeInOrder() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var queue = DeadlineQueue<Int64>()
    let deadlines = (0..<500).map { _ in Int64.random(in: 0...100, using: &random) }
    for deadline in deadlines { queue.add(deadline, deadline) }
    queue.compact { $0 % 2 == 0 }
    var found: [Int64] = []
    while let next = queue.popDue(100) { found.append(next) }
    #expect(found == deadlines.filter { $0 % 2 == 0 }.sorted(), "seed \(seed)")
  }
}
