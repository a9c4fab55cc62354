// A small NATS client, for the controller, tools and tests.
//
// Lives here: the client protocol as a pure state machine (`ClientSession`, `ServerParser`), the shell that does its
// I/O on an event loop (`NATSClient`, `ClientTransport`), and what answers of the JetStream API say (`JetStreamAnswer`).
// Does not live here: what a server does (`Broker`), and what is to be created through the API (`Reconciliation`).

import Crypto
import Reactor
import Synchronization

/// A connection to NATS that comes back by itself, on one event loop.
///
/// Every function may be called from any thread; calls of one thread take effect in their order. Whatever is reported
/// comes on the loop. At most once: a publish is sent once or not at all, a request is sent once, and one in flight
/// when the connection is lost fails with `ClientError.disconnected`. `close` or `drain` it in the end.
///
/// Invariant: all state belongs to the loop's thread, but for `numbers`.
public final class NATSClient: @unchecked Sendable {
  /// Names a subscription of one client.
  public struct Subscription: Sendable, Hashable {
    let id: UInt64
    public let subject: String
  }

  public typealias Receive = @Sendable (ClientMessage) -> Void
  public typealias Answer = @Sendable (Result<ClientMessage, ClientError>) -> Void
  public typealias Done = @Sendable (ClientError?) -> Void

  public static let defaultTimeoutNanoseconds: Int64 = 5_000_000_000

  public let loop: EventLoop
  private let lookups: BackgroundQueue
  private let options: ClientOptions
  private let events: @Sendable (ClientEvent) -> Void
  /// Of subscriptions, requests and flushes.
  private let numbers = Atomic<UInt64>(1)
  private var session: ClientSession
  private var transport: ClientTransport?
  private var scratch: TLSScratch?
  private var timer: (token: TimerToken, deadline: Int64)?
  private var isPerforming = false
  private var receivers: [UInt64: (receive: Receive, ended: @Sendable () -> Void)] = [:]
  private var answers: [UInt64: Answer] = [:]
  private var flushes: [UInt64: Done] = [:]
  private var connecting: [Done] = []
  private var closing: [Done] = []

  /// - Parameters:
  ///   - lookups: where names are looked up and files are read, since that blocks.
  ///   - events: what happens to the connection.
  public init(
    loop: EventLoop, options: ClientOptions, lookups: BackgroundQueue = BackgroundQueue(),
    events: @escaping @Sendable (ClientEvent) -> Void = { _ in }
  ) {
    self.loop = loop
    self.lookups = lookups
    self.options = options
    self.events = events
    var generator = SystemRandomNumberGenerator()
    session = ClientSession(options, inbox: NUID.next(), seed: generator.next())
  }

  // MARK: - Connection

  /// Starts connecting. `completed` tells when there is a connection, or that there will be none.
  public func connect(completed: @escaping Done = { _ in }) {
    onLoop {
      switch self.session.state {
      case .connected: return completed(nil)
      case .closed: return completed(.closed)
      default: self.connecting.append(completed)
      }
      self.update { $0.start(self.now) }
    }
  }

  /// Ends subscriptions after the messages that are on their way, waits for answers, sends what waits, and closes:
  /// within `drainTimeoutNanoseconds`.
  public func drain(completed: @escaping Done = { _ in }) {
    onLoop { self.end(completed) { $0.drainAll(self.now) } }
  }

  /// Ends everything now. Requests and flushes fail with `closed`.
  public func close(completed: @escaping Done = { _ in }) {
    onLoop { self.end(completed) { $0.close() } }
  }

  private func end(_ completed: @escaping Done, _ change: (inout ClientSession) -> Void) {
    if case .closed = session.state { return completed(nil) }
    closing.append(completed)
    update(change)
  }

  // MARK: - Messages

