// What a stream knows beside its messages, as bytes: a version, then each part with its length. Integers are little
// endian.

extension StreamRules {
  /// Version 1 knows no sources, and not whether everything was purged once.
  private static let checkpointVersion: UInt8 = 2

  /// What the store does not hold: message identifiers, times of schedules. Goes into the store's checkpoint, together
  /// with the sequence of the last applied entry.
  public func checkpointState() -> [UInt8] {
    var writer = CheckpointWriter()
    writer.bytes.append(Self.checkpointVersion)
    writer.append(proposedSequence)
    writer.append(lastMessageID)
    writer.append(UInt64(schedules.schedules.count))
    for (subject, schedule) in schedules.schedules {
      writer.append(subject)
      writer.append(schedule.sequence)
      writer.append(UInt64(bitPattern: schedule.time))
    }
    writer.append(hasBegun ? 1 : 0)
    let positions = sourcePositions.parts
    writer.append(sourcePositions.isComplete ? 1 : 0)
    writer.append(UInt64(positions.count))
    for (stream, selection, position) in positions {
      writer.append(stream)
      writer.append(selection)
      writer.append(position.sequence)
      writer.append(position.storedSequence)
      writer.append(position.identity)
    }
    return writer.bytes + duplicates.encoded()
  }

  /// How long that is, roughly: message identifiers are most of it.
  public var rememberedBytes: Int { duplicates.encodedBytes }

  /// Takes over what `checkpointState` returned, before the journal's entries are applied. Bytes that are no such state
  /// change nothing: identifiers are then found again as far as the journal goes.
  ///
  /// - Returns: whether they were one.
  @discardableResult
  public mutating func restore(_ state: [UInt8]) -> Bool { state.withUnsafeBytes { restore($0) } }

  private mutating func restore(_ state: UnsafeRawBufferPointer) -> Bool {
    var reader = CheckpointReader(bytes: state)
    guard let version = reader.byte(), (1...Self.checkpointVersion).contains(version), let sequence = reader.number(),
      let last = reader.array(), let count = reader.number()
    else { return false }
    var schedules = ScheduleTable()
    for _ in 0..<count {
      guard let subject = reader.array(), let sequence = reader.number(), let time = reader.number() else {
        return false
      }
      // What was on its way when the server stopped goes off again.
      let isUnderWay = Int64(bitPattern: time) == .max
      schedules.set(subject, sequence: sequence, time: isUnderWay ? 0 : Int64(bitPattern: time))
    }
    var positions = SourcePositions()
    positions.isComplete = true
    var hasBegun = false
    if version >= 2 {
      guard let begun = reader.number(), let isComplete = reader.number(), let count = reader.number() else {
        return false
      }
      hasBegun = begun != 0
      positions.isComplete = isComplete != 0
      for _ in 0..<count {
        guard let stream = reader.array(), let selection = reader.array(), let sequence = reader.number(),
          let stored = reader.number(), let identity = reader.array()
        else { return false }
        positions.append(
          stream: stream, selection: selection,
          position: SourcePositions.Position(sequence: sequence, storedSequence: stored, identity: identity))
      }
    }
    var duplicates = DuplicateTable()
    while !reader.isAtEnd {
      guard let id = reader.part(), let sequence = reader.number(), let timestamp = reader.number() else {
        return false
      }
      duplicates.insert(id, sequence: sequence, timestamp: Int64(bitPattern: timestamp))
    }
    self.hasBegun = hasBegun
    proposedSequence = max(proposedSequence, sequence)
    lastMessageID = last
    self.schedules = schedules
    self.duplicates = duplicates
    sourcePositions = positions
    return true
  }
}

private struct CheckpointWriter {
  var bytes: [UInt8] = []

  mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ array: [UInt8]) {
    append(UInt64(array.count))
    bytes += array
  }
}

private struct CheckpointReader {
  let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func byte() -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func number() -> UInt64? {
    guard bytes.count - offset >= 8 else { return nil }
    defer { offset += 8 }
    return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Bytes behind their number; valid as long as the state.
  mutating func part() -> UnsafeRawBufferPointer? {
    guard let count = number(), count <= UInt64(bytes.count - offset) else { return nil }
    defer { offset += Int(count) }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
  }

  mutating func array() -> [UInt8]? { part().map { Array($0) } }
}
