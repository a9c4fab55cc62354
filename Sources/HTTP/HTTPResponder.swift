import Reactor
import Synchronization

/// A request with its body, as a handler gets it.
public struct HTTPRequest: Sendable {
  public let head: HTTPRequestHead
  public let body: [UInt8]
  public let peer: SocketAddress
  public let isTLS: Bool
}

/// Takes the answer to one request: at once or later, from any thread, exactly once.
///
/// The first of `respond`, `stream` and `upgrade` counts. A responder that is dropped without an answer answers 500, so
/// that no client waits for ever.
public final class HTTPResponder: Sendable {
  private let connection: HTTPConnection
  private let isTaken = Atomic(false)

  init(_ connection: HTTPConnection) {
    self.connection = connection
  }

  deinit {
    let connection = connection
    guard take() else { return }
    connection.onLoop { connection.answer(HTTPResponse.error("Internal Server Error", status: 500)) }
  }

  /// The loop that the connection lives on.
  public var loop: EventLoop { connection.loop }

  /// Sends a whole answer.
  public func respond(_ response: HTTPResponse) {
    guard take() else { return }
    let connection = connection
    connection.onLoop { connection.answer(response) }
  }

  /// Starts an answer whose body comes in pieces: in chunks, or for HTTP/1.0 up to the end of the connection.
  public func stream(status: Int = 200, headers: HTTPHeaders) -> HTTPBodyWriter {
    let writer = HTTPBodyWriter(connection)
    guard take() else {
      writer.close()
      return writer
    }
    writer.begin(status: status, headers: headers)
    return writer
  }

  /// Answers 101 with the headers given (`Upgrade` and `Connection` among them) and hands the connection over.
  ///
  /// - Parameter adopt: called on the connection's loop once the answer is written, with the descriptor, which is its
  ///   from now on and in no loop, its TLS stream if any, and bytes that the client sent behind its request. Not called
  ///   when the connection ended first.
  public func upgrade(
    headers: HTTPHeaders, adopt: @escaping @Sendable (Int32, TLSStream?, [UInt8]) -> Void
  ) {
    guard take() else { return }
    let connection = connection
    connection.onLoop { connection.upgrade(headers: headers, adopt: adopt) }
  }

  private func take() -> Bool {
    isTaken.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
  }
}

/// The body of a streamed answer. Any thread; pieces from one thread keep their order.
///
/// A writer that is dropped without `finish` ends the connection, so that the client knows the body is cut.
public final class HTTPBodyWriter: Sendable {
  /// Bytes that wait for the client above which a producer should wait for `whenWritable`.
  public static let highWater = 256 * 1024

  private let connection: HTTPConnection
  private let flow: BodyFlow

  init(_ connection: HTTPConnection) {
    self.connection = connection
    flow = BodyFlow()
  }

  deinit {
    let connection = connection
    let flow = flow
    guard !isClosed else { return }
    connection.onLoop { connection.abortStream(flow) }
  }

  /// The client is gone or the body has ended: further pieces are dropped.
  public var isClosed: Bool { flow.isClosed }

  /// Sends a piece. Returns false when the client does not keep up: wait for `whenWritable` before the next one.
  @discardableResult
  public func write(_ bytes: [UInt8]) -> Bool {
    guard !isClosed else { return false }
    let waiting = flow.add(bytes.count)
    let connection = connection
    let flow = flow
    connection.onLoop { connection.write(bytes, flow) }
    return waiting < Self.highWater
  }

  /// Calls once, on the connection's loop, when the client has taken enough, or is gone (`isClosed`).
  public func whenWritable(_ action: @escaping @Sendable () -> Void) {
    let connection = connection
    let flow = flow
    connection.onLoop { connection.whenWritable(flow, action) }
  }

  /// Ends the body.
  public func finish() {
    guard flow.close() else { return }
    let connection = connection
    let flow = flow
    connection.onLoop { connection.finishStream(flow) }
  }

  /// Starts the stream on the connection, which then shares the flow.
  func begin(status: Int, headers: HTTPHeaders) {
    let connection = connection
    let flow = flow
    connection.onLoop { connection.beginStream(status: status, headers: headers, flow) }
  }

  func close() {
    flow.close()
  }
}

/// What a body's producer and its connection share: how much waits, and whether it is over.
final class BodyFlow: Sendable {
  private let pending = Atomic(0)
  private let closed = Atomic(false)

  var isClosed: Bool { closed.load(ordering: .acquiring) }

  /// Half of the high water: below it a producer that waited may go on.
  var isWritable: Bool { isClosed || pending.load(ordering: .acquiring) < HTTPBodyWriter.highWater / 2 }

  /// True for the first call.
  @discardableResult
  func close() -> Bool {
    !closed.exchange(true, ordering: .acquiringAndReleasing)
  }

  /// Returns what waits with the addition.
  func add(_ count: Int) -> Int {
    pending.add(count, ordering: .acquiringAndReleasing).newValue
  }

  func subtract(_ count: Int) {
    pending.subtract(count, ordering: .acquiringAndReleasing)
  }
}
