import JSON

/// The answer to a request of the API: its members behind `type` (FEATURES 7).
public protocol APIAnswer {
  /// The part of the type behind `io.nats.jetstream.api.v1.`.
  static var type: StaticString { get }
  /// Writes the members of an answer that is not an error.
  func writeMembers(to writer: inout JSONWriter)
  /// Writes the members that an error has beside it: numbers that nats-server never leaves out.
  static func writeErrorMembers(to writer: inout JSONWriter)
}

extension APIAnswer {
  public static func writeErrorMembers(to writer: inout JSONWriter) {}

  /// The answer as JSON.
  public func answer() -> [UInt8] {
    Self.body { writeMembers(to: &$0) }
  }

  /// The answer to a request that is refused.
  public static func answer(refusing error: JetStreamError) -> [UInt8] {
    body { writer in
      writer.field("error", error)
      writeErrorMembers(to: &writer)
    }
  }

  private static func body(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    writer.field("type", "\(APITypes.prefix)\(type)")
    members(&writer)
    writer.endObject()
    return writer.bytes
  }
}

/// Names of types.
public enum APITypes {
  /// Of requests and answers.
  public static var prefix: StaticString { "io.nats.jetstream.api.v1." }
  /// Of advisories.
  public static var advisoryPrefix: StaticString { "io.nats.jetstream.advisory.v1." }
  /// Of metrics.
  public static var metricPrefix: StaticString { "io.nats.jetstream.metric.v1." }
}

/// Where in a list an answer begins and how much it may hold.
public struct Page: Equatable, Sendable {
  public var total = 0
  public var offset = 0
  public var limit = 0

  public init(total: Int = 0, offset: Int = 0, limit: Int = 0) {
    self.total = total
    self.offset = offset
    self.limit = limit
  }

  public func writeMembers(to writer: inout JSONWriter) {
    writer.field("total", total)
    writer.field("offset", offset)
    writer.field("limit", limit)
  }
}
