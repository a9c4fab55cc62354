import JetStreamAPI
import StorageSimulation
import Testing

@testable import JetStream

struct MetaLogTests {
  static func stream(_ identifier: UInt64, _ name: String, account: String = "$G") -> MetaLog.Stream {
    var configuration = StreamConfiguration()
    configuration.name = name
    configuration.subjects = ["\(name).>"]
    configuration.metadata = ["a": "b\n\"ü"]
    return MetaLog.Stream(account: account, identifier: identifier, created: 17, configuration: configuration)
  }

  static func apply(_ kind: MetaLog.Kind, _ payload: [UInt8], to table: inout MetaLog.Table) -> Bool {
    payload.withUnsafeBytes { MetaLog.apply(kind.rawValue, $0, to: &table) }
  }

  @Test func recordsMakeTheTable() {
    var table = MetaLog.Table()
    #expect(Self.apply(.created, MetaLog.created(Self.stream(16, "A")), to: &table))
    #expect(Self.apply(.created, MetaLog.created(Self.stream(17, "B", account: "x y")), to: &table))
    var changed = Self.stream(16, "A")
    changed.configuration.maximumMessages = 5
    #expect(Self.apply(.updated, MetaLog.created(changed), to: &table))
    #expect(Self.apply(.deleted, MetaLog.deleted(17), to: &table))
    #expect(table.streams.keys.sorted() == [16])
    #expect(table.streams[16]?.configuration == changed.configuration)
    #expect(table.nextIdentifier == 18, "an identifier is never used again")
  }

  @Test func recordsAppliedTwiceChangeNothing() {
    var once = MetaLog.Table()
    let records: [(MetaLog.Kind, [UInt8])] = [
      (.created, MetaLog.created(Self.stream(16, "A"))), (.created, MetaLog.created(Self.stream(17, "B"))),
      (.deleted, MetaLog.deleted(16)),
    ]
    for (kind, payload) in records { _ = Self.apply(kind, payload, to: &once) }
    var twice = once
    for (kind, payload) in records { _ = Self.apply(kind, payload, to: &twice) }
    #expect(twice.streams.keys.sorted() == once.streams.keys.sorted())
    #expect(twice.nextIdentifier == once.nextIdentifier)
  }

  @Test("a record that cannot be read changes nothing", arguments: ["", "{", "[]", "{\"id\":16}", "{\"id\":-1}"])
  func unreadableRecords(text: String) {
    var table = MetaLog.Table()
    #expect(!Self.apply(.created, Array(text.utf8), to: &table))
    #expect(table.streams.isEmpty)
  }

  @Test func theFileHoldsTheTable() throws {
    var table = MetaLog.Table()
    table.applied = 99
    for identifier in 16..<20 as Range<UInt64> {
      _ = Self.apply(.created, MetaLog.created(Self.stream(identifier, "S\(identifier)")), to: &table)
    }
    let read = try #require(MetaLog.decode(MetaLog.encode(table)))
    #expect(read.applied == 99)
    #expect(read.nextIdentifier == 20)
    #expect(read.streams.mapValues(\.configuration) == table.streams.mapValues(\.configuration))
  }

  @Test func aFileWithAnyByteChangedIsNotTakenForATable() {
    var table = MetaLog.Table()
    _ = Self.apply(.created, MetaLog.created(Self.stream(16, "A")), to: &table)
    let whole = MetaLog.encode(table)
    for position in whole.indices {
      var damaged = whole
      damaged[position] ^= 0x20
      #expect(MetaLog.decode(damaged) == nil || position == 8, "byte \(position)")
    }
    for count in 0..<whole.count { #expect(MetaLog.decode(Array(whole[..<count])) == nil) }
  }

  @Test func aPowerFailureWhileSavingLeavesTheOldTableOrTheNew() throws {
    var old = MetaLog.Table()
    old.applied = 1
    var new = MetaLog.Table()
    new.applied = 2
    for failure in 1..<12 {
      let disk = SimulatedDisk(seed: UInt64(failure))
      try disk.makeDirectory("/d", mode: 0o700)
      try MetaLog.save(old, to: "/d/t", directory: "/d", disk: disk)
      disk.powerFailsAt = disk.operations + failure
      try? MetaLog.save(new, to: "/d/t", directory: "/d", disk: disk)
      disk.crash()
      let table = try #require(MetaLog.decode(try disk.read("/d/t")), "failure \(failure)")
      #expect([1, 2].contains(table.applied))
    }
  }
}
