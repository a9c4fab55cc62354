import Bytes
import Testing

@testable import Subjects

@Suite struct SubjectTests {
  @Test("FEATURES 2.001, 2.002: valid subjects, subjects a SUB may have, literal subjects")
  func syntax() {
    let rows: [(subject: String, valid: Bool, wellFormed: Bool, literal: Bool, publishable: Bool)] = [
      ("foo", true, true, true, true), ("foo.bar", true, true, true, true), ("FOO.é", true, true, true, true),
      ("foo.*", true, true, false, false), ("*", true, true, false, false), (">", true, true, false, false),
      ("foo.>", true, true, false, false), ("*.>", true, true, false, false), ("foo.>.bar", false, false, false, false),
      (">.>", false, false, false, false), (">.", false, false, false, false), ("", false, false, true, false),
      (".", false, false, true, false), ("foo.", false, false, true, false), (".foo", false, false, true, false),
      ("foo..bar", false, false, true, false), ("foo*", true, true, true, true), ("f*o.b>r", true, true, true, true),
      ("**", true, true, true, true), (">>", true, true, true, true), ("foo.>bar", true, true, true, true),
      ("foo bar", false, true, true, true), ("foo.\tbar", false, true, true, true), ("foo\r", false, true, true, true),
      ("\n", false, true, true, true), ("foo.\u{0C}", false, true, true, true), ("foo.\u{0B}", true, true, true, true),
      ("\u{00}", true, true, true, true), ("\u{7F}", true, true, true, true), ("\u{A0}", true, true, true, true),
    ]
    for row in rows {
      #expect(Subject.isValid(row.subject) == row.valid, "\(row.subject)")
      #expect(Subject.isWellFormed(row.subject) == row.wellFormed, "\(row.subject)")
      #expect(Subject.isLiteral(row.subject) == row.literal, "\(row.subject)")
      #expect(Subject.hasWildcard(row.subject) != row.literal, "\(row.subject)")
      #expect(Subject.isValidLiteral(row.subject) == row.publishable, "\(row.subject)")
      #expect(Subject.isValidPublish(row.subject) == (row.valid && row.literal), "\(row.subject)")
      #expect(Subject.isValidQueueName(row.subject) == row.valid, "\(row.subject)")
      #expect(Subject.isValid(Array(row.subject.utf8)) == row.valid, "\(row.subject)")
    }
  }

  @Test("Tokens, the empty ones too")
  func tokens() {
    let rows: [(subject: String, tokens: [String], count: Int)] = [
      ("", [""], 0), ("a", ["a"], 1), ("a.b", ["a", "b"], 2), (".", ["", ""], 2), ("a..b", ["a", "", "b"], 3),
      ("a.", ["a", ""], 2), ("one.two.three", ["one", "two", "three"], 3),
    ]
    for row in rows {
      let tokens = Array(row.subject.utf8).withUnsafeBytes { SubjectTokens($0).map { text($0) } }
      #expect(tokens == row.tokens)
      #expect(Subject.tokenCount(row.subject) == row.count)
    }
  }

  @Test("FEATURES 2.002: one pattern covers another")
  func subset() {
    let rows: [(subject: String, of: String, covered: Bool)] = [
      ("foo.*", ">", true), ("foo.*", "*.*", true), ("foo.*", "foo.*", true), ("foo.*", "foo.bar", false),
      ("foo.bar", "foo.*", true), ("foo.>", "foo.>", true), ("foo.>", "foo.*", false), ("foo.>", ">", true),
      ("foo.bar", "foo.>", true), ("foo", "foo.>", false), ("foo.bar.baz", "foo.*", false), ("foo", "foo", true),
      ("foo", "bar", false), ("foo.bar", "foo", false), ("foo", "foo.bar", false), ("*.bar", "foo.bar", false),
      ("*.bar", "foo.>", false), ("*", "*", true), (">", ">", true), ("*", ">", true), (">", "*", false),
      // As observed: a longer token that begins with a star covers any.
      ("a.bar", "a.*foo", true), ("a.bar.c", "a.*foo", false), ("a.*", "a.*foo", false), ("a..b", "a.>", true),
      ("a..b", "a.*.b", false), ("a.b", "a.", false), ("", "", false), ("", "a", false), ("a", "", false),
    ]
    for row in rows {
      #expect(Subject.isSubset(row.subject, of: row.of) == row.covered, "\(row.subject) of \(row.of)")
    }
  }

