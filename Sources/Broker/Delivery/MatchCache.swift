import CSystem
import Glibc
import Subjects

/// How one receiver of a match is reached.
struct RowFlags: OptionSet {
  let rawValue: UInt16
  /// The receiver takes headers.
  static let headers = RowFlags(rawValue: 1 << 0)
  /// A handler inside the server.
  static let `internal` = RowFlags(rawValue: 1 << 1)
  /// The subscription ends after a number of messages (UNSUB with a maximum).
  static let limited = RowFlags(rawValue: 1 << 2)
  /// The receiver does not want its own messages.
  static let noEcho = RowFlags(rawValue: 1 << 3)
  /// The receiver's replies become publish permissions.
  static let tracksReplies = RowFlags(rawValue: 1 << 4)
  /// Deliveries are written to the trace log.
  static let tracing = RowFlags(rawValue: 1 << 5)
  /// The receiver imports the stream from another account.
  static let shadow = RowFlags(rawValue: 1 << 6)
  /// The receiver sees another subject: `Row.name`.
  static let renamed = RowFlags(rawValue: 1 << 7)
  /// The receiver's permissions deny the subject; such rows are made only for messages that are traced.
  static let refused = RowFlags(rawValue: 1 << 8)

  /// Any of these needs a look at each message.
  static let careful: RowFlags = [.internal, .limited, .noEcho, .tracksReplies, .tracing, .renamed, .refused]
}

/// One receiver of a cached match.
struct Row {
  let subscription: SubscriptionPointer
  /// nil for an internal handler.
  let connection: ConnectionPointer?
  /// The subscription identifier, when it has at most 8 bytes.
  let sid: UInt64
  let sidLength: Int32
  var flags: RowFlags
  /// Deliveries of this batch, not yet added to the subscription's count.
  var pending: UInt32 = 0
  /// Where in the entry's names the subject stands that a renamed row delivers.
  var name: UInt32 = 0
}

/// What a match entry says besides its rows.
struct MatchFlags: OptionSet {
  let rawValue: UInt8
  /// Publishing is refused.
  static let denied = MatchFlags(rawValue: 1 << 0)
  /// A mapping decides message by message which subject is used.
  static let mapped = MatchFlags(rawValue: 1 << 1)
  /// Some row needs a look at each message.
  static let careful = MatchFlags(rawValue: 1 << 2)
}

/// A run of rows of which one gets the message.
struct QueueGroup {
  var start: Int32
  var count: Int32
}

/// How a match looks at its subject; added to the scope's identifier.
enum MatchVariant: UInt32 {
  case plain = 0
  /// The subject is the result of a mapping: mappings are not looked at again.
  case mapped = 1
  /// A reply permission overrules the publish permission.
  case unrestricted = 2
  case mappedUnrestricted = 3
}

/// The receivers of one subject in one scope, as last matched by this loop.
struct MatchEntry {
  var hash: UInt64 = 0
  var subjectHash: UInt64 = 0
  var generation: UInt64 = 0
  var key: UnsafeMutableRawPointer?
  var keyLength = 0
  var scope: UInt32 = 0
  var flags: MatchFlags = []
  /// Some receiver does not take headers.
  var hasRowWithoutHeaders = false
  /// It is in the list of entries with pending delivery counts.
  var isTouched = false
  var plainCount: Int32 = 0
  var rowCount: Int32 = 0
  var rowCapacity: Int32 = 0
  var groupCount: Int32 = 0
  var groupCapacity: Int32 = 0
  var rows: UnsafeMutablePointer<Row>?
  var groups: UnsafeMutablePointer<QueueGroup>?
  /// Subjects of renamed rows: 4 bytes of length, then the bytes.
  var names: UnsafeMutableRawPointer?
  var namesLength: UInt32 = 0
  var namesCapacity: UInt32 = 0
}

typealias MatchEntryPointer = UnsafeMutablePointer<MatchEntry>

extension UnsafeMutablePointer where Pointee == MatchEntry {
  /// Keeps a subject for a renamed row; returns where.
  func addName(_ name: [UInt8]) -> UInt32 {
    let start = pointee.namesLength
    let end = start + 4 + UInt32(name.count)
    if end + UInt32(Chunk.slack) > pointee.namesCapacity {
      pointee.namesCapacity = max(128, (end + UInt32(Chunk.slack)) * 2)
      pointee.names = realloc(pointee.names, Int(pointee.namesCapacity))!
    }
    let names = pointee.names.unsafelyUnwrapped
    names.storeBytes(of: UInt32(name.count), toByteOffset: Int(start), as: UInt32.self)
    name.withUnsafeBytes { (names + Int(start) + 4).copyMemory(from: $0.baseAddress!, byteCount: name.count) }
    pointee.namesLength = end
    return start
  }

