import Reactor

/// The rules of a client's connection, without I/O and without a clock.
///
/// Inputs (bytes, what became of an attempt, commands, the time) go in through mutating functions; what is to be done
/// comes out as `actions`, in order, and as `output`, the bytes for the socket. `tick` wants to be called at
/// `nextDeadline`. Times are monotonic nanoseconds.
///
/// Nothing is sent twice: what was put into `output` for a connection that is lost is gone with it, and requests in
/// flight then fail with `disconnected`. Publishes and requests made while there is no connection wait in `waiting`
/// and are sent once, when there is one; a request whose time is over by then is not sent at all.
struct ClientSession {
  enum Action: Equatable {
    /// Look up, read credentials, connect; then `opened` or `failed`.
    case dial(ServerURL)
    /// Start TLS on the connection; then `secured` or `failed`.
    case secure(serverName: String)
    /// Drop the connection or attempt.
    case hangUp
    case deliver(subscription: UInt64, ClientMessage)
    /// No more messages will come.
    case ended(subscription: UInt64)
    case answered(request: UInt64, Result<ClientMessage, ClientError>)
    case flushed(UInt64, ClientError?)
    case event(ClientEvent)
  }

  enum State: Equatable {
    case idle
    /// Until the time of the next attempt.
    case pausing
    case dialing
    case awaitingInfo
    case securing
    case authenticating
    case connected
    case closed
  }

  struct Subscription {
    var subject: String
    var queue: String?
    /// Ends after so many messages; 0 for never.
    var limit: UInt64 = 0
    var delivered: UInt64 = 0
  }

  struct Request {
    var subject: String
  }

  /// A publish that waits for a connection.
  struct Waiting {
    var subject: String
    /// Of a request; it is dropped when the request is over.
    var request: UInt64?
    var payloadCount: Int
    var hasHeaders: Bool
    var bytes: [UInt8]
  }

  /// What a PONG answers, in the order of the PINGs.
  enum Ping: Equatable {
    case connect
    case keepAlive
    case flush(UInt64)
    case drained(subscription: UInt64)
    case drainStep
  }

  enum Timer: Equatable {
    case attempt(epoch: UInt64)
    case pause(epoch: UInt64)
    case ping(epoch: UInt64)
    case request(UInt64)
    case flush(UInt64)
    case drain
  }

  enum Drain: Equatable {
    case none
    /// Subscriptions are ended; messages on the way and requests are waited for.
    case subscriptions
    /// The last publishes go out.
    case publishes
  }

  let options: ClientOptions
  /// The host that a server learned from an INFO shows its certificate for.
  let firstHost: String
  var state = State.idle
  var pool: ServerPool
  /// Counts attempts; timers of former ones are stale.
  var epoch: UInt64 = 0
  var info: ServerInfo?
  var isSecure = false
  var identity = Identity()
  var hasConnected = false
  var failuresBeforeFirst = 0
  /// What the server said before it hung up.
  var lastError: ClientError?
  var parser = ServerParser()
  var pings: [Ping] = []
  var drain = Drain.none
  var subscriptions: [UInt64: Subscription] = [:]
  var requests: [UInt64: Request] = [:]
  /// Flushes that have no PONG yet.
  var flushes: Set<UInt64> = []
  var waiting: [Waiting] = []
  var waitingBytes = 0
  var inbox: String
  /// The subscription that all answers come to; 0 until the first request.
  var inboxSubscription: UInt64 = 0
  var timers = DeadlineQueue<Timer>()
  var random: SplitMix
  /// Bytes for the socket.
  var output: [UInt8] = []
  var outputStart = 0
  private(set) var actions: [Action] = []

  /// - Parameter seed: for jitter and the order of servers.
  init(_ options: ClientOptions, inbox: String, seed: UInt64) {
    self.options = options
    self.inbox = "\(options.inboxPrefix).\(inbox)."
    random = SplitMix(state: seed)
    pool = ServerPool(options.keepsServerOrder ? options.servers : options.servers.shuffled(using: &random))
    firstHost = options.servers.first?.host ?? ""
  }

  mutating func act(_ action: Action) { actions.append(action) }

  mutating func takeActions() -> [Action] {
    defer { actions = [] }
    return actions
  }

  // MARK: - Output

  var outputCount: Int { output.count - outputStart }

  mutating func write(_ text: String) { output.append(contentsOf: text.utf8) }

