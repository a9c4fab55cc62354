import Glibc
import JSON

/// What the reply subject of a message says that is part of a fast batch:
/// `<prefix>.<batch>.<flow>.<ok|fail>.<sequence>.<operation>.$FI` (FEATURES 5.075).
struct FastBatchReply: Equatable {
  enum Operation: Int { case start, append, commit, commitEnd, ping }

  var id: String
  /// The most messages between two acknowledgements.
  var flow: UInt16
  /// Messages may be missing.
  var allowsGaps: Bool
  var sequence: UInt64
  var operation: Operation

  private static let suffix: StaticString = ".$FI"

  /// Whether a reply subject is meant as one.
  @inline(__always)
  static func isOne(_ reply: UnsafeRawBufferPointer) -> Bool {
    guard reply.count > 4, let base = reply.baseAddress else { return false }
    return memcmp(base + reply.count - 4, suffix.utf8Start, 4) == 0
  }

  /// The reply subject of the publisher, for a message that came across accounts and belongs to a fast batch.
  static func original(of reply: UnsafeRawBufferPointer, _ headers: PublishHeaders) -> [UInt8]? {
    guard reply.count > 4, reply.starts(with: "_R_.".utf8), let info = headers.requestInfo,
      let tree = try? JSONValue(parsing: info), let original = tree["reply"]?.string
    else { return nil }
    let bytes = Array(original.utf8)
    return bytes.withUnsafeBytes { isOne($0) } ? bytes : nil
  }

  /// nil: a reply subject that is meant as one is not well formed.
  init?(_ reply: UnsafeRawBufferPointer) {
    let tokens = String(decoding: reply, as: UTF8.self).split(
      separator: ".", omittingEmptySubsequences: false)
    guard tokens.count >= 7 else { return nil }
    let last = tokens.count - 1
    guard let number = Int(tokens[last - 1]), let operation = Operation(rawValue: number),
      tokens[last - 1].utf8.allSatisfy({ $0 &- 0x30 <= 9 }),
      let sequence = UInt64(tokens[last - 2]), tokens[last - 2].utf8.allSatisfy({ $0 &- 0x30 <= 9 }),
      sequence > 0, sequence < .max
    else { return nil }
    switch operation {
    case .start where sequence != 1, .append where sequence == 1, .commitEnd where sequence == 1: return nil
    default: break
    }
    guard tokens[last - 3] == "ok" || tokens[last - 3] == "fail" else { return nil }
    let flow = tokens[last - 4].utf8.allSatisfy { $0 &- 0x30 <= 9 } ? Int(tokens[last - 4]) ?? 0 : 0
    id = String(tokens[last - 5])
    self.flow = flow <= 0 ? 10 : UInt16(min(flow, Int(UInt16.max)))
    allowsGaps = tokens[last - 3] == "ok"
    self.sequence = sequence
    self.operation = operation
  }

  var commits: Bool { operation == .commit || operation == .commitEnd }
}
