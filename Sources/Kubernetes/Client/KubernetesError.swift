import HTTP
import JSON

/// The server's own account of why it refused: `Status` of the API.
public struct APIStatus: Sendable, Equatable {
  /// The HTTP status.
  public var code: Int
  /// `NotFound`, `Conflict`, `Expired`, ...; empty when the answer does not come from an API server.
  public var reason: String
  public var message: String
  /// When to come back, as the server asks; nil when it does not.
  public var retryAfterSeconds: Int64?
  /// `FIELD: TEXT` of a refused object.
  public var causes: [String]

  public init(
    code: Int, reason: String = "", message: String = "", retryAfterSeconds: Int64? = nil, causes: [String] = []
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.retryAfterSeconds = retryAfterSeconds
    self.causes = causes
  }

  /// Of an answer that is no success. What is no `Status` is quoted, up to a limit.
  init(code: Int, headers: HTTPHeaders, body: [UInt8]) {
    self.init(code: code)
    if let document = try? JSONValue(parsing: body), document["kind"]?.string == "Status" {
      take(document)
    } else {
      message = String(decoding: body.prefix(Self.longestQuote), as: UTF8.self)
    }
    self.code = code
    if let header = headers["Retry-After"].flatMap({ Int64($0) }), header >= 0 { retryAfterSeconds = header }
  }

  /// Of the `Status` in an error event of a watch.
  init(_ document: JSONValue) {
    self.init(code: document["code"]?.int64.map { Int($0) } ?? 500)
    take(document)
  }

  private static let longestQuote = 500

  private mutating func take(_ document: JSONValue) {
    reason = document["reason"]?.string ?? ""
    message = document["message"]?.string ?? ""
    let details = document["details"]
    if let seconds = details?["retryAfterSeconds"]?.int64, seconds > 0 { retryAfterSeconds = seconds }
    causes = (details?["causes"]?.array ?? []).compactMap { cause in
      guard let text = cause["message"]?.string else { return nil }
      return cause["field"]?.string.map { "\($0): \(text)" } ?? text
    }
  }
}

/// Why a request was not done.
public enum KubernetesError: Error, Sendable, Equatable, CustomStringConvertible {
  case status(APIStatus)
  /// No credentials, or no TLS with those there are.
  case configuration(String)
  /// No connection was made: the server has seen nothing.
  case unreachable(String)
  /// The connection or the time ended before the answer did: the server may have done it.
  case interrupted(String)
  case malformed(String)
  case tooLarge
  case cancelled

  public var isNotFound: Bool { code == 404 }
  public var isForbidden: Bool { code == 403 }
  /// Another writer was first (409 with any reason but the next).
  public var isConflict: Bool { code == 409 && reason != "AlreadyExists" }
  public var isAlreadyExists: Bool { code == 409 && reason == "AlreadyExists" }
  /// The object breaks its definition (422), or the request makes no sense (400).
  public var isInvalid: Bool { code == 422 || code == 400 }
  /// The version or page asked for is gone from the server's history.
  public var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }

  public var status: APIStatus? { if case .status(let status) = self { status } else { nil } }
  private var code: Int? { status?.code }
  private var reason: String? { status?.reason }

  public var description: String {
    switch self {
    case .status(let status):
      return status.message.isEmpty
        ? "the API server answered \(status.code) \(HTTPStatus.text(status.code))" : status.message
    case .configuration(let text), .unreachable(let text), .interrupted(let text), .malformed(let text): return text
    case .tooLarge: return "the API server's answer is larger than \(KubernetesLimits.answerBytes) bytes"
    case .cancelled: return "cancelled"
    }
  }

  init(_ error: HTTPClientError) {
    switch error {
    case .lookup, .connect, .tls, .tooManyRequests: self = .unreachable(error.description)
    case .timedOut, .disconnected: self = .interrupted(error.description)
    case .malformedResponse: self = .malformed(error.description)
    case .bodyTooLarge: self = .tooLarge
    case .cancelled: self = .cancelled
    }
  }
}
