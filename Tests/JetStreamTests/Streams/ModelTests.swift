import Foundation
import JetStreamAPI
import MessageStore
import StorageSimulation
import Testing

@testable import JetStream

/// A stream as simple as it can be: every message is stored at once, every question looks at all messages.
struct NaiveStream {
  var configuration: StreamConfiguration
  var messages: [(sequence: UInt64, subject: String, payload: String)] = []
  var last: UInt64 = 0
  var lastID = ""
  var ids: [String: UInt64] = [:]

  mutating func publish(_ subject: String, _ payload: String, _ headers: [(String, String)]) -> String {
    let field = { (name: String) in headers.first { $0.0 == name }?.1 }
    if let expected = field("Nats-Expected-Last-Subject-Sequence") {
      let pattern = field("Nats-Expected-Last-Subject-Sequence-Subject") ?? subject
      let found =
        messages.last { pattern == $0.subject || (pattern == "s.*" && $0.subject.hasPrefix("s.")) }?.sequence ?? 0
      if String(found) != expected { return "10071 wrong last sequence: \(found)" }
    }
    if let expected = field("Nats-Expected-Last-Sequence"), expected != String(last) {
      return "10071 wrong last sequence: \(last)"
    }
    if let id = field("Nats-Msg-Id"), let old = ids[id] { return "duplicate \(old)" }
    if let expected = field("Nats-Expected-Last-Msg-Id"), expected != lastID { return "10070" }
    if let refusal = discardNew(subject, field("Nats-Rollup") != nil) { return refusal }
    last += 1
    messages.append((last, subject, payload))
    lastID = field("Nats-Msg-Id") ?? ""
    if !lastID.isEmpty { ids[lastID] = last }
    enforce(subject)
    switch field("Nats-Rollup") {
    case "sub": messages.removeAll { $0.subject == subject && $0.sequence < last }
    case "all": messages.removeAll { $0.sequence < last }
    default: break
    }
    return "stored \(last)"
  }

  private func discardNew(_ subject: String, _ rollsUp: Bool) -> String? {
    guard configuration.discard == .new else { return nil }
    let perSubject = configuration.maximumMessagesPerSubject
    let isFull = perSubject > 0 && messages.count { $0.subject == subject } >= Int(perSubject)
    if isFull, configuration.discardNewPerSubject, !rollsUp { return "10077 maximum messages per subject exceeded" }
    if configuration.maximumMessages > 0, messages.count >= Int(configuration.maximumMessages), !isFull {
      return "10077 maximum messages exceeded"
    }
    return nil
  }

  private mutating func enforce(_ subject: String) {
    let perSubject = Int(configuration.maximumMessagesPerSubject)
    while perSubject > 0, messages.count(where: { $0.subject == subject }) > perSubject {
      messages.remove(at: messages.firstIndex { $0.subject == subject }!)
    }
    guard configuration.discard == .old, configuration.maximumMessages > 0 else { return }
    while messages.count > Int(configuration.maximumMessages) { messages.removeFirst() }
  }

  mutating func purge(_ subject: String, _ sequence: UInt64, _ keep: UInt64) -> String {
    let wanted = messages.filter {
      (subject.isEmpty || $0.subject == subject) && (sequence == 0 || $0.sequence < sequence)
    }
    let gone = Set(wanted.dropLast(Int(keep)).map(\.sequence))
    messages.removeAll { gone.contains($0.sequence) }
    if subject.isEmpty, sequence > last + 1 { last = sequence - 1 }
    return "purged \(gone.count)"
  }

  mutating func delete(_ sequence: UInt64) -> String {
    let count = messages.count
    messages.removeAll { $0.sequence == sequence }
    return "deleted \(messages.count < count)"
  }

  var contents: [String] { messages.map { "\($0.sequence) \($0.subject) \($0.payload)" } }
}

struct ModelTests {
  private static let configurations: [@Sendable (inout StreamConfiguration) -> Void] = [
    { $0.allowRollup = true },
    {
      $0.maximumMessages = 12
      $0.allowRollup = true
    },
    {
      $0.maximumMessagesPerSubject = 2
      $0.maximumMessages = 9
      $0.allowRollup = true
    },
    {
      $0.discard = .new
      $0.maximumMessages = 8
      $0.maximumMessagesPerSubject = 3
      $0.allowRollup = true
    },
    {
      $0.discard = .new
      $0.discardNewPerSubject = true
      $0.maximumMessagesPerSubject = 1
      $0.allowRollup = true
    },
  ]

  @Test("5.3 whatever is in flight, a stream answers and stores as one that stores at once", arguments: 0..<5)
  func againstModel(_ index: Int) throws {
    for seed in UInt64(1)...40 {
      var random = SeededGenerator(seed: seed * 31 + UInt64(index))
      var stream = try TestStream { Self.configurations[index](&$0) }
      var model = NaiveStream(configuration: stream.rules.configuration)
      var expected: [String] = []
      for step in 0..<120 {
        try Self.step(&random, step, &stream, &model, &expected)
        // Some of what is in flight becomes durable.
        for _ in 0..<Int.random(in: 0...2, using: &random) where !stream.pending.isEmpty { try stream.commitOne() }
      }
      try stream.commit()
      #expect(stream.messages == model.contents, "seed \(seed)")
      #expect(stream.answers.map(Self.short).sorted() == expected.sorted(), "seed \(seed)")
      try Self.checkReplay(stream, &random, seed)
    }
  }

