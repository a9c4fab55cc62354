import Bytes
import JSON
import JetStreamAPI

/// Reads a backup of version 1 (FEATURES 9.025): the files of a stream of nats-server's file store in a tar archive. The
/// messages come as the blocks do; what was removed is told by the records themselves, by the indexes of blocks, or by
/// the stream's index at the end, whichever is there and fits.
struct FilesBackup {
  /// What is done with the file that is arriving.
  private enum Current {
    case none
    case skipped
    /// Kept until it is whole.
    case collected(name: String, [UInt8])
    case block(index: UInt64, BlockRecords)
  }

  private var tar = TarReader()
  private let limits: BackupLimits
  private var current = Current.none
  /// What is ready, before anything else is read.
  private var items: [BackupItem] = []
  private var nextItem = 0
  /// Of the blocks read so far.
  private var lastSequence: UInt64 = 0
  private var lastBlock: UInt64 = 0
  private var lastHash: [UInt8] = []
  /// The block's index that has come before the block.
  private var blockIndex: (index: UInt64, summary: BlockSummary)?
  /// The stream's name where the backup was taken.
  private var origin: String?
  /// By name: the configuration's file, and whether the state has come.
  private var consumers: [String: (description: [UInt8], isDone: Bool)] = [:]

  init(_ limits: BackupLimits) { self.limits = limits }

  mutating func append(_ bytes: [UInt8]) { tar.append(bytes) }

  mutating func next() throws(BackupProblem) -> BackupItem? {
    while true {
      if nextItem < items.count {
        defer { nextItem += 1 }
        return items[nextItem]
      }
      items.removeAll(keepingCapacity: items.count < 1024)
      nextItem = 0
      if let item = try nextRecord() { return item }
      guard let event = try tar.next() else { return nil }
      switch event {
      case .file(let name, let size): try begin(name, size)
      case .data(let bytes): take(bytes)
      case .endOfFile: try end()
      }
    }
  }

  /// All input has been read; what is left to be done.
  mutating func finish() throws(BackupProblem) -> [BackupItem] {
    guard tar.isAtBoundary else { throw .unexpectedEnd }
    guard origin != nil else { throw BackupProblem("backup has no meta.inf") }
    var last: [BackupItem] = []
    for (name, consumer) in consumers.sorted(by: { $0.key < $1.key }) where !consumer.isDone {
      last.append(.consumer(try read(name, consumer.description, state: BackupConsumer.State())))
    }
    return last + [.reached(lastSequence)]
  }

  // MARK: files

  private mutating func begin(_ name: String, _ size: Int) throws(BackupProblem) {
    guard name.utf8.count <= limits.name else { throw .invalidArchive }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    var limit = limits.description
    switch (parts.first, parts.count) {
    case ("meta.inf", 1), ("errors.txt", 1): break
    case ("msgs", 2):
      if parts[1].hasSuffix(".blk"), let index = UInt64(parts[1].dropLast(4)) {
        guard let origin else { throw BackupProblem("backup has no meta.inf before its messages") }
        current = .block(index: index, BlockRecords(stream: origin, index: index))
        return
      }
      guard parts[1] == "index.db" || parts[1].hasSuffix(".idx") else {
        current = .skipped
        return
      }
      limit = limits.consumer
      // Without it, the records say what was removed.
      if size > limit {
        current = .skipped
        return
      }
    case ("obs", 3) where parts[2] == "meta.inf": break
    case ("obs", 3) where parts[2] == "o.dat": limit = limits.consumer
    case ("meta.sum", 1), ("meta.key", 1), ("obs", 3):
      current = .skipped
      return
    default: throw BackupProblem("unexpected content")
    }
    guard size <= limit else { throw BackupProblem("\(name) is too large") }
    current = .collected(name: name, [])
  }

  private mutating func take(_ bytes: [UInt8]) {
    switch current {
    case .none, .skipped: break
    case .collected(let name, var collected):
      current = .none
      collected += bytes
      current = .collected(name: name, collected)
    case .block(let index, var records):
      current = .none
      records.append(bytes)
      current = .block(index: index, records)
    }
  }

  private mutating func end() throws(BackupProblem) {
    defer { current = .none }
    switch current {
    case .none, .skipped: break
    case .block(let index, let records):
      guard records.isAtBoundary else { throw BlockRecords.bad }
      lastBlock = index
      if !records.lastHash.isEmpty { lastHash = records.lastHash }
      applyIndex(of: index)
    case .collected(let name, let bytes): try finish(name, bytes)
    }
  }

