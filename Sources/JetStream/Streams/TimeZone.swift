import Bytes

/// The offsets of a place from UTC through time: the contents of a file of the zoneinfo database (RFC 8536).
struct TimeZone: Equatable {
  static let utc = TimeZone()

  /// Since when which offset holds, ascending.
  private var transitions: [Int64] = []
  /// Seconds east of UTC, one for each transition.
  private var offsets: [Int] = []
  /// Before the first transition.
  private var firstOffset = 0
  /// After the last one.
  private var rule: TimeZoneRule?

  init() {}

  /// nil: the bytes are no such file.
  init?(file bytes: [UInt8]) {
    guard bytes.count >= 44, bytes.starts(with: "TZif".utf8) else { return nil }
    let isWide = bytes[4] >= UInt8(ascii: "2")
    guard let first = Header(bytes, at: 0) else { return nil }
    var start = 44
    var header = first
    if isWide {
      let second = 44 + first.dataBytes(timeBytes: 4)
      guard let wide = Header(bytes, at: second) else { return nil }
      header = wide
      start = second + 44
    }
    let timeBytes = isWide ? 8 : 4
    guard start + header.dataBytes(timeBytes: timeBytes) <= bytes.count, header.types > 0 else { return nil }
    read(bytes, start, header, timeBytes)
    guard isWide else { return }
    let footer = bytes[(start + header.dataBytes(timeBytes: 8))...].split(separator: 0x0A)
    if let text = footer.first { rule = TimeZoneRule(String(decoding: text, as: UTF8.self)) }
  }

  private struct Header {
    var utcFlags, standardFlags, leaps, times, types, characters: Int

    init?(_ bytes: [UInt8], at start: Int) {
      guard start + 44 <= bytes.count, bytes[start...].starts(with: "TZif".utf8) else { return nil }
      let counts = (0..<6).map { Int(TimeZone.number(bytes, at: start + 20 + 4 * $0, length: 4)) }
      guard counts.allSatisfy({ $0 >= 0 && $0 < 1 << 20 }) else { return nil }
      (utcFlags, standardFlags, leaps) = (counts[0], counts[1], counts[2])
      (times, types, characters) = (counts[3], counts[4], counts[5])
    }

    func dataBytes(timeBytes: Int) -> Int {
      times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standardFlags + utcFlags
    }
  }

  private mutating func read(_ bytes: [UInt8], _ start: Int, _ header: Header, _ timeBytes: Int) {
    let indices = start + header.times * timeBytes
    let types = indices + header.times
    let offset = { (type: Int) in Int(Self.number(bytes, at: types + 6 * type, length: 4)) }
    firstOffset = offset(0)
    for index in 0..<header.times {
      let type = Int(bytes[indices + index])
      guard type < header.types else { continue }
      transitions.append(Self.number(bytes, at: start + index * timeBytes, length: timeBytes))
      offsets.append(offset(type))
    }
  }

  /// A signed number, highest byte first.
  private static func number(_ bytes: [UInt8], at start: Int, length: Int) -> Int64 {
    let value = bytes[start..<(start + length)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return length == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
  }

  /// Seconds east of UTC at a moment.
  func offset(at seconds: Int64) -> Int {
    guard let last = transitions.last, seconds < last else {
      if let rule { return rule.offset(at: seconds) }
      return offsets.last ?? firstOffset
    }
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? firstOffset : offsets[low - 1]
  }

  /// Date and time of day at a moment.
  func civil(_ seconds: Int64) -> CivilTime { CivilTime(unixSeconds: seconds + Int64(offset(at: seconds))) }

  /// The moment of a date and time of day; fields may be out of range. Where clocks go back or forth, one of the two
  /// offsets around it is used.
  func seconds(_ civil: CivilTime) -> Int64 {
    let local = civil.unixSeconds
    let guess = offset(at: local)
    let moment = local - Int64(guess)
    return offset(at: moment) == guess ? moment : local - Int64(offset(at: moment))
  }
}

/// Winter and summer time for all time to come, as `CET-1CEST,M3.5.0,M10.5.0/3` (RFC 8536, 3.3).
struct TimeZoneRule: Equatable {
  private var standard = 0
  private var summer: Int?
  private var begins = Change()
  private var ends = Change()

