import Testing

@testable import Subjects

@Suite struct SubscriptionIndexTests {
  @Test("FEATURES 2.002, 2.003: which subscriptions a published subject reaches")
  func reach() {
    let rows: [(pattern: String, subject: String, reached: Bool)] = [
      ("foo", "foo", true), ("foo", "Foo", false), ("foo", "foo.bar", false), ("foo.bar", "foo", false),
      ("*", "foo", true), ("*", "foo.bar", false), ("foo.*", "foo.bar", true), ("foo.*", "foo", false),
      ("foo.*", "foo.bar.baz", false), ("*.bar", "foo.bar", true), ("*.bar", "foo.baz", false),
      ("foo.*.baz", "foo.bar.baz", true), ("foo.*.baz", "foo.bar", false), ("*.*", "foo.bar", true),
      (">", "foo", true), (">", "foo.bar.baz", true), ("foo.>", "foo.bar.baz", true), ("foo.>", "foo", false),
      ("*.>", "foo.bar", true), ("*.>", "foo", false), ("a.*.>", "a.b.c.d", true), ("a.*.>", "a.b", false),
      ("a.b*", "a.b*", true), ("a.b*", "a.bc", false), ("a.>b", "a.>b", true), ("a.>b", "a.c", false),
      ("foo.*", "foo.*", true), ("foo.*", "foo.>", true), ("foo.bar", "foo.*", false), ("foo.>", "foo.*.bar", true),
      (">", "foo.", false), (">", ".foo", false), (">", "foo..bar", false), (">", "", false), ("*", "", false),
      ("*.*.*.d", "a.b.c.d", true), ("*.*.*.d", "a.b.c.e", false), ("*.b.*.d", "a.b.c.d", true),
    ]
    for row in rows {
      let index = SubscriptionIndex(records: SubscriptionRecords())
      #expect(index.insert(row.pattern) != nil)
      #expect(index.match(row.subject).isEmpty != row.reached, "\(row.pattern) <- \(row.subject)")
      #expect(index.hasInterest(row.subject) == row.reached, "\(row.pattern) <- \(row.subject)")
    }
  }

  @Test("FEATURES 2.001: subjects that cannot be subscribed to")
  func refused() {
    let index = SubscriptionIndex(records: SubscriptionRecords())
    for subject in ["", ".", "foo.", ".foo", "foo..bar", ">.foo", "foo.>.bar", "foo.>.>"] {
      #expect(index.insert(subject) == nil, "\(subject)")
    }
    #expect(index.count == 0)
    #expect(index.records.count == 0)
  }

  @Test("FEATURES 2.004: members of a queue group that match through different patterns are one group")
  func queueGroups() throws {
    let index = SubscriptionIndex(records: SubscriptionRecords())
    let plain = try #require(index.insert("foo.bar")).pointee.id
    let one = try #require(index.insert("foo.bar", queue: "workers")).pointee.id
    let two = try #require(index.insert("foo.*", queue: "workers")).pointee.id
    let three = try #require(index.insert("foo.>", queue: "workers")).pointee.id
    let four = try #require(index.insert("*.bar", queue: "others")).pointee.id
    var expected = Matched()
    expected.plain = [plain]
    expected.groups = ["workers": [one, two, three].sorted(), "others": [four]]
    #expect(index.match("foo.bar") == expected)
    expected.plain = []
    expected.groups = ["workers": [two, three].sorted()]
    #expect(index.match("foo.baz") == expected)
  }

