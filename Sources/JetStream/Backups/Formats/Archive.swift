// The logical format of backups, version 2 (FEATURES 9.026): the magic bytes, then entries. An entry is a length of a
// name, a time, a sequence, the lengths of a header and of a payload, as varints; then name, header and payload.

/// What stands in front of an entry's bytes.
struct ArchiveHeader: Equatable {
  var name: [UInt8]
  var timestamp: Int64
  /// 0 for what is no message.
  var sequence: UInt64
  var headerSize: Int
  var payloadSize: Int

  var bodySize: Int { headerSize + payloadSize }

  /// The last entry of a whole backup.
  var isEnd: Bool { sequence == 0 && timestamp == 0 && headerSize == 0 && payloadSize == 0 }
}

enum Archive {
  static let magic = Array("NATSARC1".utf8)
  static let stateName = "state.json"
  static let consumerPrefix = "consumers/"

  /// The beginning of an entry, up to its name; header and payload follow.
  static func head(
    name: UnsafeRawBufferPointer, timestamp: Int64, sequence: UInt64, headerSize: Int, payloadSize: Int,
    to bytes: inout [UInt8]
  ) {
    Varint.append(UInt64(name.count), to: &bytes)
    Varint.append(signed: timestamp, to: &bytes)
    Varint.append(sequence, to: &bytes)
    Varint.append(UInt64(headerSize), to: &bytes)
    Varint.append(UInt64(payloadSize), to: &bytes)
    bytes.append(contentsOf: name)
  }

  /// A whole entry that is no message.
  static func entry(_ name: String, timestamp: Int64, _ body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var name = name
    name.withUTF8 {
      head(
        name: UnsafeRawBufferPointer($0), timestamp: timestamp, sequence: 0, headerSize: 0, payloadSize: body.count,
        to: &bytes)
    }
    return bytes + body
  }

  /// The entry behind the last message.
  static let end: [UInt8] = [0, 0, 0, 0, 0]
}

/// Takes an archive apart as it arrives: a header, then its body, and so on.
struct ArchiveReader {
  private var queue = ByteQueue()
  private var hasMagic = false
  private let nameLimit: Int

  init(nameLimit: Int) { self.nameLimit = nameLimit }

  mutating func append(_ bytes: [UInt8]) { queue.append(bytes) }

  /// Nothing of an entry waits.
  var isAtBoundary: Bool { queue.isEmpty && hasMagic }

  /// The next entry's header; nil when it has not arrived. Its body must be taken before the next one.
  mutating func header() throws(BackupProblem) -> ArchiveHeader? {
    if !hasMagic {
      guard queue.count >= Archive.magic.count else { return nil }
      guard queue.take(Archive.magic.count) == Archive.magic else { throw .invalidArchive }
      hasMagic = true
    }
    var place = 0
    guard let nameLength = try queue.varint(&place), let timestamp = try queue.varint(&place),
      let sequence = try queue.varint(&place), let headerSize = try queue.varint(&place),
      let payloadSize = try queue.varint(&place)
    else { return nil }
    let (total, overflow) = headerSize.addingReportingOverflow(payloadSize)
    guard nameLength <= UInt64(nameLimit), !overflow, total < 1 << 63 else { throw .invalidArchive }
    guard queue.count - place >= Int(nameLength) else { return nil }
    _ = queue.skip(place)
    let name = queue.take(Int(nameLength))
    return ArchiveHeader(
      name: name, timestamp: Int64(bitPattern: timestamp >> 1) ^ -Int64(bitPattern: timestamp & 1), sequence: sequence,
      headerSize: Int(headerSize), payloadSize: Int(payloadSize))
  }

  /// The bytes that a header announced; nil when they have not arrived.
  mutating func body(_ count: Int) -> [UInt8]? { queue.count >= count ? queue.take(count) : nil }
}
