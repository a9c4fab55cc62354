// Advisories about streams and the API (FEATURES 7.1).

import Bytes
import JSON

/// Something that is told to whoever listens: where, and what.
public struct Advisory: Equatable, Sendable {
  public var subject: String
  public var payload: [UInt8]

  public init(subject: String, payload: [UInt8]) {
    self.subject = subject
    self.payload = payload
  }
}

/// What every advisory begins with.
public struct AdvisoryHead: Equatable, Sendable {
  /// A unique identifier (NUID).
  public var id: String
  public var time: Timestamp
  /// The server's domain, empty: none.
  public var domain: String

  public init(id: String, time: Timestamp, domain: String = "") {
    self.id = id
    self.time = time
    self.domain = domain
  }

  /// An advisory of a type (the part behind `io.nats.jetstream.advisory.v1.`).
  public func advisory(
    _ type: StaticString, on subject: String, _ members: (inout JSONWriter) -> Void
  ) -> Advisory {
    Advisory(subject: subject, payload: payload("\(APITypes.advisoryPrefix)\(type)", members))
  }

  /// The same for metrics.
  public func metric(_ type: StaticString, on subject: String, _ members: (inout JSONWriter) -> Void) -> Advisory {
    Advisory(subject: subject, payload: payload("\(APITypes.metricPrefix)\(type)", members))
  }

  private func payload(_ type: String, _ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("type", type)
    writer.field("id", id)
    writer.field("timestamp", time)
    members(&writer)
    writer.endObject()
    return writer.bytes
  }
}

/// What became of a stream or consumer.
public enum AssetAction: String, Sendable {
  case create, modify, delete

  /// As it stands in subjects.
  var word: String {
    switch self {
    case .create: "CREATED"
    case .modify: "UPDATED"
    case .delete: "DELETED"
    }
  }
}

/// Why a batch was given up (FEATURES 5.074).
public enum BatchAbandonReason: String, Sendable {
  case timeout, large, incomplete
  /// The batch asks for an API level that the server does not have.
  case unsupported
}

extension Advisory {
  /// A stream was created, changed or deleted (FEATURES 7.048).
  public static func stream(_ name: String, _ action: AssetAction, _ head: AdvisoryHead) -> Advisory {
    head.advisory("stream_action", on: "$JS.EVENT.ADVISORY.STREAM.\(action.word).\(name)") { writer in
      writer.field("stream", name)
      writer.field("action", action.rawValue)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }

  /// Messages of a stream cannot be read any more; nats-server has none for that. `lost` as in the stream's state.
  public static func messagesLost(_ lost: LostData, count: UInt64, stream: String, _ head: AdvisoryHead) -> Advisory {
    head.advisory("stream_messages_lost", on: "$JS.EVENT.ADVISORY.STREAM.MSGS_LOST.\(stream)") { writer in
      writer.field("stream", stream)
      writer.field("domain", head.domain, omitEmpty: true)
      writer.field("count", count)
      writer.field("lost", lost)
    }
  }

  /// A batch was given up (FEATURES 7.061).
  ///
  /// - Parameter account: named in the copy for the system account only.
  public static func batchAbandoned(
    _ batch: String, _ reason: BatchAbandonReason, stream: String, account: String = "", _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("stream_batch_abandoned", on: "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.\(stream)") { writer in
      writer.field("account", account, omitEmpty: true)
      writer.field("stream", stream)
      writer.field("domain", head.domain, omitEmpty: true)
      writer.field("batch", batch)
      writer.field("reason", reason.rawValue)
    }
  }

  /// A request to the API and its answer (FEATURES 7.046).
  ///
  /// - Parameter client: who asked, as a JSON object.
  public static func audit(
    server: String, client: [UInt8], subject: String, request: String, response: String, _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("api_audit", on: "$JS.EVENT.ADVISORY.API") { writer in
      writer.field("server", server)
      writer.key("client")
      writer.raw(client)
      writer.field("subject", subject)
      writer.field("request", request, omitEmpty: true)
      writer.field("response", response)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }

  /// Requests were dropped because too many wait (FEATURES 7.047).
  public static func limitReached(server: String, dropped: Int64, _ head: AdvisoryHead) -> Advisory {
    head.advisory("api_limit_reached", on: "$JS.EVENT.ADVISORY.API.LIMIT_REACHED") { writer in
      writer.field("server", server)
      writer.field("domain", head.domain, omitEmpty: true)
      writer.field("dropped", dropped)
    }
  }

  /// A stream found no room on disk (FEATURES 7.063).
  public static func outOfStorage(
    server: String, serverID: String, stream: String, cluster: String, _ head: AdvisoryHead
  ) -> Advisory {
    head.advisory("server_out_of_space", on: "$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE") { writer in
      writer.field("server", server)
      writer.field("server_id", serverID)
      writer.field("stream", stream, omitEmpty: true)
      writer.field("cluster", cluster)
      writer.field("domain", head.domain, omitEmpty: true)
    }
  }
}
