import Broker
import Bytes
import JetStreamAPI

// What hears an account's messages for JetStream: on the publisher's loop, which only copies and hands over.

/// Hears the subjects of one stream.
final class StreamListener: InternalSubscriber {
  private let handle: StreamHandle

  init(_ handle: StreamHandle) { self.handle = handle }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    guard !handle.isDeleted else { return false }
    JetStreamLoop.with(worker) { $0.take(message, for: handle) }
    return true
  }
}

/// Hears acknowledgements or answers to flow control requests. Whoever sends one that fits nothing is told nothing.
final class AcknowledgementListener: InternalSubscriber {
  private let account: AccountJetStream
  private let kind: HandoffKind

  init(_ account: AccountJetStream, _ kind: HandoffKind) {
    self.account = account
    self.kind = kind
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    let loop = JetStreamLoop.of(worker)
    guard let name = Self.streamName(in: message.subjectBytes), let handle = loop.lookup.find(name, in: account) else {
      return false
    }
    if message.replyLength > 0, message.reply != nil, kind == .acknowledge {
      // Who waits for a confirmation is told when nobody is there to give it.
      guard let parts = AckSubject.Parts(message.subjectBytes),
        account.isAcknowledged(
          String(decoding: message.subjectBytes[parts.consumer], as: UTF8.self), in: handle)
      else { return false }
    }
    loop.hand(kind, message, to: handle)
    return true
  }

  /// The third token; of acknowledgements with a domain and an account the fifth (FEATURES 6.048).
  private static func streamName(in subject: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var dots = 0
    for byte in subject where byte == UInt8(ascii: ".") { dots += 1 }
    return token(dots >= 10 ? 4 : 2, of: subject)
  }
}

/// The token at a position; nil when there are fewer.
func token(_ wanted: Int, of subject: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
  var start = 0
  var index = 0
  for position in 0...subject.count where position == subject.count || subject[position] == UInt8(ascii: ".") {
    if index == wanted { return UnsafeRawBufferPointer(rebasing: subject[start..<position]) }
    index += 1
    start = position + 1
  }
  return nil
}

/// Hears requests to the API.
final class APIListener: InternalSubscriber {
  private let account: AccountJetStream
  private let prefixLength: Int

  init(_ account: AccountJetStream, prefixLength: Int) {
    self.account = account
    self.prefixLength = prefixLength
  }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    let loop = JetStreamLoop.of(worker)
    let rest = UnsafeRawBufferPointer(rebasing: message.subjectBytes[prefixLength...])
    if let after = rest.after("CONSUMER.MSG.NEXT.") {
      // Nobody answers for a consumer that is not there: its client learns that at once.
      guard let name = token(0, of: after), let handle = loop.lookup.find(name, in: account),
        handle.account.hasConsumer(token(1, of: after), in: handle)
      else { return false }
      loop.hand(.pull, message, to: handle)
      return true
    }
    if let after = rest.after("DIRECT.GET.") {
      guard let name = token(0, of: after),
        let handle = account.directGetAnswerer(name, loop.lookup.find(name, in: account))
      else { return false }
      loop.hand(.directGet, message, to: handle)
      return true
    }
    // Unknown requests are swallowed, as nats-server does; this one it leaves to whoever listens.
    if rest.elementsEqual("DIRECT.GET".utf8) { return false }
    guard let subject = APISubject(rest) else { return true }
    account.service.receive(
      APIRequest(account, subject, message, requester: Requester(publisher, in: account.account)), on: loop)
    return true
  }
}

/// Answers for an account that has no JetStream (FEATURES 7.043).
final class DisabledListener: InternalSubscriber {
  private static let prefixLength = 8

  private let account: Account

  init(_ account: Account) { self.account = account }

  override func receive(_ message: Message, from publisher: ConnectionPointer?, on worker: Worker) -> Bool {
    let rest = UnsafeRawBufferPointer(rebasing: message.subjectBytes[Self.prefixLength...])
    guard let subject = APISubject(rest) else { return rest.after("CONSUMER.MSG.NEXT.") == nil }
    guard message.reply != nil, message.replyLength > 0 else { return true }
    worker.publishSoon(
      ServerMessage(
        account: account, subject: Array(message.replyBytes),
        payload: subject.operation.refusal(.notEnabledForAccount)))
    return true
  }
}

extension UnsafeRawBufferPointer {
  /// What follows a prefix; nil without it.
  fileprivate func after(_ prefix: StaticString) -> UnsafeRawBufferPointer? {
    let length = prefix.utf8CodeUnitCount
    guard count >= length else { return nil }
    for position in 0..<length where self[position] != prefix.utf8Start[position] { return nil }
    return UnsafeRawBufferPointer(rebasing: self[length...])
  }
}
