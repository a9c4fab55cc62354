import Bytes
import Foundation
import HTTP
import Testing

@Suite struct HTTPValueTests {
  /// As Go's `url.ParseQuery`, errors ignored.
  @Test(arguments: [
    ("", []), ("a=1", ["a=1"]), ("a=1&b=2&a=3", ["a=1", "b=2", "a=3"]), ("a", ["a="]), ("a=", ["a="]), ("=x", ["=x"]),
    ("&&a=1&", ["a=1"]), ("a=b=c", ["a=b=c"]), ("a+b=c%20d%2B", ["a b=c d+"]), ("a=%zz&b=1", ["b=1"]),
    ("a=%4&b=1", ["b=1"]),
    ("a;b=1&c=2", ["c=2"]), ("%41=%E2%82%AC", ["A=€"]), ("limit=10&offset=%31", ["limit=10", "offset=1"]),
  ])
  func queriesReadAsInGo(query: String, expected: [String]) {
    #expect(HTTPQuery(query).pairs.map { "\($0.name)=\($0.value)" } == expected)
  }

  @Test func queriesFindValues() {
    let query = HTTPQuery("a=1&a=2&b")
    #expect(query["a"] == "1")
    #expect(query["b"] == "")
    #expect(query["c"] == "")
    #expect(query.contains("b") && !query.contains("c"))
    #expect(query.all("a") == ["1", "2"])
  }

  @Test func percentEncodingReadsBack() {
    let text = "a b/ü?&=+%~.-_"
    #expect(PercentEncoding.encode(text) == "a%20b%2F%C3%BC%3F%26%3D%2B%25~.-_")
    #expect(PercentEncoding.decode(PercentEncoding.encode(text), plusIsSpace: false) == text)
    #expect(PercentEncoding.decode(PercentEncoding.encode(text, spaceAsPlus: true), plusIsSpace: true) == text)
    #expect(PercentEncoding.decode("a+b", plusIsSpace: false) == "a+b")
  }

  @Test(arguments: [
    ("Basic YTpi", HTTPCredentials.basic(user: "a", password: "b")), ("bAsIc YTpi", .basic(user: "a", password: "b")),
    ("Basic YTpiOmM=", .basic(user: "a", password: "b:c")), ("Basic Og==", .basic(user: "", password: "")),
    ("Basic YWI=", nil), ("Basic !", nil), ("Basic", nil), ("Bearer abc", .bearer("abc")), ("Bearer ", nil),
    ("Digest x", nil),
  ])
  func credentialsAreRead(value: String, expected: HTTPCredentials?) {
    #expect(HTTPCredentials(authorization: value) == expected)
    if let expected { #expect(HTTPCredentials(authorization: expected.authorization) == expected) }
  }

  @Test(
    arguments: [
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_795_224_666, "Sat, 21 Nov 2026 01:31:06 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    ] as [(Int64, String)])
  func datesAreAsHeadersWantThem(seconds: Int64, expected: String) {
    #expect(HTTPDate.string(unixSeconds: seconds) == expected)
  }

  @Test(arguments: [
    ("gzip", true), ("deflate, gzip;q=1.0, *;q=0.5", true), ("GZIP", true), ("*", true), ("gzip;q=0", false),
    ("gzip; q=0.000", false), ("gzip;q=0.5", true), ("identity", false), ("", false), ("*;q=0", false),
    ("*, gzip;q=0", false),
  ])
  func gzipIsUsedWhenAsked(value: String, expected: Bool) {
    var parser = HTTPRequestParser()
    let request = Array("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: \(value)\r\n\r\n".utf8)
    var position = 0
    guard case .head(let head) = request.withUnsafeBytes({ parser.next($0, &position) }) else {
      return #expect(Bool(false))
    }
    #expect(head.acceptsGzip == expected)
  }

  @Test func gzipReadsBackAndHasALimit() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("HTTPValueTests seed", seed)
    var random = SplitMix(state: seed)
    for count in [0, 1, 1000, 100_000] {
      let bytes = (0..<count).map { _ in UInt8(random.next() % 20) }
      let packed = Gzip.compress(bytes)
      #expect(try Gzip.decompress(packed, limit: count) == bytes, "seed \(seed)")
      if count > 1 {
        #expect(throws: Inflater.Failure.tooLarge) { try Gzip.decompress(packed, limit: count - 1) }
        #expect(throws: Inflater.Failure.corrupt) { try Gzip.decompress(Array(packed.dropLast(4)), limit: count) }
      }
    }
    #expect(throws: Inflater.Failure.corrupt) { try Gzip.decompress([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], limit: 100) }
  }
}