  /// The subject that a renamed row delivers; has `Chunk.slack` readable bytes behind it.
  func name(of row: UnsafeMutablePointer<Row>) -> (UnsafeRawPointer, Int) {
    let start = UnsafeRawPointer(pointee.names.unsafelyUnwrapped) + Int(row.pointee.name)
    return (start + 4, Int(start.loadUnaligned(as: UInt32.self)))
  }

  func nameBytes(of row: UnsafeMutablePointer<Row>) -> UnsafeRawBufferPointer {
    let (start, count) = name(of: row)
    return UnsafeRawBufferPointer(start: start, count: count)
  }
}

/// A loop's direct-mapped cache of matches, validated by generation. Confined to its loop.
///
/// Rows point at subscriptions and connections of other loops: they are used only after the entry's generation
/// has been compared in the same batch, which `Epochs` makes safe.
struct MatchCache {
  static let size = 4096
  let entries: MatchEntryPointer
  /// Zeroed lazily by the kernel: what is not used costs no memory. All zero is a valid, empty entry.
  init() {
    entries = calloc(Self.size, MemoryLayout<MatchEntry>.stride)!.bindMemory(to: MatchEntry.self, capacity: Self.size)
  }
}

extension Worker {
  /// The receivers of `subject` in `scope`; from the cache when nothing has changed since.
  ///
  @inline(__always)
  func match(
    _ scope: PublishScopePointer, _ subject: UnsafeRawPointer, _ length: Int, _ variant: MatchVariant = .plain
  ) -> MatchEntryPointer {
    let hash = subjectHash(subject, length)
    let identifier = scope.pointee.identifier &+ variant.rawValue
    let mixed = hash ^ scope.pointee.seed
    if depth > 0 {
      // A handler publishes while the entry that led to it is in use: its match must not replace that entry.
      let entry = nestedEntry()
      fill(entry, scope, subject, length, subjectHash: hash, mixed: mixed, variant: variant)
      return entry
    }
    let entry = cache.entries + Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) >> 52)
    if entry.pointee.hash == mixed, entry.pointee.scope == identifier, entry.pointee.keyLength == length,
      entry.pointee.generation == scope.generation(hash),
      equalBytes(entry.pointee.key.unsafelyUnwrapped, subject, length)
    {
      return entry
    }
    fill(entry, scope, subject, length, subjectHash: hash, mixed: mixed, variant: variant)
    return entry
  }

  /// Matches anew. Not on the hot path: once per subject, loop and change of interest.
  @inline(never)
  private func fill(
    _ entry: MatchEntryPointer, _ scope: PublishScopePointer, _ subject: UnsafeRawPointer, _ length: Int,
    subjectHash: UInt64, mixed: UInt64, variant: MatchVariant
  ) {
    if entry.pointee.isTouched { foldDeliveries() }
    cacheMisses &+= 1
    // Read before matching: a subscription that comes in between makes the entry stale, not wrong.
    entry.pointee.generation = scope.generation(subjectHash)
    entry.pointee.hash = mixed
    entry.pointee.subjectHash = subjectHash
    entry.pointee.scope = scope.pointee.identifier &+ variant.rawValue
    entry.pointee.flags = []
    entry.pointee.hasRowWithoutHeaders = false
    entry.pointee.plainCount = 0
    entry.pointee.rowCount = 0
    entry.pointee.groupCount = 0
    entry.pointee.namesLength = 0
    setKey(entry, subject, length)

    let bytes = UnsafeRawBufferPointer(start: subject, count: length)
    let ignoringPermission = variant == .unrestricted || variant == .mappedUnrestricted
    let flags = scope.pointee.$object { scope in
      scope.$account { account -> MatchFlags in
        if variant == .plain, account.hasMapping(for: bytes) { return .mapped }
        if scope.refuses(bytes, ignoringPermission: ignoringPermission) { return .denied }
        account.index.match(bytes, hash: subjectHash, into: &matchResult)
        return []
      }
    }
    entry.pointee.flags = flags
    guard flags.isEmpty else { return }
    for position in 0..<matchResult.plainCount { append(matchResult.plain[position], to: entry, subject: bytes) }
    entry.pointee.plainCount = entry.pointee.rowCount
    for group in 0..<matchResult.groupCount {
      let run = matchResult.groups[group]
      let start = entry.pointee.rowCount
      for position in run.start..<run.start + run.count {
        append(matchResult.queued[Int(position)], to: entry, subject: bytes)
      }
      let count = entry.pointee.rowCount - start
      if count > 0 { append(QueueGroup(start: start, count: count), to: entry) }
    }
  }

  /// The entry for matches at the current depth of publishing from handlers.
  private func nestedEntry() -> MatchEntryPointer {
    while nestedEntries.count < depth {
      let entry = MatchEntryPointer.allocate(capacity: 1)
      entry.initialize(to: MatchEntry())
      nestedEntries.append(entry)
    }
    return nestedEntries[depth - 1]
  }

  private func setKey(_ entry: MatchEntryPointer, _ subject: UnsafeRawPointer, _ length: Int) {
    if entry.pointee.key == nil || entry.pointee.keyLength != length {
      free(entry.pointee.key)
      entry.pointee.key = malloc(length + Chunk.slack)!
      entry.pointee.keyLength = length
    }
    memcpy(entry.pointee.key!, subject, length)
  }

  private func append(
    _ subscription: SubscriptionPointer, to entry: MatchEntryPointer, subject: UnsafeRawBufferPointer
  ) {
    let isShadow = SubscriptionFlags(rawValue: subscription.flags).contains(.shadow)
    let made =
      isShadow
      ? makeShadowRow(subscription, entry, subject: subject)
      : makeRow(subscription, subject: subject)
    guard let row = made else { return }
    if !row.flags.isDisjoint(with: .careful) { entry.pointee.flags.insert(.careful) }
    if !row.flags.contains(.headers) { entry.pointee.hasRowWithoutHeaders = true }
    if entry.pointee.rowCount == entry.pointee.rowCapacity {
      let capacity = max(2, Int(entry.pointee.rowCapacity) * 2)
      entry.pointee.rows = realloc(entry.pointee.rows, capacity * MemoryLayout<Row>.stride)!
        .bindMemory(to: Row.self, capacity: capacity)
      entry.pointee.rowCapacity = Int32(capacity)
    }
    (entry.pointee.rows! + Int(entry.pointee.rowCount)).initialize(to: row)
    entry.pointee.rowCount += 1
  }

  private func append(_ group: QueueGroup, to entry: MatchEntryPointer) {
    if entry.pointee.groupCount == entry.pointee.groupCapacity {
      let capacity = max(2, Int(entry.pointee.groupCapacity) * 2)
      entry.pointee.groups = realloc(entry.pointee.groups, capacity * MemoryLayout<QueueGroup>.stride)!
        .bindMemory(to: QueueGroup.self, capacity: capacity)
      entry.pointee.groupCapacity = Int32(capacity)
    }
    (entry.pointee.groups! + Int(entry.pointee.groupCount)).initialize(to: group)
    entry.pointee.groupCount += 1
  }

  /// nil when the receiver's own permissions deny this subject (FEATURES 4.018).
  private func makeRow(_ subscription: SubscriptionPointer, subject: UnsafeRawBufferPointer) -> Row? {
    let kind = SubscriptionFlags(rawValue: subscription.flags)
    var flags: RowFlags = []
    if kind.contains(.limited) { flags.insert(.limited) }
    if kind.contains(.internal) {
      flags.insert(.internal)
      return Row(subscription: subscription, connection: nil, sid: 0, sidLength: 0, flags: flags)
    }
    let connection = subscription.pointee.owner.unsafelyUnwrapped.assumingMemoryBound(to: ConnectionState.self)
    if kind.contains(.filtered), connection.deniesDelivery(of: subject, subscription) {
      if passage.trace == nil { return nil }
      flags.insert(.refused)
    }
    return Row(
      subscription: subscription, connection: connection, sid: subscription.pointee.sid8,
      sidLength: Int32(subscription.pointee.sidLength), flags: flags.union(rowFlags(connection)))
  }

  /// The row of an imported stream. Its subject is the importer's, and so it is for deny lists.
  private func makeShadowRow(
    _ subscription: SubscriptionPointer, _ entry: MatchEntryPointer, subject: UnsafeRawBufferPointer
  ) -> Row? {
    let shadow = Unmanaged<Shadow>.fromOpaque(subscription.pointee.owner.unsafelyUnwrapped).takeUnretainedValue()
    let connection = shadow.connection
    let local = shadow.source.localSubject(of: subject)
    var flags = rowFlags(connection).union(.shadow)
    if SubscriptionFlags(rawValue: subscription.flags).contains(.filtered) {
      let denied =
        local.map { local in
          local.withUnsafeBytes { connection.deniesDelivery(of: $0, subscription) }
        } ?? connection.deniesDelivery(of: subject, subscription)
      if denied {
        if passage.trace == nil { return nil }
        flags.insert(.refused)
      }
    }
    var row = Row(
      subscription: subscription, connection: connection, sid: subscription.pointee.sid8,
      sidLength: Int32(subscription.pointee.sidLength), flags: flags)
    if let local {
      row.name = entry.addName(local)
      row.flags.insert(.renamed)
    }
    return row
  }

  private func rowFlags(_ connection: ConnectionPointer) -> RowFlags {
    var flags: RowFlags = []
    let settings = connection.flags
    if settings.contains(.headers) { flags.insert(.headers) }
    if settings.contains(.noEcho) { flags.insert(.noEcho) }
    if settings.contains(.tracksReplies) { flags.insert(.tracksReplies) }
    if settings.contains(.tracing) { flags.insert(.tracing) }
    return flags
  }
}
