import Bytes
import JSON

/// A request for messages of a pull consumer (FEATURES 6.067). Durations are nanoseconds.
public struct PullRequest: Equatable, Sendable {
  public var batch = 1
  /// How long it may wait; 0 is for ever.
  public var expires: Int64 = 0
  public var maxBytes = 0
  public var noWait = false
  public var heartbeat: Int64 = 0
  /// Present when the request was JSON: priority rules look at it then.
  public var priority: Priority?

  /// What concerns priority groups (FEATURES 6.077 to 6.080).
  public struct Priority: Equatable, Sendable {
    public var group = ""
    public var minPending: Int64 = 0
    public var minAckPending: Int64 = 0
    public var pinID = ""
    public var priority = 0
    public init() {}
  }

  public init(batch: Int = 1) { self.batch = batch }

  /// Why a request is refused; `description` is what stands behind `400 Bad Request - `.
  public struct Refusal: Error, Equatable, Sendable {
    public let description: String
  }

  /// Nothing is one message, a number that many; any other text is one message; JSON says everything.
  public init(parsing payload: UnsafeRawBufferPointer) throws(Refusal) {
    let text = AckVerb.trimmed(payload[...])
    guard let first = text.first else { return }
    if first == UInt8(ascii: "{") {
      do {
        try decode(text)
      } catch {
        throw Refusal(description: error.description)
      }
      // Doubled as Go does it, with overflow.
      if heartbeat > 0, heartbeat &* 2 > expires { throw Refusal(description: "heartbeat value too large") }
    } else if let number = Self.number(text) {
      batch = number
    }
  }

  /// A decimal number with an optional sign, as Go's `Atoi` reads it.
  private static func number(_ text: UnsafeRawBufferPointer) -> Int? {
    guard text.count <= 20 else { return nil }
    let isNegative = text[0] == UInt8(ascii: "-")
    let digits = isNegative || text[0] == UInt8(ascii: "+") ? text.dropFirst() : text[...]
    guard !digits.isEmpty else { return nil }
    var value = 0
    for byte in digits {
      let digit = byte &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = product.subtractingReportingOverflow(Int(digit))
      if overflow || sumOverflow { return nil }
      value = sum
    }
    if isNegative { return value }
    return value == .min ? nil : -value
  }

  /// As Go decodes: the whole text must be JSON; of several wrong members the first is reported.
  private mutating func decode(_ text: UnsafeRawBufferPointer) throws(JSONError) {
    batch = 0
    var priority = Priority()
    var reader = JSONReader(text)
    var mismatch: JSONError?
    try reader.beginObject()
    while try reader.nextKey() {
      if reader.readNull() { continue }
      do {
        if reader.keyIs("batch") {
          batch = try reader.readInt()
        } else if reader.keyIs("expires") {
          expires = try reader.readInteger("time.Duration")
        } else if reader.keyIs("no_wait") {
          noWait = try reader.readBool()
        } else if reader.keyIs("max_bytes") {
          maxBytes = try reader.readInt()
        } else if reader.keyIs("idle_heartbeat") {
          heartbeat = try reader.readInteger("time.Duration")
        } else if reader.keyIs("group") {
          priority.group = try reader.readString()
        } else if reader.keyIs("min_pending") {
          priority.minPending = try reader.readInt64()
        } else if reader.keyIs("min_ack_pending") {
          priority.minAckPending = try reader.readInt64()
        } else if reader.keyIs("id") {
          priority.pinID = try reader.readString()
        } else if reader.keyIs("priority") {
          priority.priority = try reader.readInt()
        } else {
          try reader.skipValue()
        }
      } catch {
        if error.isSyntax { throw error }
        if mismatch == nil { mismatch = error.insideUnnamed() }
      }
    }
    try reader.finish()
    if let mismatch { throw mismatch }
    self.priority = priority
  }
}
