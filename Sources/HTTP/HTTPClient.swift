import Reactor

/// An HTTP/1.1 client on one event loop, with connections kept alive per server.
///
/// `send` and `start` may be called from any thread; what they report comes on the loop. Invariant: all state belongs
/// to the loop's thread.
public final class HTTPClient: @unchecked Sendable {
  public struct Options: Sendable {
    public var limits = HTTPLimits()
    /// For looking the name up, connecting and the TLS handshake, each address anew.
    public var connectTimeoutNanoseconds: Int64 = 10_000_000_000
    /// Unused connections are closed after this time.
    public var idleTimeoutNanoseconds: Int64 = 90_000_000_000
    /// Open connections to one server; further requests wait.
    public var maximumConnectionsPerHost = 16
    /// Requests that wait for a connection; more fail with `tooManyRequests`.
    public var maximumWaiting = 1024
    /// Bytes of a body that `send` collects; more fail with `bodyTooLarge`.
    public var collectedBodyBytes = 16 * 1024 * 1024
    /// Redirects of GET and HEAD that `send` follows.
    public var maximumRedirects = 0
    /// For HTTPS; nil for the system's authorities.
    public var tls: TLSContext?
    /// The name that a server's certificate must be for; nil for the host of the URL.
    public var tlsServerName: String?
    /// A peer that is gone without a word is noticed: the kernel asks after it when nothing has come for half a minute.
    public var keepsConnectionsAlive = false

    public init() {}
  }

  struct Server: Hashable {
    let isTLS: Bool
    let host: String
    let port: UInt16
  }

  let loop: EventLoop
  let options: Options
  let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
  lazy var tlsScratch = TLSScratch()
  private let lookups: BackgroundQueue
  private var tls: TLSContext?
  private var idle: [Server: [HTTPClientConnection]] = [:]
  private var connections: [Server: Set<ObjectIdentifier>] = [:]
  private var waiting: [(server: Server, call: HTTPCall)] = []

  /// - Parameter lookups: where names are looked up, since that blocks.
  public init(loop: EventLoop, options: Options = Options(), lookups: BackgroundQueue = BackgroundQueue()) {
    self.loop = loop
    self.options = options
    self.lookups = lookups
    tls = options.tls
  }

  deinit {
    readBuffer.deallocate()
  }

  /// Sends a request and collects its answer.
  @discardableResult
  public func send(
    _ request: HTTPClientRequest, completed: @escaping @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void
  ) -> HTTPCall {
    let collector = ResponseCollector(client: self, request: request, completed: completed)
    return start(request) { collector.receive($0) }
  }

  /// Sends a request and hands out its answer as it comes.
  @discardableResult
  public func start(_ request: HTTPClientRequest, receive: @escaping @Sendable (HTTPClientEvent) -> Void) -> HTTPCall {
    let call = HTTPCall(client: self, request: request, receive: receive)
    onLoop {
      call.startTimer(self.loop)
      self.begin(call)
    }
    return call
  }

  /// Closes the connections that no request uses. Any thread.
  public func closeIdleConnections() {
    onLoop {
      for connection in self.idle.values.flatMap({ $0 }) { connection.close() }
    }
  }

