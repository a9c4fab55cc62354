import Foundation
import HTTP
import Reactor
import Synchronization
import Testing

@Suite(.serialized) struct HTTPServerTests {
  static let healthy =
    "Access-Control-Allow-Origin: *\r\nContent-Type: application/json\r\nDate: D\r\nContent-Length: 15\r\n"
  static let missing =
    "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nDate: D\r\nContent-Length: 19\r\n"

  private func get(_ path: String, _ headers: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n"
  }

  /// What nats-server 2.15.1 answers on its monitoring port, byte for byte but for the date. FEATURES 11.002, 11.004.
  @Test func answersAsNatsServer() throws {
    let fixture = try ServerFixture()
    let table: [(request: String, answer: String, closes: Bool)] = [
      (get("/healthz"), "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}", false),
      ("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n", false),
      (get("/nope"), "HTTP/1.1 404 Not Found\r\n\(Self.missing)\r\n404 page not found\n", false),
      ("HEAD /nope HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\(Self.missing)\r\n", false),
      (get("/healthz/"), "HTTP/1.1 404 Not Found\r\n\(Self.missing)\r\n404 page not found\n", false),
      (
        "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}",
        false
      ),
      ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\n\r\n", false),
      ("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}", true),
      (
        "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\(Self.healthy)Connection: keep-alive\r\n\r\n{\"status\":\"ok\"}", false
      ),
      (
        get("/healthz", "Connection: close\r\n"),
        "HTTP/1.1 200 OK\r\n\(Self.healthy)Connection: close\r\n\r\n{\"status\":\"ok\"}", true
      ),
      (get("http://x/healthz"), "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}", false),
      (get("/health%7a"), "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}", false),
      (
        get("/a/../healthz?x=1"),
        "HTTP/1.1 301 Moved Permanently\r\nContent-Type: text/html; charset=utf-8\r\nLocation: /healthz?x=1\r\n"
          + "Date: D\r\nContent-Length: 47\r\n\r\n<a href=\"/healthz?x=1\">Moved Permanently</a>.\n\n", false
      ),
      (
        get("/connz"),
        "HTTP/1.1 400 Bad Request\r\nDate: D\r\nContent-Length: 29\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
          + "invalid sorting option: bogus", false
      ),
      (
        get("/"),
        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 13\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
          + "<html></html>",
        false
      ),
      (
        "GET /healthz HTTP/1.1\r\n\r\n",
        "HTTP/1.1 400 Bad Request: missing required Host header\r\nContent-Type: text/plain; charset=utf-8\r\n"
          + "Connection: close\r\n\r\n400 Bad Request: missing required Host header", true
      ),
      (
        "garbage\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
          + "400 Bad Request", true
      ),
      (
        "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
          + "Unsupported transfer encoding", true
      ),
      (
        get("/healthz") + get("/nope"),
        "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}HTTP/1.1 404 Not Found\r\n\(Self.missing)\r\n"
          + "404 page not found\n", false
      ),
      (
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get("/healthz"),
        "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}"
          + "HTTP/1.1 200 OK\r\n\(Self.healthy)\r\n{\"status\":\"ok\"}",
        false
      ),
    ]
    for row in table {
      #expect(dateless(fixture.exchange(row.request, closes: row.closes)) == row.answer, "\(row.request)")
    }
  }

