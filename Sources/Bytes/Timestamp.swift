/// A moment in time: seconds since 1970-01-01T00:00:00Z and nanoseconds within the second.
///
/// Wider than 64-bit nanoseconds because monitoring answers and stream states print Go's zero time, the first
/// moment of the year 1.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Seconds since the Unix epoch, rounded down.
  public var seconds: Int64
  /// 0 to 999,999,999.
  public var nanoseconds: Int32

  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  public init(unixNanoseconds: Int64) {
    let (quotient, remainder) = unixNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    seconds = remainder < 0 ? quotient - 1 : quotient
    nanoseconds = Int32(remainder < 0 ? remainder + 1_000_000_000 : remainder)
  }

  /// Go's zero time, `0001-01-01T00:00:00Z`: what nats-server prints for "never".
  public static let zero = Timestamp(seconds: -62_135_596_800)

  public var isZero: Bool { self == .zero }

  /// Nanoseconds since the Unix epoch; a moment outside the years 1677 to 2262 gives the nearest bound.
  public var unixNanoseconds: Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else {
      // The last partial second at the lower bound overflows before its nanoseconds are added.
      guard seconds == -9_223_372_037, nanoseconds >= 145_224_192 else { return seconds < 0 ? .min : .max }
      return Int64.min + Int64(nanoseconds - 145_224_192)
    }
    let (sum, sumOverflow) = product.addingReportingOverflow(Int64(nanoseconds))
    return sumOverflow ? .max : sum
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.seconds != right.seconds ? left.seconds < right.seconds : left.nanoseconds < right.nanoseconds
  }
}

/// As an RFC 3339 string, in UTC.
extension Timestamp: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    do {
      self = try RFC3339.parse(text)
    } catch {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(codingPath: decoder.codingPath, debugDescription: error.description))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(RFC3339.string(self))
  }
}
