import CSystem
import Glibc
import Wire

// HPUB in its plain form: "HPUB subject [reply] header-length total CR LF headers payload CR LF", single spaces.

extension Worker {
  /// What makes a message the business of message tracing; such messages take the careful path.
  private static let traceHeader: StaticString = "Nats-Trace-D"

  /// Delivers one HPUB whose receivers all take headers. Returns the bytes used; 0 when the frame is not whole, or not
  /// plain enough, and `handleFrame` has to look at it.
  @inline(never)
  func publishWithHeaders(_ connection: ConnectionPointer, _ base: UnsafeRawPointer, _ count: Int) -> Int {
    let scope = connection.input.pointee.scope
    guard connection.flags.contains(.headers), !scope.tracesByHeader else { return 0 }
    let subject = base + 5
    let available = count &- 5
    let subjectLength = tokenLength(subject, available)
    guard subjectLength > 0 else { return 0 }
    let entry: MatchEntryPointer
    if let memo = connection.input.pointee.memo, memo.pointee.keyLength == subjectLength,
      memo.pointee.scope == scope.pointee.identifier,
      memo.pointee.generation == scope.generation(memo.pointee.subjectHash),
      equalBytes(subject, memo.pointee.key.unsafelyUnwrapped, subjectLength)
    {
      entry = memo
    } else {
      entry = match(scope, subject, subjectLength)
      connection.input.pointee.memo = entry
    }
    guard entry.pointee.flags.isEmpty, !entry.pointee.hasRowWithoutHeaders else { return 0 }

    let tail = subject + subjectLength + 1
    let rest = available &- subjectLength &- 1
    var cursor = 0
    // A reply stands before the two sizes when the first token is not a number.
    var replyLength = 0
    if rest > 0, tail.load(as: UInt8.self) &- 48 > 9 {
      if isReservedReply(tail, rest) { return 0 }
      replyLength = tokenLength(tail, rest)
      guard replyLength > 0 else { return 0 }
      cursor = replyLength &+ 1
    }
    let headerDigits = tokenLength(tail + cursor, rest &- cursor)
    guard let headerLength = ClientArguments.size(tail, Field(start: cursor, count: headerDigits)) else { return 0 }
    cursor = cursor &+ headerDigits &+ 1
    let sizeStart = cursor
    while cursor < rest, tail.load(fromByteOffset: cursor, as: UInt8.self) &- 48 <= 9 { cursor &+= 1 }
    guard let size = ClientArguments.size(tail, Field(start: sizeStart, count: cursor &- sizeStart)),
      headerLength <= size, connection.input.pointee.maxPayload < 0 || size <= connection.input.pointee.maxPayload,
      subjectLength &+ 1 &+ cursor <= connection.input.pointee.maxControlLine
    else { return 0 }
    let tailLength = cursor &+ 4 &+ size
    guard tailLength <= rest, tail.loadUnaligned(fromByteOffset: cursor, as: UInt16.self) == 0x0A0D,
      tail.loadUnaligned(fromByteOffset: tailLength &- 2, as: UInt16.self) == 0x0A0D
    else { return 0 }
    let headers = tail + cursor + 2
    let trace = Self.traceHeader
    if csys_find(headers, headerLength, trace.utf8Start, trace.utf8CodeUnitCount) != nil { return 0 }

    connection.input.pointee.inMessages &+= 1
    connection.input.pointee.inBytes &+= UInt64(truncatingIfNeeded: size)
    counters.add(.inMessages, 1)
    counters.add(.inBytes, UInt64(truncatingIfNeeded: size))
    if entry.pointee.rowCount > 0 {
      deliverVerbatim(entry, subject, subjectLength, tail, tailLength, size, withHeaders: true)
    } else if replyLength > 0, connection.flags.contains(.noResponders) {
      sendNoResponders(connection, subject, subjectLength, tail)
    }
    return 5 &+ subjectLength &+ 1 &+ tailLength
  }

  /// Length of what stands before a single space; 0 when no space follows within `available`.
  @inline(__always)
  private func tokenLength(_ base: UnsafeRawPointer, _ available: Int) -> Int {
    var length = 0
    while length < available, base.load(fromByteOffset: length, as: UInt8.self) > 0x20 { length &+= 1 }
    return length < available && base.load(fromByteOffset: length, as: UInt8.self) == 0x20 ? length : 0
  }
}
