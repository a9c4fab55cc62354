import Bytes
import JSON
import Testing

@Suite struct JSONCodingTests {
  enum Retention: String, Codable { case limits, interest, workqueue }

  struct Placement: Codable, Equatable {
    var cluster: String?
    var tags: [String]?
  }

  struct Source: Codable, Equatable {
    var name = ""
    var opt_start_time: Timestamp?
    var filters: [String: String]?
  }

  struct StreamConfigRequest: Codable, Equatable {
    var name = ""
    var subjects: [String]?
    var max_msgs: Int64 = 0
    var max_msg_size: Int32 = 0
    var num_replicas = 0
    var no_ack: Bool?
    var ratio = 0.0
    var retention: Retention?
    var placement: Placement?
    var sources: [Source]?
    var metadata: [String: String]?
    var data: [UInt8]?
    var anything: JSONValue?
    var created: Timestamp?
  }

  private func decode(_ text: String, strict: Bool = false) throws -> StreamConfigRequest {
    try JSONCoding.decode(
      StreamConfigRequest.self, from: Array(text.utf8), options: .init(refusesUnknownFields: strict))
  }

  @Test func readsEveryKindOfMember() throws {
    let text = """
      {"name":"X","SUBJECTS":["a","b"],"max_msgs":-1,"max_msg_size":5,"num_replicas":3,"no_ack":true,"ratio":1.5,
      "retention":"workqueue","placement":{"cluster":"c","tags":[]},
      "sources":[{"name":"s","opt_start_time":"2026-01-02T03:04:05.5Z","filters":{"a":"b","A":"c"}}],
      "metadata":{"k":"v"},"data":"AQID","anything":{"z":[1,2.50]},"created":"0001-01-01T00:00:00Z"}
      """
    let config = try decode(text, strict: true)
    #expect(config.name == "X")
    #expect(config.subjects == ["a", "b"])
    #expect(config.max_msgs == -1 && config.max_msg_size == 5 && config.num_replicas == 3)
    #expect(config.no_ack == true && config.ratio == 1.5 && config.retention == .workqueue)
    #expect(config.placement == Placement(cluster: "c", tags: []))
    #expect(config.sources?.first?.opt_start_time == Timestamp(unixNanoseconds: 1_767_323_045_500_000_000))
    #expect(config.sources?.first?.filters == ["a": "b", "A": "c"])
    #expect(config.data == [1, 2, 3])
    #expect(config.anything == .object(["z": .array([.number("1"), .number("2.50")])]))
    #expect(config.created == .zero)
    #expect(try JSONCoding.decode(StreamConfigRequest.self, from: JSONCoding.encode(config)) == config)
    #expect(try JSONCoding.decode(StreamConfigRequest.self, from: JSONCoding.value(of: config)) == config)
  }