  @Test func routesByMethodQueryAndBody() throws {
    let fixture = try ServerFixture()
    #expect(fixture.exchange(get("/query?y=1&x=a%20b")).hasSuffix("\r\n\r\na b"))
    #expect(
      fixture.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

        .hasSuffix("\r\n\r\nx:abc"))
    let refused = fixture.exchange(get("/echo"))
    #expect(refused.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n"))
    #expect(refused.hasSuffix("\r\n\r\nMethod Not Allowed\n"))
    #expect(fixture.exchange("HEAD /get HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 200 OK"))
    #expect(fixture.exchange("POST /get HTTP/1.1\r\nHost: x\r\n\r\n").contains("\r\nAllow: GET, HEAD\r\n"))
    #expect(fixture.exchange(get("/empty")).hasPrefix("HTTP/1.1 204 No Content\r\nDate: "))
    #expect(!fixture.exchange(get("/empty")).contains("Content-Length"))
  }

  @Test func basePathGoesBeforeAllPaths() throws {
    var router = HTTPRouter(basePath: "/nats")
    router.add("/") { _, responder in responder.respond(.text("root")) }
    router.add("/varz") { _, responder in responder.respond(.text("varz")) }
    let fixture = try ServerFixture(handler: router.route)
    for (path, answer) in [
      ("/nats/varz", "varz"), ("/nats", "root"), ("/nats/", "root"), ("/varz", "404 page not found\n"),
    ] {
      #expect(fixture.exchange(get(path)).hasSuffix("\r\n\r\n" + answer), "\(path)")
    }
  }

  @Test func answersMayComeLaterFromAnywhereOrNotAtAll() throws {
    let fixture = try ServerFixture()
    let answers = fixture.exchange(get("/later") + get("/thread") + get("/healthz"))
    #expect(answers.components(separatedBy: "HTTP/1.1 200").count == 4)
    #expect(fixture.exchange(get("/dropped")).hasPrefix("HTTP/1.1 500 Internal Server Error\r\n"))
    // The client may end its side before the answer is there.
    #expect(fixture.exchange(get("/later"), closes: true, thenEnd: true).hasSuffix("late"))
  }

  @Test func streamsInChunksOrToTheEnd() throws {
    let fixture = try ServerFixture()
    let chunked = fixture.exchange(get("/stream") + get("/healthz"))
    #expect(chunked.contains("Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
    let old = fixture.exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", closes: true)
    #expect(old.hasPrefix("HTTP/1.0 200 OK\r\n") && old.hasSuffix("\r\n\r\none two"))
    let head = fixture.exchange("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n" + get("/healthz"))
    #expect(head.contains("Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n"))
    // A body that is not finished is not ended either.
    #expect(fixture.exchange(get("/cut"), closes: true).hasSuffix("4\r\nhalf\r\n"))
  }

  @Test func aSlowReaderHoldsTheProducer() throws {
    let total = 8 * 1024 * 1024
    let written = Waiter<Int>()
    let fixture = try ServerFixture { _, responder in
      Producer(responder.stream(headers: [:]), total: total, done: { written.fulfil($0) }).produce()
    }
    let socket = ClientSocket(fixture.address, receiveBuffer: 4096)
    socket.send(get("/"))
    let start = socket.receive(until: "\r\n\r\n")
    #expect(start.contains("chunked"))
    // Nothing is read: the producer must come to rest far from its end.
    var last = -1
    for _ in 0..<200 {
      usleep(10_000)
      let now = Producer.produced.load(ordering: .acquiring)
      if now == last, now > 0 { break }
      last = now
    }
    #expect(last < total)
    var received = start.utf8.count
    while received < total {
      guard let more = socket.receive(silenceMilliseconds: 2000), !more.isEmpty else { break }
      received += more.count
    }
    #expect(written.wait() == total)
    #expect(received >= total)
  }

  /// Writes 64 KB pieces as fast as the reader allows.
  private final class Producer: Sendable {
    static let produced = Atomic(0)
    private let writer: HTTPBodyWriter
    private let total: Int
    private let left: Atomic<Int>
    private let done: @Sendable (Int) -> Void

    init(_ writer: HTTPBodyWriter, total: Int, done: @escaping @Sendable (Int) -> Void) {
      self.writer = writer
      self.total = total
      self.done = done
      left = Atomic(total)
    }

    func produce() {
      while left.load(ordering: .acquiring) > 0 {
        left.subtract(65536, ordering: .acquiringAndReleasing)
        Self.produced.add(65536, ordering: .acquiringAndReleasing)
        if !writer.write([UInt8](repeating: 0x41, count: 65536)) {
          return writer.whenWritable { self.produce() }
        }
      }
      writer.finish()
      done(total)
    }
  }

  @Test func pipelinedRequestsWaitForTheirReader() throws {
    let body = [UInt8](repeating: 0x41, count: 256 * 1024)
    let counter = Counter()
    let fixture = try ServerFixture { _, responder in
      counter.handled.add(1, ordering: .relaxed)
      responder.respond(HTTPResponse(body: body))
    }
    let socket = ClientSocket(fixture.address, receiveBuffer: 4096)
    socket.send(String(repeating: get("/"), count: 500))
    // The server comes to rest with what the kernel takes and one answer more.
    var last = -1
    while counter.handled.load(ordering: .relaxed) != last {
      last = counter.handled.load(ordering: .relaxed)
      usleep(30_000)
    }
    #expect(last > 0 && last < 100)
    var total = 0
    while total < 500 * 256 * 1024, let more = socket.receive(silenceMilliseconds: 2000), !more.isEmpty {
      total += more.count
    }
    #expect(total >= 500 * 256 * 1024)
    #expect(counter.handled.load(ordering: .relaxed) == 500)
  }

  private final class Counter: Sendable {
    let handled = Atomic(0)
  }

  @Test func bodiesHaveALimit() throws {
    var options = HTTPServer.Options()
    options.limits.bodyBytes = 10
    let fixture = try ServerFixture(options: options)
    let announced = fixture.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", closes: true)
    #expect(announced.hasPrefix("HTTP/1.1 413 Request Entity Too Large\r\n"))
    let chunked = fixture.exchange(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890", closes: true)
    #expect(chunked.hasPrefix("HTTP/1.1 413 Request Entity Too Large\r\n"))
    // A failure is seen though the client goes on sending.
    let large = fixture.exchange(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + String(repeating: "a", count: 900_000),
      closes: true)
    #expect(large.hasPrefix("HTTP/1.1 413 Request Entity Too Large\r\n"))
    #expect(
      fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "a", count: 70_000), closes: true)
        .hasPrefix(
          "HTTP/1.1 431 "))
  }

  @Test func aClientThatWaitsToSendIsToldTo() throws {
    let fixture = try ServerFixture()
    let socket = ClientSocket(fixture.address)
    socket.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    #expect(socket.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    socket.send("abc")
    #expect(socket.receive(until: "x:abc").hasPrefix("HTTP/1.1 200 OK\r\n"))
  }

  @Test func gzipOnlyWhenSwitchedOnAndAskedFor() throws {
    #expect(!(try ServerFixture().exchange(get("/healthz", "Accept-Encoding: gzip\r\n")).contains("gzip")))
    var options = HTTPServer.Options()
    options.gzipMinimumBytes = 100
    let fixture = try ServerFixture(options: options)
    #expect(!fixture.exchange(get("/healthz", "Accept-Encoding: gzip\r\n")).contains("gzip"))
    #expect(!fixture.exchange(get("/big")).contains("gzip"))
    let socket = ClientSocket(fixture.address)
    socket.send(get("/big", "Accept-Encoding: gzip\r\nConnection: close\r\n"))
    let bytes = socket.receiveAll(silenceMilliseconds: 1000).bytes
    let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    #expect(head.contains("Content-Encoding: gzip") && head.contains("Vary: Accept-Encoding"))
    let body = try Gzip.decompress(Array(bytes[end.upperBound...]), limit: 2_000_000)
    #expect(String(decoding: body, as: UTF8.self) == String(repeating: "0123456789abcdef", count: 65536))
  }

  // MARK: - Time, with a clock that moves only when told to

  private let second: Int64 = 1_000_000_000

  private func advance(_ clock: ManualClock, _ fixture: ServerFixture, seconds: Int64) {
    clock.advance(byNanoseconds: seconds * second)
    // A batch for the timers, one more to be sure it is over.
    for _ in 0..<2 {
      let turn = Waiter<Bool>()
      fixture.loop.submit { turn.fulfil(true) }
      _ = turn.wait()
    }
  }

  @Test func aHeadThatTricklesInIsCutOff() throws {
    let clock = ManualClock()
    let fixture = try ServerFixture(clock: clock)
    let silent = ClientSocket(fixture.address)
    let slow = ClientSocket(fixture.address)
    for byte in "GET /h".utf8 {
      slow.send([byte])
      usleep(2000)
      advance(clock, fixture, seconds: 1)
    }
    // Both have had more than five seconds.
    #expect(silent.receive(silenceMilliseconds: 1000) == nil)
    #expect(slow.receive(silenceMilliseconds: 1000) == nil)
  }

  @Test func idleConnectionsEndAfterTheirTimeAndNotBefore() throws {
    let clock = ManualClock()
    let fixture = try ServerFixture(clock: clock)
    let socket = ClientSocket(fixture.address)
    for _ in 0..<3 {
      socket.send(get("/healthz"))
      #expect(socket.receive(until: "ok").contains("200 OK"))
      advance(clock, fixture, seconds: 100)
    }
    // The second request head has its five seconds though the idle timer is far away.
    socket.send("GET /he")
    usleep(5000)
    advance(clock, fixture, seconds: 4)
    #expect(socket.receive(silenceMilliseconds: 30) == [])
    advance(clock, fixture, seconds: 2)
    #expect(socket.receive(silenceMilliseconds: 1000) == nil)

    let idle = ClientSocket(fixture.address)
    idle.send(get("/healthz"))
    #expect(idle.receive(until: "ok").contains("200 OK"))
    advance(clock, fixture, seconds: 179)
    #expect(idle.receive(silenceMilliseconds: 30) == [])
    advance(clock, fixture, seconds: 2)
    #expect(idle.receive(silenceMilliseconds: 1000) == nil)
  }

  @Test func aReaderThatStallsIsCutOff() throws {
    let clock = ManualClock()
    let fixture = try ServerFixture(clock: clock)
    let socket = ClientSocket(fixture.address, receiveBuffer: 4096)
    for _ in 0..<8 { socket.send(get("/big")) }
    usleep(50_000)
    advance(clock, fixture, seconds: 31)
    var total = 0
    while let more = socket.receive(silenceMilliseconds: 1000), !more.isEmpty { total += more.count }
    #expect(total < 8 * 1024 * 1024)
    #expect(socket.receive(silenceMilliseconds: 1000) == nil)
  }

  // MARK: - Ends

  @Test func tooManyConnectionsAreTurnedAway() throws {
    var options = HTTPServer.Options()
    options.maximumConnections = 2
    let fixture = try ServerFixture(options: options)
    let first = ClientSocket(fixture.address)
    let second = ClientSocket(fixture.address)
    for socket in [first, second] {
      socket.send(get("/healthz"))
      #expect(socket.receive(until: "ok").contains("200 OK"))
    }
    let third = ClientSocket(fixture.address)
    let (bytes, closed) = third.receiveAll(silenceMilliseconds: 1000)
    #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 503 Service Unavailable\r\n") && closed)
    first.send(get("/healthz", "Connection: close\r\n"))
    _ = first.receiveAll(silenceMilliseconds: 1000)
    #expect(fixture.exchange(get("/healthz")).contains("200 OK"))
  }

  @Test func stoppingLetsAnswersEnd() throws {
    let hold = Mutex<[HTTPResponder]>([])
    let fixture = try ServerFixture { request, responder in
      if request.head.path == "/hold" { hold.withLock { $0.append(responder) } } else { responder.respond(.text("ok")) }
    }
    let idle = ClientSocket(fixture.address)
    idle.send(get("/"))
    #expect(idle.receive(until: "ok").contains("200 OK"))
    let busy = ClientSocket(fixture.address)
    busy.send(get("/hold"))
    while hold.withLock({ $0.isEmpty }) { usleep(1000) }
    let stopped = Waiter<Bool>()
    fixture.server.stop(graceNanoseconds: 60 * second) { stopped.fulfil(true) }
    #expect(idle.receive(silenceMilliseconds: 1000) == nil)
    hold.withLock { $0.removeFirst() }.respond(.text("last words"))
    let (bytes, closed) = busy.receiveAll(silenceMilliseconds: 1000)
    let answer = String(decoding: bytes, as: UTF8.self)
    #expect(answer.contains("Connection: close\r\n") && answer.hasSuffix("last words") && closed)
    #expect(stopped.wait() == true)
  }

  @Test func connectionsAreHandedOver() throws {
    let fixture = try ServerFixture { request, responder in
      guard let accept = try? WebSocketHandshake.accept(request.head) else { return }
      let headers: HTTPHeaders = ["Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept]
      responder.upgrade(headers: headers) { descriptor, tls, early in
        #expect(tls == nil)
        let echo = Array("hello ".utf8) + early
        echo.withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
      }
    }
    let upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    let answer = fixture.exchange(get("/", upgrade) + "early", closes: true)
    #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"))
    #expect(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nhello early"))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "curl is not installed"))
  func curlIsContent() throws {
    let fixture = try ServerFixture()
    let base = "http://\(fixture.address)"
    func curl(_ arguments: String...) throws -> String {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      process.arguments = ["-sS", "--noproxy", "*", "--max-time", "10"] + arguments
      let output = Pipe()
      process.standardOutput = output
      process.standardError = output
      try process.run()
      let data = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return String(decoding: data, as: UTF8.self)
    }
    #expect(try curl("\(base)/healthz", "\(base)/healthz") == #"{"status":"ok"}{"status":"ok"}"#)
    #expect(
      try curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects}", "\(base)/healthz", "\(base)/nope") == "10"
    )
    #expect(try curl("-I", "\(base)/big").contains("Content-Length: 1048576"))
    #expect(try curl("\(base)/big").utf8.count == 1_048_576)
    #expect(try curl("\(base)/stream") == "one two")
    #expect(try curl("--http1.0", "\(base)/stream") == "one two")
    #expect(try curl("-L", "\(base)//healthz", "--path-as-is") == #"{"status":"ok"}"#)
    #expect(
      try curl("-d", String(repeating: "x", count: 5000), "-H", "Expect: 100-continue", "\(base)/echo").utf8.count
        == 5016)
  }

  private func dateless(_ answer: String) -> String {
    answer.replacing(/Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/, with: "Date: D")
  }
}
