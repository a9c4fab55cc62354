import Glibc

/// The fields of a message's header block that mean something to a stream (FEATURES 5.3), found in one pass. Names are
/// compared byte by byte; of several fields of a name the first counts. nil: not there.
///
/// The windows point into the block, which must outlive them.
struct PublishHeaders {
  typealias Value = UnsafeRawBufferPointer

  var messageID: Value?
  var expectedStream: Value?
  var expectedLastMessageID: Value?
  var expectedLastSequence: Value?
  var expectedLastSubjectSequence: Value?
  var expectedSubject: Value?
  var rollup: Value?
  var ttl: Value?
  var increment: Value?
  var counterSources: Value?
  var batchID: Value?
  var batchSequence: Value?
  var batchCommit: Value?
  var requiredLevel: Value?
  var schedule: Value?
  var scheduleTarget: Value?
  var scheduleTTL: Value?
  var scheduleSource: Value?
  var scheduleTimeZone: Value?
  var scheduleRollup: Value?
  var scheduleNext: Value?
  var scheduler: Value?
  var streamSource: Value?
  var markerReason: Value?
  var requestInfo: Value?
  var isKeyPurge = false

  init() {}

  /// Whether some line of the block begins as the fields do that streams know: most blocks have none.
  static func hasAny(_ block: UnsafeRawBufferPointer) -> Bool {
    guard let base = block.baseAddress else { return false }
    var position = 0
    while let line = nextLine(base, block.count, position) {
      if isKnownPrefix(base + line, block.count - line) { return true }
      position = line
    }
    return false
  }

  init(_ block: UnsafeRawBufferPointer) {
    guard let base = block.baseAddress else { return }
    var position = 0
    while let line = Self.nextLine(base, block.count, position) {
      position = line
      let rest = block.count - line
      guard Self.isKnownPrefix(base + line, rest), let colon = memchr(base + line, 0x3A, rest) else { continue }
      let nameLength = UnsafeRawPointer(colon) - (base + line)
      var start = line + nameLength + 1
      while start < block.count, block[start] == 0x20 { start += 1 }
      var end = start
      while end < block.count {
        if block[end] == 0x0D, end + 1 < block.count, block[end + 1] == 0x0A { break }
        end += 1
      }
      take(
        UnsafeRawBufferPointer(start: base + line, count: nameLength),
        UnsafeRawBufferPointer(start: base + start, count: end - start))
    }
  }

  /// Where the next line begins, which is behind a line feed with a carriage return before it.
  private static func nextLine(_ base: UnsafeRawPointer, _ count: Int, _ position: Int) -> Int? {
    var position = position
    while position < count, let feed = memchr(base + position, 0x0A, count - position) {
      let line = UnsafeRawPointer(feed) - base + 1
      if line >= 2, base.load(fromByteOffset: line - 2, as: UInt8.self) == 0x0D { return line < count ? line : nil }
      position = line
    }
    return nil
  }

  private static func isKnownPrefix(_ line: UnsafeRawPointer, _ count: Int) -> Bool {
    guard count >= 8 else { return false }
    let word = UInt32(littleEndian: line.loadUnaligned(as: UInt32.self))
    return word == 0x7374_614E || word == 0x4F2D_564B  // "Nats", "KV-O"
  }

  private mutating func take(_ name: UnsafeRawBufferPointer, _ value: Value) {
    switch name.count {
    case 8: Self.take(&ttl, "Nats-TTL", name, value)
    case 9: Self.take(&increment, "Nats-Incr", name, value)
    case 11:
      Self.take(&rollup, "Nats-Rollup", name, value)
      Self.take(&messageID, "Nats-Msg-Id", name, value)
    case 12: takeKeyOperation(name, value)
    case 13:
      Self.take(&batchID, "Nats-Batch-Id", name, value)
      Self.take(&schedule, "Nats-Schedule", name, value)
    case 14: Self.take(&scheduler, "Nats-Scheduler", name, value)
    case 17:
      Self.take(&batchCommit, "Nats-Batch-Commit", name, value)
      Self.take(&scheduleTTL, "Nats-Schedule-TTL", name, value)
      Self.take(&requestInfo, "Nats-Request-Info", name, value)
    case 18:
      Self.take(&scheduleNext, "Nats-Schedule-Next", name, value)
      Self.take(&streamSource, "Nats-Stream-Source", name, value)
      Self.take(&markerReason, "Nats-Marker-Reason", name, value)
    case 19: Self.take(&batchSequence, "Nats-Batch-Sequence", name, value)
    default: takeLong(name, value)
    }
  }

