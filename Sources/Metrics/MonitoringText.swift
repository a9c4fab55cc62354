import Bytes

/// Times and durations as monitoring JSON writes them.
enum MonitoringText {
  /// Milliseconds since 1970 of an RFC 3339 time; nil when it is none.
  static func unixMilliseconds(_ text: String) -> Double? {
    // Most of what is asked about is a name: the parser's error text is not worth making.
    guard text.utf8.count >= 20, let time = try? RFC3339.parse(text) else { return nil }
    return Double(time.seconds * 1000 + Int64(time.nanoseconds) / 1_000_000)
  }

  /// Nanoseconds of a Go duration; nil when it is none.
  static func nanoseconds(_ text: String) -> Int64? {
    try? GoDuration.parse(text)
  }

  /// Milliseconds of nats-server's `uptime` and `idle`, which count years of 365 days and days before Go's units:
  /// `1y2d3h4m5s`. -1 when the text is no such duration.
  static func uptimeMilliseconds(_ text: String) -> Double {
    var hours: Int64 = 0
    var rest = Substring(text)
    for (unit, hoursEach) in [("y", Int64(365 * 24)), ("d", 24)] {
      guard let end = rest.firstIndex(of: Character(unit)) else { continue }
      guard let count = Int64(rest[..<end]), count >= 0, count <= 10_000 else { return -1 }
      hours += count * hoursEach
      rest = rest[rest.index(after: end)...]
    }
    guard !rest.isEmpty else { return text.isEmpty ? -1 : Double(hours * 3_600_000) }
    guard let nanoseconds = nanoseconds(String(rest)) else { return -1 }
    return Double(hours * 3_600_000 + nanoseconds / 1_000_000)
  }
}
