import HTTP
import JSON

/// What a health check looks at (FEATURES 11.015).
struct HealthzOptions: Sendable {
  var isJetStreamEnabledDeprecated = false
  var serverOnly = false
  var account = ""
  var stream = ""
  var consumer = ""
  var hasDetails = false

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) {
    isJetStreamEnabledDeprecated = try query.flag("js-enabled")
    _ = try query.flag("js-enabled-only")
    serverOnly = try query.flag("js-server-only")
    _ = try query.flag("js-meta-only")
    hasDetails = try query.flag("details")
    account = query["account"]
    stream = query["stream"]
    consumer = query["consumer"]
  }
}

/// The health of the server (FEATURES 11.084).
struct HealthStatus: Sendable, JSONWritable, Equatable {
  /// What is wrong, by kind (FEATURES 11.085).
  struct Problem: Sendable, Equatable {
    enum Kind: String, Sendable {
      case connection = "CONNECTION"
      case badRequest = "BAD_REQUEST"
    }
    let kind: Kind
    let text: String
  }

  var code = 200
  var problems: [Problem] = []
  var hasDetails = false
  /// HTTP has it in its first line; system answers have it in the body.
  var showsCode = false

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("status", problems.isEmpty ? "ok" : "error")
    if showsCode { writer.field("status_code", code) }
    if hasDetails {
      writeDetails(to: &writer)
    } else if let problem = problems.first {
      writer.field("error", problem.text)
    }
    writer.endObject()
  }

  private func writeDetails(to writer: inout JSONWriter) {
    if problems.isEmpty { return }
    writer.key("errors")
    writer.beginArray()
    for problem in problems {
      writer.beginObject()
      writer.field("type", problem.kind.rawValue)
      writer.field("error", problem.text)
      writer.endObject()
    }
    writer.endArray()
  }

  /// The first that applies, in nats-server's order (FEATURES 11.017).
  ///
  /// - Parameter isListening: clients can connect.
  static func check(_ options: HealthzOptions, isListening: Bool) -> HealthStatus {
    if options.account.isEmpty, !options.stream.isEmpty {
      return failed(options, 400, .badRequest, #""account" must not be empty when checking stream health"#)
    }
    if options.stream.isEmpty, !options.consumer.isEmpty {
      return failed(options, 400, .badRequest, #""stream" must not be empty when checking consumer health"#)
    }
    guard isListening else {
      return failed(options, 500, .connection, "failed to be ready for connections after 1ms: server")
    }
    return HealthStatus(hasDetails: options.hasDetails)
  }

  private static func failed(
    _ options: HealthzOptions, _ code: Int, _ kind: Problem.Kind, _ text: String
  ) -> HealthStatus {
    HealthStatus(code: code, problems: [Problem(kind: kind, text: text)], hasDetails: options.hasDetails)
  }
}

extension Monitor {
  func healthz(_ options: HealthzOptions) -> HealthStatus {
    HealthStatus.check(options, isListening: server.isListening)
  }
}