  @Test(arguments: ["{}", "null", #"{"name":null,"max_msgs":null,"num_replicas":null,"ratio":null}"#])
  func whatIsMissingOrNullIsZero(text: String) throws {
    #expect(try decode(text) == StreamConfigRequest())
  }

  @Test func theLastDuplicateWinsWhateverItsCase() throws {
    #expect(try decode(#"{"name":"a","NAME":"b"}"#, strict: true).name == "b")
    #expect(try decode(#"{"NAME":"b","name":"a"}"#, strict: true).name == "a")
    #expect(try decode(#"{"name":"a","name":"c"}"#, strict: true).name == "c")
  }

  @Test func writesAsGo() throws {
    var config = StreamConfigRequest(name: "<X>")
    config.metadata = ["b": "2", "a": "1", "B": "3"]
    config.placement = Placement(cluster: "c", tags: nil)
    config.data = [255]
    let bytes = try JSONCoding.encode(config)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #"{"name":"\u003cX\u003e","max_msgs":0,"max_msg_size":0,"num_replicas":0,"ratio":0,"#
        + #""placement":{"cluster":"c"},"metadata":{"B":"3","a":"1","b":"2"},"data":"/w=="}"#)
  }

  /// Texts of nats-server 2.15.1 for stream create requests, strict mode on. FEATURES 5.043, 7.042.
  @Test(arguments: [
    (#"{"name":1}"#, "json: cannot unmarshal number into Go struct field StreamConfigRequest.name of type string"),
    (
      #"{"max_msgs":"a"}"#,
      "json: cannot unmarshal string into Go struct field StreamConfigRequest.max_msgs of type int64"
    ),
    (
      #"{"max_msgs":1.5}"#,
      "json: cannot unmarshal number 1.5 into Go struct field StreamConfigRequest.max_msgs of type int64"
    ),
    (
      #"{"max_msgs":true}"#,
      "json: cannot unmarshal bool into Go struct field StreamConfigRequest.max_msgs of type int64"
    ),
    (
      #"{"max_msg_size":3000000000}"#,
      "json: cannot unmarshal number 3000000000 into Go struct field StreamConfigRequest.max_msg_size of type int32"
    ),
    (
      #"{"num_replicas":3.0}"#,
      "json: cannot unmarshal number 3.0 into Go struct field StreamConfigRequest.num_replicas of type int"
    ),
    (#"{"no_ack":1}"#, "json: cannot unmarshal number into Go struct field StreamConfigRequest.no_ack of type bool"),
    (#"{"subjects":[1]}"#, "json: cannot unmarshal number into StreamConfigRequest.subjects.0 of type string"),
    (#"{"subjects":[["a"]]}"#, "json: cannot unmarshal array into StreamConfigRequest.subjects.0 of type string"),
    (
      #"{"subjects":"a"}"#,
      "json: cannot unmarshal string into Go struct field StreamConfigRequest.subjects of type []string"
    ),
    (
      #"{"placement":{"cluster":3}}"#,
      "json: cannot unmarshal number into Go struct field StreamConfigRequest.placement.cluster of type string"
    ),
    (
      #"{"placement":3}"#,
      "json: cannot unmarshal number into Go struct field StreamConfigRequest.placement of type server.Placement"
    ),
    (
      #"{"sources":[{"name":2}]}"#,
      "json: cannot unmarshal number into Go struct field StreamConfigRequest.sources.0.name of type string"
    ),
    (
      #"{"sources":[{"opt_start_time":"2026"}]}"#,
      #"parsing time "2026" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "-""#
    ),
    (
      #"{"sources":[{"opt_start_time":5}]}"#,
      "json: cannot unmarshal number into Go struct field StreamConfigRequest.sources.0.opt_start_time of type time.Time"
    ),
    (
      #"{"metadata":{"a":1}}"#,
      "json: cannot unmarshal number into Go struct field StreamConfigRequest.metadata.a of type string"
    ),
    (
      #"{"metadata":[]}"#,
      "json: cannot unmarshal array into Go struct field StreamConfigRequest.metadata of type map[string]string"
    ),
    ("[1]", "json: cannot unmarshal array into Go value of type server.StreamConfigRequest"),
    (#""x""#, "json: cannot unmarshal string into Go value of type server.StreamConfigRequest"),
    ("true", "json: cannot unmarshal bool into Go value of type server.StreamConfigRequest"),
    ("12", "json: cannot unmarshal number into Go value of type server.StreamConfigRequest"),
    (#"{"bogus":1}"#, #"json: unknown field "bogus""#),
    (#"{"placement":{"bogus":3}}"#, #"json: unknown field "bogus""#),
    (#"{"sources":[{},{"x\"y":1}]}"#, #"json: unknown field "x\"y""#),
    (#"{"nam\u0000e":1}"#, #"json: unknown field "nam\x00e""#),
    (#"{"name":1,"x":tru}"#, "invalid character '}' in literal true (expecting 'e')"),
  ])
  func refusesWithGoText(text: String, message: String) {
    let error = #expect(throws: JSONError.self) { try decode(text, strict: true) }
    #expect(error?.description == message)
  }

  @Test func unknownMembersPassUnlessStrict() throws {
    #expect(try decode(#"{"bogus":{"a":[1]},"name":"X"}"#).name == "X")
  }

  /// As Go embeds structs: both types read the members of one object.
  struct Embedding: Codable {
    var config: Placement
    var pedantic: Bool?

    enum Keys: String, CodingKey { case pedantic }

    init(from decoder: any Decoder) throws {
      config = try Placement(from: decoder)
      pedantic = try decoder.container(keyedBy: Keys.self).decodeIfPresent(Bool.self, forKey: .pedantic)
    }

    func encode(to encoder: any Encoder) throws {
      try config.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encodeIfPresent(pedantic, forKey: .pedantic)
    }
  }

  @Test func typesSpreadOverOneObjectKnowItsMembersTogether() throws {
    let text = Array(#"{"pedantic":true,"cluster":"c"}"#.utf8)
    let value = try JSONCoding.decode(Embedding.self, from: text, options: .init(refusesUnknownFields: true))
    #expect(value.pedantic == true && value.config.cluster == "c")
    #expect(try JSONCoding.encode(value) == Array(#"{"cluster":"c","pedantic":true}"#.utf8))
    let error = #expect(throws: JSONError.self) {
      try JSONCoding.decode(
        Embedding.self, from: Array(#"{"cluster":"c","tag":1}"#.utf8), options: .init(refusesUnknownFields: true))
    }
    #expect(error?.description == #"json: unknown field "tag""#)
  }

  @Test func enumerationsNameWhatTheyDoNotKnow() {
    let error = #expect(throws: JSONError.self) { try decode(#"{"retention":"bogus"}"#) }
    guard case .invalid = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func arraysMapsAndScalarsStandAlone() throws {
    #expect(try JSONCoding.decode([Int].self, from: Array("[1,2]".utf8)) == [1, 2])
    #expect(try JSONCoding.decode([String: [UInt64]].self, from: Array(#"{"a":[1]}"#.utf8)) == ["a": [1]])
    #expect(try JSONCoding.decode([Int?].self, from: Array("[1,null]".utf8)) == [1, nil])
    #expect(try JSONCoding.decode(String.self, from: Array(#""a""#.utf8)) == "a")
    #expect(try JSONCoding.encode([1, nil, 3] as [Int?]) == Array("[1,null,3]".utf8))
    #expect(try JSONCoding.encode(Float(0.1)) == Array("0.1".utf8))
    #expect(try JSONCoding.encode([[String]]()) == Array("[]".utf8))
    #expect(throws: EncodingError.self) { try JSONCoding.encode(["a": Double.nan]) }
  }

  @Test func prettyStyleIndents() throws {
    let bytes = try JSONCoding.encode(Placement(cluster: "c", tags: ["a"]), style: .pretty)
    #expect(String(decoding: bytes, as: UTF8.self) == "{\n  \"cluster\": \"c\",\n  \"tags\": [\n    \"a\"\n  ]\n}")
  }
}