  private mutating func takeLong(_ name: UnsafeRawBufferPointer, _ value: Value) {
    switch name.count {
    case 20:
      Self.take(&expectedStream, "Nats-Expected-Stream", name, value)
      Self.take(&scheduleTarget, "Nats-Schedule-Target", name, value)
      Self.take(&scheduleSource, "Nats-Schedule-Source", name, value)
      Self.take(&scheduleRollup, "Nats-Schedule-Rollup", name, value)
      Self.take(&counterSources, "Nats-Counter-Sources", name, value)
    case 23:
      Self.take(&scheduleTimeZone, "Nats-Schedule-Time-Zone", name, value)
      Self.take(&requiredLevel, "Nats-Required-Api-Level", name, value)
    case 25: Self.take(&expectedLastMessageID, "Nats-Expected-Last-Msg-Id", name, value)
    case 27: Self.take(&expectedLastSequence, "Nats-Expected-Last-Sequence", name, value)
    case 35: Self.take(&expectedLastSubjectSequence, "Nats-Expected-Last-Subject-Sequence", name, value)
    case 43: Self.take(&expectedSubject, "Nats-Expected-Last-Subject-Sequence-Subject", name, value)
    default: break
    }
  }

  private mutating func takeKeyOperation(_ name: UnsafeRawBufferPointer, _ value: Value) {
    if Self.equal(name, "KV-Operation"), Self.equal(value, "PURGE") { isKeyPurge = true }
  }

  @inline(__always)
  private static func take(
    _ field: inout Value?, _ wanted: StaticString, _ name: UnsafeRawBufferPointer, _ value: Value
  ) {
    if field == nil, equal(name, wanted) { field = value }
  }

  static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    guard let base = bytes.baseAddress else { return true }
    return memcmp(base, text.utf8Start, bytes.count) == 0
  }

  // MARK: - Meanings

  /// A delete marker of the server, or a purge marker of a key-value bucket (FEATURES 8.016).
  var isMarker: Bool { !(markerReason?.isEmpty ?? true) || isKeyPurge }

  enum Rollup { case subject, all, invalid }

  /// What `Nats-Rollup` asks for; nil without one.
  var rollupKind: Rollup? {
    guard let rollup, !rollup.isEmpty else { return nil }
    switch String(decoding: rollup, as: UTF8.self).lowercased() {
    case "sub": return .subject
    case "all": return .all
    default: return .invalid
    }
  }

  /// A number of digits only, cut to 64 bits as nats-server does; anything else is a number that nothing has (nil: no
  /// such field).
  static func sequence(_ value: Value?) -> UInt64? {
    guard let value, !value.isEmpty else { return nil }
    var number: UInt64 = 0
    for byte in value {
      let digit = byte &- 0x30
      guard digit <= 9 else { return .max }
      number = number &* 10 &+ UInt64(digit)
    }
    return number
  }

  /// The digits as a number; nil for anything else.
  static func decimal(_ value: Value) -> UInt64? {
    if value.isEmpty { return nil }
    var number: UInt64 = 0
    for byte in value {
      let digit = byte &- 0x30
      guard digit <= 9 else { return nil }
      let (product, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = product.addingReportingOverflow(UInt64(digit))
      if overflow || sumOverflow { return nil }
      number = sum
    }
    return number
  }
}

extension Optional where Wrapped == UnsafeRawBufferPointer {
  /// The text of a field; empty if it is not there.
  var text: String { map { String(decoding: $0, as: UTF8.self) } ?? "" }
  /// Whether the field is there and says something.
  var isGiven: Bool { map { !$0.isEmpty } ?? false }
}
