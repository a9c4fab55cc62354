/// Whether a failed request is sent again, and when.
struct RequestRetry: Sendable {
  /// A server that asks for more patience than this is not waited for within one request.
  static let longestWait: Int64 = 30_000_000_000

  private let attempts: Int
  private let isRepeatable: Bool
  private var made = 1
  private var backoff = Backoff(first: 100_000_000, most: 5_000_000_000)

  init(_ request: ResourceRequest) {
    attempts = request.attempts
    isRepeatable = request.isRepeatable
  }

  /// Nanoseconds to wait before the next attempt; nil when the error is final.
  mutating func wait(after error: KubernetesError, random: Double) -> Int64? {
    guard made < attempts, isWorthAnother(error) else { return nil }
    made += 1
    let wait = backoff.wait(random: random)
    guard let asked = error.status?.retryAfterSeconds else { return wait }
    let nanoseconds = min(asked, 1 << 32) * 1_000_000_000
    return nanoseconds > Self.longestWait ? nil : max(wait, nanoseconds)
  }

  private func isWorthAnother(_ error: KubernetesError) -> Bool {
    switch error {
    case .unreachable: true
    case .interrupted: isRepeatable
    case .status(let status):
      switch status.code {
      case 429: true
      case 503: isRepeatable || status.retryAfterSeconds != nil
      case 502, 504: isRepeatable
      case 500: status.retryAfterSeconds != nil
      default: false
      }
    case .configuration, .malformed, .tooLarge, .cancelled: false
    }
  }
}
