import Bytes

/// When something happens again and again: six fields for second, minute, hour, day of month, month and day of week
/// (FEATURES 5.077).
struct CronExpression: Equatable {
  /// Bits of the values that match; the highest bit: the field began with a star.
  private var fields: [UInt64] = []

  private static let star: UInt64 = 1 << 63
  private static let ranges: [ClosedRange<Int>] = [0...59, 0...59, 0...23, 1...31, 1...12, 0...6]
  private static let monthNames = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// nil: that is no such expression.
  init?(_ pattern: String) {
    let texts = pattern.split(whereSeparator: \.isWhitespace)
    guard texts.count == 6 else { return nil }
    for (index, text) in texts.enumerated() {
      var bits: UInt64 = 0
      for part in text.split(separator: ",") {
        guard let more = Self.bits(part, index) else { return nil }
        bits |= more
      }
      fields.append(bits)
    }
  }

  /// `*`, `?`, a value or a range, each with an optional step.
  private static func bits(_ text: Substring, _ index: Int) -> UInt64? {
    let range = ranges[index]
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    var start = range.lowerBound
    var end = range.upperBound
    var extra: UInt64 = 0
    if bounds[0] == "*" || bounds[0] == "?" {
      extra = star
    } else {
      guard let first = value(bounds[0], index), bounds.count <= 2 else { return nil }
      start = first
      end = first
      if bounds.count == 2 {
        guard let last = value(bounds[1], index) else { return nil }
        end = last
      }
    }
    var step = 1
    if parts.count == 2 {
      guard let number = number(parts[1]) else { return nil }
      step = number
      // A single value with a step goes on to the end.
      if bounds.count == 1 { end = range.upperBound }
      if step > 1 { extra = 0 }
    } else if parts.count > 2 {
      return nil
    }
    guard start >= range.lowerBound, end <= range.upperBound, start <= end, step > 0 else { return nil }
    return stride(from: start, through: end, by: step).reduce(extra) { $0 | 1 << UInt64($1) }
  }

  private static func value(_ text: Substring, _ index: Int) -> Int? {
    let name = text.lowercased()
    if index == 4, let month = monthNames.firstIndex(of: name) { return month + 1 }
    if index == 5, let day = dayNames.firstIndex(of: name) { return day }
    return number(text)
  }

  private static func number(_ text: Substring) -> Int? {
    guard let value = Int(text), value >= 0 else { return nil }
    return value
  }

  /// The first match behind a time, in seconds since 1970; nil: there is none within five years.
  ///
  /// Fields are looked at from the month down; one that does not match moves on until it does, and begins what is below
  /// it anew.
  func next(after seconds: Int64, zone: TimeZone) -> Int64? {
    var time = seconds + 1
    let lastYear = zone.civil(time).year + 5
    var isCut = false
    search: while true {
      var civil = zone.civil(time)
      if civil.year > lastYear { return nil }
      while !has(4, civil.month) {
        if !isCut { civil = CivilTime(year: civil.year, month: civil.month, day: 1) }
        isCut = true
        civil.month += 1
        time = zone.seconds(civil)
        civil = zone.civil(time)
        if civil.month == 1 { continue search }
      }
      while !matchesDay(civil) {
        if !isCut { civil = CivilTime(year: civil.year, month: civil.month, day: civil.day) }
        isCut = true
        civil.day += 1
        time = zone.seconds(civil)
        civil = zone.civil(time)
        if civil.day == 1 { continue search }
      }
      while !has(2, civil.hour) {
        if !isCut {
          time = zone.seconds(
            CivilTime(year: civil.year, month: civil.month, day: civil.day, hour: civil.hour))
        }
        isCut = true
        time += 3600
        civil = zone.civil(time)
        if civil.hour == 0 { continue search }
      }
      while !has(1, civil.minute) {
        if !isCut { time -= Int64(civil.second) }
        isCut = true
        time += 60
        civil = zone.civil(time)
        if civil.minute == 0 { continue search }
      }
      while !has(0, civil.second) {
        isCut = true
        time += 1
        civil = zone.civil(time)
        if civil.second == 0 { continue search }
      }
      return time
    }
  }

  private func has(_ field: Int, _ value: Int) -> Bool { fields[field] & 1 << UInt64(value) != 0 }

  /// Both days must match if one of them is a star, otherwise one is enough.
  private func matchesDay(_ civil: CivilTime) -> Bool {
    let dayOfMonth = has(3, civil.day)
    let dayOfWeek = has(5, civil.weekday)
    return (fields[3] | fields[5]) & Self.star != 0 ? dayOfMonth && dayOfWeek : dayOfMonth || dayOfWeek
  }
}
