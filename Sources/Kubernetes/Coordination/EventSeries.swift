import Bytes
import JSON

/// The object that an Event is about.
public struct ObjectReference: Sendable, Hashable {
  public var apiVersion: String
  public var kind: String
  public var key: ObjectKey
  public var uid: String

  public init(apiVersion: String, kind: String, key: ObjectKey, uid: String) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.key = key
    self.uid = uid
  }

  /// Where Events about it stand.
  var eventNamespace: String { key.namespace.isEmpty ? "default" : key.namespace }
}

/// What happened to an object, for `kubectl get events`.
public struct ObjectEvent: Sendable, Hashable {
  public enum Severity: String, Sendable {
    case normal = "Normal"
    case warning = "Warning"
  }

  public var object: ObjectReference
  public var severity: Severity
  /// One word, `Created`.
  public var reason: String
  public var message: String

  public init(_ object: ObjectReference, _ severity: Severity = .normal, reason: String, message: String) {
    self.object = object
    self.severity = severity
    self.reason = reason
    self.message = message
  }
}

/// The rules by which Events are counted instead of repeated, and kept within bounds, as clients in Go do it: an Event
/// that is the same again counts up the first one; an object has a burst of 25, then one Event in five minutes.
struct EventSeries: Sendable {
  enum Action: Equatable {
    case create(name: String, JSONValue)
    case patch(name: String, JSONValue)
  }

  private struct Series {
    var name: String
    var first: Timestamp
    var count: Int
    var last: Int64
  }

  private struct Bucket {
    var tokens: Double
    var filled: Int64
  }

  private static let burst = 25.0
  private static let refillNanoseconds = 300e9
  /// The server drops Events after an hour; a series that rested so long is a new one.
  private static let seriesNanoseconds: Int64 = 3_000_000_000_000
  /// Of a message; the server's bound.
  private static let longestMessage = 1024

  private let component: String
  private let instance: String
  private let limit: Int
  private var series: [ObjectEvent: Series] = [:]
  private var buckets: [ObjectReference: Bucket] = [:]

  init(component: String, instance: String, limit: Int = KubernetesLimits.eventSeries) {
    self.component = component
    self.instance = instance
    self.limit = limit
  }

  /// What to send; nil when the object has had too many. - Parameter now: nanoseconds since 1970.
  mutating func record(_ event: ObjectEvent, now: Int64) -> Action? {
    var event = event
    if event.message.utf8.count > Self.longestMessage { event.message = Self.shortened(event.message) }
    let time = Timestamp(unixNanoseconds: now)
    guard takeToken(event.object, now) else { return nil }
    if var known = series[event], now - known.last < Self.seriesNanoseconds {
      known.count += 1
      known.last = now
      series[event] = known
      return .patch(
        name: known.name,
        .object(["count": JSONValue(known.count), "lastTimestamp": .string(KubernetesTime.seconds(time))]))
    }
    let created = Series(
      name: "\(event.object.key.name).\(String(now, radix: 16))", first: time, count: 1, last: now)
    series[event] = created
    forgetOldest()
    return .create(name: created.name, body(event, created, time))
  }

  /// The Event to count up is gone: the whole series anew.
  mutating func recreate(_ event: ObjectEvent, now: Int64) -> Action? {
    series[event] = nil
    return record(event, now: now)
  }

  /// The object is gone.
  mutating func forget(_ object: ObjectReference) {
    buckets[object] = nil
    for event in series.keys where event.object == object { series[event] = nil }
  }

  private mutating func takeToken(_ object: ObjectReference, _ now: Int64) -> Bool {
    var bucket = buckets[object] ?? Bucket(tokens: Self.burst, filled: now)
    // The clock may be set back.
    bucket.tokens = min(Self.burst, bucket.tokens + Double(max(0, now - bucket.filled)) / Self.refillNanoseconds)
    bucket.filled = now
    defer { buckets[object] = bucket }
    guard bucket.tokens >= 1 else { return false }
    bucket.tokens -= 1
    return true
  }

  private mutating func forgetOldest() {
    if series.count > limit, let oldest = series.min(by: { $0.value.last < $1.value.last }) {
      series[oldest.key] = nil
    }
    if buckets.count > limit, let oldest = buckets.min(by: { $0.value.filled < $1.value.filled }) {
      buckets[oldest.key] = nil
    }
  }

  private static func shortened(_ text: String) -> String {
    var result = ""
    for character in text {
      guard result.utf8.count + character.utf8.count <= longestMessage - 3 else { break }
      result.append(character)
    }
    return result + "..."
  }

  private func body(_ event: ObjectEvent, _ series: Series, _ time: Timestamp) -> JSONValue {
    let object = event.object
    return .object([
      "apiVersion": .string("v1"), "kind": .string("Event"),
      "metadata": .object(["name": .string(series.name), "namespace": .string(object.eventNamespace)]),
      "involvedObject": .object([
        "apiVersion": .string(object.apiVersion), "kind": .string(object.kind),
        "namespace": .string(object.key.namespace), "name": .string(object.key.name), "uid": .string(object.uid),
      ]),
      "type": .string(event.severity.rawValue), "reason": .string(event.reason), "message": .string(event.message),
      "source": .object(["component": .string(component)]),
      "reportingComponent": .string(component), "reportingInstance": .string(instance),
      "count": JSONValue(series.count), "firstTimestamp": .string(KubernetesTime.seconds(series.first)),
      "lastTimestamp": .string(KubernetesTime.seconds(time)),
    ])
  }
}
