/// A date and a time of day in the proleptic Gregorian calendar, without a zone.
///
/// Our own calendar mathematics, because Foundation does not ship with the server and libc's `timegm` family
/// costs a lock and a time zone lookup.
public struct CivilTime: Hashable, Sendable {
  /// Astronomical year: 0 is the year before 1.
  public var year: Int
  /// 1 to 12.
  public var month: Int
  /// 1 to 31.
  public var day: Int
  /// 0 to 23.
  public var hour: Int
  /// 0 to 59.
  public var minute: Int
  /// 0 to 59; leap seconds do not exist here, as in Go.
  public var second: Int

  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  /// The civil time of a moment in UTC; for another zone add its offset to the seconds first.
  public init(unixSeconds: Int64) {
    let (days, secondOfDay) = Self.floorDivide(unixSeconds, 86_400)
    // Years are counted from March, so that the leap day is the last of its year (Hinnant, "chrono-compatible
    // low-level date algorithms").
    let (era, dayOfEra) = Self.floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
    year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    hour = Int(secondOfDay / 3600)
    minute = Int(secondOfDay / 60 % 60)
    second = Int(secondOfDay % 60)
  }

  /// Seconds since 1970-01-01T00:00:00Z when this is read as UTC.
  ///
  /// Fields outside their range are carried over, so that `day + 30` is a valid way to count on.
  public var unixSeconds: Int64 {
    let (yearCarry, monthIndex) = Self.floorDivide(Int64(month) - 1, 12)
    let civilYear = Int64(year) + yearCarry - (monthIndex < 2 ? 1 : 0)
    let (era, yearOfEra) = Self.floorDivide(civilYear, 400)
    let marchMonth = (monthIndex + 10) % 12
    let dayOfYear = (153 * marchMonth + 2) / 5
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468 + Int64(day) - 1
    return days * 86_400 + Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
  }

  /// 0 is Sunday, 6 is Saturday.
  public var weekday: Int {
    let (days, _) = Self.floorDivide(unixSeconds, 86_400)
    return Int(Self.floorDivide(days + 4, 7).remainder)
  }

  /// Whether February of a year has 29 days.
  public static func isLeap(year: Int) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  /// Days in a month (1 to 12) of a year.
  public static func days(inMonth month: Int, year: Int) -> Int {
    switch month {
    case 2: return isLeap(year: year) ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
