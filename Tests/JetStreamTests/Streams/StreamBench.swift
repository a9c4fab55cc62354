import Foundation
import JetStream
import JetStreamAPI
import MessageStore

/// A stream with a journal that is durable when the test says so.
struct TestStream {
  var rules: StreamRules
  var output = StreamOutput()
  /// Entries that are not durable yet, with where their answers go.
  var pending: [(kind: StreamEntryKind, bytes: [UInt8], reply: [UInt8])] = []
  /// All entries that ever were.
  var log: [(kind: StreamEntryKind, bytes: [UInt8])] = []
  var answers: [String] = []
  var replies: [String] = []
  /// Where they went.
  var replySubjects: [String] = []
  var republished: [Republication] = []
  var abandoned: [String] = []
  var now: Int64 = 1_700_000_000_000_000_000

  init(_ configure: (inout StreamConfiguration) -> Void = { _ in }, store: StreamStore = StreamStore()) throws {
    var configuration = StreamConfiguration()
    configuration.name = "S"
    configuration.subjects = ["s.>"]
    configuration.storage = .memory
    configure(&configuration)
    self.init(StreamSetup(try configuration.validated()), store: store)
    try rules.finishReplay(output: &output)
  }

  init(_ setup: StreamSetup, store: StreamStore) {
    rules = StreamRules(setup, store: store)
  }

  /// Publishes and makes it durable; the answer as text.
  @discardableResult
  mutating func publish(
    _ subject: String, _ payload: String = "", _ headers: [(String, String)] = [], reply: String = "r"
  ) throws -> String {
    let outcome = propose(subject, payload, headers, reply: reply)
    if outcome == .wait {
      try commit()
      precondition(propose(subject, payload, headers, reply: reply) != .wait, "waits although nothing is in flight")
    }
    try commit()
    return answers.last ?? ""
  }

  /// Proposes; what is to be journaled is put on the heap.
  mutating func propose(
    _ subject: String, _ payload: String = "", _ headers: [(String, String)] = [], reply: String = "r"
  ) -> Proposal {
    output.removeAll()
    var block = ""
    if !headers.isEmpty {
      block = "NATS/1.0\r\n" + headers.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
    }
    let proposal = bytes(subject) { subject in
      bytes(reply) { reply in
        bytes(block) { header in
          bytes(payload) { payload in
            rules.propose(
              InboundMessage(subject: subject, reply: reply, header: header, payload: payload), now: now,
              output: &output)
          }
        }
      }
    }
    take(reply: reply)
    switch proposal {
    case .answer(let answer) where answer != .none: answers.append(text(answer))
    case .journal: break
    default: break
    }
    return proposal
  }

  /// Makes everything durable and applies it.
  mutating func commit() throws {
    while !pending.isEmpty { try commitOne() }
  }

  mutating func commitOne() throws {
    let entry = pending.removeFirst()
    log.append((entry.kind, entry.bytes))
    output.removeAll()
    let applied = try entry.bytes.withUnsafeBytes { bytes in
      try entry.reply.withUnsafeBytes { reply in
        try rules.apply(entry.kind, bytes, reply: reply, output: &output)
      }
    }
    if case .put(_, _, let answer) = applied, answer != .none, !entry.reply.isEmpty { answers.append(text(answer)) }
    if case .purged(let count) = applied { answers.append("purged \(count)") }
    if case .deleted(let done) = applied { answers.append("deleted \(done)") }
    take(reply: "")
  }

  mutating func purge(_ configure: (inout StreamPurgeRequest) -> Void = { _ in }) throws -> String {
    var request = StreamPurgeRequest()
    configure(&request)
    try proposePurge(request)
    try commit()
    return answers.last ?? ""
  }

  mutating func delete(_ sequence: UInt64) throws -> String {
    var request = MessageDeleteRequest()
    request.sequence = sequence
    output.removeAll()
    _ = try rules.proposeDelete(request, output: &output)
    take(reply: "")
    try commit()
    return answers.last ?? ""
  }

  mutating func proposePurge(_ request: StreamPurgeRequest) throws {
    output.removeAll()
    let last = rules.proposedSequence
    if try rules.proposePurge(request, through: last, output: &output) == .wait {
      try commit()
      output.removeAll()
      let second = try rules.proposePurge(request, through: last, isFirst: false, output: &output)
      precondition(second != .wait, "waits although nothing is in flight")
    }
    take(reply: "")
  }

  mutating func proposeDelete(_ sequence: UInt64) {
    var request = MessageDeleteRequest()
    request.sequence = sequence
    output.removeAll()
    _ = try? rules.proposeDelete(request, output: &output)
    take(reply: "")
  }

  /// Lets time pass and does what is due.
  mutating func advance(seconds: Double) throws {
    now += Int64(seconds * 1_000_000_000)
    output.removeAll()
    try rules.tick(now: now, output: &output)
    take(reply: "")
    try commit()
  }

  private mutating func take(reply: String) {
    for index in 0..<output.entries.count {
      pending.append((output.entries.kind(index), output.entries.withEntry(index) { Array($0) }, Array(reply.utf8)))
    }
    replies += output.replies.map { String(decoding: $0.payload, as: UTF8.self) }
    replySubjects += output.replies.map { String(decoding: $0.subject, as: UTF8.self) }
    republished += output.republished
    abandoned += output.abandonedBatches.map { "\($0.id) \($0.reason.rawValue)" }
  }

  func text(_ answer: PublishAnswer) -> String {
    var bytes: [UInt8] = []
    rules.append(answer, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
  }

  // MARK: - What is stored

  /// Messages as `sequence subject payload`.
  var messages: [String] {
    contents.map { "\($0.sequence) \($0.subject) \($0.payload)" }
  }

  var contents: [(sequence: UInt64, subject: String, header: String, payload: String)] {
    var result: [(UInt64, String, String, String)] = []
    var position: UInt64 = 0
    while let message = try? rules.store.next(from: position, matching: .everything) {
      result.append(
        (
          message.sequence, String(decoding: message.subject, as: UTF8.self),
          String(decoding: message.header, as: UTF8.self), String(decoding: message.payload, as: UTF8.self)
        ))
      position = message.sequence + 1
    }
    return result
  }
}

/// The number of the error in an answer; 0 for one that is none.
func errorNumber(_ answer: String) -> Int {
  guard let range = answer.range(of: "\"err_code\":") else { return 0 }
  return Int(answer[range.upperBound...].prefix { $0.isNumber }) ?? 0
}
