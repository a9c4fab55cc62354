import Crypto

/// Takes a message block of nats-server's file store apart as it arrives. A record is a length with a bit for a header,
/// a sequence with bits for what it is, a time, a subject, a header with its length, a payload and a hash of 8 bytes.
struct BlockRecords {
  enum Record {
    case message(BackupMessage)
    /// A message was erased here: its sequence is used.
    case erased(UInt64)
    /// A message that lies before this one was removed.
    case tombstone(UInt64)
  }

  private static let headerBytes = 22
  static let hashBytes = 8
  private static let largest = 32 << 20
  private static let hasHeader: UInt32 = 1 << 31
  private static let isErased: UInt64 = 1 << 63
  private static let isTombstone: UInt64 = 1 << 62

  private var queue = ByteQueue()
  /// As it is before a record, with the block's key.
  private let hash: HighwayHash
  /// The hash of the record read last: indexes name it to say what they are about.
  private(set) var lastHash: [UInt8] = []

  /// The block of that number of a stream, as the stream was called where the backup was taken.
  init(stream: String, index: UInt64) { hash = HighwayHash(key: SHA256.digest(Array("\(stream)-\(index)".utf8))) }

  mutating func append(_ bytes: [UInt8]) { queue.append(bytes) }

  /// Whole records have been read.
  var isAtBoundary: Bool { queue.isEmpty }

  private func number<Number: FixedWidthInteger>(_ place: Int, _ type: Number.Type) -> Number {
    var value: Number = 0
    for index in (0..<MemoryLayout<Number>.size).reversed() { value = value << 8 | Number(queue[place + index]) }
    return value
  }

  mutating func next() throws(BackupProblem) -> Record? {
    guard queue.count >= Self.headerBytes else { return nil }
    let word = number(0, UInt32.self)
    let length = Int(word & ~Self.hasHeader)
    let subjectLength = Int(number(20, UInt16.self))
    guard length <= Self.largest, length >= Self.headerBytes + Self.hashBytes + subjectLength else { throw Self.bad }
    guard queue.count >= length else { return nil }
    let sequence = number(4, UInt64.self)
    let timestamp = Int64(bitPattern: number(12, UInt64.self))
    let head = queue.take(Self.headerBytes)
    let subject = queue.take(subjectLength)
    var body = queue.take(length - Self.headerBytes - subjectLength)
    lastHash = Array(body.suffix(Self.hashBytes))
    body.removeLast(Self.hashBytes)
    guard isWhole(head, subject, body, hasHeader: word & Self.hasHeader != 0) else {
      throw BackupProblem("message block is damaged at sequence \(sequence & ~(Self.isErased | Self.isTombstone))")
    }
    let plain = sequence & ~(Self.isErased | Self.isTombstone)
    if sequence & Self.isTombstone != 0 { return .tombstone(plain) }
    if sequence & Self.isErased != 0 || sequence == 0 { return .erased(plain) }
    var headerLength = 0
    if word & Self.hasHeader != 0 {
      guard body.count >= 4 else { throw Self.bad }
      headerLength = (0..<4).reduce(0) { $0 | Int(body[$1]) << (8 * $1) }
      guard headerLength <= body.count - 4 else { throw Self.bad }
      body.removeFirst(4)
    }
    return .message(
      BackupMessage(
        sequence: sequence, timestamp: timestamp, subject: subject, body: body, headerLength: headerLength))
  }

  /// The hash is over sequence and time, subject, header and payload.
  private func isWhole(_ head: [UInt8], _ subject: [UInt8], _ body: [UInt8], hasHeader: Bool) -> Bool {
    guard !hasHeader || body.count >= 4 else { return false }
    var hash = self.hash
    head.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[4..<20])) }
    subject.withUnsafeBytes { hash.update($0) }
    body.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[(hasHeader ? 4 : 0)...])) }
    let value = hash.finish()
    return lastHash.indices.allSatisfy { lastHash[$0] == UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  static let bad = BackupProblem("malformed or corrupt message")
}
