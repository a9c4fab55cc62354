import HTTP
import JSON

/// What a health check looks at (FEATURES 11.015).
public struct HealthzOptions: Sendable {
  /// The deprecated spelling of `enabledOnly`, which is logged.
  var isJetStreamEnabledDeprecated = false
  var enabledOnly = false
  var serverOnly = false
  public var account = ""
  public var stream = ""
  public var consumer = ""
  public var hasDetails = false

  init() {}

  init(_ query: HTTPQuery) throws(QueryProblem) {
    isJetStreamEnabledDeprecated = try query.flag("js-enabled")
    enabledOnly = try query.flag("js-enabled-only")
    serverOnly = try query.flag("js-server-only")
    // There is no meta group on one server.
    _ = try query.flag("js-meta-only")
    hasDetails = try query.flag("details")
    account = query["account"]
    stream = query["stream"]
    consumer = query["consumer"]
  }
}

/// Something that is wrong, by kind (FEATURES 11.085).
public struct HealthProblem: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case connection = "CONNECTION"
    case badRequest = "BAD_REQUEST"
    case jetStream = "JETSTREAM"
    case account = "ACCOUNT"
    case stream = "STREAM"
    case consumer = "CONSUMER"
  }

  public let kind: Kind
  public let text: String
  public var account = ""
  public var stream = ""
  public var consumer = ""

  public init(_ kind: Kind, _ text: String, account: String = "", stream: String = "", consumer: String = "") {
    self.kind = kind
    self.text = text
    self.account = account
    self.stream = stream
    self.consumer = consumer
  }
}

/// The health of the server (FEATURES 11.084).
struct HealthStatus: Sendable, JSONWritable, Equatable {
  var code = 200
  var problems: [HealthProblem] = []
  var hasDetails = false
  /// HTTP has it in its first line; system answers have it in the body.
  var showsCode = false

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("status", status)
    if showsCode { writer.field("status_code", code) }
    if hasDetails {
      writeDetails(to: &writer)
    } else if let problem = problems.first {
      writer.field("error", problem.text)
    }
    writer.endObject()
  }

  private var status: String {
    guard let problem = problems.first else { return "ok" }
    if hasDetails { return "error" }
    switch problem.kind {
    case .connection, .badRequest: return "error"
    case .jetStream, .account, .stream, .consumer: return "unavailable"
    }
  }

  private func writeDetails(to writer: inout JSONWriter) {
    if problems.isEmpty { return }
    writer.key("errors")
    writer.beginArray()
    for problem in problems {
      writer.beginObject()
      writer.field("type", problem.kind.rawValue)
      writer.field("account", problem.account, omitEmpty: true)
      writer.field("stream", problem.stream, omitEmpty: true)
      writer.field("consumer", problem.consumer, omitEmpty: true)
      writer.field("error", problem.text)
      writer.endObject()
    }
    writer.endArray()
  }

  /// What can be told without JetStream: the first that applies, in nats-server's order (FEATURES 11.017).
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
    _ options: HealthzOptions, _ code: Int, _ kind: HealthProblem.Kind, _ text: String
  ) -> HealthStatus {
    HealthStatus(code: code, problems: [HealthProblem(kind, text)], hasDetails: options.hasDetails)
  }
}

extension Monitor {
  /// Any thread, and so is `done`.
  func healthz(_ options: HealthzOptions, _ done: @escaping @Sendable (HealthStatus) -> Void) {
    let health = HealthStatus.check(options, isListening: server.isListening)
    guard health.problems.isEmpty, let jetStream = server.jetStream,
      !options.serverOnly, !options.enabledOnly, !options.isJetStreamEnabledDeprecated
    else {
      done(health)
      return
    }
    jetStream.checkHealth(options) { found in
      var health = health
      health.problems = found.problems
      health.code = found.code ?? (found.problems.isEmpty ? 200 : 503)
      done(health)
    }
  }
}
