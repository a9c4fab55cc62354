import Configuration
import Testing

@testable import Broker

/// What asks for the measurement of a request (FEATURES 2.025, 2.026). Verified against nats-server.
@Suite struct LatencySamplingTests {
  private static func sample(_ header: String, sampling: Int = 0, random: UInt64 = 0) -> [String: [String]]? {
    let block = header.isEmpty ? [] : Array("NATS/1.0\r\n\(header)\r\n\r\n".utf8)
    return block.withUnsafeBytes { block in
      let empty = UnsafeRawPointer(bitPattern: 16)!
      let message = Message(
        subject: empty, subjectLength: 0, headerLength: block.count, body: block.baseAddress ?? empty, size: block.count
      )
      return LatencySample(ServiceLatencyOptions(sampling: sampling, subject: "lat"), message, random: random)?.header
    }
  }

  @Test(
    arguments: [
      ("X-B3-TraceId: a", ["X-B3-Traceid": ["a"]]),
      ("x-b3-traceid: a\r\nX-B3-Sampled: 0", nil),
      (
        "X-B3-Sampled: 1\r\nX-B3-SpanId: s\r\nX-B3-ParentSpanId: p\r\nOther: o",
        ["X-B3-Sampled": ["1"], "X-B3-Spanid": ["s"], "X-B3-Parentspanid": ["p"]]
      ),
      ("b3: a-b-1-c", ["B3": ["a-b-1-c"]]),
      ("b3: a-b-0-c", nil),
      ("b3: 0", nil),
      ("b3: 1", ["B3": ["1"]]),
      ("traceparent: 00-a-b-01", ["Traceparent": ["00-a-b-01"]]),
      ("TRACEPARENT: 00-a-b-03\r\ntracestate: a=b", ["Traceparent": ["00-a-b-03"], "Tracestate": ["a=b"]]),
      ("traceparent: 00-a-b-00", nil),
      ("traceparent: 00-a-b-ff", nil),
      ("traceparent: 00-a-b-1", nil),
      ("traceparent: a-01", nil),
      ("Uber-Trace-Id: a:b:c:1", ["Uber-Trace-Id": ["a:b:c:1"]]),
      (
        "uber-trace-id: a:b:c:11\r\nuberctx-k: v\r\nUberctx-k: w",
        ["Uber-Trace-Id": ["a:b:c:11"], "Uberctx-K": ["v", "w"]]
      ),
      ("uber-trace-id: a:b:c:2\r\nX-B3-Sampled: 1", nil),
      ("uber-trace-id: a:b:c:zz", nil),
      ("X-B3-Sampled: 1\r\nno colon", nil),
      ("X-B3-Sampled : 1", nil),
      ("X-B3-Sampled: 1\r\n folded", nil),
      ("Other: 1", nil),
      ("", nil),
    ] as [(String, [String: [String]]?)])
  func headersThatAsk(header: String, expected: [String: [String]]?) {
    #expect(Self.sample(header) == expected)
  }

  @Test func chanceDecidesWhereAPercentageIsSet() {
    #expect(Self.sample("", sampling: 100) == [:])
    #expect(Self.sample("X-B3-Sampled: 0", sampling: 100) == [:])
    let hits = (0..<100).filter { Self.sample("", sampling: 30, random: UInt64($0) << 33) != nil }
    #expect(hits == Array(0...30))
    #expect(Self.sample("b3: 1", sampling: 30, random: 99 << 33) == ["B3": ["1"]])
  }
}
