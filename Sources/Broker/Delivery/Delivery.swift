import CSystem
import Glibc
import Subjects

/// A message on its way through the server. Points into the read buffer; valid while it is being delivered.
///
/// At least 16 more bytes can be read behind `subject` and `reply`.
public struct Message {
  public var subject: UnsafeRawPointer
  public var subjectLength: Int
  public var reply: UnsafeRawPointer?
  public var replyLength = 0
  /// Length of the header block at the start of `body`; 0 without headers.
  public var headerLength = 0
  /// Header block and payload.
  public var body: UnsafeRawPointer
  /// Bytes in `body`, without the CR LF that follows them.
  public var size: Int
  /// The subject that receivers are shown instead: a stream's messages keep theirs wherever they are delivered to.
  public var shownSubject: UnsafeRawPointer?
  public var shownSubjectLength = 0
  /// It came through a service import: it is not exported again as a stream.
  var isImported = false

  public init(
    subject: UnsafeRawPointer, subjectLength: Int, reply: UnsafeRawPointer? = nil, replyLength: Int = 0,
    headerLength: Int = 0, body: UnsafeRawPointer, size: Int
  ) {
    self.subject = subject
    self.subjectLength = subjectLength
    self.reply = reply
    self.replyLength = replyLength
    self.headerLength = headerLength
    self.body = body
    self.size = size
  }

  public var subjectBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: subject, count: subjectLength) }
  public var headerBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: body, count: headerLength) }
  public var replyBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: reply, count: replyLength) }
  public var bodyBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: body, count: size) }
}

// The fast path: rows that need no look at each message, and the end of the PUB line and its payload copied as they
// came ("[reply ]size CR LF payload CR LF").

extension Worker {
  /// Delivers a PUB to all rows of an entry without `MatchFlags`.
  @inline(__always)
  func deliverVerbatim(
    _ entry: MatchEntryPointer, _ subject: UnsafeRawPointer, _ subjectLength: Int, _ tail: UnsafeRawPointer,
    _ tailLength: Int, _ payloadLength: Int, withHeaders: Bool = false
  ) {
    let rows = entry.pointee.rows.unsafelyUnwrapped
    var position = 0
    let plain = Int(entry.pointee.plainCount)
    while position < plain {
      deliverVerbatim(rows + position, subject, subjectLength, tail, tailLength, payloadLength, withHeaders)
      position &+= 1
    }
    var group = 0
    while group < Int(entry.pointee.groupCount) {
      let members = entry.pointee.groups.unsafelyUnwrapped[group]
      let chosen = members.count == 1 ? members.start : members.start &+ random(below: members.count)
      deliverVerbatim(rows + Int(chosen), subject, subjectLength, tail, tailLength, payloadLength, withHeaders)
      group &+= 1
    }
    touch(entry)
  }

  @inline(__always)
  private func deliverVerbatim(
    _ row: UnsafeMutablePointer<Row>, _ subject: UnsafeRawPointer, _ subjectLength: Int, _ tail: UnsafeRawPointer,
    _ tailLength: Int, _ payloadLength: Int, _ withHeaders: Bool
  ) {
    let connection = row.pointee.connection.unsafelyUnwrapped
    let sidLength = Int(row.pointee.sidLength)
    let headLength = 7 &+ subjectLength &+ sidLength
    let inPlace = tailLength >= Stage.zeroCopyThreshold
    let stage = self.stage(for: connection, room: inPlace ? headLength : headLength &+ tailLength)
    let out = stage.cursor
    var offset = 4
    if withHeaders {
      out.storeBytes(of: 0x4753_4D48, as: UInt32.self)  // "HMSG"
      out.storeBytes(of: 0x20, toByteOffset: 4, as: UInt8.self)
      offset = 5
    } else {
      out.storeBytes(of: 0x2047_534D, as: UInt32.self)  // "MSG "
    }
    copyBytes(out + offset, subject, subjectLength)
    offset &+= subjectLength
    out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
    offset &+= 1
    if sidLength <= 8 {
      out.storeBytes(of: row.pointee.sid, toByteOffset: offset, as: UInt64.self)
    } else {
      memcpy(out + offset, row.pointee.subscription.longSid, sidLength)
    }
    offset &+= sidLength
    out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
    offset &+= 1
    if inPlace {
      stage.pointee.length &+= offset
      stage.addExternal(tail, tailLength)
      externalSegments &+= 1
    } else {
      copyBytes(out + offset, tail, tailLength)
      stage.pointee.length &+= offset &+ tailLength
    }
    stage.pointee.messages &+= 1
    stage.pointee.payloadBytes &+= UInt64(truncatingIfNeeded: payloadLength)
    row.pointee.pending &+= 1
    if connection.backlogBytes > Self.congestionMark { congested = connection }
  }
}

