import Broker
import Bytes
import JSON
import JetStreamAPI

/// A request to the API on its way: what it says, who asked and where the answer goes.
final class APIRequest: @unchecked Sendable {
  let account: AccountJetStream
  let subject: APISubject
  /// The subject that the request was published to.
  let fullSubject: [UInt8]
  let reply: [UInt8]
  let header: [UInt8]
  let payload: [UInt8]
  let requester: Requester
  /// The request was to create what is there already.
  var isRepeatedCreate = false
  /// The configuration that an update leads to.
  var updated: StreamConfiguration?
  /// What to say when the message that is to be deleted is not there.
  var absence = JetStreamError.sequenceNotFound(0)

  init(_ account: AccountJetStream, _ subject: APISubject, _ message: Message, requester: Requester) {
    self.account = account
    self.subject = subject
    self.requester = requester
    fullSubject = Array(message.subjectBytes)
    reply = message.reply == nil ? [] : Array(message.replyBytes)
    let body = message.bodyBytes
    header = Array(body[..<message.headerLength])
    payload = Array(body[message.headerLength...])
  }

  /// The subject as it is without a domain: `$JS.API.` and what follows.
  var plainSubject: String {
    let text = String(decoding: fullSubject, as: UTF8.self)
    if text.hasPrefix("$JS.API.") { return text }
    // Behind `$JS.` and a domain, which is one token.
    let tokens = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    return tokens.count == 3 ? "$JS.\(tokens[2])" : text
  }

  /// It asks for a level of the API that this server does not have.
  var refusesLevel: Bool { header.withUnsafeBytes { refusesRequiredLevel($0) } }

  /// The body is an object or an array; requests that need none take anything else for nothing.
  var hasJSON: Bool {
    guard let first = payload.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return false }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
  }

  /// There is no body, or an object without members.
  var isEmpty: Bool {
    if payload.isEmpty { return true }
    guard case .object(let object)? = try? JSONValue(parsing: payload) else { return false }
    return object.members.isEmpty
  }

  /// Answers, and tells whoever watches the API (FEATURES 7.046).
  /// - Parameter header: a whole header block, or empty.
  func answer(_ response: [UInt8], header: [UInt8] = [], failed: Bool = false, on loop: JetStreamLoop) {
    account.countRequest(failed: failed)
    account.service.requestEnded()
    if !reply.isEmpty {
      loop.worker.publish(reply, reply: nil, header: header, payload: response, in: account.account)
    }
    audit(response, on: loop)
  }

  /// Answers a request that is neither counted nor told to those who watch.
  func answerQuietly(_ response: [UInt8], header: [UInt8] = [], on loop: JetStreamLoop) {
    account.service.requestEnded()
    if !reply.isEmpty {
      loop.worker.publish(reply, reply: nil, header: header, payload: response, in: account.account)
    }
  }

  private static let auditSubject = Array("$JS.EVENT.ADVISORY.API".utf8)

  private func audit(_ response: [UInt8], on loop: JetStreamLoop) {
    // The copies are made only for somebody.
    let isHeard = Self.auditSubject.withUnsafeBytes { account.account.hasInterest(in: $0) }
    guard isHeard else { return }
    let advisory = Advisory.audit(
      server: loop.service.server.serverName, client: requesterJSON,
      subject: String(decoding: fullSubject, as: UTF8.self), request: String(decoding: payload, as: UTF8.self),
      response: String(decoding: response, as: UTF8.self), loop.advisoryHead())
    loop.publish(advisory, in: account.account)
  }

  /// Who asked, as advisories show it.
  var requesterJSON: [UInt8] {
    var writer = JSONWriter()
    requester.write(to: &writer)
    return writer.bytes
  }

  /// Decodes the payload in place.
  func decoded<Request>(
    _ decode: (UnsafeRawBufferPointer) throws(JetStreamError) -> Request
  ) throws(JetStreamError) -> Request {
    try payload.withUnsafeBytes { bytes in Result { () throws(JetStreamError) in try decode(bytes) } }.get()
  }
}