  /// The socket took so many bytes of `output`.
  mutating func wrote(_ count: Int) {
    outputStart += count
    guard outputStart == output.count else { return }
    // A buffer that was large once is not kept.
    output.removeAll(keepingCapacity: output.capacity <= 64 << 10)
    outputStart = 0
  }

  // MARK: - Time

  var nextDeadline: Int64? { timers.earliest }

  mutating func addTimer(_ deadline: Int64, _ timer: Timer) {
    if timers.count > 2 * (requests.count + flushes.count) + 64 {
      let (epoch, requests, flushes) = (epoch, requests, flushes)
      timers.compact { timer in
        switch timer {
        case .attempt(let of), .pause(let of), .ping(let of): of == epoch
        case .request(let id): requests[id] != nil
        case .flush(let id): flushes.contains(id)
        case .drain: true
        }
      }
    }
    timers.add(deadline, timer)
  }

  mutating func tick(_ now: Int64) {
    while let timer = timers.popDue(now) {
      switch timer {
      case .attempt(epoch):
        if [.dialing, .awaitingInfo, .securing, .authenticating].contains(state) { failed(.timedOut, now) }
      case .pause(epoch):
        if case .pausing = state { dial(now) }
      case .ping(epoch):
        if case .connected = state { ping(now) }
      case .request(let id): finish(id, .failure(.timedOut))
      case .flush(let id):
        if flushes.remove(id) != nil { act(.flushed(id, .timedOut)) }
      case .drain:
        if drain != .none, state != .closed { end(.timedOut) }
      case .attempt, .pause, .ping: break
      }
    }
  }

  private mutating func ping(_ now: Int64) {
    let outstanding = pings.count { $0 == .keepAlive }
    guard outstanding < options.mostPingsOutstanding else { return failed(.staleConnection, now) }
    send(.keepAlive)
    addTimer(now + options.pingIntervalNanoseconds, .ping(epoch: epoch))
  }

  mutating func send(_ ping: Ping) {
    pings.append(ping)
    write("PING\r\n")
  }

  // MARK: - Connecting

  mutating func start(_ now: Int64) {
    guard case .idle = state else { return }
    attempt(now)
  }

  /// The next attempt: now, or when the server in turn has rested long enough.
  mutating func attempt(_ now: Int64) {
    guard let server = pool.current else { return end(lastError ?? .connect("no servers available")) }
    epoch += 1
    guard let last = server.lastAttempt, now - last < options.reconnectWaitNanoseconds else { return dial(now) }
    state = .pausing
    let isTLS = options.tls != nil || server.url.isTLS
    let jitter = max(0, options.reconnectJitterNanoseconds) * (isTLS ? 10 : 1)
    let wait = options.reconnectWaitNanoseconds + Int64.random(in: 0...jitter, using: &random)
    addTimer(last + wait, .pause(epoch: epoch))
  }

  private mutating func dial(_ now: Int64) {
    guard let server = pool.current else { return }
    state = .dialing
    isSecure = false
    info = nil
    lastError = nil
    parser = ServerParser()
    pool.updateCurrent { $0.lastAttempt = now }
    addTimer(now + options.connectTimeoutNanoseconds, .attempt(epoch: epoch))
    act(.dial(server.url))
  }

  /// The connection is there, and so is what the server is to be told about us.
  mutating func opened(_ identity: Identity, _ now: Int64) {
    guard case .dialing = state else { return }
    self.identity = identity
    if options.tlsHandshakeFirst { secure() } else { state = .awaitingInfo }
  }

  private mutating func secure() {
    guard let server = pool.current else { return }
    state = .securing
    act(.secure(serverName: options.tlsServerName ?? (server.isLearned ? firstHost : server.url.host)))
  }

  mutating func secured(_ now: Int64) {
    guard case .securing = state else { return }
    isSecure = true
    // What came unprotected after INFO is nobody's.
    parser = ServerParser()
    if let info { introduce(info) } else { state = .awaitingInfo }
  }

  /// The first INFO of a connection.
  mutating func greeted(_ info: ServerInfo, _ now: Int64) {
    guard let server = pool.current else { return }
    let wantsTLS = options.tls != nil || server.url.isTLS
    if isSecure { return introduce(info) }
    if wantsTLS, !info.requiresTLS, !info.offersTLS { return failed(.secureConnectionRequired, now) }
    if wantsTLS || info.requiresTLS { secure() } else { introduce(info) }
  }

