import JSON
import Testing

@Suite struct JSONReaderTests {
  /// Texts and offsets that nats-server 2.15.1 answers to a stream create request in strict mode (FEATURES 7.042);
  /// its decoder calls a cut-off document `unexpected EOF`.
  @Test(arguments: [
    (#"{}x"#, "invalid character 'x' after top-level value", 3),
    (#"{"name":"X",}"#, "invalid character '}' looking for beginning of object key string", 13),
    (#"{"name" "X"}"#, "invalid character '\"' after object key", 9),
    (#"{"name":tru}"#, "invalid character '}' in literal true (expecting 'e')", 12),
    (#"{"name":falsy}"#, "invalid character 'y' in literal false (expecting 'e')", 13),
    (#"{"name":NaN}"#, "invalid character 'N' looking for beginning of value", 9),
    (#"{"name":nil}"#, "invalid character 'i' in literal null (expecting 'u')", 10),
    (#"{"name":"X" 1}"#, "invalid character '1' after object key:value pair", 13),
    (#"{"subjects":["a" 1]}"#, "invalid character '1' after array element", 18),
    ("{\"name\":\"a\nb\"}", "invalid character '\\n' in string", 11),
    ("{\"name\":\"\u{7f}\u{1f}\"}", "invalid character '\\x1f' in string", 11),
    (#"{"name":"\x"}"#, "invalid escape sequence `\\x` in string", 11),
    (#"{"name":"\u12g4"}"#, "invalid escape sequence `\\u12g4` in string", 15),
    (#"{"a":"\u12"}"#, "invalid escape sequence `\\u12\"}` in string", 12),
    (#"{"a":"\ud83d\u12"}"#, "invalid escape sequence `\\u12\"}` in string", 18),
    (#"{"a":"\u€123"}"#, "invalid escape sequence `\\u€1` in string", 12),
    (#"{"a":"\€"}"#, "invalid escape sequence \"\\\\\\xe2\" in string", 8),
    ("{\"a\":\"\\\n\"}", "invalid escape sequence \"\\\\\\n\" in string", 8),
    (#"{"max_msgs":-}"#, "invalid character '}' in numeric literal", 14),
    (#"{"max_msgs":01}"#, "invalid character '1' after object key:value pair", 14),
    (#"{"max_msgs":1.}"#, "invalid character '}' in numeric literal", 15),
    (#"{"max_msgs":1e}"#, "invalid character '}' in numeric literal", 15),
    (#"{"max_msgs":+1}"#, "invalid character '+' looking for beginning of value", 13),
    (#"{"max_msgs":.1}"#, "invalid character '.' looking for beginning of value", 13),
    (#"{"a":12x}"#, "invalid character 'x' after object key:value pair", 8),
    (#"{"a":1e+x}"#, "invalid character 'x' in numeric literal", 9),
    (#"{"a":truex}"#, "invalid character 'x' after object key:value pair", 10),
    (#"[1,]"#, "invalid character ']' looking for beginning of value", 4),
    (#"[,]"#, "invalid character ',' looking for beginning of value", 2),
    (#"{,}"#, "invalid character ',' looking for beginning of object key string", 2),
    (#"{"a":[1}"#, "invalid character '}' after array element", 8),
    (#"{"a":1]"#, "invalid character ']' after object key:value pair", 7),
    (#"}"#, "invalid character '}' looking for beginning of value", 1),
    (#"{"name"}"#, "invalid character '}' after object key", 8),
    (#"{"name":}"#, "invalid character '}' looking for beginning of value", 9),
    (#"{'a':1}"#, "invalid character '\\'' looking for beginning of object key string", 2),
    (#"{1:2}"#, "invalid character '1' looking for beginning of object key string", 2),
    (#"{"name":€}"#, "invalid character '€' looking for beginning of value", 11),
    ("\u{feff}{}", "invalid character '\\ufeff' looking for beginning of value", 3),
    ("{\"name\":\u{1}}", "invalid character '\\x01' looking for beginning of value", 9),
    ("", "unexpected end of JSON input", 0), ("{", "unexpected end of JSON input", 1),
    ("nul", "unexpected end of JSON input", 3), ("-", "unexpected end of JSON input", 1),
    ("1.", "unexpected end of JSON input", 2), ("1e", "unexpected end of JSON input", 2),
    (#"{"name":"X"#, "unexpected end of JSON input", 10), (#"{"name":"X""#, "unexpected end of JSON input", 11),
    (#"{"a":"\"}"#, "unexpected end of JSON input", 9), (#"{"a":"\u1"#, "unexpected end of JSON input", 9),
    ("[", "unexpected end of JSON input", 1), ("[1", "unexpected end of JSON input", 2),
    ("[1,", "unexpected end of JSON input", 3), (#"{"a""#, "unexpected end of JSON input", 4),
    (#"{"a":1,"#, "unexpected end of JSON input", 7),
  ])
  func refusesWithGoTextAndOffset(text: String, message: String, offset: Int) {
    let bytes = Array(text.utf8)
    let skipped = #expect(throws: JSONError.self) {
      try bytes.withUnsafeBytes { try JSONReader.validate($0) }
    }
    #expect(skipped?.description == message)
    #expect(skipped?.offset == offset)
    #expect(skipped?.isSyntax == true)
    let parsed = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(parsed == skipped)
  }

  /// FEATURES 7.042: what follows `invalid JSON: ` in nats-server's answer.
  @Test(arguments: [
    ("{", "unexpected EOF"), ("nul", "unexpected EOF"),
    ("{}x", "invalid character 'x' looking for beginning of value at offset 3"),
    (#"{"name":tru}"#, "invalid character '}' in literal true (expecting 'e') at offset 12"),
    (#"{"name":"\x"}"#, "invalid escape sequence `\\x` in string at offset 11"),
  ])
  func strictTextsTellWhere(text: String, message: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.strictDescription == message)
  }

  @Test func invalidUTF8OutsideStringsIsShownAsByte() {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x5B, 0xFF, 0x5D]) }
    #expect(error?.description == "invalid character '\\xff' looking for beginning of value")
  }

  @Test func depthIsLimited() throws {
    func nested(_ depth: Int) -> [UInt8] {
      Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
    }
    try nested(10_000).withUnsafeBytes { try JSONReader.validate($0) }
    let error = #expect(throws: JSONError.self) { try nested(10_001).withUnsafeBytes { try JSONReader.validate($0) } }
    #expect(error?.description == "exceeded max depth")
    #expect(error?.offset == 10_001)
    _ = try JSONValue(parsing: nested(1000))
    #expect(throws: JSONError.self) { try JSONValue(parsing: nested(1001)) }
  }

  /// What nats-server makes of such client names, read back from /connz.
  @Test(
    arguments: [
      ([0xE2, 0x82], "\u{fffd}\u{fffd}"), ([0xFF, 0xFE, 0x61, 0x62], "\u{fffd}\u{fffd}ab"),
      ([0xED, 0xA0, 0x80], "\u{fffd}\u{fffd}\u{fffd}"), ([0xF0, 0x9F, 0x92], "\u{fffd}\u{fffd}\u{fffd}"),
      ([0xC0, 0x80], "\u{fffd}\u{fffd}"), ([0xF4, 0x90, 0x80, 0x80], "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
      ([0xEF, 0xBF, 0xBF, 0xF3, 0xA0, 0x80, 0x81], "\u{ffff}\u{e0001}"),
      (Array(#"\ud800\ud83d\ude00"#.utf8), "\u{fffd}😀"), (Array(#"\ud83dx"#.utf8), "\u{fffd}x"),
      (Array(#"\ude00"#.utf8), "\u{fffd}"), (Array(#"\ud83d\u0041"#.utf8), "\u{fffd}A"),
      (Array(#"\b\f\n\r\t\/\\\""#.utf8), "\u{8}\u{c}\n\r\t/\\\""), (Array(#"\u00e9é\u20AC"#.utf8), "éé€"), ([], ""),
      (Array(#"\u0000"#.utf8), "\0"),
    ] as [([UInt8], String)])
  func resolvesEscapesAndReplacesInvalidText(content: [UInt8], expected: String) throws {
    let quote = UInt8(ascii: "\"")
    let value = try JSONValue(parsing: [quote] + content + [quote])
    #expect(Array(try #require(value.string).utf8) == Array(expected.utf8))
  }

  /// FEATURES 1.008: nats-server takes `{"VERBOSE":true}`, `{"verboſe":true}` and `{"\u0076erbose":true}`.
  @Test(arguments: [#"{"verbose":1}"#, #"{"VERBOSE":1}"#, #"{"vErBoSe":1}"#, #"{"\u0076erbose":1}"#, #"{"verboſe":1}"#])
  func keysMatchWithoutRegardToCase(text: String) throws {
    try withReader(text) { reader in
      try reader.beginObject()
      let hasKey = try reader.nextKey()
      #expect(hasKey)
      #expect(reader.keyIs("verbose"))
      #expect(!reader.keyIs("pedantic"))
      #expect(!reader.keyIs("verbos"))
      #expect(!reader.keyIs("verbose_"))
      try reader.skipValue()
      let hasMore = try reader.nextKey()
      #expect(!hasMore)
      try reader.finish()
    }
  }

  @Test func keysThatDifferInOneBitAreDifferent() throws {
    // `[` and `{` differ by 0x20, as letters of two cases do, but are no letters.
    try withReader(#"{"a{b":1}"#) { reader in
      try reader.beginObject()
      let hasKey = try reader.nextKey()
      #expect(hasKey)
      #expect(!reader.keyIs("a[b"))
      #expect(reader.keyIs("A{b"))
    }
  }

  @Test func readsAnObjectInOrder() throws {
    let text = """
       { "name" : "a\\tb" , "n":-12,"u":18446744073709551615, "f" : 1.5e3, "t":true ,"x":null,
         "list":[ 1 , 2,3 ] , "empty":{ }, "none":[ ], "rest": {"deep":[{"a":[]},"}"]} }\n
      """
    try withReader(text) { reader in
      var seen: [String] = []
      try reader.beginObject()
      while try reader.nextKey() {
        seen.append(reader.key)
        switch reader.key {
        case "name":
          let value = try reader.readString()
          #expect(value == "a\tb")
        case "n":
          let value = try reader.readInt64()
          #expect(value == -12)
        case "u":
          let value = try reader.readUInt64()
          #expect(value == .max)
        case "f":
          let value = try reader.readDouble()
          #expect(value == 1500)
        case "t":
          let value = try reader.readBool()
          #expect(value)
        case "x":
          let isNull = reader.readNull()
          #expect(isNull)
        case "list":
          var numbers: [Int] = []
          try reader.beginArray()
          while try reader.nextElement() { numbers.append(try reader.readInt()) }
          #expect(numbers == [1, 2, 3])
        case "empty":
          try reader.beginObject()
          let hasMember = try reader.nextKey()
          #expect(!hasMember)
        case "none":
          try reader.beginArray()
          let hasElement = try reader.nextElement()
          #expect(!hasElement)
        default:
          let raw = String(decoding: try reader.readRaw(), as: UTF8.self)
          #expect(raw == #"{"deep":[{"a":[]},"}"]}"#)
        }
      }
      try reader.finish()
      #expect(seen == ["name", "n", "u", "f", "t", "x", "list", "empty", "none", "rest"])
    }
  }

  @Test(arguments: [
    (#"{"verbose":"x"}"#, "json: cannot unmarshal string into Go struct field ClientOpts.verbose of type bool"),
    (#"{"verbose":1.0}"#, "json: cannot unmarshal number into Go struct field ClientOpts.verbose of type bool"),
    (#"{"protocol":1.0}"#, "json: cannot unmarshal number 1.0 into Go struct field ClientOpts.protocol of type int"),
    (#"{"protocol":1e0}"#, "json: cannot unmarshal number 1e0 into Go struct field ClientOpts.protocol of type int"),
    (#"{"protocol":null}"#, "json: cannot unmarshal null into Go struct field ClientOpts.protocol of type int"),
    (#"{"user":1}"#, "json: cannot unmarshal number into Go struct field ClientOpts.user of type string"),
    (#"{"user":[1]}"#, "json: cannot unmarshal array into Go struct field ClientOpts.user of type string"),
    ("[]", "json: cannot unmarshal array into Go value of type server.ClientOpts"),
  ])
  func namesTheMemberOfTheWrongType(text: String, message: String) throws {
    let error = #expect(throws: JSONError.self) {
      try withReader(text) { reader in
        try reader.beginObject()
        while try reader.nextKey() {
          if reader.keyIs("verbose") {
            _ = try reader.readBool()
          } else if reader.keyIs("protocol") {
            _ = try reader.readInt()
          } else {
            _ = try reader.readString()
          }
        }
      }
    }
    #expect(error?.inside("ClientOpts").description == message)
    #expect(error?.isSyntax == false)
  }

  @Test(
    arguments: [
      ("0", 0, 0), ("-0", 0, nil), ("9223372036854775807", Int64.max, 9_223_372_036_854_775_807),
      ("-9223372036854775808", Int64.min, nil), ("9223372036854775808", nil, 9_223_372_036_854_775_808),
      ("18446744073709551615", nil, UInt64.max), ("18446744073709551616", nil, nil), ("-9223372036854775809", nil, nil),
      ("1.0", nil, nil), ("1e2", nil, nil),
    ] as [(String, Int64?, UInt64?)])
  func wholeNumbersKeepTheirRange(text: String, signed: Int64?, unsigned: UInt64?) throws {
    let value = try JSONValue(parsing: text)
    #expect(value.int64 == signed)
    #expect(value.uint64 == unsigned)
  }

  @Test(
    arguments: [
      ("0", 0.0), ("-0", -0.0), ("1.5", 1.5), ("0.1", 0.1), ("123456789012345678", 123456789012345678.0),
      ("1e400", nil), ("-1e400", nil), ("1e-400", 0), ("2.2250738585072014e-308", .leastNormalMagnitude),
      ("9007199254740993", 9_007_199_254_740_992), ("179769313486231570000e288", 1.7976931348623157e308),
      ("0.000001", 0.000001), ("1E+2", 100), ("123.456e-2", 1.23456),
    ] as [(String, Double?)])
  func doublesAreTheNearest(text: String, expected: Double?) throws {
    let value = try JSONValue(parsing: text).double
    #expect(value == expected)
    #expect(value?.sign == expected?.sign)
  }

  @Test func randomInputNeverReadsBeyondItsEnd() {
    let seed = UInt64.random(in: .min ... .max)
    print("JSONReaderTests seed", seed)
    var random = SplitMix(state: seed)
    let alphabet = Array(#"{}[]",:\\u0129eE+-.tfnaulsr "#.utf8) + [0x0A, 0x00, 0x7F, 0xC3, 0xA9, 0xFF]
    for _ in 0..<20_000 {
      let length = Int(random.next() % 24)
      // A block of exactly this size, so that a sanitizer sees any access beyond it.
      let block = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
      defer { block.deallocate() }
      for index in 0..<length { block[index] = alphabet[Int(random.next() % UInt64(alphabet.count))] }
      let bytes = UnsafeRawBufferPointer(block)
      let skipped = Result { try JSONReader.validate(bytes) }
      let parsed = Result { try JSONValue(parsing: bytes) }
      switch (skipped, parsed) {
      case (.success, .success(let value)):
        // What was written from it reads back the same.
        #expect((try? JSONValue(parsing: value.json())) == value, "seed \(seed) \(Array(bytes))")
      case (.failure(let first as JSONError), .failure(let second as JSONError)):
        #expect(first == second, "seed \(seed) \(Array(bytes))")
      default: Issue.record("skipping and parsing disagree: seed \(seed) \(Array(bytes))")
      }
    }
  }
}

func withReader(_ text: String, _ body: (inout JSONReader) throws -> Void) throws {
  try Array(text.utf8).withUnsafeBytes {
    var reader = JSONReader($0)
    try body(&reader)
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