  /// Publishes once. Without a connection the message waits for one, up to `mostBufferedBytes` of them.
  ///
  /// - Parameter refused: why the message was not taken; without it that is an event.
  public func publish(
    _ subject: String, _ payload: [UInt8], reply: String? = nil, headers: MessageHeaders? = nil,
    refused: (@Sendable (ClientError) -> Void)? = nil
  ) {
    onLoop {
      var problem: ClientError?
      self.update { session in
        problem = session.publish(subject, reply: reply, headers: headers, payload: payload)
        if let problem, refused == nil { session.act(.event(.refused(subject: subject, problem))) }
      }
      // After the change: it may come back here.
      if let problem { refused?(problem) }
    }
  }

  /// Subscribes, on this connection and the following ones.
  ///
  /// - Parameters:
  ///   - limit: ends after so many messages; 0 for never.
  ///   - ended: no more messages will come, whatever the reason.
  @discardableResult
  public func subscribe(
    _ subject: String, queue: String? = nil, limit: UInt64 = 0, ended: @escaping @Sendable () -> Void = {},
    receive: @escaping Receive
  ) -> Subscription {
    let id = nextNumber()
    onLoop {
      self.receivers[id] = (receive, ended)
      self.update { $0.subscribe(id, subject, queue: queue, limit: limit) }
    }
    return Subscription(id: id, subject: subject)
  }

  /// - Parameter limit: messages in all after which it ends; 0 for now.
  public func unsubscribe(_ subscription: Subscription, limit: UInt64 = 0) {
    onLoop { self.update { $0.unsubscribe(subscription.id, limit: limit) } }
  }

  /// Ends a subscription after the messages that are on their way.
  public func drain(_ subscription: Subscription) {
    onLoop { self.update { $0.drainSubscription(subscription.id) } }
  }

  /// Publishes and waits for one answer. Without a connection the request waits for one as long as it has time.
  public func request(
    _ subject: String, _ payload: [UInt8], headers: MessageHeaders? = nil,
    timeoutNanoseconds: Int64 = NATSClient.defaultTimeoutNanoseconds, completed: @escaping Answer
  ) {
    let id = nextNumber()
    let inbox = nextNumber()
    onLoop {
      self.answers[id] = completed
      self.update {
        $0.request(
          id, subject, headers: headers, payload: payload, deadline: self.now + timeoutNanoseconds,
          inboxSubscription: inbox)
      }
    }
  }

  /// Tells when the server has seen everything that was sent before.
  public func flush(
    timeoutNanoseconds: Int64 = NATSClient.defaultTimeoutNanoseconds, completed: @escaping Done
  ) {
    let id = nextNumber()
    onLoop {
      self.flushes[id] = completed
      self.update { $0.flush(id, deadline: self.now + timeoutNanoseconds) }
    }
  }

  // MARK: - Shell

