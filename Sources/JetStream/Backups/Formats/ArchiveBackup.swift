import Bytes
import JetStreamAPI

/// Reads a backup of version 2: the state, the consumers, the messages, the end.
struct ArchiveBackup {
  private enum Phase {
    case state, messages, end
    /// So many are still to come.
    case consumers(Int)
  }

  private var archive: ArchiveReader
  private let limits: BackupLimits
  private var phase = Phase.state
  /// The entry whose body has not arrived.
  private var pending: ArchiveHeader?
  private var lastSequence: UInt64 = 0
  private var state = BackupState()

  init(_ limits: BackupLimits) {
    self.limits = limits
    archive = ArchiveReader(nameLimit: limits.name)
  }

  var hasEnded: Bool {
    if case .end = phase { return true }
    return false
  }

  mutating func append(_ bytes: [UInt8]) { archive.append(bytes) }

  mutating func next() throws(BackupProblem) -> BackupItem? {
    if hasEnded { return nil }
    if pending == nil {
      guard let header = try archive.header() else { return nil }
      try check(header)
      pending = header
    }
    guard let header = pending, let body = archive.body(header.bodySize) else { return nil }
    pending = nil
    switch phase {
    case .state: return try begin(body)
    case .consumers(let left):
      phase = left == 1 ? .messages : .consumers(left - 1)
      return .consumer(try BackupConsumer(named: Self.consumerName(header) ?? "", body))
    case .messages:
      if header.sequence == 0 {
        phase = .end
        return .reached(max(lastSequence, state.lastSequence))
      }
      lastSequence = header.sequence
      return .message(
        BackupMessage(
          sequence: header.sequence, timestamp: header.timestamp, subject: header.name, body: body,
          headerLength: header.headerSize))
    case .end: return nil
    }
  }

  /// All input has been given.
  func finish() throws(BackupProblem) {
    if hasEnded { return }
    throw archive.isAtBoundary && pending == nil ? .endOfInput : .invalidArchive
  }

  /// Before an entry's body is taken into memory.
  private func check(_ header: ArchiveHeader) throws(BackupProblem) {
    switch phase {
    case .state:
      guard header.name.elementsEqual(Archive.stateName.utf8) else { throw BackupProblem("expected state.json first") }
      guard header.bodySize <= limits.description else { throw .invalidArchive }
    case .consumers:
      guard Self.consumerName(header) != nil else {
        throw BackupProblem("expected consumer, found \(GoString.quote(String(decoding: header.name, as: UTF8.self)))")
      }
      guard header.bodySize <= limits.consumer else { throw .invalidArchive }
    case .messages: try checkMessage(header)
    case .end: break
    }
  }

  private func checkMessage(_ header: ArchiveHeader) throws(BackupProblem) {
    guard header.sequence > 0 else {
      if header.isEnd { return }
      throw BackupProblem("expected message sequence")
    }
    let sequence = header.sequence
    if header.headerSize > limits.payload || header.payloadSize > limits.payload - header.headerSize {
      throw BackupProblem("message sequence \(sequence) exceeds maximum payload size")
    }
    if limits.messageSize >= 0,
      header.headerSize > limits.messageSize || header.payloadSize > limits.messageSize - header.headerSize
    {
      throw BackupProblem("message sequence \(sequence) exceeds maximum message size")
    }
    if sequence <= lastSequence || sequence == .max { throw BackupProblem("message sequence \(sequence) out of order") }
  }

  private mutating func begin(_ body: [UInt8]) throws(BackupProblem) -> BackupItem {
    do throws(JetStreamError) {
      state = try BackupState.decode(body, isStrict: false)
    } catch {
      throw BackupProblem("error in state.json: \(BackupProblem.reason(error))")
    }
    if state.consumerCount < 0 { throw BackupProblem("invalid stream state: negative consumer count") }
    if state.firstSequence > 0 { lastSequence = state.firstSequence - 1 }
    phase = state.consumerCount == 0 ? .messages : .consumers(state.consumerCount)
    return .state(state)
  }

  private static func consumerName(_ header: ArchiveHeader) -> String? {
    guard header.name.starts(with: Archive.consumerPrefix.utf8) else { return nil }
    return String(decoding: header.name.dropFirst(Archive.consumerPrefix.utf8.count), as: UTF8.self)
  }
}