  @Test("Against a list of patterns: match, interest, reverse match, subject and memory under random changes")
  func randomChanges() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("SubscriptionIndexTests.randomChanges seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    struct Entry {
      var record: UnsafeMutablePointer<Subscription>
      var subject: String
      var queue: String
    }
    var entries: [Entry] = []
    let words = ["a", "b", "c", "longer-token", "x*", ">y"]
    func subject(wild: Bool) -> String {
      let count = Int.random(in: 1...5, using: &generator)
      var tokens = (0..<count).map { _ in words.randomElement(using: &generator)! }
      if wild {
        for position in 0..<count where Int.random(in: 0..<3, using: &generator) == 0 { tokens[position] = "*" }
        if Int.random(in: 0..<5, using: &generator) == 0 { tokens[count - 1] = ">" }
      }
      return tokens.joined(separator: ".")
    }
    for round in 0..<12_000 {
      let growing = (round / 3000) % 2 == 0
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<(growing ? 5 : 2):
        let new = subject(wild: Bool.random(using: &generator))
        let queue = Bool.random(using: &generator) ? "" : ["q1", "q2", "*"].randomElement(using: &generator)!
        let sid = String(repeating: "s", count: Int.random(in: 0...12, using: &generator)) + String(round)
        let record = index.insert(new, queue: queue, sid: sid)!
        #expect(text(record.sid) == sid)
        entries.append(Entry(record: record, subject: new, queue: queue))
      case 0..<7:
        if entries.isEmpty { continue }
        let position = Int.random(in: 0..<entries.count, using: &generator)
        let entry = entries[position]
        entries.swapAt(position, entries.count - 1)
        entries.removeLast()
        #expect(String(decoding: index.subject(of: entry.record), as: UTF8.self) == entry.subject)
        #expect(index.remove(entry.record))
        #expect(!index.remove(entry.record))
        records.release(entry.record)
      default:
        let published = subject(wild: Int.random(in: 0..<4, using: &generator) == 0)
        var expected = Matched()
        var reversed = Matched()
        for entry in entries {
          func add(_ matched: inout Matched) {
            if entry.queue.isEmpty {
              matched.plain.append(entry.record.pointee.id)
            } else {
              matched.groups[entry.queue, default: []].append(entry.record.pointee.id)
            }
          }
          if Subject.matches(pattern: entry.subject, literal: published) { add(&expected) }
          if Subject.collide(entry.subject, published) { add(&reversed) }
        }
        expected.plain.sort()
        reversed.plain.sort()
        expected.groups = expected.groups.mapValues { $0.sorted() }
        reversed.groups = reversed.groups.mapValues { $0.sorted() }
        #expect(index.match(published) == expected, "\(published), seed \(seed)")
        #expect(index.hasInterest(published) != expected.isEmpty, "\(published), seed \(seed)")
        if round % 50 == 0 { #expect(index.reverseMatch(published) == reversed, "\(published), seed \(seed)") }
      }
    }
    #expect(index.count == entries.count)
    var visited = 0
    index.forEach { _, _ in visited += 1 }
    #expect(visited == entries.count)
    for entry in entries {
      index.remove(entry.record)
      records.release(entry.record)
    }
    #expect(index.count == 0)
    #expect(records.count == 0)
    #expect(index.statistics.inserts == index.statistics.removes)
  }

  @Test("Every change moves the generation of exactly the subjects it touches")
  func generations() throws {
    let index = SubscriptionIndex(records: SubscriptionRecords())
    func hash(_ subject: String) -> UInt64 {
      Array(subject.utf8).withUnsafeBytes { subjectHash($0.baseAddress!, $0.count) }
    }
    let other = (0...).lazy.map { "other\($0)" }.first { hash($0) & 1023 != hash("foo") & 1023 }!
    var before = (index.generation(forHash: hash("foo")), index.generation(forHash: hash(other)))
    let literal = try #require(index.insert("foo"))
    #expect(index.generation(forHash: hash("foo")) > before.0)
    #expect(index.generation(forHash: hash(other)) == before.1)
    before.0 = index.generation(forHash: hash("foo"))
    let pattern = try #require(index.insert("*", queue: "q"))
    #expect(index.generation(forHash: hash("foo")) > before.0)
    #expect(index.generation(forHash: hash(other)) > before.1)
    for step in [{ index.touch(pattern) }, { _ = index.remove(pattern) }] {
      before = (index.generation(forHash: hash("foo")), index.generation(forHash: hash(other)))
      step()
      #expect(index.generation(forHash: hash("foo")) > before.0)
      #expect(index.generation(forHash: hash(other)) > before.1)
    }
    for step in [{ index.touch(literal) }, { _ = index.remove(literal) }] {
      before = (index.generation(forHash: hash("foo")), index.generation(forHash: hash(other)))
      step()
      #expect(index.generation(forHash: hash("foo")) > before.0)
      #expect(index.generation(forHash: hash(other)) == before.1)
    }
  }

  @Test("A removed subscription stays readable, its queue name too, until it is released")
  func readableUntilReleased() throws {
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    let record = try #require(index.insert("foo", queue: "a-rather-long-queue-name", sid: "a-long-sid"))
    index.remove(record)
    #expect(!record.isLinked)
    #expect(index.match("foo").isEmpty)
    #expect(text(record.sid) == "a-long-sid")
    #expect(text(index.queueName(of: record)) == "a-rather-long-queue-name")
    #expect(index.subject(of: record).isEmpty)
    let queue = record.pointee.queue
    #expect(Array("a-rather-long-queue-name".utf8).withUnsafeBytes { records.queue(named: $0) } == queue)
    records.release(record)
    #expect(Array("a-rather-long-queue-name".utf8).withUnsafeBytes { records.queue(named: $0) } == 0)
    #expect(records.count == 0)
  }

  @Test("Statistics for /subsz")
  func statistics() throws {
    let index = SubscriptionIndex(records: SubscriptionRecords())
    index.insert("foo")
    index.insert("*")
    index.insert(">", queue: "q")
    let last = try #require(index.insert(">", queue: "q"))
    index.remove(last)
    _ = index.match("foo")
    _ = index.match("foo.bar")
    var expected = SubscriptionIndex.Statistics()
    expected.subscriptions = 3
    expected.inserts = 4
    expected.removes = 1
    expected.matches = 2
    expected.fanoutMaximum = 3
    expected.fanoutTotal = 4
    #expect(index.statistics == expected)
  }

  @Test("Subjects and tokens of every length are kept whole", arguments: [1, 7, 8, 15, 16, 17, 100, 500, 1100, 70_000])
  func lengths(length: Int) throws {
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    let base = index.memoryBytes
    let token = String(repeating: "t", count: length)
    for subject in [token, token + ".*", "*." + token, token + ".>", token + "." + token] {
      let record = try #require(index.insert(subject))
      #expect(String(decoding: index.subject(of: record), as: UTF8.self) == subject)
      let published = subject.replacingOccurrences(ofWildcards: "x")
      #expect(index.match(published).plain == [record.pointee.id])
      #expect(index.match(published + "t").plain.isEmpty || subject.hasSuffix("*") || subject.hasSuffix(">"))
      index.remove(record)
      records.release(record)
    }
    #expect(index.memoryBytes - base < 10 * 65536)
  }
}

extension String {
  func replacingOccurrences(ofWildcards replacement: String) -> String {
    split(separator: ".", omittingEmptySubsequences: false)
      .map { $0 == "*" || $0 == ">" ? replacement : String($0) }.joined(separator: ".")
  }
}