  @Test("Two patterns that one message could reach")
  func collisions() {
    let rows: [(left: String, right: String, collide: Bool)] = [
      ("foo", "foo", true), ("foo", "bar", false), ("foo.*", "foo.bar", true), ("foo.*", "*.bar", true),
      ("foo.*", "bar.*", false), ("foo.>", "*.bar.baz", true), ("foo.>", "*", false), (">", "*", true),
      ("foo.*.bar", "foo.*", false), ("foo.*", "foo.>", true), ("foo.*.*", "foo.>", true), ("*.a", "*.b", false),
      ("foo.*.bar", "foo.baz.*", true), ("foo.*.bar", "foo.>", true), ("a.>", "b.>", false), ("*.*", "*.>", true),
      // As nats-server: tokens that only begin with a wildcard count as one, once both sides have wildcards.
      ("foo.*x.*", "foo.y.*", true), ("foo.*x", "foo.y", false), ("foo.*.z", "foo.>x.z", true),
    ]
    for row in rows {
      #expect(Subject.collide(row.left, row.right) == row.collide, "\(row.left) and \(row.right)")
      #expect(Subject.collide(row.right, row.left) == row.collide, "\(row.right) and \(row.left)")
    }
  }

  @Test("FEATURES 2.005: permission entries with a queue")
  func permissionEntries() {
    let rows: [(entry: String, parsed: SubjectQueue?)] = [
      ("foo", .init(subject: "foo")), ("foo.* workers", .init(subject: "foo.*", queue: "workers")),
      ("  foo \t v1.* ", .init(subject: "foo", queue: "v1.*")), ("foo >", .init(subject: "foo", queue: ">")),
      ("foo\u{A0}bar", .init(subject: "foo", queue: "bar")), ("", nil), ("   ", nil), ("foo bar baz", nil),
      ("foo. bar", nil), ("foo bar.", nil), ("foo.>.x", nil),
    ]
    for row in rows {
      var parsed: SubjectQueue?
      do throws(SubjectQueue.Invalid) {
        parsed = try SubjectQueue(parsing: row.entry)
      } catch {
        #expect(error.description == "invalid subject-queue \(GoString.quote(row.entry))")
      }
      #expect(parsed == row.parsed, "\(row.entry)")
    }
    #expect(SubjectQueue.Invalid(entry: "a b\t\"c").description == #"invalid subject-queue "a b\t\"c""#)
  }

  @Test("FEATURES 2.005: which queue names an entry covers")
  func queuesCovered() {
    let rows: [(entry: String, queue: String, covered: Bool)] = [
      ("foo v1", "v1", true), ("foo v1", "v2", false), ("foo v1.*", "v1.a", true), ("foo v1.*", "v1.*", true),
      ("foo v1.*", "v1", false), ("foo *", "x", true), ("foo >", "x.y", true), ("foo *x", "y", false),
      ("foo", "x", false),
    ]
    for row in rows {
      let entry = try? SubjectQueue(parsing: row.entry)
      #expect(Array(row.queue.utf8).withUnsafeBytes { entry?.covers(queue: $0) } == row.covered, "\(row)")
    }
  }

  @Test("The hash reads no more than its bytes, and spreads")
  func hashing() {
    var seen: Set<UInt64> = []
    var buckets = [Int](repeating: 0, count: 64)
    for length in 0...100 {
      let bytes = [UInt8](repeating: 0x61, count: length + 1)
      var changed = bytes
      changed[length] = 0x62
      let hashes = [bytes, changed].map { $0.withUnsafeBytes { subjectHash($0.baseAddress!, length) } }
      #expect(hashes[0] == hashes[1])
      #expect(seen.insert(hashes[0]).inserted)
    }
    for number in 0..<64_000 {
      let hash = Array("sensor.\(number)".utf8).withUnsafeBytes { subjectHash($0.baseAddress!, $0.count) }
      seen.insert(hash)
      buckets[Int(hash >> 58)] += 1
    }
    #expect(seen.count == 64_101)
    #expect(buckets.allSatisfy { (700...1300).contains($0) })
  }
}
