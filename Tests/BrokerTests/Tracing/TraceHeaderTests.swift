import Testing

@testable import Broker

/// What asks for a trace (FEATURES 2.030, 2.035, 2.036). Verified against nats-server.
@Suite struct TraceHeaderTests {
  private static func header(_ lines: String) -> TraceHeader? {
    Array("NATS/1.0\r\n\(lines)\r\n\r\n".utf8).withUnsafeBytes { TraceHeader($0) }
  }

  @Test(arguments: [
    ("Nats-Trace-Dest: trace", true, false),
    ("Nats-Trace-Dest:trace\r\nNats-Trace-Only: ON", true, true),
    ("Nats-Trace-Dest: trace\r\nNats-Trace-Only: 1", true, true),
    ("Nats-Trace-Dest: trace\r\nNats-Trace-Only: yes", true, false),
    ("Nats-Trace-Dest: trace disabled", false, false),
    ("Nats-Trace-Dest:  ", false, false),
    ("nats-trace-dest: trace", false, false),
    ("Nats-Trace-Only: true", false, false),
    ("traceParent: 00-a-b-01\r\nNats-Trace-Only: true", true, false),
    ("traceparent: 00-a-b-00\r\ntraceparent: 00-a-b-01", true, false),
    ("traceparent: 00-a-b-00", false, false),
    ("traceparent: 00-a-b-01\r\nNats-Trace-Dest: trace disabled", false, false),
  ])
  func whatAsks(lines: String, isTraced: Bool, isOnly: Bool) {
    #expect((Self.header(lines) != nil) == isTraced)
    #expect(Self.header(lines)?.isOnly ?? false == isOnly)
  }

  @Test func namesKeepTheirCaseAndEmptyFieldsDoNotCount() throws {
    let header = try #require(Self.header("b:  x \r\nA:1\r\nNats-Trace-Dest: t\r\nEmpty:\r\nb: y\r\nno field\r\nC: 2"))
    #expect(header.sorted.map(\.key) == ["A", "Nats-Trace-Dest", "b", "no field\r\nC"])
    #expect(header.fields["b"] == ["x", "y"])
    #expect(header.hasDestination)
  }

  @Test func aBlockOfAnotherKindIsNotRead() {
    #expect(Array("HTTP/1.1\r\nNats-Trace-Dest: t\r\n\r\n".utf8).withUnsafeBytes { TraceHeader($0) } == nil)
  }
}
