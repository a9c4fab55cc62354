import Bytes
import Testing

/// FEATURES 3.006: durations in Go's notation.
@Suite struct GoDurationTests {
  @Test(
    arguments: [
      (0, "0s"), (1, "1ns"), (999, "999ns"), (1000, "1µs"), (1100, "1.1µs"), (2_200_000, "2.2ms"),
      (999_999_999, "999.999999ms"), (1_000_000_000, "1s"), (1_500_000_000, "1.5s"), (3_300_000_000, "3.3s"),
      (90_000_000_000, "1m30s"), (245_000_000_000, "4m5s"), (245_001_000_000, "4m5.001s"),
      (7_200_000_000_000, "2h0m0s"),
      (18_367_001_000_000, "5h6m7.001s"), (480_000_000_001, "8m0.000000001s"), (-1, "-1ns"),
      (-90_000_000_000, "-1m30s"), (Int64.max, "2562047h47m16.854775807s"), (Int64.min, "-2562047h47m16.854775808s"),
    ] as [(Int64, String)])
  func printsAndReadsBack(nanoseconds: Int64, text: String) throws {
    #expect(GoDuration.string(nanoseconds: nanoseconds) == text)
    #expect(try GoDuration.parse(text) == nanoseconds)
  }

  @Test(
    arguments: [
      ("0", 0), ("+0", 0), ("-0", 0), ("5s", 5_000_000_000), ("+5s", 5_000_000_000), ("-5s", -5_000_000_000),
      ("5.0s", 5_000_000_000), ("5.6s", 5_600_000_000), ("5.s", 5_000_000_000), (".5s", 500_000_000),
      ("1.004s", 1_004_000_000), ("100.00100s", 100_001_000_000), ("10ns", 10), ("11us", 11_000), ("12µs", 12_000),
      ("12μs", 12_000), ("13ms", 13_000_000), ("14s", 14_000_000_000), ("15m", 900_000_000_000),
      ("16h", 57_600_000_000_000), ("3h30m", 12_600_000_000_000), ("10.5s4m", 250_500_000_000),
      ("-2m3.4s", -123_400_000_000), ("1h2m3s4ms5us6ns", 3_723_004_005_006), ("39h9m14.425s", 140_954_425_000_000),
      ("52763797000ns", 52_763_797_000), ("0.3333333333333333333h", 1_200_000_000_000),
      ("9007199254740993ns", 9_007_199_254_740_993), ("9223372036854775807ns", .max),
      ("-9223372036854775808ns", .min), ("0.100000000000000000000h", 360_000_000_000),
      ("0.830103483285477580700h", 2_988_372_539_827),
    ] as [(String, Int64)])
  func readsEveryUnit(text: String, nanoseconds: Int64) throws {
    #expect(try GoDuration.parse(text) == nanoseconds)
  }

  @Test(arguments: [
    ("", #"time: invalid duration """#), ("3", #"time: missing unit in duration "3""#),
    ("-", #"time: invalid duration "-""#), ("s", #"time: invalid duration "s""#),
    (".", #"time: invalid duration ".""#), (".s", #"time: invalid duration ".s""#),
    ("+.s", #"time: invalid duration "+.s""#), ("1d", #"time: unknown unit "d" in duration "1d""#),
    ("5 s", #"time: unknown unit " s" in duration "5 s""#), ("1h-3m", #"time: unknown unit "h-" in duration "1h-3m""#),
    ("9223372036854775808ns", #"time: invalid duration "9223372036854775808ns""#),
    ("-9223372036854775809ns", #"time: invalid duration "-9223372036854775809ns""#),
    ("3000000h", #"time: invalid duration "3000000h""#),
    ("9223372036854ms775us808ns", #"time: invalid duration "9223372036854ms775us808ns""#),
    ("1\"s", #"time: unknown unit "\"s" in duration "1\"s""#),
    ("1é", #"time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9""#),
  ])
  func refusesWithGoText(text: String, message: String) {
    let error = #expect(throws: GoDuration.ParseError.self) { try GoDuration.parse(text) }
    #expect(error?.description == message)
  }

  @Test func randomDurationsReadBack() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("GoDurationTests seed", seed)
    var random = SplitMix(state: seed)
    for _ in 0..<5000 {
      let value = Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
      #expect(try GoDuration.parse(GoDuration.string(nanoseconds: value)) == value, "seed \(seed)")
    }
  }
}

/// A small generator with a seed that a failing test prints.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
