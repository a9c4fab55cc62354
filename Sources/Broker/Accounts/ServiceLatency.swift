import Bytes
import Configuration
import Crypto
import JSON

/// A request under measurement.
struct LatencyMeasurement: Sendable {
  let latency: ServiceLatencyOptions
  let requestor: RequestInfo
  let sample: LatencySample
  /// When the request crossed the border (wall clock, nanoseconds).
  let start: Int64
}

/// What is published about a request to a measured service (FEATURES 2.027).
struct ServiceLatencyMetric: JSONWritable {
  static let type = "io.nats.server.metric.v1.service_latency"

  var status: Int
  var description = ""
  var requestor: RequestInfo
  var responder: RequestInfo?
  var header: [String: [String]]
  /// When the requestor sent it.
  var start: Int64
  // Nanoseconds.
  var service: Int64 = 0
  var system: Int64 = 0
  var total: Int64 = 0
  var time: Int64

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("type", Self.type)
    writer.field("id", NUID.next())
    writer.field("timestamp", Timestamp(unixNanoseconds: time))
    writer.field("status", status)
    writer.field("description", description, omitEmpty: true)
    writer.field("requestor", requestor)
    writer.field("responder", ifPresent: responder)
    if !header.isEmpty {
      writer.key("header")
      writer.beginObject()
      for name in header.keys.sorted() {
        writer.key(name)
        writer.beginArray()
        for value in header[name]! { writer.value(value) }
        writer.endArray()
      }
      writer.endObject()
    }
    writer.field("start", Timestamp(unixNanoseconds: start))
    writer.field("service", max(0, service))
    writer.field("system", max(0, system))
    writer.field("total", total)
    writer.endObject()
  }
}

extension Worker {
  /// The answer has come.
  func report(_ measurement: LatencyMeasurement, answeredBy publisher: ConnectionPointer?, in account: Account) {
    let now = loop.clock.wallNanoseconds()
    let elapsed = now - measurement.start
    let responder = RequestInfo(publisher, in: account, detailed: true)
    let requestorTrip = measurement.requestor.roundTripNanoseconds
    var metric = ServiceLatencyMetric(
      status: 200, requestor: measurement.requestor, responder: responder, header: measurement.sample.header,
      start: measurement.start - requestorTrip, service: elapsed - responder.roundTripNanoseconds,
      total: requestorTrip + elapsed, time: now)
    if responder.roundTripNanoseconds > 0 {
      metric.system = loop.clock.wallNanoseconds() - now
      metric.total += metric.system
    }
    publish(metric, measurement.latency, in: account)
  }

  /// No answer will come.
  func report(_ measurement: LatencyMeasurement, endedBy end: ServiceReply.End, in account: Account) {
    let (status, description) =
      switch end {
      case .done: (0, "")
      case .interestLost: (408, "Request Timeout")
      case .noDelivery: (503, "Service Unavailable")
      case .timeout: (504, "Service Timeout")
      }
    let metric = ServiceLatencyMetric(
      status: status, description: description, requestor: measurement.requestor, header: measurement.sample.header,
      start: measurement.start - measurement.requestor.roundTripNanoseconds, time: loop.clock.wallNanoseconds())
    publish(metric, measurement.latency, in: account)
  }

  /// A request that cannot be answered.
  func reportBadRequest(
    _ latency: ServiceLatencyOptions, _ sample: LatencySample, from publisher: ConnectionPointer?, _ hop: ServiceHop
  ) {
    let requestor = RequestInfo(publisher, in: hop.source, detailed: hop.share)
    let now = loop.clock.wallNanoseconds()
    let metric = ServiceLatencyMetric(
      status: 400, description: "Bad Request", requestor: requestor, header: sample.header,
      start: now - requestor.roundTripNanoseconds, time: now)
    publish(metric, latency, in: hop.target)
  }

  private func publish(_ metric: ServiceLatencyMetric, _ latency: ServiceLatencyOptions, in account: Account) {
    publishSoon(ServerMessage(account: account, subject: Array(latency.subject.utf8), payload: metric.json()))
  }
}
