import Bytes
import CSystem
import JSON
import JetStreamAPI
import Journal
import Reactor

/// Which streams there are: the records of the journal's owner 1 and the file that stands for those that were released.
enum MetaLog {
  static let owner: UInt64 = 1
  static let firstStream: UInt64 = 16

  enum Kind: UInt8 {
    case created = 1
    case updated = 2
    case deleted = 3
  }

  /// A stream as the table stores it.
  struct Stream {
    var account: String
    var identifier: UInt64
    var created: Int64
    var configuration: StreamConfiguration
  }

  /// What the file says.
  struct Table {
    /// Records of the journal up to here are contained.
    var applied: LogSequence = 0
    var nextIdentifier = MetaLog.firstStream
    var streams: [UInt64: Stream] = [:]
  }

  // MARK: records

  static func created(_ stream: Stream) -> [UInt8] { encode(stream) }

  static func deleted(_ identifier: UInt64) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("id", identifier)
    writer.endObject()
    return writer.bytes
  }

  private static func encode(_ stream: Stream) -> [UInt8] {
    var writer = JSONWriter()
    write(stream, to: &writer)
    return writer.bytes
  }

  private static func write(_ stream: Stream, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("id", stream.identifier)
    writer.field("account", stream.account)
    writer.field("created", stream.created)
    writer.field("config", stream.configuration)
    writer.endObject()
  }

  /// Applies a record; whatever it says may have been applied before. False when it cannot be read.
  static func apply(_ kind: UInt8, _ payload: UnsafeRawBufferPointer, to table: inout Table) -> Bool {
    guard let kind = Kind(rawValue: kind), let stream = try? read(payload) else { return false }
    table.nextIdentifier = max(table.nextIdentifier, stream.identifier + 1)
    switch kind {
    case .created, .updated:
      guard !stream.configuration.name.isEmpty else { return false }
      table.streams[stream.identifier] = stream
    case .deleted: table.streams[stream.identifier] = nil
    }
    return true
  }

  private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> Stream {
    var reader = JSONReader(bytes)
    let stream = try read(&reader)
    try reader.finish()
    return stream
  }

  private static func read(_ reader: inout JSONReader) throws(JSONError) -> Stream {
    var stream = Stream(account: "", identifier: 0, created: 0, configuration: StreamConfiguration())
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("id") {
        stream.identifier = try reader.readUInt64()
      } else if reader.keyIs("account") {
        stream.account = try reader.readString()
      } else if reader.keyIs("created") {
        stream.created = try reader.readInt64()
      } else if reader.keyIs("config") {
        let raw = try reader.readRaw()
        // One that cannot be read leaves a stream without a name, which is refused.
        stream.configuration = (try? StreamConfiguration.decode(raw, isStrict: false)) ?? StreamConfiguration()
      } else {
        try reader.skipValue()
      }
    }
    return stream
  }

  // MARK: the file

  /// Eight hexadecimal digits of CRC32C and a line end stand before the JSON.
  static func encode(_ table: Table) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("applied", table.applied)
    writer.field("next", table.nextIdentifier)
    writer.key("streams")
    writer.beginArray()
    for stream in table.streams.values.sorted(by: { $0.identifier < $1.identifier }) { write(stream, to: &writer) }
    writer.endArray()
    writer.endObject()
    let body = writer.bytes
    return checksum(body) + body
  }

  private static func checksum(_ body: some Collection<UInt8>) -> [UInt8] {
    let value = Array(body).withUnsafeBytes { csys_crc32c(0, $0.baseAddress, $0.count) }
    let digits = String(value, radix: 16)
    return Array((String(repeating: "0", count: 8 - digits.count) + digits + "\n").utf8)
  }

  /// nil when the file is damaged.
  static func decode(_ file: [UInt8]) -> Table? {
    guard file.count > 9 else { return nil }
    let body = Array(file[9...])
    guard checksum(body).elementsEqual(file[..<9]) else { return nil }
    return body.withUnsafeBytes { bytes in
      var reader = JSONReader(bytes)
      return try? read(table: &reader)
    }
  }

  private static func read(table reader: inout JSONReader) throws(JSONError) -> Table {
    var table = Table()
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.keyIs("applied") {
        table.applied = try reader.readUInt64()
      } else if reader.keyIs("next") {
        table.nextIdentifier = try reader.readUInt64()
      } else if reader.keyIs("streams") {
        try reader.beginArray()
        while try reader.nextElement() {
          let stream = try read(&reader)
          table.streams[stream.identifier] = stream
        }
      } else {
        try reader.skipValue()
      }
    }
    return table
  }

  /// Replaces the file: the new one is durable before it takes the old one's name.
  static func save(_ table: Table, to path: String, directory: String, disk: any Disk) throws {
    let bytes = encode(table)
    let file = try disk.open(path + ".new", creating: 0o600)
    try file.resize(to: 0)
    try bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
    try file.synchronizeData()
    try disk.rename(path + ".new", to: path)
    try disk.synchronizeDirectory(directory)
  }
}
