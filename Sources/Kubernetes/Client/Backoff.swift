/// Growing waits with a random part, so that many clients that failed together do not come back together.
public struct Backoff: Sendable, Equatable {
  /// Of the first wait, in nanoseconds, before the random part.
  public var first: Int64
  public var most: Int64
  public var factor: Double
  /// The random part is up to this times the wait.
  public var jitter: Double
  private var next: Int64

  public init(first: Int64, most: Int64, factor: Double = 2, jitter: Double = 0.5) {
    self.first = first
    self.most = most
    self.factor = factor
    self.jitter = jitter
    next = first
  }

  /// The wait before the next attempt. - Parameter random: at least 0, below 1.
  public mutating func wait(random: Double) -> Int64 {
    let wait = next
    next = min(most, Int64(Double(next) * factor))
    return wait + Int64(Double(wait) * jitter * random)
  }

  /// An attempt succeeded.
  public mutating func reset() {
    next = first
  }
}
