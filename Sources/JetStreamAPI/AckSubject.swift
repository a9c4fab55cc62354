/// The reply subject of a delivered message (FEATURES 6.048): where its acknowledgement goes, and what is known about
/// the delivery. `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`, or
/// with `<domain>.<account hash>` in front of the stream; tokens behind the pending count are ignored there.
public struct AckSubject: Equatable, Sendable {
  public var deliveries: UInt64
  public var streamSequence: UInt64
  public var consumerSequence: UInt64
  /// When the message was stored, nanoseconds since 1970.
  public var timestamp: Int64
  public var pending: UInt64

  public init(
    deliveries: UInt64, streamSequence: UInt64, consumerSequence: UInt64, timestamp: Int64 = 0, pending: UInt64 = 0
  ) {
    self.deliveries = deliveries
    self.streamSequence = streamSequence
    self.consumerSequence = consumerSequence
    self.timestamp = timestamp
    self.pending = pending
  }

  /// nil when the subject has another shape. A token that is no number counts as all ones, as in nats-server, which is
  /// no sequence of any message.
  public init?(parsing subject: UnsafeRawBufferPointer) {
    guard let parts = Parts(subject) else { return nil }
    self = parts.values
  }

  /// The stream and the consumer that a subject acknowledges, as ranges of its bytes, and the numbers.
  public struct Parts {
    public let stream: Range<Int>
    public let consumer: Range<Int>
    public let values: AckSubject

    public init?(_ subject: UnsafeRawBufferPointer) {
      guard subject.count > AckSubject.prefix.utf8CodeUnitCount,
        subject.starts(with: UnsafeRawBufferPointer(start: AckSubject.prefix.utf8Start, count: 8))
      else { return nil }
      // The dots behind `$JS.ACK.`, as far as they matter.
      var tokens = 3
      for index in 8..<subject.count where subject[index] == UInt8(ascii: ".") { tokens += 1 }
      guard tokens == 9 || tokens >= 11 else { return nil }
      var cursor = 8
      if tokens >= 11 {
        _ = Parts.token(subject, &cursor)
        _ = Parts.token(subject, &cursor)
      }
      stream = Parts.token(subject, &cursor)
      consumer = Parts.token(subject, &cursor)
      let deliveries = Parts.number(subject, &cursor)
      let streamSequence = Parts.number(subject, &cursor)
      let consumerSequence = Parts.number(subject, &cursor)
      let timestamp = Parts.number(subject, &cursor)
      let pending = Parts.number(subject, &cursor)
      values = AckSubject(
        deliveries: deliveries, streamSequence: streamSequence, consumerSequence: consumerSequence,
        timestamp: Int64(bitPattern: timestamp), pending: pending)
    }

    private static func token(_ subject: UnsafeRawBufferPointer, _ cursor: inout Int) -> Range<Int> {
      let start = cursor
      while cursor < subject.count, subject[cursor] != UInt8(ascii: ".") { cursor += 1 }
      defer { cursor += 1 }
      return start..<cursor
    }

    private static func number(_ subject: UnsafeRawBufferPointer, _ cursor: inout Int) -> UInt64 {
      let start = cursor
      var value: UInt64 = 0
      var isNumber = true
      while cursor < subject.count {
        let byte = subject[cursor]
        if byte == UInt8(ascii: ".") { break }
        let digit = byte &- UInt8(ascii: "0")
        if digit > 9 { isNumber = false }
        value = value &* 10 &+ UInt64(digit)
        cursor += 1
      }
      if cursor == start { isNumber = false }
      cursor += 1
      return isNumber ? value : .max
    }
  }

  static let prefix: StaticString = "$JS.ACK."
}

/// The subjects of one consumer's acknowledgements and flow control (FEATURES 6.048, 6.062).
public struct AckSubjectFormat: Sendable {
  /// `$JS.ACK.<stream>.<consumer>.` or the second form.
  public let prefix: [UInt8]
  /// `$JS.FC.<stream>.<consumer>.` or the second form.
  public let flowControlPrefix: [UInt8]
  /// What the server listens on: both forms are accepted, whichever is sent.
  public let ackFilters: [String]
  public let flowControlFilters: [String]

  /// - Parameters:
  ///   - domain: the JetStream domain, empty for none.
  ///   - accountHash: 8 characters of the account name's hash (`ShortHash`).
  ///   - isSecondForm: send the form with domain and account (feature flag `js_ack_fc_v2`).
  public init(stream: String, consumer: String, domain: String, accountHash: String, isSecondForm: Bool) {
    let owner = "\(domain.isEmpty ? "_" : domain).\(accountHash).\(stream).\(consumer)"
    let plain = "\(stream).\(consumer)"
    prefix = Array("$JS.ACK.\(isSecondForm ? owner : plain).".utf8)
    flowControlPrefix = Array("$JS.FC.\(isSecondForm ? owner : plain).".utf8)
    ackFilters = ["$JS.ACK.\(plain).*.*.*.*.*", "$JS.ACK.\(owner).*.*.*.*.>"]
    flowControlFilters = ["$JS.FC.\(plain).*", "$JS.FC.\(owner).*"]
  }
}
