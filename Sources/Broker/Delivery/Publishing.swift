import Subjects
import Wire

// A message of a client between its frame and its receivers: mapping, permission, replies, no responders.

extension Worker {
  /// Publishes a client's message by the rules of its connection (FEATURES 1.047, 2.011, 4.017).
  func publish(_ message: Message, from connection: ConnectionPointer) {
    connection.input.pointee.inMessages &+= 1
    connection.input.pointee.inBytes &+= UInt64(message.size)
    counters.add(.inMessages, 1)
    counters.add(.inBytes, UInt64(message.size))
    var object: Connection { connection.pointee.object }
    let flags = connection.flags
    if flags.contains(.pedantic), !Subject.isValidLiteral(message.subjectBytes) {
      object.sendError("Invalid Publish Subject")
    }
    guard mayBeTraced(message, connection.input.pointee.scope) else {
      route(message, from: connection)
      return
    }
    switch traceDecision(message, from: connection) {
    case .untraced: route(message, from: connection)
    case .dropped: break
    case .marked(let header):
      PaddedBytes(header + message.bodyBytes[message.headerLength...]).withBytes { body in
        var marked = message
        marked.body = body.baseAddress!
        marked.size = body.count
        marked.headerLength = header.count
        route(marked, from: connection)
      }
    case .traced(let trace):
      // Matches for a trace show also who is refused: they are made at a depth of their own and not kept.
      passage.trace = trace
      depth += 1
      route(message, from: connection)
      depth -= 1
      passage.trace = nil
      send(trace)
    }
  }

  private func route(_ message: Message, from connection: ConnectionPointer) {
    var object: Connection { connection.pointee.object }
    let scope = connection.input.pointee.scope
    var entry = match(scope, message.subject, message.subjectLength)
    if entry.pointee.flags.contains(.mapped) {
      publishMapped(message, from: connection)
      return
    }
    if entry.pointee.flags.contains(.denied) {
      guard object.mayReply(to: message.subjectBytes, at: loop.now) else {
        object.publishViolation(message.subjectBytes)
        return
      }
      entry = match(scope, message.subject, message.subjectLength, .unrestricted)
    }
    finish(entry, message, from: connection)
  }

  /// The subject is replaced by a mapping's; the new one is what permissions are checked against (FEATURES 2.011).
  private func publishMapped(_ message: Message, from connection: ConnectionPointer) {
    let scope = connection.input.pointee.scope
    var mapped = message
    guard let subject = map(message, scope.pointee.object.account) else {
      // The weights leave a part that goes nowhere.
      noteAccepted(message, from: connection)
      answerUndelivered(message, from: connection)
      return
    }
    mapped.subject = subject.baseAddress!
    mapped.subjectLength = subject.count
    var object: Connection { connection.pointee.object }
    if connection.flags.contains(.tracing) { object.traceMapping(message.subjectBytes, subject) }
    if let trace = passage.trace { note(trace, .mapping(to: text(subject))) }
    var entry = match(scope, mapped.subject, mapped.subjectLength, .mapped)
    if entry.pointee.flags.contains(.denied) {
      guard object.mayReply(to: subject, at: loop.now) else {
        object.publishViolation(subject)
        return
      }
      entry = match(scope, mapped.subject, mapped.subjectLength, .mappedUnrestricted)
    }
    finish(entry, mapped, from: connection)
  }

  /// The mapped subject, in this loop's buffer for it; nil when the message goes nowhere.
  private func map(_ message: Message, _ account: Account) -> UnsafeRawBufferPointer? {
    let mappings = account.rules.mappings
    let random = nextRandom()
    while true {
      let room = UnsafeMutableRawBufferPointer(rebasing: mappedSubject[..<(mappedSubject.count - Chunk.slack)])
      switch mappings.map(message.subjectBytes, random: random, into: room) {
      case .unmapped: return message.subjectBytes
      case .lost: return nil
      case .mapped(let length):
        if length <= room.count { return UnsafeRawBufferPointer(rebasing: room[..<length]) }
        mappedSubject.deallocate()
        mappedSubject = .allocate(byteCount: length + Chunk.slack, alignment: 16)
      }
    }
  }

  private func finish(_ entry: MatchEntryPointer, _ message: Message, from connection: ConnectionPointer) {
    if let reply = message.reply, isReservedReply(reply, message.replyLength) {
      connection.pointee.object.replyViolation(message.replyBytes)
      return
    }
    noteAccepted(message, from: connection)
    if !deliver(entry, message, from: connection) { answerUndelivered(message, from: connection) }
  }

  private func answerUndelivered(_ message: Message, from connection: ConnectionPointer) {
    guard let reply = message.reply, connection.flags.contains(.noResponders) else { return }
    sendNoResponders(connection, subject: message.subjectBytes, reply: reply, message.replyLength)
  }

  private func noteAccepted(_ message: Message, from connection: ConnectionPointer) {
    if connection.flags.contains(.verbose) { connection.pointee.object.sendOK() }
  }

  // MARK: no responders

  /// For the fast path: `tail` starts with the reply subject and a space.
  @inline(never)
  func sendNoResponders(
    _ connection: ConnectionPointer, _ subject: UnsafeRawPointer, _ subjectLength: Int, _ tail: UnsafeRawPointer
  ) {
    var length = 0
    while tail.load(fromByteOffset: length, as: UInt8.self) != 0x20 { length += 1 }
    sendNoResponders(
      connection, subject: UnsafeRawBufferPointer(start: subject, count: subjectLength), reply: tail, length)
  }

  /// Tells a requester that nobody listens, when it listens to the reply itself (FEATURES 1.048).
  func sendNoResponders(
    _ connection: ConnectionPointer, subject: UnsafeRawBufferPointer, reply: UnsafeRawPointer, _ replyLength: Int
  ) {
    let replyBytes = UnsafeRawBufferPointer(start: reply, count: replyLength)
    let index = connection.input.pointee.scope.pointee.object.account.index
    index.match(replyBytes, into: &matchResult)
    for position in 0..<matchResult.plainCount {
      let subscription = matchResult.plain[position]
      guard subscription.pointee.owner == UnsafeMutableRawPointer(connection) else { continue }
      var line: [UInt8] = []
      line.reserveCapacity(128 + replyLength + subject.count)
      line += Array("HMSG ".utf8)
      line += replyBytes
      line.append(0x20)
      line += subscription.sid
      let headerLength = 32 + subject.count
      line += Array(" \(headerLength) \(headerLength)\r\nNATS/1.0 503\r\nNats-Subject: ".utf8)
      line += subject
      line += Array("\r\n\r\n\r\n".utf8)
      send(line, to: connection)
      return
    }
  }
}