// The general path: any row, any message.

/// A receiver inside the server: the JetStream API, system requests, service imports.
open class InternalSubscriber {
  public init() {}

  /// Handles a message on the loop it arrived on. Returns whether it counts as delivered.
  ///
  /// - Parameter publisher: the connection it came from; nil when the server itself sent it.
  open func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool { false }
}

extension Worker {
  /// Delivers a message to the rows of an entry that is neither denied nor mapped. Returns whether anybody got it.
  ///
  /// - Parameter publisher: the connection it came from; nil when the server itself sends.
  func deliver(_ entry: MatchEntryPointer, _ message: Message, from publisher: ConnectionPointer?) -> Bool {
    guard entry.pointee.rowCount > 0, let rows = entry.pointee.rows else { return false }
    var delivered = false
    for position in 0..<Int(entry.pointee.plainCount) where deliver(rows + position, entry, message, from: publisher) {
      delivered = true
    }
    for group in 0..<Int(entry.pointee.groupCount)
    where deliverQueue(entry.pointee.groups![group], entry, message, from: publisher) {
      delivered = true
    }
    touch(entry)
    if !exhausted.isEmpty { removeExhausted() }
    return delivered
  }

  /// One member of a queue group, chosen at random; the next one when it cannot take the message (FEATURES 2.004).
  private func deliverQueue(
    _ group: QueueGroup, _ entry: MatchEntryPointer, _ message: Message, from publisher: ConnectionPointer?
  ) -> Bool {
    let rows = entry.pointee.rows.unsafelyUnwrapped
    let first = group.count == 1 ? 0 : random(below: group.count)
    for tried in 0..<group.count {
      let member = group.start + (first + tried) % group.count
      if deliver(rows + Int(member), entry, message, from: publisher) { return true }
    }
    return false
  }

  /// One row. False when the receiver does not get the message.
  private func deliver(
    _ row: UnsafeMutablePointer<Row>, _ entry: MatchEntryPointer, _ message: Message, from publisher: ConnectionPointer?
  ) -> Bool {
    if let trace = passage.trace { return deliverTraced(row, entry, message, from: publisher, trace) }
    return deliverUntraced(row, entry, message, from: publisher)
  }

  func deliverUntraced(
    _ row: UnsafeMutablePointer<Row>, _ entry: MatchEntryPointer, _ message: Message, from publisher: ConnectionPointer?
  ) -> Bool {
    let flags = row.pointee.flags
    if flags.contains(.refused) { return false }
    if flags.contains(.shadow), message.isImported { return false }
    if flags.contains(.noEcho), row.pointee.connection == publisher { return false }
    if flags.contains(.limited) {
      let count = row.pointee.subscription.addDelivered(1)
      let maximum = row.pointee.subscription.maximum
      if count > maximum { return false }
      if count == maximum {
        exhausted.append(row.pointee.subscription)
        row.pointee.connection?.pointee.object.logLimitReached(row.pointee.subscription)
      }
    } else {
      row.pointee.pending &+= 1
    }
    if flags.contains(.internal) {
      let subscriber = Unmanaged<InternalSubscriber>.fromOpaque(row.pointee.subscription.pointee.owner!)
      return subscriber._withUnsafeGuaranteedRef { subscriber in
        depth += 1
        defer { depth -= 1 }
        return subscriber.receive(message, from: publisher, on: self)
      }
    }
    // What a stream delivers keeps its own subject, also through an import.
    if flags.contains(.renamed), message.shownSubject == nil {
      var renamed = message
      (renamed.subject, renamed.subjectLength) = entry.name(of: row)
      write(renamed, to: row)
    } else if let shown = message.shownSubject {
      var original = message
      (original.subject, original.subjectLength) = (shown, message.shownSubjectLength)
      write(original, to: row)
    } else {
      write(message, to: row)
    }
    return true
  }

