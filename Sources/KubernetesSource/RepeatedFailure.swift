/// What fails again and again is told when it is news, and once a minute while it stays the same.
struct RepeatedFailure {
  private static let repeatNanoseconds: Int64 = 60_000_000_000

  private var told: (text: String, at: Int64)?

  /// Whether the failure is worth a line. - Parameter now: monotonic nanoseconds.
  mutating func isNews(_ text: String, now: Int64) -> Bool {
    if let told, told.text == text, now < told.at + Self.repeatNanoseconds { return false }
    told = (text, now)
    return true
  }

  /// It works again: the next failure is news.
  mutating func end() { told = nil }
}
