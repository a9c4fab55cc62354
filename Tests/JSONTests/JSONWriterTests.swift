import Bytes
import Foundation
import JSON
import Testing

@Suite struct JSONWriterTests {
  /// How nats-server 2.15.1 prints such client names in /connz.
  @Test(
    arguments: [
      (Array("a<>&\"\\".utf8), #""a\u003c\u003e\u0026\"\\""#),
      (
        Array("\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}\u{2029}\u{85}/".utf8),
        "\"\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\\u2028\\u2029\u{85}/\""
      ),
      ([0xE2, 0x82, 0x41], "\"\u{fffd}\u{fffd}A\""), ([0xFF], "\"\u{fffd}\""),
      (Array("é€😀\u{202a}".utf8), "\"é€😀\u{202a}\""),
      ([], "\"\""), (Array("0123456789abcdef<".utf8), #""0123456789abcdef\u003c""#),
      (Array("1234567\"".utf8), #""1234567\"""#),
    ] as [([UInt8], String)])
  func escapesAsGo(text: [UInt8], expected: String) {
    var writer = JSONWriter()
    text.withUnsafeBytes { writer.value(utf8: $0) }
    #expect(writer.string == expected)
  }

  @Test func leavesHTMLAloneWhenAsked() {
    var writer = JSONWriter(escapesHTML: false)
    writer.value("<a href=\"x\">&</a> and then some")
    #expect(writer.string == #""<a href=\"x\">&</a> and then some""#)
  }

  @Test(
    arguments: [
      (0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100"), (1e20, "100000000000000000000"),
      (1e21, "1e+21"), (1.5e21, "1.5e+21"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1.25e-9, "1.25e-9"),
      (.leastNonzeroMagnitude, "5e-324"),
      (1.7976931348623157e308, "1.7976931348623157e+308"), (123456789.125, "123456789.125"), (0.00001, "0.00001"),
      (9_007_199_254_740_992, "9007199254740992"), (9_007_199_254_740_994, "9007199254740994"),
      (1e15, "1000000000000000"), (1e16, "10000000000000000"), (1.2345e16, "12345000000000000"), (2.0, "2"),
      (.nan, "null"), (.infinity, "null"), (999_999_999_999_999_868_928, "999999999999999900000"),
    ] as [(Double, String)])
  func printsDoublesAsGo(value: Double, expected: String) {
    var writer = JSONWriter()
    writer.value(value)
    #expect(writer.string == expected)
  }

  @Test func printsEveryWidthOfInteger() {
    var writer = JSONWriter()
    writer.beginArray()
    writer.value(Int64.min)
    writer.value(UInt64.max)
    writer.value(UInt8(7))
    writer.value(Int8.min)
    writer.value(10)
    writer.endArray()
    #expect(writer.string == "[-9223372036854775808,18446744073709551615,7,-128,10]")
  }

  private func writeSample(_ writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("name", "x")
    writer.field("count", 0, omitEmpty: true)
    writer.field("flag", false, omitEmpty: true)
    writer.field("text", "", omitEmpty: true)
    writer.field("rate", 0.0, omitEmpty: true)
    writer.field("zero", 0)
    writer.field("when", Timestamp.zero)
    writer.field("tags", ["a", "b"])
    writer.field("none", [] as [String], omitEmpty: true)
    writer.key("empty")
    writer.beginObject()
    writer.endObject()
    writer.key("bare")
    writer.beginArray()
    writer.endArray()
    writer.key("raw")
    writer.raw(Array(#"{"a":[1,{"b":"}, {\"x"}],"c":{},"d":[]}"#.utf8))
    writer.key("nested " + "<key>")
    writer.beginArray()
    writer.beginArray()
    writer.value(true)
    writer.null()
    writer.endArray()
    writer.endArray()
    writer.endObject()
  }

  @Test func compactHasNoWhiteSpace() {
    var writer = JSONWriter()
    writeSample(&writer)
    let expected =
      #"{"name":"x","zero":0,"when":"0001-01-01T00:00:00Z","tags":["a","b"],"empty":{},"bare":[],"#
      + #""raw":{"a":[1,{"b":"}, {\"x"}],"c":{},"d":[]},"nested \u003ckey\u003e":[[true,null]]}"#
    #expect(writer.string == expected)
    writer.removeAll()
    writer.value(1)
    #expect(writer.string == "1")
  }

  /// FEATURES 11.002.
  @Test func prettyIndentsAsMonitoringEndpointsDo() {
    var writer = JSONWriter(style: .pretty)
    writeSample(&writer)
    #expect(
      writer.string == #"""
        {
          "name": "x",
          "zero": 0,
          "when": "0001-01-01T00:00:00Z",
          "tags": [
            "a",
            "b"
          ],
          "empty": {},
          "bare": [],
          "raw": {
            "a": [
              1,
              {
                "b": "}, {\"x"
              }
            ],
            "c": {},
            "d": []
          },
          "nested \u003ckey\u003e": [
            [
              true,
              null
            ]
          ]
        }
        """#)
  }

  private struct Point: JSONWritable {
    var x: Int
    func write(to writer: inout JSONWriter) {
      writer.beginObject()
      writer.field("x", x)
      writer.endObject()
    }
  }

  @Test func valuesWriteThemselves() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("one", Point(x: 1))
    writer.field("none", ifPresent: nil as Point?)
    writer.field("some", ifPresent: Point(x: 2))
    writer.field("many", [Point(x: 3), Point(x: 4)])
    writer.endObject()
    #expect(writer.string == #"{"one":{"x":1},"some":{"x":2},"many":[{"x":3},{"x":4}]}"#)
  }

  @Test func randomDocumentsReadBackAndPleaseFoundation() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("JSONWriterTests seed", seed)
    var random = SplitMix(state: seed)
    for _ in 0..<500 {
      let value = randomValue(&random, depth: 4)
      for style in [JSONWriter.Style.compact, .pretty] {
        let bytes = value.json(style: style)
        #expect(try JSONValue(parsing: bytes) == value, "seed \(seed)")
        _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      }
      // Raw values are indented exactly as written ones.
      var writer = JSONWriter(style: .pretty)
      writer.beginArray()
      writer.raw(value.json())
      writer.endArray()
      #expect(writer.bytes == JSONValue.array([value]).json(style: .pretty), "seed \(seed)")
    }
  }

  @Test func randomDoublesReadBack() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("JSONWriterTests doubles seed", seed)
    var random = SplitMix(state: seed)
    for _ in 0..<20_000 {
      var value = Double(bitPattern: random.next())
      if random.next() % 3 == 0 { value = Double(Int64(random.next() % 1_000_000_000)) / 1000 }
      guard value.isFinite else { continue }
      #expect(JSONValue(value).double == value, "seed \(seed)")
    }
  }

  private func randomValue(_ random: inout SplitMix, depth: Int) -> JSONValue {
    switch random.next() % (depth > 0 ? 8 : 6) {
    case 0: return .null
    case 1: return .bool(random.next() % 2 == 0)
    case 2: return JSONValue(Int64(bitPattern: random.next()) >> Int64(random.next() % 64))
    case 3:
      let value = Double(bitPattern: random.next())
      return JSONValue(value.isFinite ? value : 0.5)
    case 4, 5: return .string(randomText(&random))
    case 6: return .array((0..<(random.next() % 5)).map { _ in randomValue(&random, depth: depth - 1) })
    default:
      var object = JSONObject()
      for _ in 0..<(random.next() % 5) {
        let value = randomValue(&random, depth: depth - 1)
        object.members.append(JSONObject.Member(key: randomText(&random), value: value))
      }
      return .object(object)
    }
  }

  private func randomText(_ random: inout SplitMix) -> String {
    let limits: [UInt32] = [0x20, 0x80, 0x80, 0x80, 0x800, 0x3000, 0x11_0000]
    var text = String.UnicodeScalarView()
    for _ in 0..<(random.next() % 30) {
      let limit = limits[Int(random.next() % UInt64(limits.count))]
      text.append(Unicode.Scalar(UInt32(random.next() % UInt64(limit))) ?? "?")
    }
    return String(text)
  }
}
