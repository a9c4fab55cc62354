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
    duplicates.forEach { id, sequence, timestamp in
      writer.append(Array(id))
      writer.append(sequence)
      writer.append(UInt64(bitPattern: timestamp))
    }
    return writer.bytes
  }

  /// Takes over what `checkpointState` returned, before the journal's entries are applied. Bytes that are no such state
  /// change nothing: identifiers are then found again as far as the journal goes.
  ///
  /// - Returns: whether they were one.
  @discardableResult
  public mutating func restore(_ state: [UInt8]) -> Bool {
    var reader = CheckpointReader(rest: state[...])
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
    while !reader.rest.isEmpty {
      guard let id = reader.array(), let sequence = reader.number(), let timestamp = reader.number() else {
        return false
      }
      id.withUnsafeBytes { duplicates.insert($0, sequence: sequence, timestamp: Int64(bitPattern: timestamp)) }
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
  var rest: ArraySlice<UInt8>

  mutating func byte() -> UInt8? { rest.popFirst() }

  mutating func number() -> UInt64? {
    guard rest.count >= 8 else { return nil }
    defer { rest = rest.dropFirst(8) }
    return rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func array() -> [UInt8]? {
    guard let count = number(), count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return Array(rest.prefix(Int(count)))
  }
}