  func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.isCurrent { work() } else { loop.submit(work) }
  }

  // MARK: - Connections

  func begin(_ call: HTTPCall) {
    guard !call.isOver else { return }
    let url = call.request.url
    let server = Server(isTLS: url.isTLS, host: url.host, port: url.port)
    // The one used last is the least likely to be closed by the server.
    if !call.isRetry, let connection = idle[server]?.popLast() { return connection.send(call) }
    guard connections[server, default: []].count < options.maximumConnectionsPerHost else {
      guard waiting.count < options.maximumWaiting else { return call.fail(.tooManyRequests) }
      waiting.append((server, call))
      return
    }
    open(server, call)
  }

  private func open(_ server: Server, _ call: HTTPCall) {
    var context: TLSContext?
    if server.isTLS {
      do {
        context = try tls ?? TLSContext(.client, TLSParameters())
        tls = context
      } catch {
        return call.fail(.tls("\(error)"))
      }
    }
    let connection = HTTPClientConnection(client: self, server: server, tls: context)
    connections[server, default: []].insert(ObjectIdentifier(connection))
    connection.send(call)
    if let address = SocketAddress(numeric: server.host, port: server.port) { return connection.connect(to: [address]) }
    let isAccepted = lookups.submit {
      let found = Result { try SocketAddress.resolve(host: server.host, port: server.port) }
      self.loop.submit {
        switch found {
        case .success(let addresses): connection.connect(to: addresses)
        case .failure(let error): connection.fail(.lookup("\(error)"))
        }
      }
    }
    if !isAccepted { connection.fail(.tooManyRequests) }
  }

  /// The connection has nothing to do.
  func release(_ connection: HTTPClientConnection) {
    if let index = waiting.firstIndex(where: { $0.server == connection.server }) {
      return connection.send(waiting.remove(at: index).call)
    }
    idle[connection.server, default: []].append(connection)
  }

  func forget(_ connection: HTTPClientConnection) {
    let server = connection.server
    idle[server]?.removeAll { $0 === connection }
    if idle[server]?.isEmpty ?? false { idle[server] = nil }
    connections[server]?.remove(ObjectIdentifier(connection))
    if connections[server]?.isEmpty ?? false { connections[server] = nil }
    if let index = waiting.firstIndex(where: { $0.server == server }) { begin(waiting.remove(at: index).call) }
  }

  func dropWaiting(_ call: HTTPCall) {
    waiting.removeAll { $0.call === call }
  }
}

/// Puts an answer together and follows redirects.
///
/// Invariant: `receive` runs on the client's loop.
private final class ResponseCollector: @unchecked Sendable {
  private let client: HTTPClient
  private let request: HTTPClientRequest
  private let redirectsLeft: Int
  private let completed: @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void
  private var head: HTTPResponseHead?
  private var body: [UInt8] = []
  private var isTooLarge = false

  init(
    client: HTTPClient, request: HTTPClientRequest, redirectsLeft: Int? = nil,
    completed: @escaping @Sendable (Result<HTTPClientResponse, HTTPClientError>) -> Void
  ) {
    self.client = client
    self.request = request
    self.redirectsLeft = redirectsLeft ?? client.options.maximumRedirects
    self.completed = completed
  }

  func receive(_ event: HTTPClientEvent) {
    switch event {
    case .head(let head): self.head = head
    case .body(let bytes):
      // The rest is read and dropped, up to the call's time.
      isTooLarge = isTooLarge || body.count + bytes.count > client.options.collectedBodyBytes
      if !isTooLarge { body.append(contentsOf: bytes) }
    case .failed(let error): completed(.failure(error))
    case .end:
      guard let head else { return completed(.failure(.malformedResponse)) }
      if isTooLarge { return completed(.failure(.bodyTooLarge)) }
      if let next = redirection(head) {
        let collector = ResponseCollector(
          client: client, request: next, redirectsLeft: redirectsLeft - 1, completed: completed)
        client.start(next) { collector.receive($0) }
        return
      }
      completed(.success(HTTPClientResponse(head: head, body: body)))
    }
  }

  private func redirection(_ head: HTTPResponseHead) -> HTTPClientRequest? {
    guard redirectsLeft > 0, [301, 302, 303, 307, 308].contains(head.status),
      request.method == "GET" || request.method == "HEAD",
      let url = head.headers["Location"].flatMap({ request.url.resolving($0) })
    else { return nil }
    var next = request
    // Secrets are for the server they were given for.
    if url.host != request.url.host || url.port != request.url.port || url.isTLS != request.url.isTLS {
      next.credentials = nil
      next.headers.remove("Authorization")
      next.headers.remove("Cookie")
    }
    next.url = url
    return next
  }
}
