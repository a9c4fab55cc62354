import HTTP
import JSON
import Reactor

/// Talks to one API server, on one event loop. Functions may be called from any thread; answers come on the loop.
///
/// Invariant: all state belongs to the loop's thread.
public final class KubernetesClient: @unchecked Sendable {
  public typealias Answer = @Sendable (Result<[UInt8], KubernetesError>) -> Void

  /// Requests that wait; more fail with `unreachable`.
  private static let waitingRequests = 16384

  public let loop: EventLoop
  public let configuration: ClusterConfiguration
  private let userAgent: String
  private let background: BackgroundQueue
  private let credentials: CredentialSource
  private var tls: ClientTLS?
  /// Requests that may wait apart from what may not: a watch holds its connection, a Lease ends.
  private var clients: (waiting: HTTPClient, urgent: HTTPClient)?
  /// Nothing has answered since the last failure to get through.
  private var isAway = false
  private var returned: [ObjectIdentifier: () -> Void] = [:]

  /// - Parameters:
  ///   - userAgent: `nack-controller/1.0.0`, as the server's audit log shows it.
  ///   - background: where files are read, plugins run and names looked up.
  public init(
    loop: EventLoop, configuration: ClusterConfiguration, userAgent: String,
    background: BackgroundQueue = BackgroundQueue()
  ) {
    self.loop = loop
    self.configuration = configuration
    self.userAgent = userAgent
    self.background = background
    credentials = CredentialSource(loop: loop, configuration: configuration, background: background)
  }

  /// Sends a request, again where that makes sense (`ResourceRequest.attempts`), and collects the answer, which never
  /// comes from within this call.
  public func send(_ request: ResourceRequest, completed: @escaping Answer) {
    loop.submit { self.attempt(request, RequestRetry(request), completed) }
  }

  /// As `send`, with the answer as a tree.
  public func object(
    _ request: ResourceRequest, completed: @escaping @Sendable (Result<JSONValue, KubernetesError>) -> Void
  ) {
    send(request) { result in
      completed(
        result.flatMap { body in
          do {
            return .success(try JSONValue(parsing: body))
          } catch {
            return .failure(.malformed("the API server's answer is not JSON: \(error)"))
          }
        })
    }
  }

  // MARK: - Requests

  private func attempt(_ request: ResourceRequest, _ retry: RequestRetry, _ completed: @escaping Answer) {
    once(request) { result in
      guard case .failure(let error) = result else { return completed(result) }
      var retry = retry
      guard let wait = retry.wait(after: error, random: Double.random(in: 0..<1)) else { return completed(result) }
      let next = retry
      self.loop.schedule(afterNanoseconds: wait) { self.attempt(request, next, completed) }
    }
  }

  private func once(_ request: ResourceRequest, isSecond: Bool = false, _ completed: @escaping Answer) {
    prepare(request) { prepared in
      switch prepared {
      case .failure(let error): completed(.failure(error))
      case .success(let (client, message, credential)):
        client.send(message) { answer in
          let result = Self.result(answer)
          self.note(result.error)
          if case .failure(.status(let status)) = result, status.code == 401, !isSecond,
            self.credentials.refuse(credential)
          {
            return self.once(request, isSecond: true, completed)
          }
          completed(result)
        }
      }
    }
  }

  // MARK: - A server that comes back

  /// Calls whenever the server answers again after it could not be reached: waits need not be waited out then.
  func whenReturned(_ owner: AnyObject, _ action: @escaping () -> Void) {
    returned[ObjectIdentifier(owner)] = action
  }

  func forget(_ owner: AnyObject) {
    returned[ObjectIdentifier(owner)] = nil
  }

  /// - Parameter error: of a request or watch that has ended; nil for an answer.
  func note(_ error: KubernetesError?) {
    switch error {
    case .unreachable, .interrupted: isAway = true
    case .configuration, .cancelled: break
    case nil, .status, .malformed, .tooLarge:
      guard isAway else { return }
      isAway = false
      for action in returned.values { action() }
    }
  }

  private static func result(
    _ answer: Result<HTTPClientResponse, HTTPClientError>
  ) -> Result<[UInt8], KubernetesError> {
    switch answer {
    case .failure(let error): return .failure(KubernetesError(error))
    case .success(let response):
      guard (200..<300).contains(response.status) else {
        return .failure(
          .status(APIStatus(code: response.status, headers: response.head.headers, body: response.body)))
      }
      return .success(response.body)
    }
  }

  // MARK: - Watches

  /// What comes of a watch, on the loop. Nothing follows `ended`.
  enum StreamEvent: Sendable {
    case opened
    case body([UInt8])
    /// Nil when the server ended it as planned.
    case ended(KubernetesError?)
  }

