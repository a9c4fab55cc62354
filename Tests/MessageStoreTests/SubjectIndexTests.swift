import Subjects
import StorageSimulation
import Testing

@testable import MessageStore

@Suite struct SubjectIndexTests {
  static func text(_ random: inout SeededGenerator) -> [UInt8] {
    let alphabet = Array("ab1".utf8)
    var result: [UInt8] = []
    for token in 0..<Int.random(in: 1...3, using: &random) {
      if token > 0 { result.append(0x2E) }
      let length = random.chance(2) ? Int.random(in: 250...600, using: &random) : Int.random(in: 1...3, using: &random)
      for _ in 0..<length { result.append(alphabet.randomElement(using: &random)!) }
    }
    return result
  }

  /// Every subject with what is known of it.
  static func contents(_ index: SubjectIndex) -> [[UInt8]: SubjectEntry] {
    var result: [[UInt8]: SubjectEntry] = [:]
    index.walk(.everything) { subject, entry in
      result[Array(subject)] = entry
      return true
    }
    return result
  }

  @Test("a copy made in pieces shows the index as it was when it began", arguments: 1...12 as ClosedRange<UInt64>)
  func copies(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let index = SubjectIndex()
    var present: [(subject: [UInt8], sequence: UInt64)] = []
    var sequence: UInt64 = 0
    func change() {
      sequence += 1
      if random.chance(65) || present.isEmpty {
        let subject = Array("s.\(Int.random(in: 0..<8000, using: &random)).\(random.chance(50) ? "x" : "yy")".utf8)
        _ = subject.withUnsafeBytes { index.add($0, sequence) }
        present.append((subject, sequence))
      } else {
        let gone = present.remove(at: Int.random(in: 0..<present.count, using: &random))
        _ = gone.subject.withUnsafeBytes { index.remove($0, gone.sequence) }
      }
    }
    for _ in 0..<15_000 { change() }
    for round in 1...3 {
      let wanted = Self.contents(index)
      let copy = index.beginCopy()
      var turns = 0
      while !index.continueCopy(copy, bytes: 64 << 10) {
        turns += 1
        for _ in 0..<Int.random(in: 0...300, using: &random) { change() }
        if random.chance(5) {
          index.removeAll()
          present = []
        }
      }
      #expect(turns > 0 || wanted.count < 2000, "seed \(seed): the copy has more than one piece")
      for _ in 0..<300 { change() }
      let disk = SimulatedDisk(seed: seed)
      let file = try disk.open("subjects", creating: 0o600)
      try SubjectSnapshot.write(copy, to: file)
      let found = try #require(try SubjectSnapshot.load(file))
      #expect(Self.contents(found) == wanted, "seed \(seed) round \(round)")
    }
  }

  @Test("the same as a dictionary under random additions and removals", arguments: 1...40 as ClosedRange<UInt64>)
  func random(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let index = SubjectIndex()
    var model: [[UInt8]: [UInt64]] = [:]
    for sequence in 1...400 as ClosedRange<UInt64> {
      if random.chance(60) || model.isEmpty {
        let subject = Self.text(&random)
        let last = subject.withUnsafeBytes { index.add($0, sequence) }
        if let last { #expect(last == model[subject]?.last, "seed \(seed)") }
        model[subject, default: []].append(sequence)
      } else {
        let subject = model.keys.sorted { $0.lexicographicallyPrecedes($1) }.randomElement(using: &random)!
        let gone = model[subject]!.randomElement(using: &random)!
        _ = subject.withUnsafeBytes { index.remove($0, gone) }
        model[subject]!.removeAll { $0 == gone }
        if model[subject]!.isEmpty { model[subject] = nil }
      }
      #expect(index.count == model.count, "seed \(seed)")
    }
    for (subject, sequences) in model {
      let entry = subject.withUnsafeBytes { index.entry($0) }
      #expect(entry?.count == UInt64(sequences.count), "seed \(seed)")
      if let entry, !entry.firstIsBound { #expect(entry.first == sequences.first) }
      if let entry, !entry.lastIsBound { #expect(entry.last == sequences.last) }
      if let entry { #expect(entry.first <= sequences.first! && entry.last >= sequences.last!) }
    }
    let patterns = ["", "*", "*.*", "a.*", "*.b", "a.>", "*.*.>", "a*.b", "*.a.*", "aa", "ab.>"]
    for pattern in patterns {
      let filters = pattern == "*" ? SubjectFilters(["*", "a.>"]) : SubjectFilters([pattern])
      var found: [[UInt8]] = []
      index.walk(filters) { subject, _ in
        found.append(Array(subject))
        return true
      }
      let expected = model.keys.filter { $0.withUnsafeBytes { filters.matches($0) } }
        .sorted { $0.lexicographicallyPrecedes($1) }
      #expect(found == expected, "seed \(seed) pattern \(pattern)")
    }
    for subject in model.keys { #expect(index.remove(all: subject)) }
    #expect(index.count == 0)
    #expect(index.root == 0)
  }

  @Test("subjects of twenty bytes take less than 40 bytes each")
  func size() {
    let index = SubjectIndex()
    for number in 0..<100_000 {
      let text = "orders.eu.\(number % 7).\(1_000_000 + number)"
      _ = Array(text.utf8).withUnsafeBytes { index.add($0, UInt64(number + 1)) }
    }
    #expect(index.count == 100_000)
    #expect(index.bytes < 100_000 * 40)
  }
}

extension SubjectIndex {
  func remove(all subject: [UInt8]) -> Bool {
    subject.withUnsafeBytes { bytes in
      guard var entry = entry(bytes) else { return false }
      entry.count = 1
      set(bytes, entry)
      return remove(bytes, entry.last) == nil
    }
  }
}
