import Reactor
import Testing

@testable import HTTP

@Suite("A program as its own health check")
struct HealthCheckTests {
  @Test(
    "the URL among the arguments of health checks as they are written for wget",
    arguments: [
      (["http://127.0.0.1:8222/healthz"], "http://127.0.0.1:8222/healthz"),
      (["-q", "-O", "-", "http://localhost:8222/healthz"], "http://localhost:8222/healthz"),
      (["http://localhost:8222/healthz", "-q", "-S", "-O", "-"], "http://localhost:8222/healthz"),
      (["--spider", "-q", "-O", "/dev/null", "localhost:8222/healthz"], "http://localhost:8222/healthz"),
      (["-T", "5", "https://a/"], "https://a/"),
      (["-q"], nil), (["word"], nil),
    ] as [([String], String?)])
  func urls(arguments: [String], url: String?) {
    #expect(HealthCheck.url(in: arguments)?.description == url)
  }

  @Test(
    "the address to ask is one that reaches the listener",
    arguments: [
      ("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3"), ("::1", "::1"),
    ])
  func addresses(bound: String, host: String) {
    #expect(HealthCheck.url(isTLS: false, boundTo: bound, port: 1, target: "/").host == host)
  }

  @Test("200 is healthy, anything else and silence are not")
  func answers() throws {
    let fixture = try ServerFixture { request, responder in
      responder.respond(
        request.head.target.path == "/good"
          ? .json(Array("{\"status\":\"ok\"}".utf8)) : .error("not yet", status: 503))
    }
    defer { fixture.stop() }
    let base = "http://\(fixture.address)"
    let good = HealthCheck.run([base + "/good"]) { _ in .unknown(reason: "not asked") }
    #expect(good.text == "{\"status\":\"ok\"}" && good.exitCode == 0)
    let bad = HealthCheck.run([base + "/bad"]) { _ in .unknown(reason: "not asked") }
    #expect(bad.text.hasPrefix("503 ") && bad.exitCode == 1)
    fixture.stop()
    #expect(HealthCheck.run([base + "/good"]) { _ in .unknown(reason: "not asked") }.exitCode == 1)
  }

  @Test("without a URL the running program's arguments say where")
  func running() {
    let none = HealthCheck.run([], running: { nil }) { _ in .none(reason: "") }
    #expect(none.exitCode == 1)
    let off = HealthCheck.run([], running: { ["-p", "1"] }) { .none(reason: $0.joined(separator: " ")) }
    #expect(off.text == "-p 1" && off.exitCode == 0)
    #expect(HealthCheck.run([], running: { [] }) { _ in .unknown(reason: "") }.exitCode == 1)
    #expect(HealthCheck.run(["word"]) { _ in .none(reason: "") }.exitCode == 1)
  }
}
