import Reactor

/// A request that a client sends.
public struct HTTPClientRequest: Sendable {
  public var method: String
  public var url: HTTPURL
  public var headers: HTTPHeaders
  public var body: [UInt8]
  /// Goes into `Authorization`, before what the URL may carry.
  public var credentials: HTTPCredentials?
  /// From the start to the end of the body; nil for answers that last, such as watches.
  public var timeoutNanoseconds: Int64?

  public init(
    _ method: String = "GET", _ url: HTTPURL, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = [],
    credentials: HTTPCredentials? = nil, timeoutNanoseconds: Int64? = 30_000_000_000
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.credentials = credentials
    self.timeoutNanoseconds = timeoutNanoseconds
  }

  /// Start line, headers and body.
  var bytes: [UInt8] {
    var text = "\(method) \(url.target) HTTP/1.1\r\n"
    func add(_ name: String, _ value: String) {
      // A line end inside a value would start another header.
      text += name + ": " + String(decoding: value.utf8.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }, as: UTF8.self)
      text += "\r\n"
    }
    if !headers.contains("Host") { add("Host", url.authority) }
    if !headers.contains("User-Agent") { add("User-Agent", "natsd") }
    for field in headers { add(field.name, field.value) }
    if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) { add("Content-Length", String(body.count)) }
    if let authorization, !headers.contains("Authorization") { add("Authorization", authorization) }
    return Array((text + "\r\n").utf8) + body
  }

  private var authorization: String? {
    if let credentials { return credentials.authorization }
    guard let user = url.user else { return nil }
    return HTTPCredentials.basic(user: user, password: url.password ?? "").authorization
  }

  /// May be sent again when a kept connection turns out to be dead.
  var isIdempotent: Bool { ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].contains(method) }
}

/// A whole answer.
public struct HTTPClientResponse: Sendable {
  public let head: HTTPResponseHead
  public let body: [UInt8]

  public var status: Int { head.status }
}

/// Why a request got no answer.
public enum HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
  case lookup(String)
  case connect(String)
  case tls(String)
  case timedOut
  /// The connection ended before the answer did.
  case disconnected
  case malformedResponse
  case bodyTooLarge
  case cancelled
  /// More requests wait than the client allows.
  case tooManyRequests

  public var description: String {
    switch self {
    case .lookup(let text), .connect(let text), .tls(let text): text
    case .timedOut: "request timed out"
    case .disconnected: "connection ended before the response was complete"
    case .malformedResponse: "malformed HTTP response"
    case .bodyTooLarge: "response body too large"
    case .cancelled: "request cancelled"
    case .tooManyRequests: "too many requests wait"
    }
  }
}

/// What becomes of a request, in order: head, any number of body pieces, end; or failed at any point. Nothing follows
/// `end` and `failed`.
public enum HTTPClientEvent: Sendable {
  case head(HTTPResponseHead)
  case body([UInt8])
  case end
  case failed(HTTPClientError)
}

/// A request on its way. Its methods may be called from any thread.
///
/// Invariant: all state belongs to the client's loop.
public final class HTTPCall: @unchecked Sendable {
  let client: HTTPClient
  let request: HTTPClientRequest
  private var receive: (@Sendable (HTTPClientEvent) -> Void)?
  private var timer: TimerToken?
  weak var connection: HTTPClientConnection?
  /// A piece of the answer was received: it cannot be asked for again.
  private(set) var hasResponse = false
  var isPaused = false
  /// Sent again already.
  var isRetry = false

  init(client: HTTPClient, request: HTTPClientRequest, receive: @escaping @Sendable (HTTPClientEvent) -> Void) {
    self.client = client
    self.request = request
    self.receive = receive
  }

  /// Gives up; `failed(.cancelled)` is received unless the answer is complete already.
  public func cancel() {
    client.onLoop { self.fail(.cancelled) }
  }

  /// Stops reading the answer, so that a server that sends too fast is slowed down.
  public func pause() {
    client.onLoop {
      self.isPaused = true
      self.connection?.updateInterest()
    }
  }

  public func resume() {
    client.onLoop {
      guard self.isPaused else { return }
      self.isPaused = false
      self.connection?.resumeReading()
    }
  }

  var isOver: Bool { receive == nil }

  func startTimer(_ loop: EventLoop) {
    guard let timeout = request.timeoutNanoseconds else { return }
    timer = loop.schedule(afterNanoseconds: timeout) { [weak self] in self?.fail(.timedOut) }
  }

  func deliver(_ event: HTTPClientEvent) {
    hasResponse = true
    receive?(event)
  }

  func end() {
    finish(with: .end)
  }

  /// Fails and takes the connection down, on which the rest of the answer may still come.
  func fail(_ error: HTTPClientError) {
    guard !isOver else { return }
    let connection = connection
    finish(with: .failed(error))
    connection?.close()
    client.dropWaiting(self)
  }

  private func finish(with event: HTTPClientEvent) {
    guard let receive else { return }
    self.receive = nil
    connection = nil
    if let timer { client.loop.cancel(timer) }
    receive(event)
  }
}
