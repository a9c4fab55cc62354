import Bytes
import Foundation
import Testing

/// FEATURES 11.005: times in JSON.
@Suite struct RFC3339Tests {
  @Test(arguments: [
    (Timestamp.zero, "0001-01-01T00:00:00Z"), (Timestamp(seconds: 0), "1970-01-01T00:00:00Z"),
    (Timestamp(unixNanoseconds: 1_767_323_045_123_456_789), "2026-01-02T03:04:05.123456789Z"),
    (Timestamp(unixNanoseconds: 1_767_323_045_120_000_000), "2026-01-02T03:04:05.12Z"),
    (Timestamp(unixNanoseconds: 1_767_323_045_000_000_001), "2026-01-02T03:04:05.000000001Z"),
    (Timestamp(unixNanoseconds: -1), "1969-12-31T23:59:59.999999999Z"),
    (Timestamp(seconds: 951_782_400), "2000-02-29T00:00:00Z"),
    (Timestamp(seconds: 4_107_542_399), "2100-02-28T23:59:59Z"),
    (Timestamp(seconds: 253_402_300_799), "9999-12-31T23:59:59Z"),
  ])
  func printsAndReadsBack(time: Timestamp, text: String) throws {
    #expect(RFC3339.string(time) == text)
    #expect(try RFC3339.parse(text) == time)
  }

  @Test(arguments: [
    ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"), ("2026-01-02T03:04:05.5-05:30", "2026-01-02T08:34:05.5Z"),
    ("2026-01-02T03:04:05.1234567899Z", "2026-01-02T03:04:05.123456789Z"),
    ("2026-01-01T00:00:00+00:01", "2025-12-31T23:59:00Z"),
  ])
  func readsOffsetsAndLongFractions(text: String, utc: String) throws {
    #expect(RFC3339.string(try RFC3339.parse(text)) == utc)
  }

  @Test func printsOffsets() {
    let time = Timestamp(seconds: 1_767_323_045)
    #expect(RFC3339.string(time, offsetSeconds: 7200) == "2026-01-02T05:04:05+02:00")
    #expect(RFC3339.string(time, offsetSeconds: -12_600) == "2026-01-01T23:34:05-03:30")
  }

  @Test(arguments: [
    ("", #" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#),
    ("tomorrow", #" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006""#),
    ("2026/01/02", #" as "2006-01-02T15:04:05Z07:00": cannot parse "/01/02" as "-""#),
    ("2026-01-02", #" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T""#),
    ("2026-01-02 03:04:05Z", #" as "2006-01-02T15:04:05Z07:00": cannot parse " 03:04:05Z" as "T""#),
    ("2026-01-02T03:04:05", #" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#),
    ("2026-01-02T03:04:05+2", #" as "2006-01-02T15:04:05Z07:00": cannot parse "+2" as "Z07:00""#),
    ("2026-13-02T03:04:05Z", ": month out of range"), ("2026-00-02T03:04:05Z", ": month out of range"),
    ("2026-02-29T03:04:05Z", ": day out of range"), ("2026-04-31T03:04:05Z", ": day out of range"),
    ("2026-04-00T03:04:05Z", ": day out of range"), ("2026-01-02T24:04:05Z", ": hour out of range"),
    ("2026-01-02T03:60:05Z", ": minute out of range"), ("2026-01-02T03:04:60Z", ": second out of range"),
    ("2026-01-02T03:04:05Zx", #": extra text: "x""#),
  ])
  func refusesWithGoText(text: String, suffix: String) {
    let error = #expect(throws: RFC3339.ParseError.self) { try RFC3339.parse(text) }
    #expect(error?.description == "parsing time \"\(text)\"\(suffix)")
  }

  @Test func everyDayOfFourCenturiesCountsOn() {
    var civil = CivilTime(year: 1799, month: 12, day: 31)
    var seconds = civil.unixSeconds
    for _ in 0..<146_200 {
      seconds += 86_400
      let next = CivilTime(unixSeconds: seconds)
      let isNextDay =
        next.day == civil.day + 1 && next.month == civil.month && next.year == civil.year
        || next.day == 1 && civil.day == CivilTime.days(inMonth: civil.month, year: civil.year)
          && next.month == civil.month % 12 + 1 && next.year == civil.year + (civil.month == 12 ? 1 : 0)
      guard isNextDay, next.weekday == (civil.weekday + 1) % 7, next.unixSeconds == seconds else {
        Issue.record("\(civil) then \(next)")
        return
      }
      civil = next
    }
    #expect(CivilTime(year: 2026, month: 1, day: 2).weekday == 5)
  }

  @Test func agreesWithTheCLibraryOnRandomMoments() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("RFC3339Tests seed", seed)
    var random = SplitMix(state: seed)
    for _ in 0..<5000 {
      var seconds = time_t.random(in: -62_135_596_800...253_402_300_799, using: &random)
      var expected = tm()
      gmtime_r(&seconds, &expected)
      let civil = CivilTime(unixSeconds: Int64(seconds))
      #expect(
        [civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second, civil.weekday]
          == [
            expected.tm_year + 1900, expected.tm_mon + 1, expected.tm_mday, expected.tm_hour, expected.tm_min,
            expected.tm_sec, expected.tm_wday,
          ].map { Int($0) }, "seed \(seed)")
      let time = Timestamp(seconds: Int64(seconds), nanoseconds: Int32.random(in: 0...999_999_999, using: &random))
      #expect(try RFC3339.parse(RFC3339.string(time)) == time, "seed \(seed)")
    }
  }

  @Test(arguments: [0, 1, -1, .max, .min, .min + 1, 145_224_192 - 1_000_000_000] as [Int64])
  func nanosecondsSinceTheEpochSurvive(value: Int64) {
    #expect(Timestamp(unixNanoseconds: value).unixNanoseconds == value)
  }

  @Test func nanosecondsOutsideTheirRangeStayAtTheBound() {
    #expect(Timestamp.zero.unixNanoseconds == .min)
    #expect(Timestamp(seconds: 9_223_372_036, nanoseconds: 854_775_808).unixNanoseconds == .max)
    #expect(Timestamp(seconds: -9_223_372_037, nanoseconds: 145_224_191).unixNanoseconds == .min)
  }

  @Test func logTimeHasMicroseconds() {
    var bytes: [UInt8] = []
    LogTime.append(Timestamp(unixNanoseconds: 1_767_323_045_000_456_789), utc: true, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "2026/01/02 03:04:05.000456")
  }

  @Test func localOffsetIsTheCLibrarys() {
    let now = Timestamp(seconds: Int64(time(nil)))
    #expect(LogTime.localOffsetSeconds(at: now) == TimeZone.current.secondsFromGMT())
  }
}