  private static func step(
    _ random: inout SeededGenerator, _ step: Int, _ stream: inout TestStream, _ model: inout NaiveStream,
    _ expected: inout [String]
  ) throws {
    switch Int.random(in: 0..<20, using: &random) {
    case 0:
      let subject = ["", "s.a", "s.b"].randomElement(using: &random)!
      let sequence = Bool.random(using: &random) ? UInt64.random(in: 0...(model.last + 3), using: &random) : 0
      let keep = sequence == 0 ? UInt64.random(in: 0...3, using: &random) : 0
      var request = StreamPurgeRequest()
      (request.subject, request.sequence, request.keep) = (subject, sequence, keep)
      try stream.proposePurge(request)
      expected.append(sequence == 1 ? "purged 0" : model.purge(subject, sequence, keep))
    case 1:
      let sequence = UInt64.random(in: 0...(model.last + 1), using: &random)
      stream.proposeDelete(sequence)
      expected.append(model.delete(sequence))
    default:
      let subject = ["s.a", "s.b", "s.c", "s.d"].randomElement(using: &random)!
      let headers = headers(&random, model)
      if stream.propose(subject, "\(step)", headers) == .wait {
        try stream.commit()
        let second = stream.propose(subject, "\(step)", headers)
        #expect(second != .wait)
      }
      expected.append(answer(model.publish(subject, "\(step)", headers)))
    }
  }

  private static func headers(_ random: inout SeededGenerator, _ model: NaiveStream) -> [(String, String)] {
    var result: [(String, String)] = []
    let known = String(Int(model.last) - Int.random(in: 0...2, using: &random))
    switch Int.random(in: 0..<12, using: &random) {
    case 0: result.append(("Nats-Expected-Last-Sequence", known))
    case 1, 2:
      let last = model.messages.last { $0.subject == "s.a" }?.sequence ?? 0
      result.append(("Nats-Expected-Last-Subject-Sequence", String(last)))
    case 3:
      result.append(("Nats-Expected-Last-Subject-Sequence", String(model.messages.last?.sequence ?? 0)))
      result.append(("Nats-Expected-Last-Subject-Sequence-Subject", "s.*"))
    case 4, 5: result.append(("Nats-Msg-Id", String(Int.random(in: 0..<40, using: &random))))
    case 6: result.append(("Nats-Expected-Last-Msg-Id", model.lastID.isEmpty ? "x" : model.lastID))
    case 7: result.append(("Nats-Rollup", Int.random(in: 0..<4, using: &random) == 0 ? "all" : "sub"))
    default: break
    }
    return result
  }

  /// The model's word as the answer it stands for.
  private static func answer(_ word: String) -> String {
    let parts = word.split(separator: " ")
    switch parts[0] {
    case "stored": return #"{"stream":"S","seq":\#(parts[1])}"#
    case "duplicate": return #"{"stream":"S","seq":\#(parts[1]),"duplicate": true}"#
    case "10070": return "10070"
    case "10071", "10077": return word
    default: return word
    }
  }

  /// An answer with its error as the model says it.
  private static func short(_ answer: String) -> String {
    let number = errorNumber(answer)
    if number == 0 { return answer }
    if number == 10070 { return "10070" }
    let text = answer.components(separatedBy: "\"description\":\"").last!.prefix { $0 != "\"" }
    return "\(number) \(text)"
  }

  // MARK: - Replay

  private static func state(_ stream: TestStream) -> [String] {
    stream.messages + [
      "last \(stream.rules.store.lastSequence)", String(decoding: stream.rules.lastMessageID, as: UTF8.self),
    ]
  }

  /// Entries again from the beginning, part of them twice, with a checkpoint in between: always the same stream.
  private static func checkReplay(_ stream: TestStream, _ random: inout SeededGenerator, _ seed: UInt64) throws {
    let wanted = state(stream)
    let count = stream.log.count
    let stop = Int.random(in: 0...count, using: &random)
    let again = Int.random(in: 0...stop, using: &random)
    var output = StreamOutput()
    var replayed = TestStream(StreamSetup(stream.rules.configuration), store: StreamStore())
    for index in Array(0..<stop) {
      try replayed.replay(stream.log[index])
    }
    // What was not durable elsewhere is replayed once more by a fresh value on the same store.
    var second = TestStream(StreamSetup(stream.rules.configuration), store: replayed.rules.store)
    let checkpoint = replayed.rules.checkpointState()
    let isRestored = again == stop ? second.rules.restore(checkpoint) : true
    #expect(isRestored)
    for index in Array(again..<count) { try second.replay(stream.log[index]) }
    try second.rules.finishReplay(output: &output)
    #expect(state(second) == wanted, "seed \(seed): \(count) entries, stopped at \(stop), again from \(again)")
    #expect(second.rules.proposedSequence >= second.rules.store.lastSequence)
  }
}

extension TestStream {
  mutating func replay(_ entry: (kind: StreamEntryKind, bytes: [UInt8])) throws {
    output.removeAll()
    _ = try entry.bytes.withUnsafeBytes { try rules.apply(entry.kind, $0, output: &output) }
  }
}
