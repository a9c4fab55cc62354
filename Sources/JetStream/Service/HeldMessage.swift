import Broker

/// A message that waits, with its bytes.
struct HeldMessage {
  let kind: HandoffKind
  let tag: UInt32
  private let bytes: [UInt8]
  private let subjectLength: Int
  private let replyLength: Int
  private let hasReply: Bool
  private let headerLength: Int
  private let size: Int

  init(_ message: Message, kind: HandoffKind = .publish, tag: UInt32 = 0) {
    self.kind = kind
    self.tag = tag
    subjectLength = message.subjectLength
    hasReply = message.reply != nil
    replyLength = hasReply ? message.replyLength : 0
    headerLength = message.headerLength
    size = message.size
    let padding = [UInt8](repeating: 0, count: HandoffBatch.padding)
    bytes =
      Array(message.subjectBytes) + padding + (hasReply ? Array(message.replyBytes) : []) + padding
      + Array(message.bodyBytes) + padding
  }

  func withMessage(_ body: (Message) -> Void) {
    bytes.withUnsafeBytes { bytes in
      let subject = bytes.baseAddress!
      let reply = subject + subjectLength + HandoffBatch.padding
      let start = reply + replyLength + HandoffBatch.padding
      body(
        Message(
          subject: subject, subjectLength: subjectLength, reply: hasReply ? reply : nil, replyLength: replyLength,
          headerLength: headerLength, body: start, size: size))
    }
  }
}
