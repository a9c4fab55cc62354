import JetStreamAPI

/// What happened to a consumer's state since the last delta, for the log: operations of `ConsumerState` one after the
/// other, runs of consecutive deliveries and acknowledgements as one. Numbers are varints; sequences and times are
/// differences to the operation before.
struct ConsumerDelta: Sendable {
  enum Operation: UInt8 {
    case start = 1
    case deliver = 2
    case redeliver = 3
    case touch = 4
    case settle = 5
    case settleThrough = 6
    case exhaust = 7
    case raise = 8
    case endSkipping = 9
  }

  /// The longest run: a damaged count must not keep a start busy for long.
  static let longestRun: UInt64 = 1 << 20

  /// A run that may go on.
  private struct Run {
    var operation: Operation
    var first: UInt64
    var count: UInt64
    var timestamp: Int64
  }

  private var bytes: [UInt8] = []
  private var run: Run?
  private var sequence: UInt64 = 0
  private var timestamp: Int64 = 0

  var isEmpty: Bool { bytes.isEmpty && run == nil }

  /// What was collected; nothing is left.
  mutating func take() -> [UInt8] {
    closeRun()
    sequence = 0
    timestamp = 0
    defer { bytes = [] }
    return bytes
  }

  @inline(__always)
  mutating func deliver(_ sequence: UInt64, at timestamp: Int64) { extend(.deliver, sequence, timestamp) }

  @inline(__always)
  mutating func settle(_ sequence: UInt64) { extend(.settle, sequence, 0) }

  mutating func redeliver(_ sequence: UInt64, at timestamp: Int64) { single(.redeliver, sequence, timestamp) }

  mutating func touch(_ sequence: UInt64, at timestamp: Int64) { single(.touch, sequence, timestamp) }

  mutating func exhaust(_ sequence: UInt64) { single(.exhaust, sequence, nil) }

  mutating func raise(to sequence: UInt64) { single(.raise, sequence, nil) }

  mutating func endSkipping() { single(.endSkipping, sequence, nil) }

  mutating func start(at sequence: UInt64, skipThrough: UInt64) {
    single(.start, sequence, nil)
    Varint.append(skipThrough, to: &bytes)
  }

  mutating func settle(through position: ConsumerState.Position) {
    single(.settleThrough, position.stream, nil)
    Varint.append(position.consumer, to: &bytes)
  }

  @inline(__always)
  private mutating func extend(_ operation: Operation, _ next: UInt64, _ time: Int64) {
    if let open = run, open.operation == operation, open.first &+ open.count == next, open.timestamp == time,
      open.count < Self.longestRun
    {
      run!.count += 1
      return
    }
    closeRun()
    run = Run(operation: operation, first: next, count: 1, timestamp: time)
  }

  private mutating func closeRun() {
    guard let open = run else { return }
    run = nil
    single(open.operation, open.first, open.operation == .deliver ? open.timestamp : nil)
    Varint.append(open.count, to: &bytes)
    sequence = open.first + open.count - 1
  }

  private mutating func single(_ operation: Operation, _ next: UInt64, _ time: Int64?) {
    closeRun()
    bytes.append(operation.rawValue)
    Varint.append(signed: Int64(bitPattern: next &- sequence), to: &bytes)
    sequence = next
    guard let time else { return }
    Varint.append(signed: time &- timestamp, to: &bytes)
    timestamp = time
  }
}

extension ConsumerState {
  /// A delta or a state that is not one.
  public struct Malformed: Error, Equatable, Sendable {}

  /// Repeats what a delta says. One that is malformed may have been applied in part.
  public mutating func apply(delta: UnsafeRawBufferPointer) throws(Malformed) {
    var reader = VarintReader(delta)
    var sequence: UInt64 = 0
    var timestamp: Int64 = 0
    while let byte = reader.byte() {
      guard let operation = ConsumerDelta.Operation(rawValue: byte) else { throw Malformed() }
      sequence &+= UInt64(bitPattern: try reader.signed())
      switch operation {
      case .start:
        let skipThrough = try reader.unsigned()
        guard sequence > 0, skipThrough < .max else { throw Malformed() }
        start(at: sequence, skipThrough: skipThrough)
      case .deliver:
        timestamp &+= try reader.signed()
        let count = try reader.unsigned()
        guard sequence > delivered.stream else { throw Malformed() }
        try checkRun(sequence, count)
        for next in sequence..<(sequence + count) { deliver(next, at: timestamp) }
        sequence += count - 1
      case .redeliver:
        timestamp &+= try reader.signed()
        redeliver(sequence, at: timestamp)
      case .touch:
        timestamp &+= try reader.signed()
        touch(sequence, at: timestamp)
      case .settle:
        let count = try reader.unsigned()
        try checkRun(sequence, count)
        for next in sequence..<(sequence + count) { settle(next) }
        sequence += count - 1
      case .settleThrough:
        let consumer = try reader.unsigned()
        guard sequence < .max else { throw Malformed() }
        settle(through: Position(consumer: consumer, stream: sequence))
      case .exhaust: exhaust(sequence)
      case .raise: raise(to: sequence)
      case .endSkipping: endSkipping()
      }
    }
  }

