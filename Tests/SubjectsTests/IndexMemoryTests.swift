import Glibc
import Testing

@testable import Subjects

@Suite struct IndexMemoryTests {
  @Test("A subscription is one cache line")
  func recordSize() {
    #expect(MemoryLayout<Subscription>.size == 64)
    #expect(MemoryLayout<Subscription>.stride == 64)
  }

  @Test(
    "Many subscriptions cost few bytes each, id table included, and give them all back",
    arguments: [
      ("exact", 118.0), ("wildcard", 130.0), ("queue", 170.0),
    ])
  func bytesEach(kind: String, limit: Double) throws {
    let count = 50_000
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    var table = SidTable()
    func memory() -> Int { records.memoryBytes + index.memoryBytes + table.memoryBytes }
    let base = memory()
    for number in 0..<count {
      let subject =
        switch kind {
        case "exact", "queue": "sub.\(number % 100).\(number)"
        default: number % 10 == 9 ? "sub.*.\(number)" : "sub.\(number % 100).\(number).\(number % 10 == 8 ? ">" : "*")"
        }
      let record = try #require(index.insert(subject, queue: kind == "queue" ? "workers" : "", sid: "\(number)"))
      table.insert(record, in: records)
    }
    let each = Double(memory() - base) / Double(count)
    print("IndexMemoryTests \(kind): \(each) bytes per subscription")
    #expect(each < limit)
    func published(_ number: Int) -> String {
      kind == "wildcard"
        ? "sub.\(number % 100).\(number)\(number % 10 == 9 ? "" : ".x")" : "sub.\(number % 100).\(number)"
    }
    for number in 0..<count {
      if number % 31 == 0 { #expect(index.hasInterest(published(number)), "\(number)") }
      let found = Array("\(number)".utf8).withUnsafeBytes { table.find($0, in: records) }
      let record = try #require(found)
      table.remove(record, in: records)
      index.remove(record)
      records.release(record)
      if number % 31 == 0 { #expect(!index.hasInterest(published(number)), "\(number)") }
    }
    #expect(index.count == 0)
    // One chunk of each size class may stay, if little of it was ever used.
    #expect(memory() - base <= 4 * 65536)
  }

  @Test("Subscriptions that come and go in waves leave no trace")
  func waves() throws {
    let records = SubscriptionRecords()
    let index = SubscriptionIndex(records: records)
    var peaks: [Int] = []
    for wave in 0..<6 {
      var made: [UnsafeMutablePointer<Subscription>] = []
      for number in 0..<5000 {
        made.append(try #require(index.insert("wave.\(wave).\(number).\(number % 3 == 0 ? "*" : "x")", queue: "q")))
      }
      peaks.append(records.memoryBytes + index.memoryBytes)
      for record in made.shuffled() {
        index.remove(record)
        records.release(record)
      }
    }
    #expect(peaks.max()! - peaks[0] <= 2 * 65536, "\(peaks)")
  }

  @Test("Room of freed records is used again before new memory is taken", arguments: [16, 64, 200])
  func reuse(size: Int) {
    var arena = SlabArena()
    let references = (0..<20_000).map { _ in arena.allocate(size) }
    let mapped = arena.mappedBytes
    for position in stride(from: 0, to: references.count, by: 2) { arena.free(references[position]) }
    for _ in 0..<references.count / 2 { _ = arena.allocate(size) }
    #expect(arena.mappedBytes == mapped)
    #expect(arena.liveCount == references.count)
    arena.destroy()
  }

  @Test("References stay right while records of all sizes come and go")
  func arena() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("IndexMemoryTests.arena seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    var arena = SlabArena()
    var live: [(reference: UInt32, size: Int, mark: UInt8)] = []
    for round in 0..<30_000 {
      if live.isEmpty || (round / 5000 % 2 == 0 ? round % 4 != 0 : round % 4 == 0) {
        let size = Bool.random(using: &generator) ? Int.random(in: 1...64, using: &generator) : round % 2000 + 1
        let mark = UInt8.random(in: 0...255, using: &generator)
        let reference = arena.allocate(size)
        #expect(reference != 0)
        memset(arena.pointer(reference), Int32(mark), size)
        live.append((reference, size, mark))
      } else {
        let record = live.remove(at: Int.random(in: 0..<live.count, using: &generator))
        let bytes = UnsafeRawBufferPointer(start: arena.pointer(record.reference), count: record.size)
        #expect(bytes.allSatisfy { $0 == record.mark }, "seed \(seed)")
        arena.free(record.reference)
      }
    }
    #expect(arena.liveCount == live.count)
    for record in live {
      let bytes = UnsafeRawBufferPointer(start: arena.pointer(record.reference), count: record.size)
      #expect(bytes.allSatisfy { $0 == record.mark }, "seed \(seed)")
      arena.free(record.reference)
    }
    #expect(arena.liveCount == 0)
    #expect(arena.mappedBytes <= SlabArena.classCount * SlabArena.chunkBytes)
    arena.destroy()
  }
}
