import Bytes
import JetStreamAPI
import Testing

@Suite("answers about consumers")
struct ConsumerAnswerTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func pause() throws {  // FEATURES 6.043, 7.026
    let now = try RFC3339.parse("2026-11-21T05:49:21.015609Z")
    func answer(_ payload: String) throws -> String {
      let request = try Array(payload.utf8).withUnsafeBytes { (bytes) throws in
        try ConsumerPauseRequest.decodePause(bytes)
      }
      return text(ConsumerPauseAnswer(request, now: now).answer())
    }
    let type = #"{"type":"io.nats.jetstream.api.v1.consumer_pause_response","#
    #expect(try answer("") == type + #""paused":false,"pause_until":"0001-01-01T00:00:00Z"}"#)
    #expect(
      try answer(#"{"pause_until":"2020-01-01T00:00:00Z"}"#)
        == type + #""paused":false,"pause_until":"2020-01-01T00:00:00Z"}"#)
    #expect(
      try answer(#"{"pause_until":"2026-11-21T05:49:22.015609Z"}"#)
        == type + #""paused":true,"pause_until":"2026-11-21T05:49:22.015609Z","pause_remaining":1000000000}"#)
    #expect(refusal { _ = try answer(#"{"bogus":1}"#) } == #"invalid JSON: json: unknown field "bogus""#)
    #expect(
      text(ConsumerPauseAnswer.answer(refusing: .consumerNotFound))
        == type + #""error":{"code":404,"err_code":10014,"description":"consumer not found"},"#
        + #""paused":false,"pause_until":"0001-01-01T00:00:00Z"}"#)
  }

  @Test func unpinAndReset() {  // FEATURES 6.044, 6.045
    let unpins = [
      ("", "invalid JSON: unexpected end of JSON input"),
      ("{}", "invalid JSON: consumer group not specified"),
      (
        #"{"group":"!"}"#,
        "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters"
      ),
      (#"{"group":"g","x":1}"#, "accepted"),
      (
        #"{"group":5}"#,
        "invalid JSON: json: cannot unmarshal number into Go struct field "
          + "JSApiConsumerUnpinRequest.group of type string"
      ),
    ]
    for (payload, expected) in unpins {
      let result = refusal {
        _ = try Array(payload.utf8).withUnsafeBytes { (bytes) throws in try ConsumerUnpinRequest.decodeUnpin(bytes) }
      }
      #expect(result == expected, "\(payload)")
    }
    let resets = [
      ("", "accepted"), (#"{"x":3}"#, "accepted"), (#"{"seq":3}"#, "accepted"),
      (
        #"{"seq":"x"}"#,
        "invalid JSON: json: cannot unmarshal string into Go struct field JSApiConsumerResetRequest.seq of type uint64"
      ),
    ]
    for (payload, expected) in resets {
      let result = refusal {
        _ = try Array(payload.utf8).withUnsafeBytes { (bytes) throws in try ConsumerResetRequest.decodeReset(bytes) }
      }
      #expect(result == expected, "\(payload)")
    }
  }

  @Test func names() {  // FEATURES 7.022
    var request = ConsumerListRequest()
    request.offset = 1
    #expect(
      text(ConsumerNamesAnswer(all: ["c", "a", "b"], request: request).answer())
        == #"{"type":"io.nats.jetstream.api.v1.consumer_names_response","total":3,"offset":1,"limit":1024,"#
        + #""consumers":["b","c"]}"#)
    request.offset = 5
    #expect(ConsumerNamesAnswer(all: ["p"], request: request).page == Page(total: 1, offset: 1, limit: 1024))
  }

  @Test func info() throws {  // FEATURES 6.041
    var configuration = ConsumerConfiguration()
    configuration.name = "c1"
    try configuration.setDefaults(ConsumerContext(stream: "S", subjects: ["s"]), isPedantic: false)
    configuration.setEphemeralThreshold()
    configuration.setStoredMetadata()
    let info = ConsumerInfo(
      stream: "S", name: "c1", created: try RFC3339.parse("2026-11-21T04:44:37.726845602Z"),
      configuration: configuration, gathered: try RFC3339.parse("2026-11-21T04:44:37.727513748Z"))
    // As nats-server 2.15.1 answered.
    #expect(
      text(ConsumerCreateAnswer(info.withAnsweredMetadata(serverVersion: "2.15.1")).answer())
        == #"{"type":"io.nats.jetstream.api.v1.consumer_create_response","stream_name":"S","name":"c1","created":"#
        + #""2026-11-21T04:44:37.726845602Z","config":{"name":"c1","deliver_policy":"all","ack_policy":"none","#
        + #""max_deliver":-1,"replay_policy":"instant","max_waiting":512,"inactive_threshold":5000000000,"#
        + #""num_replicas":0,"metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"}},"#
        + #""delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},"#
        + #""num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":0,"#
        + #""ts":"2026-11-21T04:44:37.727513748Z"}"#)
  }

  @Test func advisories() {  // FEATURES 7.049 to 7.055, 7.066
    let origin = ConsumerAdvisory.Origin(account: "A", stream: "S", consumer: "C", domain: "")
    let head = #""id":"ID","timestamp":"1970-01-01T00:00:00Z","#
    let rows: [(ConsumerAdvisory, String, String)] = [
      (.created, "$JS.EVENT.ADVISORY.CONSUMER.CREATED.S.C", #""stream":"S","consumer":"C","action":"create"}"#),
      (
        .maxDeliveries(streamSequence: 6, deliveries: 2), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C",
        #""stream":"S","consumer":"C","stream_seq":6,"deliveries":2}"#
      ),
      (
        .unpinned(group: "g", reason: .timeout), "$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.S.C",
        #""account":"A","stream":"S","consumer":"C","group":"g","reason":"timeout"}"#
      ),
      (
        .acknowledged(consumerSequence: 1, streamSequence: 2, delay: 3, deliveries: 4),
        "$JS.EVENT.METRIC.CONSUMER.ACK.S.C",
        #""stream":"S","consumer":"C","consumer_seq":1,"stream_seq":2,"ack_time":3,"deliveries":4}"#
      ),
    ]
    for (advisory, subject, members) in rows {
      #expect(advisory.subject(origin) == subject)
      let json = text(advisory.json(origin, id: "ID", time: Timestamp(seconds: 0)))
      #expect(json.hasSuffix(head + members), "\(json)")
    }
  }
}
