/// How many TLS connections a listener accepts a second (`connection_rate_limit`, FEATURES 1.045, 3.272).
///
/// A window of one second opens with the first connection after the previous window's end; `limit` connections pass
/// in it.
public struct TLSRateLimiter: Sendable {
  private static let windowNanoseconds: Int64 = 1_000_000_000

  private let limit: Int64
  private var count: Int64 = 0
  private var windowEnd: Int64?
  private var refused: UInt64 = 0

  /// Connections a second.
  public init(limit: Int64) { self.limit = limit }

  /// Whether a connection that arrives at this monotonic time may go on.
  public mutating func allows(atNanoseconds now: Int64) -> Bool {
    if let windowEnd, now <= windowEnd {
      count += 1
    } else {
      count = 0
      windowEnd = now + Self.windowNanoseconds
    }
    if count < limit { return true }
    refused += 1
    return false
  }

  /// Connections refused since the last call: nats-server logs them once a second.
  public mutating func takeRefused() -> UInt64 {
    defer { refused = 0 }
    return refused
  }
}