  /// Starts an answer that lasts. Nothing of it comes from within this call.
  func stream(_ request: ResourceRequest, receive: @escaping @Sendable (StreamEvent) -> Void) -> KubernetesStream {
    let stream = KubernetesStream(client: self, receive: receive)
    loop.submit {
      self.prepare(request) { prepared in
        switch prepared {
        case .failure(let error): stream.end(error)
        case .success(let (client, message, credential)): stream.start(client, message, credential)
        }
      }
    }
    return stream
  }

  func refuse(_ credential: Credential) { _ = credentials.refuse(credential) }

  // MARK: - Connections

  private typealias Prepared = (client: HTTPClient, message: HTTPClientRequest, credential: Credential)

  private func prepare(
    _ request: ResourceRequest, _ completed: @escaping @Sendable (Result<Prepared, KubernetesError>) -> Void
  ) {
    credentials.credential { answer in
      switch answer {
      case .failure(let problem): completed(.failure(.configuration("\(problem)")))
      case .success(let credential):
        let clients = self.connections(credential)
        let client = request.isUrgent ? clients.urgent : clients.waiting
        completed(.success((client, self.message(request, credential), credential)))
      }
    }
  }

  /// Connections of the credential's TLS; those of an older one end with their requests.
  private func connections(_ credential: Credential) -> (waiting: HTTPClient, urgent: HTTPClient) {
    if let clients, tls == credential.tls { return clients }
    var options = HTTPClient.Options()
    options.tls = credential.tls?.context
    options.tlsServerName = configuration.tlsServerName
    options.keepsConnectionsAlive = true
    // Before the server does, which closes after 90 s.
    options.idleTimeoutNanoseconds = 60_000_000_000
    options.collectedBodyBytes = KubernetesLimits.answerBytes
    options.maximumWaiting = Self.waitingRequests
    options.maximumConnectionsPerHost = KubernetesLimits.requests
    let waiting = HTTPClient(loop: loop, options: options, lookups: background)
    options.maximumConnectionsPerHost = KubernetesLimits.connections - KubernetesLimits.requests
    let urgent = HTTPClient(loop: loop, options: options, lookups: background)
    clients?.waiting.closeIdleConnections()
    clients?.urgent.closeIdleConnections()
    clients = (waiting, urgent)
    tls = credential.tls
    return (waiting, urgent)
  }

  private func message(_ request: ResourceRequest, _ credential: Credential) -> HTTPClientRequest {
    var url = configuration.server
    url.target = Self.joined(prefix: url.target, request.target)
    var headers: HTTPHeaders = ["Accept": "application/json", "User-Agent": userAgent]
    if !request.body.isEmpty { headers.add("Content-Type", request.contentType) }
    if !configuration.impersonatedUser.isEmpty {
      headers.add("Impersonate-User", configuration.impersonatedUser)
      for group in configuration.impersonatedGroups { headers.add("Impersonate-Group", group) }
    }
    return HTTPClientRequest(
      request.method, url, headers: headers, body: request.body,
      credentials: credential.token.isEmpty ? nil : .bearer(credential.token),
      timeoutNanoseconds: request.timeoutNanoseconds)
  }

  private static func joined(prefix: String, _ target: String) -> String {
    prefix.hasSuffix("/") ? prefix.dropLast() + target : prefix + target
  }

  func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.isCurrent { work() } else { loop.submit(work) }
  }
}

/// A watch on its way.
///
/// Invariant: all state belongs to the client's loop.
final class KubernetesStream: @unchecked Sendable {
  private static let largestError = 64 << 10

  private let client: KubernetesClient
  private var receive: (@Sendable (KubernetesClient.StreamEvent) -> Void)?
  private var call: HTTPCall?
  private var refusal: HTTPResponseHead?
  private var refusalBody: [UInt8] = []

  init(client: KubernetesClient, receive: @escaping @Sendable (KubernetesClient.StreamEvent) -> Void) {
    self.client = client
    self.receive = receive
  }

  /// Ends it without a further word.
  func cancel() {
    client.onLoop {
      self.receive = nil
      self.call?.cancel()
      self.call = nil
    }
  }

  func start(_ connections: HTTPClient, _ message: HTTPClientRequest, _ credential: Credential) {
    guard receive != nil else { return }
    call = connections.start(message) { event in
      switch event {
      case .head(let head) where head.status == 200:
        self.client.note(nil)
        self.receive?(.opened)
      case .head(let head): self.refusal = head
      case .body(let bytes):
        if self.refusal == nil {
          self.receive?(.body(bytes))
        } else if self.refusalBody.count < Self.largestError {
          self.refusalBody += bytes
        }
      case .end:
        guard let head = self.refusal else { return self.end(nil) }
        if head.status == 401 { self.client.refuse(credential) }
        self.end(.status(APIStatus(code: head.status, headers: head.headers, body: self.refusalBody)))
      case .failed(let error):
        self.client.note(KubernetesError(error))
        self.end(KubernetesError(error))
      }
    }
  }

  func end(_ error: KubernetesError?) {
    let receive = receive
    self.receive = nil
    call = nil
    receive?(.ended(error))
  }
}

extension Result {
  fileprivate var error: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
