import Metrics
import Testing

@Suite struct ExpositionTests {
  private func set(_ fill: (inout MetricSet) -> Void) -> MetricSet {
    var set = MetricSet()
    fill(&set)
    return set
  }

  @Test func familiesAreDeclaredOnceAndSorted() {
    let first = set {
      $0.add("b", .counter, help: "B.", ["x": "1"], 1)
      $0.add("a", help: "A \\ and\nmore.", [:], 2)
    }
    let second = set { $0.add("b", .counter, help: "Other.", ["x": "2"], 3) }
    #expect(
      lines([first, second], declarations: true) == [
        #"# HELP a A \\ and\nmore."#, "# TYPE a gauge", "a 2", "# HELP b B.", "# TYPE b counter", #"b{x="1"} 1"#,
        #"b{x="2"} 3"#,
      ])
  }

  @Test func openMetricsHasNoCountersWithoutTotal() {
    let families = set {
      $0.add("a_bytes", .counter, help: "A.", [:], 1)
      $0.add("c_total", .counter, help: "C.", [:], 2)
      $0.add("d", .untyped, help: "D \"q\".", [:], 3)
      $0.add("e_total", .gauge, help: "E.", [:], 4)
    }
    #expect(
      lines([families], .openMetrics, declarations: true) == [
        "# HELP a_bytes A.", "# TYPE a_bytes unknown", "a_bytes 1", "# HELP c C.", "# TYPE c counter", "c_total 2",
        #"# HELP d D \"q\"."#, "# TYPE d unknown", "d 3", "# HELP e_total E.", "# TYPE e_total gauge", "e_total 4",
        "# EOF",
      ])
    #expect(lines([families], .text, declarations: true).contains("# TYPE d untyped"))
  }

  @Test(
    arguments: [
      (0, "0"), (-1, "-1"), (1_048_576, "1048576"), (9_007_199_254_740_991, "9007199254740991"), (0.1, "0.1"),
      (1.8446744073709552e19, "1.8446744073709552e+19"), (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
      (0.000_000_1, "1e-07"), (-0.5, "-0.5"),
    ] as [(Double, String)])
  func values(value: Double, text: String) {
    #expect(lines([set { $0.add("a", help: "A.", [:], value) }]) == ["a " + text])
  }

  @Test func labelValuesAreEscapedAndBounded() {
    #expect(lines([set { $0.add("a", help: "A.", ["l": "q\"b\\n\né"], 1) }]) == [#"a{l="q\"b\\n\né"} 1"#])
    let long = String(repeating: "é", count: 600)
    let found = lines([set { $0.add("a", help: "A.", ["l": "x" + long], 1) }])
    // Cut before the character that does not fit whole.
    #expect(found == ["a{l=\"x" + String(repeating: "é", count: 511) + "\"} 1"])
  }

  @Test(arguments: [1, 7, 100, 4096])
  func piecesAreTheWhole(size: Int) {
    let sets = (0..<3).map { number in
      set { set in
        for row in 0..<40 { set.add("f\(row % 5)", help: "F.", ["n": "\(number)", "r": "\(row)"], Double(row)) }
      }
    }
    var exposition = Exposition(sets, format: .openMetrics)
    var text: [UInt8] = []
    var piece: [UInt8] = []
    while exposition.next(size, into: &piece) {
      text += piece
      piece = []
    }
    let isWhole = text == Exposition.bytes(sets, format: .openMetrics)
    #expect(isWhole)
    #expect(!exposition.next(size, into: &piece) && piece.isEmpty)
  }

  @Test(
    arguments: [
      (nil, .text), ("", .text), ("*/*", .text), ("text/plain;version=0.0.4", .text),
      ("application/openmetrics-text", .openMetrics), ("application/openmetrics-text;q=0", .text),
      (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
          + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
      ),
      ("application/openmetrics-text; version=1.0.0; q=0.3, text/plain;q=0.9", .text),
      ("application/openmetrics-text;version=2.0.0", .text), ("application/vnd.google.protobuf", .text),
    ] as [(String?, Exposition.Format)])
  func formatIsWhatTheScraperPrefers(accept: String?, format: Exposition.Format) {
    #expect(Exposition.Format(accept: accept) == format, "\(accept ?? "none")")
  }

  /// FEATURES 15.039: cardinality has a bound, and what is beyond is counted.
  @Test func aFullSetLeavesOutWholeRows() throws {
    var mapping = MetricMapping(serverID: "S")
    mapping.maximumSeries = 10 + 11 + 10
    let set = try mapping.map(.connzDetailed, Array(EndpointMappingTests.connections.utf8))
    #expect(set.seriesCount == 10 + 11)
    #expect(set.droppedSeries == 11)
    #expect(lines([set]).contains(#"gnatsd_connz_in_msgs{server_id="S"} 22"#))
  }
}
