import Reactor

/// An HTTP/1.1 server on one event loop.
///
///     let server = HTTPServer(loop: loop, handler: router.route)
///     let address = try server.listen(on: SocketAddress(numeric: "0.0.0.0", port: 8222)!)
///
/// Requests of one connection are handled one after the other. Invariant: all state belongs to the loop's thread;
/// `stop` may be called from any.
public final class HTTPServer: @unchecked Sendable {
  public typealias Handler = @Sendable (HTTPRequest, HTTPResponder) -> Void

  public struct Options: Sendable {
    public var limits = HTTPLimits()
    /// From the first moment of a connection or the first byte of a request to the end of its head; then the
    /// connection is closed. nats-server's value.
    public var headTimeoutNanoseconds: Int64 = 5_000_000_000
    /// Without a byte of an expected body, or without the client taking a byte of its answer; then it is closed.
    public var stallTimeoutNanoseconds: Int64 = 30_000_000_000
    /// Between two requests; then the connection is closed.
    public var idleTimeoutNanoseconds: Int64 = 180_000_000_000
    /// Open connections; more are answered 503 and closed.
    public var maximumConnections = 1024
    /// Whole bodies of at least this size are compressed for clients that ask; nil for never, as nats-server.
    public var gzipMinimumBytes: Int?
    /// Serve HTTPS.
    public var tls: TLSContext?
    /// Told what goes wrong below the handler, in the words of Go's net/http.
    public var reportsError: (@Sendable (String) -> Void)?

    public init() {}
  }

  let loop: EventLoop
  private(set) var options: Options
  let handler: Handler
  /// One read buffer and one pair of TLS buffers for all connections: a loop reads one at a time.
  let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
  private lazy var tlsScratch = TLSScratch()
  private var listeners: [Listener] = []
  private var connections: [ObjectIdentifier: HTTPConnection] = [:]
  private(set) var isStopping = false
  private var stopped: (@Sendable () -> Void)?
  private var dateSecond = Int64.min
  private var dateText = ""

  /// New connections get these certificates; those that are open keep theirs. Call on the loop.
  public func renew(tls: TLSContext) { options.tls = tls }

  public init(loop: EventLoop, options: Options = Options(), handler: @escaping Handler) {
    self.loop = loop
    self.options = options
    self.handler = handler
  }

  deinit {
    readBuffer.deallocate()
  }

  /// Starts to accept connections. Call on the loop, or before it runs. May be called for several addresses.
  ///
  /// - Returns: the address with the port that was bound.
  @discardableResult
  public func listen(on address: SocketAddress) throws -> SocketAddress {
    let listener = try Listener(binding: address, loop: loop) { [weak self] descriptor, peer in
      guard let self else {
        SocketStream(descriptor: descriptor).close()
        return
      }
      self.accept(descriptor, peer)
    }
    listener.failed = { [reportsError = options.reportsError] in reportsError?("http: Accept error: \($0)") }
    listener.start()
    listeners.append(listener)
    return listener.address
  }

  /// Stops accepting, closes idle connections, lets running answers end, and closes what is left after the grace.
  ///
  /// - Parameter completed: called on the loop when the last connection is closed.
  public func stop(graceNanoseconds: Int64 = 0, completed: (@Sendable () -> Void)? = nil) {
    loop.submit { self.beginStop(graceNanoseconds, completed) }
  }

  /// Open connections. Call on the loop.
  public var connectionCount: Int { connections.count }

  // MARK: - Connections

  private func accept(_ descriptor: Int32, _ peer: SocketAddress) {
    guard connections.count < options.maximumConnections else {
      let stream = SocketStream(descriptor: descriptor)
      if options.tls == nil { _ = HTTPFailure(503).answer.withUnsafeBytes { stream.write($0) } }
      stream.close()
      return
    }
    let tls = options.tls.map { TLSStream(serving: descriptor, context: $0, scratch: tlsScratch) }
    let connection = HTTPConnection(
      server: self, stream: SocketStream(descriptor: descriptor, tls: tls), peer: peer)
    connections[ObjectIdentifier(connection)] = connection
    connection.start()
  }

  func forget(_ connection: HTTPConnection) {
    connections[ObjectIdentifier(connection)] = nil
    if isStopping, connections.isEmpty { completeStop() }
  }

  private func beginStop(_ graceNanoseconds: Int64, _ completed: (@Sendable () -> Void)?) {
    for listener in listeners { listener.stop() }
    listeners = []
    isStopping = true
    stopped = completed
    for connection in Array(connections.values) { connection.stopWhenIdle() }
    guard !connections.isEmpty else { return completeStop() }
    loop.schedule(afterNanoseconds: graceNanoseconds) {
      for connection in Array(self.connections.values) { connection.close() }
    }
  }

  private func completeStop() {
    let action = stopped
    stopped = nil
    action?()
  }

  /// The `Date` header, made once a second.
  var date: String {
    let second = loop.clock.wallNanoseconds() / 1_000_000_000
    if second != dateSecond {
      dateSecond = second
      dateText = HTTPDate.string(unixSeconds: second)
    }
    return dateText
  }
}