  private mutating func introduce(_ info: ServerInfo) {
    guard let server = pool.current else { return }
    state = .authenticating
    output += ConnectMessage.line(
      options: options, url: server.url, identity: identity, nonce: info.nonce, isSecure: isSecure)
    send(.connect)
  }

  /// The server took us: what was asked for before goes out.
  mutating func accepted(_ now: Int64) {
    guard let info, let server = pool.current else { return }
    state = .connected
    hasConnected = true
    pool.updateCurrent {
      $0.failures = 0
      $0.lastAuthenticationError = nil
    }
    pool.learn(info.connectURLs)
    for (id, subscription) in subscriptions.sorted(by: { $0.key < $1.key }) { writeSubscription(id, subscription) }
    let waiting = waiting
    self.waiting = []
    waitingBytes = 0
    for entry in waiting { sendWaiting(entry, info) }
    for id in flushes.sorted() { send(.flush(id)) }
    addTimer(now + options.pingIntervalNanoseconds, .ping(epoch: epoch))
    act(.event(.connected(info, server.url)))
    if drain != .none { beginDrain() }
  }

  private mutating func sendWaiting(_ entry: Waiting, _ info: ServerInfo) {
    if let request = entry.request, requests[request] == nil { return }
    var problem: ClientError?
    if info.maximumPayload > 0, entry.payloadCount > info.maximumPayload {
      problem = .payloadTooLarge(info.maximumPayload)
    } else if entry.hasHeaders, !info.hasHeaders {
      problem = .headersNotSupported
    }
    guard let problem else { return output.append(contentsOf: entry.bytes) }
    if let request = entry.request {
      finish(request, .failure(problem))
    } else {
      act(.event(.refused(subject: entry.subject, problem)))
    }
  }

  // MARK: - Losing the connection

  /// The attempt or the connection failed.
  mutating func failed(_ error: ClientError, _ now: Int64) {
    guard ![.idle, .closed, .pausing].contains(state) else { return }
    let wasConnected = state == .connected
    let reason = lastError ?? error
    act(.hangUp)
    state = .pausing
    dropConnection(wasConnected)
    if drain == .publishes { return end(reason) }
    if let url = pool.current?.url { act(.event(wasConnected ? .disconnected(reason) : .connectFailed(url, reason))) }
    if isRepeatedAuthenticationError(reason) { return end(reason) }
    var isGivenUp = false
    if !wasConnected {
      pool.updateCurrent { $0.failures += 1 }
      if hasConnected, let most = options.mostReconnectAttempts {
        isGivenUp = (pool.current?.failures ?? 0) >= most
      }
    }
    lastError = reason
    pool.moveOn(dropping: isGivenUp)
    if !hasConnected, !options.retriesFirstConnect {
      failuresBeforeFirst += 1
      if failuresBeforeFirst >= options.servers.count { return end(reason) }
    }
    attempt(now)
  }

  private mutating func isRepeatedAuthenticationError(_ reason: ClientError) -> Bool {
    guard case .authentication = reason, let current = pool.current else { return false }
    let isRepeated = current.lastAuthenticationError == reason
    pool.updateCurrent { $0.lastAuthenticationError = reason }
    return isRepeated && options.stopsOnRepeatedAuthenticationError
  }

  /// What was on its way is lost, and says so. What waits for a connection goes on waiting.
  private mutating func dropConnection(_ wasConnected: Bool) {
    output = []
    outputStart = 0
    pings = []
    guard wasConnected else { return }
    for id in requests.keys.sorted() { finish(id, .failure(.disconnected)) }
    for id in flushes.sorted() { act(.flushed(id, .disconnected)) }
    flushes = []
    // A subscription that was only waited for is over.
    for (id, subscription) in subscriptions.sorted(by: { $0.key < $1.key })
    where subscription.limit > 0 && subscription.delivered >= subscription.limit { remove(id) }
  }

  /// The end: nothing happens after this.
  mutating func end(_ error: ClientError?) {
    guard state != .closed else { return }
    if state != .idle, state != .pausing { act(.hangUp) }
    state = .closed
    waiting = []
    waitingBytes = 0
    for id in requests.keys.sorted() { finish(id, .failure(error ?? .closed)) }
    for id in flushes.sorted() { act(.flushed(id, error ?? .closed)) }
    flushes = []
    for id in subscriptions.keys.sorted() { remove(id) }
    timers.compact { _ in false }
    act(.event(.closed(error)))
  }
}

/// SplitMix64: small, seeded, good enough for jitter.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
