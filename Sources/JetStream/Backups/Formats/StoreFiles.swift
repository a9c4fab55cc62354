// The small files of nats-server's file store: what they say about blocks and consumers. Each begins with two bytes for
// its kind and version; numbers are varints.

/// Reads such a file; nil where it ends too early.
struct StoreFileReader {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var count: Int { bytes.count - position }

  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func unsigned() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte() {
      guard shift < 63 || next <= 1 else { return nil }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  mutating func signed() -> Int64? {
    unsigned().map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
  }

  mutating func take(_ wanted: Int) -> [UInt8]? {
    guard wanted >= 0, count >= wanted else { return nil }
    defer { position += wanted }
    return Array(bytes[position..<(position + wanted)])
  }

  /// A number of fixed size, the lowest byte first.
  mutating func fixed(_ size: Int) -> UInt64? {
    take(size)?.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A set of sequences: nodes, each with a base and words of bits.
  mutating func sequenceSet() -> [UInt64]? {
    guard byte() == 22, let version = byte(), version == 1 || version == 2, let nodes = fixed(4), fixed(4) != nil
    else { return nil }
    let words = version == 1 ? 64 : 32
    guard nodes <= UInt64(count / (words * 8 + 10)) else { return nil }
    var found: [UInt64] = []
    for _ in 0..<nodes {
      guard let base = fixed(8) else { return nil }
      for word in 0..<UInt64(words) {
        guard var bits = fixed(8) else { return nil }
        while bits != 0 {
          let (sequence, overflow) = base.addingReportingOverflow(word * 64 + UInt64(bits.trailingZeroBitCount))
          if overflow { return nil }
          found.append(sequence)
          bits &= bits - 1
        }
      }
      guard fixed(2) != nil else { return nil }
    }
    return found
  }
}

/// What is known of one block besides its records.
struct BlockSummary {
  var first: UInt64
  var last: UInt64
  /// Between them, what was removed.
  var deleted: [UInt64]

  init(first: UInt64, last: UInt64, deleted: [UInt64]) {
    self.first = first
    self.last = last
    self.deleted = deleted
  }

  private static let topBit: UInt64 = 1 << 63

  /// `N.idx` of servers before 2.10.
  init?(index bytes: [UInt8]) {
    var reader = StoreFileReader(bytes)
    guard reader.byte() == 22, let version = reader.byte(), version == 1 || version == 2,
      reader.unsigned() != nil, reader.unsigned() != nil, let first = reader.unsigned(), reader.signed() != nil,
      let last = reader.unsigned(), reader.signed() != nil, let count = reader.unsigned(),
      reader.take(BlockRecords.hashBytes) != nil
    else { return nil }
    self.init(first: first & ~Self.topBit, last: last & ~Self.topBit, deleted: [])
    guard count > 0 else { return }
    if version == 2 {
      guard let set = reader.sequenceSet() else { return nil }
      deleted = set
      return
    }
    guard count <= UInt64(reader.count) else { return nil }
    for _ in 0..<count {
      guard let distance = reader.unsigned() else { return nil }
      deleted.append(self.first &+ (distance & ~Self.topBit))
    }
  }
}

/// `index.db` of servers since 2.10: the whole stream.
struct StreamSummary {
  var first: UInt64
  var last: UInt64
  var blocks: [(index: UInt64, summary: BlockSummary)] = []
  /// The block that was written to last, and the hash of its last record.
  var lastBlock: UInt64 = 0
  var lastHash: [UInt8] = []

  private static let kind: UInt8 = 11

  init?(_ bytes: [UInt8]) {
    var reader = StoreFileReader(bytes)
    guard reader.byte() == Self.kind, let version = reader.byte(), (1...4).contains(version),
      reader.unsigned() != nil, reader.unsigned() != nil, let first = reader.unsigned(), reader.signed() != nil,
      let last = reader.unsigned(), reader.signed() != nil, let subjects = reader.unsigned(),
      subjects <= UInt64(reader.count)
    else { return nil }
    self.first = first
    self.last = last
    for _ in 0..<subjects {
      guard let length = reader.unsigned() else { return nil }
      if length == 0 { continue }
      guard length <= UInt64(reader.count), reader.take(Int(length)) != nil, let total = reader.unsigned(),
        reader.unsigned() != nil
      else { return nil }
      if total > 1 || version >= 4, reader.unsigned() == nil { return nil }
    }
    guard let count = reader.unsigned(), count <= UInt64(reader.count) else { return nil }
    for _ in 0..<count {
      guard let index = reader.unsigned(), reader.unsigned() != nil, let first = reader.unsigned(),
        reader.signed() != nil, let last = reader.unsigned(), reader.signed() != nil,
        let deletedCount = reader.unsigned()
      else { return nil }
      // Messages with a time to live, and schedules: each counted since a later version.
      for since in [2, 3] where version >= since {
        if reader.unsigned() == nil { return nil }
      }
      var deleted: [UInt64] = []
      if deletedCount > 0 {
        guard let set = reader.sequenceSet() else { return nil }
        deleted = set
      }
      blocks.append((index, BlockSummary(first: first, last: last, deleted: deleted)))
    }
    guard let lastBlock = reader.unsigned(), let hash = reader.take(BlockRecords.hashBytes) else { return nil }
    self.lastBlock = lastBlock
    lastHash = hash
  }
}

extension BackupConsumer.State {
  /// `o.dat`: version 1 counts deliveries differently and does not know when in the consumer's order they were.
  init?(file bytes: [UInt8]) {
    var reader = StoreFileReader(bytes)
    guard reader.byte() == 22, let version = reader.byte(), version == 1 || version == 2,
      let floorConsumer = reader.unsigned(), let floorStream = reader.unsigned(),
      let deliveredConsumer = reader.unsigned(), let deliveredStream = reader.unsigned(), floorStream < 1 << 62,
      deliveredStream < 1 << 62, floorConsumer < 1 << 62, deliveredConsumer < 1 << 62
    else { return nil }
    self.init()
    ackFloor = ConsumerState.Position(consumer: floorConsumer, stream: floorStream)
    delivered = ConsumerState.Position(consumer: deliveredConsumer, stream: deliveredStream)
    if version == 1 {
      if floorConsumer > 1 { delivered.consumer += floorConsumer - 1 }
      if floorStream > 1 { delivered.stream += floorStream - 1 }
    }
    guard let pendingCount = reader.unsigned(), pendingCount <= UInt64(reader.count) else { return nil }
    if pendingCount > 0 {
      guard let base = reader.signed() else { return nil }
      for _ in 0..<pendingCount {
        guard let distance = reader.unsigned() else { return nil }
        var entry = BackupConsumer.Pending()
        if version == 2 {
          guard let place = reader.unsigned() else { return nil }
          entry.consumerSequence = floorConsumer &+ place
        }
        guard let time = reader.signed() else { return nil }
        let seconds = version == 1 ? base &+ time : base &- time
        entry.timestamp = seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue
        pending[floorStream &+ distance] = entry
      }
    }
    guard let redeliveredCount = reader.unsigned(), redeliveredCount <= UInt64(reader.count) else { return nil }
    for _ in 0..<redeliveredCount {
      guard let distance = reader.unsigned(), let count = reader.unsigned() else { return nil }
      redelivered[floorStream &+ distance] = count
    }
  }
}
