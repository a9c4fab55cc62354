import Testing

@testable import Subjects

@Suite struct AccountMappingTests {
  typealias Destination = AccountMapping.Destination

  @Test("FEATURES 2.008, 2.010: what is refused, in nats-server's words")
  func refused() {
    let rows: [(source: String, destinations: [Destination], error: String?)] = [
      ("foo", [.init(subject: "a", weight: 50), .init(subject: "a", weight: 50)], #"duplicate entry for "a""#),
      (
        "foo", [.init(subject: "a", weight: 60), .init(subject: "a", weight: 40, cluster: "c")],
        #"duplicate entry for "a""#
      ),
      (
        "foo", [.init(subject: "a", weight: 60), .init(subject: "b", weight: 50)],
        "total weight needs to be <= 100"
      ),
      ("foo", [.init(subject: "a", weight: 60), .init(subject: "b", weight: 50, cluster: "c")], nil),
      ("foo", [.init(subject: "a", weight: 101)], "individual weights need to be <= 100"),
      ("foo", [.init(subject: "a", weight: 50), .init(subject: "foo", weight: 20)], nil),
      ("foo", [], nil), ("foo", [.init(subject: "", weight: 50)], nil), ("foo", [.init(subject: "a", weight: 0)], nil),
      ("foo.*", [.init(subject: "foo.*", weight: 50)], "invalid subject"),
      ("foo.>", [.init(subject: "foo.>", weight: 50)], nil),
      (
        "foo.*", [.init(subject: "bar.$1", weight: 50), .init(subject: "bar.{{x}}", weight: 20)],
        "invalid mapping destination: unknown function in {{x}}"
      ),
      ("foo", [.init(subject: "bar.b az", weight: 10)], "invalid mapping destination: invalid transform"),
      ("foo..x", [.init(subject: "a")], "invalid subject"), ("foo bar", [.init(subject: "a")], "invalid subject"),
      ("", [.init(subject: "a")], "invalid subject"),
    ]
    for row in rows {
      var found: String?
      do throws(AccountMapping.Invalid) {
        _ = try AccountMapping(source: row.source, destinations: row.destinations)
      } catch {
        found = error.description
      }
      #expect(found == row.error, "\(row)")
    }
  }

  @Test("FEATURES 2.008, 2.009: shares as observed on nats-server, in percent of the messages; the rest is lost")
  func shares() throws {
    let rows: [(source: String, destinations: [Destination], cluster: String, subject: String, shares: [String: Int])] =
      [
        (
          "foo", [.init(subject: "a", weight: 50), .init(subject: "b", weight: 20)], "", "foo",
          ["a": 50, "b": 20, "foo": 30]
        ),
        (
          "foo", [.init(subject: "a", weight: 50), .init(subject: "foo", weight: 20)], "", "foo", ["a": 50, "foo": 20]
        ),
        ("foo.*", [.init(subject: "a.$1", weight: 50)], "", "foo.x", ["a.x": 50, "foo.x": 50]),
        ("foo.*", [.init(subject: "foo.$1", weight: 50)], "", "foo.x", ["foo.x": 100]),
        ("foo", [.init(subject: "foo", weight: 0)], "", "foo", [:]),
        ("foo", [.init(subject: "a", weight: 0)], "", "foo", ["foo": 100]), ("foo", [], "", "foo", ["foo": 100]),
        ("foo", [.init(subject: "a", weight: 30, cluster: "c")], "", "foo", ["foo": 100]),
        ("foo", [.init(subject: "a", weight: 30, cluster: "c")], "c", "foo", ["a": 30, "foo": 70]),
        ("foo", [.init(subject: "a", weight: 30, cluster: "c")], "d", "foo", ["foo": 100]),
        (
          "foo", [.init(subject: "a", weight: 30, cluster: "c"), .init(subject: "b", weight: 100)], "c", "foo",
          ["a": 30, "foo": 70]
        ),
        (
          "foo", [.init(subject: "a", weight: 30, cluster: "c"), .init(subject: "b", weight: 100)], "d", "foo",
          ["b": 100]
        ),
        (
          "foo", [.init(subject: "foo", weight: 30, cluster: "c"), .init(subject: "b", weight: 50)], "", "foo",
          ["b": 50]
        ),
        ("foo", [.init(subject: "")], "", "foo", [:]),
      ]
    for row in rows {
      var mappings = AccountMappings()
      mappings.set(try AccountMapping(source: row.source, destinations: row.destinations))
      mappings.select(cluster: row.cluster)
      var counts: [String: Int] = [:]
      // Evenly spread numbers: the shares come out exactly.
      for step in 0..<1000 {
        let random = UInt64(step) * (UInt64.max / 1000) + UInt64.max / 2000
        if let subject = mappings.map(row.subject, random: random) { counts[subject, default: 0] += 1 }
      }
      #expect(counts == row.shares.mapValues { $0 * 10 }, "\(row)")
    }
  }

  @Test("FEATURES 2.011: the first matching mapping applies, once; a source is set once")
  func order() throws {
    var mappings = AccountMappings()
    mappings.set(try AccountMapping(source: "foo.*", destinations: [.init(subject: "bar.$1")]))
    mappings.set(try AccountMapping(source: "foo.a", destinations: [.init(subject: "never")]))
    mappings.set(try AccountMapping(source: "bar.*", destinations: [.init(subject: "baz")]))
    #expect(mappings.map("foo.a") == "bar.a")
    #expect(mappings.map("other") == "other")
    mappings.set(try AccountMapping(source: "foo.*", destinations: [.init(subject: "new.$1")]))
    #expect(mappings.mappings.count == 3)
    #expect(mappings.map("foo.a") == "new.a")
    let removed = mappings.remove(source: "foo.*")
    let removedAgain = mappings.remove(source: "foo.*")
    #expect(removed && !removedAgain)
    #expect(mappings.map("foo.a") == "never")
  }
}