  private func checkRun(_ first: UInt64, _ count: UInt64) throws(Malformed) {
    guard count > 0, count <= ConsumerDelta.longestRun, first <= UInt64.max - count else { throw Malformed() }
  }

  private static var version: UInt8 { 1 }

  /// The state for a checkpoint.
  public func encoded() -> [UInt8] {
    var bytes: [UInt8] = [Self.version]
    bytes.reserveCapacity(64 + pending.count * 6)
    for value in [
      delivered.consumer, delivered.stream, ackFloor.consumer, ackFloor.stream, skipThrough, UInt64(pending.count),
    ] {
      Varint.append(value, to: &bytes)
    }
    var sequence: UInt64 = 0
    var consumerSequence: UInt64 = 0
    var timestamp: Int64 = 0
    pending.forEach { entry in
      Varint.append(entry.sequence - sequence, to: &bytes)
      Varint.append(entry.consumerSequence - consumerSequence, to: &bytes)
      Varint.append(signed: entry.timestamp &- timestamp, to: &bytes)
      Varint.append(UInt64(entry.deliveries), to: &bytes)
      (sequence, consumerSequence, timestamp) = (entry.sequence, entry.consumerSequence, entry.timestamp)
    }
    Varint.append(UInt64(exhausted.spans.count), to: &bytes)
    var end: UInt64 = 0
    for span in exhausted.spans {
      Varint.append(span.first - end, to: &bytes)
      Varint.append(span.last - span.first, to: &bytes)
      end = span.last
    }
    return bytes
  }

  /// Reads what `encoded` wrote.
  public init(policy: ConsumerAckPolicy, encoded: UnsafeRawBufferPointer) throws(Malformed) {
    self.init(policy: policy)
    isStarted = true
    var reader = VarintReader(encoded)
    guard reader.byte() == Self.version else { throw Malformed() }
    delivered = Position(consumer: try reader.unsigned(), stream: try reader.unsigned())
    ackFloor = Position(consumer: try reader.unsigned(), stream: try reader.unsigned())
    skipThrough = try reader.unsigned()
    guard max(delivered.stream, ackFloor.stream, skipThrough) < .max, delivered.consumer < 1 << 63 else {
      throw Malformed()
    }
    var left = try reader.unsigned()
    var entry = PendingEntry(sequence: 0, consumerSequence: 0, timestamp: 0, deliveries: 0, flags: [])
    while left > 0 {
      left -= 1
      let step = try reader.unsigned()
      entry.sequence &+= step
      entry.consumerSequence &+= try reader.unsigned()
      entry.timestamp &+= try reader.signed()
      guard let deliveries = UInt32(exactly: try reader.unsigned()), (1..<UInt32.max).contains(deliveries), step > 0,
        entry.sequence >= step, entry.consumerSequence > 0
      else { throw Malformed() }
      entry.deliveries = deliveries
      pending.append(entry)
    }
    var spans = try reader.unsigned()
    var end: UInt64 = 0
    while spans > 0 {
      spans -= 1
      let first = end &+ (try reader.unsigned())
      let last = first &+ (try reader.unsigned())
      guard first > end, last >= first, last < .max else { throw Malformed() }
      exhausted.append(SequenceSet.Span(first: first, last: last))
      end = last
    }
    guard reader.isAtEnd else { throw Malformed() }
  }
}

/// Numbers in seven bits a byte, the lowest first.
enum Varint {
  static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  /// Small in both directions.
  static func append(signed value: Int64, to bytes: inout [UInt8]) {
    append(UInt64(bitPattern: value << 1 ^ value >> 63), to: &bytes)
  }
}

struct VarintReader {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func unsigned() throws(ConsumerState.Malformed) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = byte() {
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw ConsumerState.Malformed()
  }

  mutating func signed() throws(ConsumerState.Malformed) -> Int64 {
    let value = try unsigned()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}
