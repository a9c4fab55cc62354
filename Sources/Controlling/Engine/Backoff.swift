/// Waits between attempts at what fails: 1 s, twice as long each time, 5 min at most, give or take a tenth.
struct Backoff {
  static let first: Int64 = 1_000_000_000
  static let longest: Int64 = 300_000_000_000

  /// In a row.
  private(set) var failures = 0

  /// - Parameter chance: from 0 up to 1.
  mutating func next(chance: Double) -> Int64 {
    let delay = min(Self.longest, Self.first << Int64(min(failures, 9)))
    failures += 1
    return Int64(Double(delay) * (0.9 + 0.2 * chance))
  }

  mutating func reset() { failures = 0 }
}
