import MessageStore
import StorageSimulation

/// What changes a store, as a journal's entry would say it: doing it again changes nothing.
enum StoreChange {
  case append(sequence: UInt64, timestamp: Int64, flags: UInt8, subject: [UInt8], header: [UInt8], payload: [UInt8])
  case skip(UInt64)
  case remove(UInt64, erase: Bool)
  case purge(SubjectFilters, through: UInt64)
  case reset(UInt64)

  func apply(to store: StreamStore) throws {
    switch self {
    case .append(let sequence, let timestamp, let flags, let subject, let header, let payload):
      if sequence <= store.lastSequence { return }
      try store.append(
        sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, header: header, payload: payload)
    case .skip(let sequence): try store.skip(through: sequence)
    case .remove(let sequence, let erase): try store.remove(sequence, erase: erase)
    case .purge(let filters, let bound): try store.purge(filters, through: bound)
    case .reset(let sequence): try store.reset(firstSequence: sequence)
    }
  }

  func apply(to store: ModelStore) throws {
    switch self {
    case .append(let sequence, let timestamp, let flags, let subject, let header, let payload):
      if sequence <= store.lastSequence { return }
      try subject.withUnsafeBytes { subject in
        try header.withUnsafeBytes { header in
          try payload.withUnsafeBytes {
            try store.append(
              sequence: sequence, timestamp: timestamp, flags: flags, subject: subject, header: header, payload: $0)
          }
        }
      }
    case .skip(let sequence): try store.skip(through: sequence)
    case .remove(let sequence, _): try store.remove(sequence)
    case .purge(let filters, let bound): try store.purge(filters, through: bound)
    case .reset(let sequence): try store.reset(firstSequence: sequence)
    }
  }

  /// Noise, or something that can be compressed.
  static func payload(_ size: Int, _ random: inout SeededGenerator) -> [UInt8] {
    if random.chance(30) { return (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) } }
    let text = (0..<7).map { _ in UInt8.random(in: 0...255, using: &random) }
    return (0..<size).map { text[$0 % text.count] }
  }

  static let filters =
    ["", "a.*", "b.>", "*.1", "a.1", "c.2.x", "*.*.x", "nothing.here"].map { SubjectFilters($0) }
    + [SubjectFilters(["a.1", "b.2"]), SubjectFilters(["a.>", "*.2"])]

  static func random(_ random: inout SeededGenerator, _ model: ModelStore) -> StoreChange {
    let last = model.lastSequence
    let some = UInt64.random(in: min(model.firstSequence, last)...last + 1, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<62:
      let gap: UInt64 = random.chance(5) ? UInt64.random(in: 1...200, using: &random) : 0
      let token = ["a", "b", "c"].randomElement(using: &random)!
      let number = Int.random(in: 1...(random.chance(20) ? 100 : 3), using: &random)
      let subject = Array("\(token).\(number)\(random.chance(30) ? ".x" : "")".utf8)
      let size = random.chance(4) ? Int.random(in: 0...6000, using: &random) : Int.random(in: 0...100, using: &random)
      return .append(
        sequence: last + 1 + gap, timestamp: Int64(last + gap) * 1000, flags: random.chance(5) ? 1 : 0,
        subject: subject, header: random.chance(30) ? [1, 2, 3] : [],
        payload: payload(size, &random))
    case 62..<64: return .skip(last + UInt64.random(in: 0...5, using: &random))
    case 64..<80: return .remove(min(some, last), erase: random.chance(30))
    case 80..<94: return .remove(min(model.firstSequence, last), erase: false)
    case 94..<97:
      return .purge(filters.randomElement(using: &random)!, through: random.chance(50) ? min(some, last) : last)
    case 97: return .purge(.everything, through: min(some, last))
    case 98: return .purge(.everything, through: random.chance(20) ? last : 0)
    default: return random.chance(20) ? .reset(last + 10) : .skip(last)
    }
  }
}

extension StoreOptions {
  /// With or without compression, in pieces of any size: often smaller than a record.
  mutating func chooseCompression(_ random: inout SeededGenerator) {
    compresses = random.chance(70)
    pieceBytes = [512, 700, 2048, 4096, 65_536].randomElement(using: &random)!
  }
}
