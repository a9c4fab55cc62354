import Foundation
import HTTP
import Reactor
import Synchronization
import Testing

@Suite(.serialized) struct HTTPClientTests {
  private func url(_ fixture: ServerFixture, _ path: String) -> HTTPURL {
    HTTPURL("http://\(fixture.address)\(path)")!
  }

  private func send(
    _ client: HTTPClient, _ request: HTTPClientRequest
  ) -> Result<HTTPClientResponse, HTTPClientError> {
    let waiter = Waiter<Result<HTTPClientResponse, HTTPClientError>>()
    client.send(request) { waiter.fulfil($0) }
    return waiter.wait() ?? .failure(.timedOut)
  }

  @Test func getsPostsAndHeads() throws {
    let fixture = try ServerFixture()
    let client = HTTPClient(loop: fixture.loop)
    let healthy = try send(client, HTTPClientRequest("GET", url(fixture, "/healthz"))).get()
    #expect(healthy.status == 200 && healthy.body == Array(#"{"status":"ok"}"#.utf8))
    #expect(healthy.head.headers["content-type"] == "application/json")
    let echo = try send(client, HTTPClientRequest("POST", url(fixture, "/echo"), body: Array("hello".utf8))).get()
    #expect(echo.body == Array("\(fixture.address):hello".utf8) || echo.body.ends(with: "hello"))
    let head = try send(client, HTTPClientRequest("HEAD", url(fixture, "/big"))).get()
    #expect(head.body.isEmpty && head.head.headers["Content-Length"] == "1048576")
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/big"))).get().body.count == 1_048_576)
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/stream"))).get().body == Array("one two".utf8))
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/nope"))).get().status == 404)
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/empty"))).get().status == 204)
    // All of them over one connection.
    #expect(connections(fixture) == 1)
    #expect(throws: HTTPClientError.disconnected) {
      try send(client, HTTPClientRequest("GET", url(fixture, "/cut"))).get()
    }
  }

  @Test func namesAreLookedUp() throws {
    let fixture = try ServerFixture()
    let client = HTTPClient(loop: fixture.loop)
    let url = HTTPURL("http://localhost:\(fixture.address.port)/healthz")!
    #expect(try send(client, HTTPClientRequest("GET", url)).get().status == 200)
    let missing = HTTPURL("http://no-such-name.invalid/")!
    guard case .failure(.lookup) = send(client, HTTPClientRequest("GET", missing)) else { return #expect(Bool(false)) }
  }

  @Test func manyRequestsShareTheConnectionsOfAServer() throws {
    let fixture = try ServerFixture()
    var options = HTTPClient.Options()
    options.maximumConnectionsPerHost = 3
    let client = HTTPClient(loop: fixture.loop, options: options)
    let answers = Atomic(0)
    let all = Waiter<Bool>()
    for _ in 0..<100 {
      client.send(HTTPClientRequest("GET", url(fixture, "/thread"))) {
        if case .success(let response) = $0, response.body == Array("from afar".utf8) {
          if answers.add(1, ordering: .acquiringAndReleasing).newValue == 100 { all.fulfil(true) }
        }
      }
    }
    #expect(all.wait() == true)
    #expect(connections(fixture) == 3)
  }

  @Test func waitingIsBounded() throws {
    let fixture = try ServerFixture { _, responder in
      responder.loop.schedule(afterNanoseconds: 20_000_000) { responder.respond(.text("late")) }
    }
    var options = HTTPClient.Options()
    options.maximumConnectionsPerHost = 1
    options.maximumWaiting = 1
    let client = HTTPClient(loop: fixture.loop, options: options)
    let results = Mutex<[String]>([])
    let all = Waiter<Bool>()
    for _ in 0..<3 {
      client.send(HTTPClientRequest("GET", url(fixture, "/"))) { result in
        let count = results.withLock {
          switch result {
          case .success: $0.append("ok")
          case .failure(let error): $0.append("\(error)")
          }
          return $0.count
        }
        if count == 3 { all.fulfil(true) }
      }
    }
    #expect(all.wait() == true)
    #expect(results.withLock { $0 } == ["too many requests wait", "ok", "ok"])
  }

  @Test func timeLimitsAndCancelEndARequest() throws {
    let fixture = try ServerFixture { request, responder in
      // Kept until the fixture's loop is gone.
      responder.loop.schedule(afterNanoseconds: 3_600_000_000_000) { responder.respond(.text("")) }
    }
    let client = HTTPClient(loop: fixture.loop)
    let late = HTTPClientRequest("GET", url(fixture, "/"), timeoutNanoseconds: 20_000_000)
    #expect(throws: HTTPClientError.timedOut) { try send(client, late).get() }
    let waiter = Waiter<HTTPClientError>()
    let call = client.send(HTTPClientRequest("GET", url(fixture, "/"))) {
      if case .failure(let error) = $0 { waiter.fulfil(error) }
    }
    call.cancel()
    #expect(waiter.wait() == .cancelled)
    call.cancel()
  }

  @Test func refusedConnectionsTellTheAddress() throws {
    let fixture = try ServerFixture()
    let client = HTTPClient(loop: fixture.loop)
    // A port that was free a moment ago.
    let other = try ServerFixture()
    let free = other.address
    other.server.stop()
    other.stop()
    let result = send(client, HTTPClientRequest("GET", HTTPURL("http://\(free)/")!))
    #expect(throws: HTTPClientError.connect("dial tcp \(free): connect: connection refused")) { try result.get() }
  }

  @Test func deadKeptConnectionsAreReplaced() throws {
    let fixture = try ServerFixture()
    let client = HTTPClient(loop: fixture.loop)
    // A server that answers once per connection, without saying that it will close.
    let once = try OneAnswerServer()
    let url = HTTPURL("http://\(once.address)/")!
    for _ in 0..<3 { #expect(try send(client, HTTPClientRequest("GET", url)).get().body == Array("ok".utf8)) }
  }

  @Test func streamsComeAsTheyAreAndWaitWhenPaused() throws {
    let writers = Mutex<[HTTPBodyWriter]>([])
    let fixture = try ServerFixture { _, responder in
      let writer = responder.stream(headers: [:])
      writer.write(Array("first".utf8))
      writers.withLock { $0.append(writer) }
    }
    let client = HTTPClient(loop: fixture.loop)
    let events = Mutex<[String]>([])
    let first = Waiter<Bool>()
    let second = Waiter<Bool>()
    let ended = Waiter<Bool>()
    let call = client.start(HTTPClientRequest("GET", url(fixture, "/"), timeoutNanoseconds: nil)) { event in
      switch event {
      case .head(let head): events.withLock { $0.append("\(head.status)") }
      case .body(let bytes):
        events.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
        (bytes == Array("first".utf8) ? first : second).fulfil(true)
      case .end: ended.fulfil(true)
      case .failed(let error): events.withLock { $0.append("\(error)") }
      }
    }
    #expect(first.wait() == true)
    call.pause()
    let writer = try #require(writers.withLock { $0.first })
    writer.write(Array("second".utf8))
    usleep(30_000)
    #expect(events.withLock { $0 } == ["200", "first"])
    call.resume()
    #expect(second.wait() == true)
    writers.withLock { $0 = [] }
    writer.finish()
    #expect(ended.wait() == true)
    #expect(events.withLock { $0 } == ["200", "first", "second"])
  }

  @Test func redirectsAreFollowedOnlyWhenAllowed() throws {
    var router = HTTPRouter()
    router.add("/from") { _, responder in responder.respond(.movedPermanently(to: "/to?x=1")) }
    router.add("/loop") { _, responder in responder.respond(.movedPermanently(to: "/loop")) }
    router.add("/to") { request, responder in
      responder.respond(.text("\(request.head.target.rawQuery) \(request.head.headers["Authorization"] ?? "-")"))
    }
    let fixture = try ServerFixture(handler: router.route)
    let request = HTTPClientRequest("GET", url(fixture, "/from"), credentials: .bearer("t"))
    #expect(try send(HTTPClient(loop: fixture.loop), request).get().status == 301)
    var options = HTTPClient.Options()
    options.maximumRedirects = 3
    let client = HTTPClient(loop: fixture.loop, options: options)
    #expect(try send(client, request).get().body == Array("x=1 Bearer t".utf8))
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/loop"))).get().status == 301)
    #expect(try send(client, HTTPClientRequest("POST", url(fixture, "/from"))).get().status == 301)
  }

  @Test func collectedBodiesHaveALimit() throws {
    let fixture = try ServerFixture()
    var options = HTTPClient.Options()
    options.collectedBodyBytes = 1_048_575
    let client = HTTPClient(loop: fixture.loop, options: options)
    #expect(throws: HTTPClientError.bodyTooLarge) {
      try send(client, HTTPClientRequest("GET", url(fixture, "/big"))).get()
    }
    #expect(try send(client, HTTPClientRequest("GET", url(fixture, "/healthz"))).get().status == 200)
  }

  @Test func credentialsGoIntoTheRequest() throws {
    let fixture = try ServerFixture { request, responder in
      responder.respond(.text("\(String(describing: request.head.credentials))"))
    }
    let client = HTTPClient(loop: fixture.loop)
    let withUser = HTTPURL("http://us%40er:pa%3Ass@\(fixture.address)/")!
    let answer = try send(client, HTTPClientRequest("GET", withUser)).get()
    #expect(String(decoding: answer.body, as: UTF8.self).contains(#"basic(user: "us@er", password: "pa:ss")"#))
  }

  @Test(arguments: [
    ("http://h", "http://h/", "h", 80), ("HTTPS://h:8443/a?b#c", "https://h:8443/a?b", "h:8443", 8443),
    ("https://h", "https://h/", "h", 443), ("http://[::1]:82/x", "http://[::1]:82/x", "[::1]:82", 82),
    ("http://u:p@h:1?q", "http://h:1/?q", "h:1", 1), ("http://h:", "http://h/", "h", 80),
  ])
  func urlsAreTakenApart(text: String, printed: String, authority: String, port: UInt16) throws {
    let url = try #require(HTTPURL(text))
    #expect(url.description == printed)
    #expect(url.authority == authority)
    #expect(url.port == port)
  }

  @Test(arguments: [
    "", "h", "ftp://h", "http://", "http://h:x", "http://h:70000", "http://[::1", "http://a b", "http://u%zz@h",
  ])
  func whatIsNoURLIsRefused(text: String) {
    #expect(HTTPURL(text) == nil)
  }

  private func connections(_ fixture: ServerFixture) -> Int? {
    let waiter = Waiter<Int>()
    fixture.loop.submit { waiter.fulfil(fixture.server.connectionCount) }
    return waiter.wait()
  }
}

extension [UInt8] {
  fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

/// Answers the first request of a connection, then closes when the second arrives.
final class OneAnswerServer: Sendable {
  let address: SocketAddress
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    SocketAddress(numeric: "127.0.0.1", port: 0)!.withSockaddr { _ = bind(descriptor, $0, $1) }
    listen(descriptor, 10)
    self.descriptor = descriptor
    address = SocketAddress(localOf: descriptor)!
    Thread {
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        recv(client, &buffer, buffer.count, 0)
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8)
        send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
        recv(client, &buffer, buffer.count, 0)
        close(client)
      }
    }.start()
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }
}
