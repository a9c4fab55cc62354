import Bytes

/// Spans of time as monitoring answers print them.
enum MonitoringText {
  /// Whole seconds up to years, without units that are zero at the front: `1d0h0m5s` (FEATURES 11.005).
  static func uptime(nanoseconds: Int64) -> String {
    let seconds = nanoseconds / 1_000_000_000
    let minutes = seconds / 60
    let hours = minutes / 60
    let days = hours / 24
    let years = days / 365
    if years > 0 { return "\(years)y\(days % 365)d\(hours % 24)h\(minutes % 60)m\(seconds % 60)s" }
    if days > 0 { return "\(days)d\(hours % 24)h\(minutes % 60)m\(seconds % 60)s" }
    if hours > 0 { return "\(hours)h\(minutes % 60)m\(seconds % 60)s" }
    if minutes > 0 { return "\(minutes)m\(seconds % 60)s" }
    return "\(seconds)s"
  }

  /// A round trip: below a millisecond without its nanoseconds.
  static func roundTrip(nanoseconds: Int64) -> String {
    let shown = nanoseconds > 1000 && nanoseconds < 1_000_000 ? nanoseconds / 1000 * 1000 : nanoseconds
    return GoDuration.string(nanoseconds: shown)
  }
}
