import Bytes

/// What `Nats-Schedule` says (FEATURES 5.077).
enum SchedulePattern: Equatable {
  /// Once; nanoseconds since 1970.
  case at(Int64)
  /// Every so many nanoseconds.
  case every(Int64)
  case cron(CronExpression, TimeZone)

  /// nil: that is no schedule.
  ///
  /// - Parameter zone: of the header; only for cron patterns.
  init?(_ pattern: String, zone: TimeZone?) {
    if pattern.hasPrefix("@at ") {
      guard zone == nil, let time = try? RFC3339.parse(pattern.dropFirst(4)) else { return nil }
      self = .at(time.unixNanoseconds)
    } else if pattern.hasPrefix("@every ") {
      guard zone == nil, let interval = try? GoDuration.parse(pattern.dropFirst(7)), interval >= Self.second else {
        return nil
      }
      self = .every(interval)
    } else {
      let fields: String =
        switch pattern {
        case "@yearly", "@annually": "0 0 0 1 1 *"
        case "@monthly": "0 0 0 1 * *"
        case "@weekly": "0 0 0 * * 0"
        case "@daily", "@midnight": "0 0 0 * * *"
        case "@hourly": "0 0 * * * *"
        default: pattern
        }
      guard let cron = CronExpression(fields) else { return nil }
      self = .cron(cron, zone ?? .utc)
    }
  }

  var repeats: Bool {
    if case .at = self { return false }
    return true
  }

  private static let second: Int64 = 1_000_000_000

  /// When it goes off next after a time; runs that were missed until `now` are left out. nil: never.
  func next(after time: Int64, now: Int64) -> Int64? {
    switch self {
    case .at(let time): return time
    case .every(let interval):
      let next = Self.rounded(time).addingReportingOverflow(interval)
      if next.overflow { return nil }
      if next.partialValue >= now { return next.partialValue }
      let later = Self.rounded(now).addingReportingOverflow(interval)
      return later.overflow ? nil : later.partialValue
    case .cron(let expression, let zone):
      guard let next = expression.next(after: Self.floorSeconds(time), zone: zone) else { return nil }
      if next >= Self.floorSeconds(now - 1) + 1 { return next * Self.second }
      return expression.next(after: Self.floorSeconds(Self.rounded(now)), zone: zone).map { $0 * Self.second }
    }
  }

  /// To whole seconds, halves up.
  private static func rounded(_ time: Int64) -> Int64 { floorSeconds(time &+ second / 2) * second }

  private static func floorSeconds(_ time: Int64) -> Int64 {
    let (quotient, remainder) = time.quotientAndRemainder(dividingBy: second)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
