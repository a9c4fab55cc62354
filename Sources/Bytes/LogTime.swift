import Glibc

/// The time column of a log line: `2026/01/02 03:04:05.123456`, in local time or UTC (`logtime_utc`).
public enum LogTime {
  /// Appends 26 bytes. Local time comes from libc (`TZ`, `/etc/localtime`); without either it is UTC.
  public static func append(_ time: Timestamp, utc: Bool, to bytes: inout [UInt8]) {
    let offset = utc ? 0 : localOffsetSeconds(at: time)
    RFC3339.appendCivil(CivilTime(unixSeconds: time.seconds + Int64(offset)), separators: .log, to: &bytes)
    let microseconds = Int(time.nanoseconds) / 1000
    bytes.append(UInt8(ascii: "."))
    RFC3339.appendTwoDigits(microseconds / 10_000, to: &bytes)
    RFC3339.appendTwoDigits(microseconds / 100 % 100, to: &bytes)
    RFC3339.appendTwoDigits(microseconds % 100, to: &bytes)
  }

  /// Seconds that local time is east of UTC at a moment, daylight saving included.
  public static func localOffsetSeconds(at time: Timestamp) -> Int {
    var seconds = time_t(time.seconds)
    var broken = tm()
    return localtime_r(&seconds, &broken) == nil ? 0 : Int(broken.tm_gmtoff)
  }
}
