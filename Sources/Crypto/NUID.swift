import Bytes

/// Unique identifiers of 22 base-62 characters, as nats-server puts them into inboxes, advisories and event ids:
/// 12 random characters, then a 10-character number that grows by a random step, so that making one is cheap.
public struct NUID: Sendable {
  public static let length = 22
  static let digits: StaticString = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  private static let prefixLength = 12
  /// 62 to the power of 10.
  private static let sequenceLimit: UInt64 = 839_299_365_868_340_224
  private static let steps: Range<UInt64> = 33..<333

  private var prefix: [UInt8] = []
  private var sequence: UInt64 = 0
  private var step: UInt64 = 0

  public init() { restart() }

  /// The next identifier of this generator.
  public mutating func next() -> String {
    sequence += step
    if sequence >= Self.sequenceLimit { restart() }
    return String(unsafeUninitializedCapacity: Self.length) { text in
      for index in 0..<Self.prefixLength { text[index] = prefix[index] }
      var left = sequence
      for index in stride(from: Self.length - 1, through: Self.prefixLength, by: -1) {
        text[index] = Self.digits.utf8Start[Int(left % 62)]
        left /= 62
      }
      return Self.length
    }
  }

  private mutating func restart() {
    var generator = SystemRandomNumberGenerator()
    prefix = (0..<Self.prefixLength).map { _ in Self.digits.utf8Start[Int.random(in: 0..<62, using: &generator)] }
    sequence = UInt64.random(in: 0..<Self.sequenceLimit, using: &generator)
    step = UInt64.random(in: Self.steps, using: &generator)
  }

  private static let shared = Guarded(NUID())

  /// The next identifier of the generator that the whole process shares.
  public static func next() -> String {
    shared.withLock { $0.next() }
  }
}

/// Short names derived from longer ones, as nats-server uses them for server and account hashes in subjects.
public enum ShortHash {
  /// `length` base-62 characters of the SHA-256 of `name`; `length` is at most 32, usually 8 or 6.
  public static func make(_ name: String, length: Int = 8) -> String {
    precondition(length <= SHA256.digestLength)
    return String(
      decoding: SHA256.digest(name).prefix(length).map { NUID.digits.utf8Start[Int($0 % 62)] }, as: UTF8.self)
  }
}
