@testable import Subjects

/// A small generator with a printable seed (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

extension SubscriptionIndex {
  @discardableResult
  func insert(_ subject: String, queue: String = "", sid: String = "1") -> UnsafeMutablePointer<Subscription>? {
    Array(subject.utf8).withUnsafeBytes { subject in
      Array(queue.utf8).withUnsafeBytes { queue in
        Array(sid.utf8).withUnsafeBytes { insert(subject: subject, queue: queue, sid: $0, owner: nil) }
      }
    }
  }

  /// Plain subscription ids, and the member ids of each group by queue name, all sorted.
  func match(_ subject: String) -> Matched {
    var result = MatchResult()
    defer { result.destroy() }
    Array(subject.utf8).withUnsafeBytes { match($0, into: &result) }
    return Matched(result, records)
  }

  func reverseMatch(_ pattern: String) -> Matched {
    var result = MatchResult()
    defer { result.destroy() }
    Array(pattern.utf8).withUnsafeBytes { reverseMatch($0, into: &result) }
    return Matched(result, records)
  }

  func hasInterest(_ subject: String) -> Bool { Array(subject.utf8).withUnsafeBytes { hasInterest($0) } }
}

struct Matched: Equatable, CustomStringConvertible {
  var plain: [UInt32] = []
  var groups: [String: [UInt32]] = [:]

  init() {}

  init(_ result: MatchResult, _ records: SubscriptionRecords) {
    plain = (0..<result.plainCount).map { result.plain[$0].pointee.id }.sorted()
    for index in 0..<result.groupCount {
      let group = result.groups[index]
      let name = text(records.queueName(group.queue))
      precondition(groups[name] == nil, "one group reported twice")
      groups[name] = (group.start..<group.start + group.count).map { result.queued[Int($0)].pointee.id }.sorted()
    }
  }

  var isEmpty: Bool { plain.isEmpty && groups.isEmpty }
  var description: String { "plain \(plain) groups \(groups)" }
}