  private mutating func finish(_ name: String, _ bytes: [UInt8]) throws(BackupProblem) {
    let parts = name.split(separator: "/").map(String.init)
    switch parts.last {
    case "errors.txt": throw BackupProblem("backup is not whole: \(String(decoding: bytes, as: UTF8.self))")
    case "meta.inf" where parts.count == 1: try readOrigin(bytes)
    case "meta.inf": consumers[parts[1]] = (bytes, false)
    case "o.dat":
      guard let consumer = consumers[parts[1]] else {
        throw BackupProblem("error restoring consumer [\(GoString.quote(parts[1]))]: no meta.inf")
      }
      guard let state = BackupConsumer.State(file: bytes) else {
        throw BackupProblem("error restoring consumer [\(GoString.quote(parts[1]))]: corrupt state file")
      }
      consumers[parts[1]]!.isDone = true
      items.append(.consumer(try read(parts[1], consumer.description, state: state)))
    case "index.db": if let summary = StreamSummary(bytes) { apply(summary) }
    default:
      if let index = UInt64(parts[1].dropLast(4)), let summary = BlockSummary(index: bytes) {
        blockIndex = (index, summary)
      }
    }
  }

  // MARK: messages

  private mutating func nextRecord() throws(BackupProblem) -> BackupItem? {
    guard case .block(let index, var records) = current else { return nil }
    current = .none
    defer { current = .block(index: index, records) }
    while let record = try records.next() {
      switch record {
      case .message(let message):
        guard message.sequence > lastSequence, message.sequence != .max else { continue }
        lastSequence = message.sequence
        return .message(message)
      case .erased(let sequence): lastSequence = max(lastSequence, sequence)
      case .tombstone(let sequence):
        if sequence > 0, sequence <= lastSequence { return .removed(sequence...sequence) }
        lastSequence = max(lastSequence, sequence)
      }
    }
    return nil
  }

  /// A block has ended: its index tells what was removed, also if it is older than the last record.
  private mutating func applyIndex(of index: UInt64) {
    defer { blockIndex = nil }
    guard let (known, summary) = blockIndex, known == index else { return }
    if summary.first > 1 { items.append(.removed(1...(summary.first - 1))) }
    for sequence in summary.deleted where sequence > 0 { items.append(.removed(sequence...sequence)) }
    lastSequence = max(lastSequence, summary.last)
  }

  /// What was removed from the whole stream. Where it ends is told by the index only if the blocks are of the same moment.
  private mutating func apply(_ summary: StreamSummary) {
    var expected: UInt64 = 1
    for (_, block) in summary.blocks.sorted(by: { $0.summary.first < $1.summary.first }) {
      if block.first > expected { items.append(.removed(expected...(block.first - 1))) }
      for sequence in block.deleted where sequence > 0 { items.append(.removed(sequence...sequence)) }
      if block.last < .max { expected = max(expected, block.last + 1) }
    }
    if summary.first > 1 { items.append(.removed(1...(summary.first - 1))) }
    if summary.lastBlock == lastBlock, summary.lastHash == lastHash { lastSequence = max(lastSequence, summary.last) }
  }

  // MARK: descriptions

  private mutating func readOrigin(_ bytes: [UInt8]) throws(BackupProblem) {
    let document = try Self.decode(Described<NamedStream>.self, bytes)
    origin = document.value.name
    items.append(.origin(name: document.value.name, created: document.created?.unixNanoseconds))
  }

  private func read(
    _ name: String, _ description: [UInt8], state: BackupConsumer.State
  ) throws(BackupProblem) -> BackupConsumer {
    let document = try Self.decode(Described<ConsumerConfiguration>.self, description)
    return BackupConsumer(
      name: name, configuration: document.value, created: document.created?.unixNanoseconds, state: state)
  }

  private static func decode<Value: RequestReadable>(
    _ type: Value.Type, _ bytes: [UInt8]
  ) throws(BackupProblem) -> Value {
    do throws(JetStreamError) {
      return try Value.decode(bytes, isStrict: false)
    } catch {
      throw BackupProblem(BackupProblem.reason(error))
    }
  }

  /// A configuration with the time of its making beside it.
  private struct Described<Value: RequestReadable>: RequestReadable {
    var value = Value()
    var created: Timestamp?

    static var typeName: StaticString { Value.typeName }

    mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
      if name == "created" {
        try reader.read(&created)
        return true
      }
      return try value.read(name, from: &reader)
    }
  }

  /// Of the stream's own configuration only the name matters: the request has the one that counts.
  private struct NamedStream: RequestReadable {
    var name = ""

    static var typeName: StaticString { "FileStreamInfo" }

    mutating func read(_ name: String, from reader: inout RequestReader) throws(RequestRefusal) -> Bool {
      guard name == "name" else { return false }
      reader.read(&self.name)
      return true
    }
  }
}
