import Bytes

/// Dates in headers: `Sat, 21 Nov 2026 01:31:06 GMT`.
public enum HTTPDate {
  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  public static func string(unixSeconds: Int64) -> String {
    let civil = CivilTime(unixSeconds: unixSeconds)
    func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
    let year = String(civil.year)
    let date = "\(two(civil.day)) \(months[civil.month - 1]) \(String(repeating: "0", count: max(0, 4 - year.count)))"
    return "\(weekdays[civil.weekday]), \(date)\(year) \(two(civil.hour)):\(two(civil.minute)):\(two(civil.second)) GMT"
  }
}
