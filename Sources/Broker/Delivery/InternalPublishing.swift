// What the server itself publishes and answers in an account.

/// What the server has to tell in an account: metrics, traces, advisories.
public struct ServerMessage {
  let account: Account
  let subject: [UInt8]
  /// A whole header block, or empty.
  var header: [UInt8] = []
  let payload: [UInt8]

  public init(account: Account, subject: [UInt8], header: [UInt8] = [], payload: [UInt8]) {
    self.account = account
    self.subject = subject
    self.header = header
    self.payload = payload
  }
}

extension Worker {
  /// Publishes at the end of this loop's batch: behind the messages that it is about.
  public func publishSoon(_ message: ServerMessage) { announcements.append(message) }

  /// Tells what waits. What that leads to waits for the next batch.
  func publishAnnouncements() {
    if announcements.isEmpty { return }
    let batch = announcements
    announcements = []
    for message in batch {
      publish(message.subject, header: message.header, payload: message.payload, in: message.account)
    }
  }

  /// Publishes a message of the server. Mappings do not apply, permissions neither. Returns whether anybody got it.
  ///
  /// - Parameters:
  ///   - reply: as nats-server, an empty one is sent as an empty field: two spaces; nil leaves the field out.
  ///   - header: a whole header block, or empty.
  @discardableResult
  public func publish(
    _ subject: some Collection<UInt8>, reply: [UInt8]? = [], header: [UInt8] = [], payload: [UInt8],
    shownSubject: [UInt8]? = nil, in account: Account
  ) -> Bool {
    if server.logger.isTraceOn {
      traceOwn(Array(subject), reply: reply ?? [], header: header, payload: payload, in: account)
    }
    let saved = passage
    passage = Passage()
    depth += 1
    defer {
      depth -= 1
      passage = saved
    }
    let body = header + payload
    return PaddedBytes(subject).withBytes { subject in
      PaddedBytes(reply ?? []).withBytes { replyBytes in
        PaddedBytes(body).withBytes { body in
          var message = Message(
            subject: subject.baseAddress!, subjectLength: subject.count,
            reply: reply == nil ? nil : replyBytes.baseAddress!, replyLength: replyBytes.count,
            headerLength: header.count, body: body.baseAddress!, size: body.count)
          let entry = match(account.openScope.state, message.subject, message.subjectLength, .mapped)
          if entry.pointee.flags.contains(.denied) { return false }
          guard let shownSubject else { return deliver(entry, message, from: nil) }
          return PaddedBytes(shownSubject).withBytes { shown in
            (message.shownSubject, message.shownSubjectLength) = (shown.baseAddress!, shown.count)
            return deliver(entry, message, from: nil)
          }
        }
      }
    }
  }
}

extension Worker {
  /// Publishes a message of the server from where it lies: no copy is made on the way to the receivers' stages.
  /// Mappings do not apply, permissions neither. Returns whether anybody got it.
  ///
  /// - Parameter message: its `reply` stays as it is; nil leaves the field out.
  @inline(__always)
  public func publish(_ message: Message, in account: Account) -> Bool {
    let scope = account.openScope.unsafelyUnwrapped.state
    if server.logger.isTraceOn || scope.tracesByHeader { return publishTraced(message, in: account) }
    let saved = passage
    passage = Passage()
    defer { passage = saved }
    let entry = match(scope, message.subject, message.subjectLength, .mapped)
    return entry.pointee.flags.contains(.denied) ? false : deliver(entry, message, from: nil)
  }

  @inline(never)
  private func publishTraced(_ message: Message, in account: Account) -> Bool {
    let body = message.bodyBytes
    return publish(
      message.subjectBytes, reply: message.reply == nil ? nil : Array(message.replyBytes),
      header: Array(body[..<message.headerLength]), payload: Array(body[message.headerLength...]),
      shownSubject: message.shownSubject.map {
        Array(UnsafeRawBufferPointer(start: $0, count: message.shownSubjectLength))
      },
      in: account)
  }

  /// A receiver was seen with a long backlog since this was asked last.
  public func takeCongestion() -> Bool {
    defer { congested = nil }
    return congested != nil
  }
}

/// A request to a service of the server itself; valid while it is handled.
struct InternalRequest {
  let message: Message
  /// The connection it came from; nil when the server itself asks.
  let publisher: ConnectionPointer?
  /// Where it was heard, and where the answer goes.
  let account: Account
  let worker: Worker

  /// Answers at once. To answer later, keep `message.replyBytes` and publish to it.
  func answer(_ payload: [UInt8], header: [UInt8] = []) {
    guard message.replyLength > 0 else { return }
    worker.publish(message.replyBytes, header: header, payload: payload, in: account)
  }
}

/// A service of the server itself: hears one subject or pattern in one account. Registered with
/// `Account.listen(to:with:)`; other accounts reach it like any service that the account exports.
final class InternalService: InternalSubscriber {
  private unowned let account: Account
  private let handler: (InternalRequest) -> Void

  init(_ account: Account, handler: @escaping @Sendable (InternalRequest) -> Void) {
    self.account = account
    self.handler = handler
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    handler(InternalRequest(message: message, publisher: publisher, account: account, worker: worker))
    return true
  }
}
