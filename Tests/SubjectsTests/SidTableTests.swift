import Testing

@testable import Subjects

@Suite struct SidTableTests {
  @Test("Against a dictionary, under random changes")
  func randomChanges() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("SidTableTests.randomChanges seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    var table = SidTable()
    var expected: [String: UnsafeMutablePointer<Subscription>] = [:]
    func find(_ sid: String) -> UnsafeMutablePointer<Subscription>? {
      Array(sid.utf8).withUnsafeBytes { table.find($0, in: records) }
    }
    for round in 0..<40_000 {
      let longer = Int.random(in: 0..<4, using: &generator) == 0
      let sid = "\(longer ? "subscription-" : "")\(Int.random(in: 0..<12_000, using: &generator))"
      #expect(find(sid) == expected[sid], "\(sid), seed \(seed)")
      let growing = (round / 10_000) % 2 == 0
      if let present = expected[sid] {
        if growing && round % 3 != 0 { continue }
        let removed = table.remove(present, in: records)
        let removedAgain = table.remove(present, in: records)
        #expect(removed && !removedAgain)
        expected[sid] = nil
        index.remove(present)
        records.release(present)
      } else if growing || round % 3 == 0 {
        let record = try #require(index.insert("s", sid: sid))
        table.insert(record, in: records)
        expected[sid] = record
      }
      #expect(Int(table.count) == expected.count)
    }
    var visited: Set<String> = []
    table.forEach(in: records) { visited.insert(text($0.sid)) }
    #expect(visited == Set(expected.keys))
    for record in expected.values {
      table.remove(record, in: records)
      index.remove(record)
      records.release(record)
    }
    #expect(table.count == 0)
    #expect(table.memoryBytes == 0)
    #expect(records.count == 0)
  }

  @Test("A connection with one subscription has a table of a few bytes")
  func small() throws {
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    var table = SidTable()
    #expect(MemoryLayout<SidTable>.size <= 32)
    let record = try #require(index.insert("s", sid: "1"))
    table.insert(record, in: records)
    #expect(table.memoryBytes <= 32)
    table.destroy()
    #expect(table.memoryBytes == 0)
  }
}