  /// Stages MSG or HMSG for a connection.
  private func write(_ message: Message, to row: UnsafeMutablePointer<Row>) {
    let connection = row.pointee.connection.unsafelyUnwrapped
    let withHeaders = message.headerLength > 0 && row.pointee.flags.contains(.headers)
    let stripped = withHeaders ? 0 : message.headerLength
    let sidLength = Int(row.pointee.sidLength)
    let headRoom = 64 + message.subjectLength + sidLength + message.replyLength
    let bodyLength = message.size - stripped
    var stage = self.stage(for: connection, room: headRoom)
    // A frame goes out in one piece: between two flushes the receiver's own loop may write (a PING, another message).
    if !stage.isEmpty, stage.pointee.length + headRoom + bodyLength + 2 > Chunk.capacity { flush(stage) }
    let isLarge = headRoom + bodyLength + 2 > Chunk.capacity
    let out = stage.cursor
    var offset = 0
    if withHeaders {
      out.storeBytes(of: 0x48, as: UInt8.self)
      offset = 1
    }
    out.storeBytes(of: 0x2047_534D, toByteOffset: offset, as: UInt32.self)
    offset += 4
    copyBytes(out + offset, message.subject, message.subjectLength)
    offset += message.subjectLength
    out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
    offset += 1
    if sidLength <= 8 {
      out.storeBytes(of: row.pointee.sid, toByteOffset: offset, as: UInt64.self)
    } else {
      memcpy(out + offset, row.pointee.subscription.longSid, sidLength)
    }
    offset += sidLength
    out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
    offset += 1
    if let reply = message.reply {
      copyBytes(out + offset, reply, message.replyLength)
      offset += message.replyLength
      out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
      offset += 1
    }
    if withHeaders {
      offset += writeDecimal(out + offset, message.headerLength)
      out.storeBytes(of: 0x20, toByteOffset: offset, as: UInt8.self)
      offset += 1
    }
    offset += writeDecimal(out + offset, message.size - stripped)
    out.storeBytes(of: 0x0A0D, toByteOffset: offset, as: UInt16.self)
    offset += 2
    if row.pointee.flags.contains(.tracing) {
      connection.pointee.object.traceDelivery(UnsafeRawBufferPointer(start: out, count: offset - 2), message, stripped)
    }
    stage.pointee.length += offset
    if isLarge {
      stage.addExternal(message.body + stripped, bodyLength)
    } else {
      stage = append(message.body + stripped, bodyLength, to: stage)
    }
    stage = appendLineEnd(to: stage)
    stage.pointee.messages &+= 1
    stage.pointee.payloadBytes &+= UInt64(bodyLength)
    // The body stays where it is only until the caller goes on.
    if isLarge { flush(stage) }
    if row.pointee.flags.contains(.tracksReplies), message.replyLength > 0 {
      connection.pointee.object.noteReply(message.replyBytes, at: loop.now)
    }
    if connection.backlogBytes > Self.congestionMark { congested = connection }
  }

  /// Appends bytes of any length, flushing as often as needed.
  private func append(_ bytes: UnsafeRawPointer, _ count: Int, to stage: StagePointer) -> StagePointer {
    var source = bytes
    var rest = count
    while rest > 0 {
      if stage.pointee.length == Chunk.capacity { flush(stage) }
      let part = min(rest, Chunk.capacity - stage.pointee.length)
      memcpy(stage.cursor, source, part)
      stage.pointee.length += part
      source += part
      rest -= part
    }
    return stage
  }

  private func appendLineEnd(to stage: StagePointer) -> StagePointer {
    if stage.pointee.length + 2 > Chunk.capacity { flush(stage) }
    stage.cursor.storeBytes(of: 0x0A0D, as: UInt16.self)
    stage.pointee.length += 2
    return stage
  }

  /// Stages protocol bytes (PONG, +OK, INFO, ...) in order with messages. Call on the owner loop.
  func send(_ bytes: UnsafeRawBufferPointer, to connection: ConnectionPointer) {
    guard let base = bytes.baseAddress else { return }
    _ = append(base, bytes.count, to: stage(for: connection))
  }

  func send(_ text: StaticString, to connection: ConnectionPointer) {
    send(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), to: connection)
  }

  func send(_ bytes: [UInt8], to connection: ConnectionPointer) {
    bytes.withUnsafeBytes { send($0, to: connection) }
  }
}
