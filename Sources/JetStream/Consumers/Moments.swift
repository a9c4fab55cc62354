/// Moments in nanoseconds since 1970, with durations that clients choose: what is later than can be told is never.
extension Int64 {
  func later(by nanoseconds: Int64) -> Int64 {
    let (sum, isBeyond) = addingReportingOverflow(nanoseconds)
    return isBeyond ? (nanoseconds > 0 ? .max : .min) : sum
  }

  /// How long a timer waits for this moment; after a day at the latest it looks again. `now` is after 1970.
  func wait(from now: Int64) -> Int64 {
    self <= now ? 0 : Swift.min(self - now, 86_400_000_000_000)
  }
}