  private func nextNumber() -> UInt64 { numbers.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// Not the batch's time: work of a long batch must not shorten timeouts.
  private var now: Int64 { loop.clock.monotonicNanoseconds() }

  private func onLoop(_ work: @escaping @Sendable () -> Void) {
    if loop.isCurrent { work() } else { loop.submit(work) }
  }

  /// Changes the session, then does what it decided. Callbacks may come back here; the outer call goes on then.
  private func update(_ change: (inout ClientSession) -> Void) {
    change(&session)
    guard !isPerforming else { return }
    isPerforming = true
    while true {
      let actions = session.takeActions()
      if actions.isEmpty { break }
      for action in actions { perform(action) }
    }
    isPerforming = false
    write()
    setTimer()
  }

  private func perform(_ action: ClientSession.Action) {
    switch action {
    case .dial(let url): dial(url)
    case .secure(let serverName): secure(serverName)
    case .hangUp: hangUp()
    case .deliver(let id, let message): receivers[id]?.receive(message)
    case .ended(let id): receivers.removeValue(forKey: id)?.ended()
    case .answered(let id, let result): answers.removeValue(forKey: id)?(result)
    case .flushed(let id, let error): flushes.removeValue(forKey: id)?(error)
    case .event(let event): tell(event)
    }
  }

  private func tell(_ event: ClientEvent) {
    events(event)
    switch event {
    case .connected: completeConnecting(nil)
    case .closed(let error):
      completeConnecting(error ?? .closed)
      let waiters = closing
      closing = []
      for waiter in waiters { waiter(error) }
    default: break
    }
  }

  private func completeConnecting(_ error: ClientError?) {
    let waiters = connecting
    connecting = []
    for waiter in waiters { waiter(error) }
  }

  private func write() {
    guard let transport, session.outputCount > 0 else { return }
    let taken = session.output.withUnsafeBytes {
      transport.write(UnsafeRawBufferPointer(rebasing: $0[session.outputStart...]))
    }
    session.wrote(taken)
  }

  private func setTimer() {
    let deadline = session.nextDeadline
    guard deadline != timer?.deadline else { return }
    if let timer { loop.cancel(timer.token) }
    timer = nil
    guard let deadline else { return }
    // The client must not live on because of a timer.
    let token = loop.schedule(afterNanoseconds: max(0, deadline - now)) { [weak self] in
      guard let self else { return }
      self.timer = nil
      self.update { $0.tick(self.now) }
    }
    timer = (token, deadline)
  }

  // MARK: - Attempts

  private func dial(_ url: ServerURL) {
    let epoch = session.epoch
    let authentication = options.authentication
    inBackground(epoch) { () throws(ClientError) in
      let identity = try Identity.load(authentication, disk: SystemDisk())
      do {
        return (identity, try SocketAddress.resolve(host: url.host, port: url.port))
      } catch {
        throw .connect("\(error)")
      }
    } then: { client, found in
      client.connect(to: found.1, as: found.0, epoch)
    }
  }

  private func connect(to addresses: [SocketAddress], as identity: Identity, _ epoch: UInt64) {
    let transport = ClientTransport(
      loop: loop, addresses: addresses, timeoutNanoseconds: options.connectTimeoutNanoseconds
    ) { [weak self] event in
      guard let self, self.session.epoch == epoch else { return }
      switch event {
      case .opened: self.update { $0.opened(identity, self.now) }
      case .secured: self.update { $0.secured(self.now) }
      case .received(let bytes): self.update { $0.received(bytes, self.now) }
      case .ended: self.update { $0.inputEnded(self.now) }
      case .failed(let error): self.update { $0.failed(error, self.now) }
      }
    }
    transport.wantsOutput = { [weak self] in self?.write() }
    self.transport = transport
    transport.connect()
  }

  /// Files are read anew each time: certificates are replaced before they end.
  private func secure(_ serverName: String) {
    let parameters = options.tls ?? TLSParameters()
    inBackground(session.epoch) { () throws(ClientError) in
      do {
        return try TLSContext(.client, parameters)
      } catch {
        throw .tls("\(error)")
      }
    } then: { client, context in
      let scratch = client.scratch ?? TLSScratch()
      client.scratch = scratch
      client.transport?.secure(context, serverName: serverName, scratch: scratch)
    }
  }

  /// Runs blocking work, then goes on with its outcome if the attempt is still the same.
  private func inBackground<Value: Sendable>(
    _ epoch: UInt64, _ work: @escaping @Sendable () throws(ClientError) -> Value,
    then proceed: @escaping @Sendable (NATSClient, Value) -> Void
  ) {
    let isTaken = lookups.submit {
      let outcome = Result { () throws(ClientError) in try work() }
      self.loop.submit {
        guard self.session.epoch == epoch, self.session.state != .closed else { return }
        switch outcome {
        case .success(let value): proceed(self, value)
        case .failure(let error): self.update { $0.failed(error, self.now) }
        }
      }
    }
    if !isTaken { session.failed(.connect("too many look-ups wait"), now) }
  }

  /// What the socket still takes goes out first.
  private func hangUp() {
    write()
    transport?.close()
    transport = nil
  }
}