  private struct Change: Equatable {
    enum Day: Equatable {
      /// 1 to 365, February 29 never counts.
      case julian(Int)
      /// 0 to 365.
      case dayOfYear(Int)
      case weekday(month: Int, week: Int, day: Int)
    }

    var day = Day.dayOfYear(0)
    /// Seconds after midnight.
    var time = 7200
  }

  init?(_ text: String) {
    var parser = Parser(rest: Array(text.utf8)[...])
    guard parser.skipName(), let offset = parser.time() else { return nil }
    standard = -offset
    guard parser.skipName() else { return }
    summer = standard + 3600
    if parser.rest.first != UInt8(ascii: ",") {
      guard let offset = parser.time() else { return nil }
      summer = -offset
    }
    guard parser.skip(","), let first = Self.change(&parser), parser.skip(","), let second = Self.change(&parser) else {
      return nil
    }
    begins = first
    ends = second
  }

  func offset(at seconds: Int64) -> Int {
    guard let summer else { return standard }
    let year = CivilTime(unixSeconds: seconds + Int64(standard)).year
    let start = Self.moment(begins, year) - Int64(standard)
    let end = Self.moment(ends, year) - Int64(summer)
    let isSummer = start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end
    return isSummer ? summer : standard
  }

  /// Local time of a change in seconds since 1970.
  private static func moment(_ change: Change, _ year: Int) -> Int64 {
    let newYear = CivilTime(year: year, month: 1, day: 1).unixSeconds
    switch change.day {
    case .dayOfYear(let day): return newYear + Int64(day) * 86_400 + Int64(change.time)
    case .julian(let day):
      let leap = CivilTime.isLeap(year: year) && day > 59 ? 1 : 0
      return newYear + Int64(day - 1 + leap) * 86_400 + Int64(change.time)
    case .weekday(let month, let week, let day):
      let first = CivilTime(year: year, month: month, day: 1)
      var date = 1 + (day - first.weekday + 7) % 7 + (week - 1) * 7
      while date > CivilTime.days(inMonth: month, year: year) { date -= 7 }
      return first.unixSeconds + Int64(date - 1) * 86_400 + Int64(change.time)
    }
  }

  private static func change(_ parser: inout Parser) -> Change? {
    var change = Change()
    if parser.skip("M") {
      guard let month = parser.number(), (1...12).contains(month), parser.skip("."), let week = parser.number(),
        (1...5).contains(week), parser.skip("."), let day = parser.number(), (0...6).contains(day)
      else { return nil }
      change.day = .weekday(month: month, week: week, day: day)
    } else if parser.skip("J") {
      guard let day = parser.number(), (1...365).contains(day) else { return nil }
      change.day = .julian(day)
    } else {
      guard let day = parser.number(), (0...365).contains(day) else { return nil }
      change.day = .dayOfYear(day)
    }
    if parser.skip("/") {
      guard let time = parser.time() else { return nil }
      change.time = time
    }
    return change
  }

  private struct Parser {
    var rest: ArraySlice<UInt8>

    mutating func skip(_ character: Character) -> Bool {
      guard rest.first == character.asciiValue else { return false }
      rest = rest.dropFirst()
      return true
    }

    /// Letters, or anything between angle brackets.
    mutating func skipName() -> Bool {
      if skip("<") {
        guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
        rest = rest[(end + 1)...]
        return true
      }
      let name = rest.prefix { $0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z") }
      rest = rest.dropFirst(name.count)
      return name.count >= 3
    }

    mutating func number() -> Int? {
      let digits = rest.prefix { $0 &- 0x30 <= 9 }
      guard !digits.isEmpty, digits.count <= 4 else { return nil }
      rest = rest.dropFirst(digits.count)
      return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
      let isNegative = skip("-")
      if !isNegative { _ = skip("+") }
      guard let hours = number() else { return nil }
      var seconds = hours * 3600
      if skip(":") {
        guard let minutes = number() else { return nil }
        seconds += minutes * 60
        if skip(":") {
          guard let more = number() else { return nil }
          seconds += more
        }
      }
      return isNegative ? -seconds : seconds
    }
  }
}
