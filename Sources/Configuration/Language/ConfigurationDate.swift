import Bytes

/// `YYYY-MM-DDTHH:MM:SSZ`, the one form of dates in the conf language.
enum ConfigurationDate {
  /// Seconds since 1970, or `nil` for a day or an hour that does not exist.
  static func seconds(_ text: String) -> Int64? {
    let digits = Array(text.utf8)
    guard digits.count == 20 else { return nil }
    func number(_ start: Int, _ count: Int) -> Int {
      digits[start..<start + count].reduce(0) { $0 * 10 + Int($1) - 48 }
    }
    let time = CivilTime(
      year: number(0, 4), month: number(5, 2), day: number(8, 2),
      hour: number(11, 2), minute: number(14, 2), second: number(17, 2))
    guard (1...12).contains(time.month), (1...CivilTime.days(inMonth: time.month, year: time.year)).contains(time.day),
      time.hour < 24, time.minute < 60, time.second < 60
    else { return nil }
    return time.unixSeconds
  }

  static func text(_ seconds: Int64) -> String {
    let time = CivilTime(unixSeconds: seconds)
    return "\(GoText.pad(time.year, 4))-\(GoText.pad(time.month, 2))-\(GoText.pad(time.day, 2))T"
      + "\(GoText.pad(time.hour, 2)):\(GoText.pad(time.minute, 2)):\(GoText.pad(time.second, 2))Z"
  }
}
