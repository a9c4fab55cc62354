import Bytes
import CSystem
import Configuration
import Crypto
import Glibc
import Reactor
import Subjects
import Synchronization

/// The server: its loops, its listener, its connections and its settings.
///
/// Invariant: `settings` and `info` are replaced under `lock` and read as whole values; the table of connections
/// is guarded by `lock`; what a connection is doing belongs to its worker.
public final class Server: @unchecked Sendable {
  public let loops: LoopGroup
  public let logger: Logger
  let records = SubscriptionRecords()
  let background = BackgroundQueue()
  public private(set) var workers: [Worker] = []
  let identity: NKey.Pair
  let curve: NKey.Pair
  let startWall: Int64

  private let lock: UnsafeMutablePointer<UInt32>
  private var currentSettings: ServerSettings
  private var currentInfo: ServerInfo
  private var connectionCount = 0
  private var totalConnections: UInt64 = 0
  private var nextIdentifier: UInt64 = 5
  private var listener: Listener?
  private var boundPort = 0
  /// Written on loop 0.
  private let isStopping = Atomic(false)
  private var handshakeLimiter: TLSRateLimiter?
  private var isLameDuck = false
  private(set) var monitor: Monitor!
  private(set) var system: SystemServices!
  private(set) var monitoring: MonitoringServer!
  private(set) var idleMemory: IdleMemory!
  private var configurationTime: Int64
  /// Set before `start`; nil without JetStream.
  public var jetStream: (any JetStreamHost)?
  /// Reads the configuration again and takes it; set by the program. Called on loop 0.
  public var reloadRequested: (@Sendable () throws -> Void)?

  /// Compiles the options. Throws what is wrong with them.
  public init(options: ServerOptions, loops: LoopGroup, logger: Logger) throws {
    self.loops = loops
    self.logger = logger
    identity = NKey.Pair(creating: .server)
    curve = NKey.Pair(creating: .curve)
    startWall = loops.clock.wallNanoseconds()
    configurationTime = startWall
    lock = .allocate(capacity: 1)
    lock.initialize(to: 0)
    currentSettings = try ServerSettings(options, records: records)
    currentInfo = Self.makeInfo(currentSettings, identity, curve, port: options.port)
    if let limit = options.tls?.connectionRateLimit, limit > 0 { handshakeLimiter = TLSRateLimiter(limit: limit) }
    workers = loops.loops.map { Worker(index: $0.index, loop: $0, server: self) }
    monitor = Monitor(server: self, options: options)
    system = SystemServices(server: self)
    monitoring = MonitoringServer(monitor)
    idleMemory = IdleMemory(server: self)
    currentSettings.install(retire: retire)
    system.follow(currentSettings)
  }

  deinit { lock.deallocate() }

  var settings: ServerSettings {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return currentSettings
  }

  var info: ServerInfo {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return currentInfo
  }

  /// Accepted since the start.
  var totalConnectionCount: UInt64 {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return totalConnections
  }

  /// When the configuration was read (wall clock).
  var configurationWall: Int64 {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return configurationTime
  }

  /// Clients can connect.
  var isListening: Bool { listener != nil }

  /// The end has begun. Any thread.
  var isEnding: Bool { isStopping.load(ordering: .relaxed) }

  var currentConnectionCount: Int {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return connectionCount
  }

  /// Runs `release` when no loop can be using what was unlinked before the call. Any thread.
  public func retire(_ release: @escaping @Sendable () -> Void) {
    let loop = loops.loops[0]
    loop.submit { loop.epochs.retire(on: loop.index, release) }
  }

  /// Swaps in what a reload has compiled.
  func replaceSettings(_ new: ServerSettings) {
    csys_lock(lock)
    currentSettings = new
    currentInfo = Self.makeInfo(new, identity, curve, port: boundPort)
    let limit = new.options.tls?.connectionRateLimit ?? 0
    handshakeLimiter = limit > 0 ? TLSRateLimiter(limit: limit) : nil
    configurationTime = loops.clock.wallNanoseconds()
    csys_unlock(lock)
  }

  /// False when lame duck mode or shutdown has begun already. Loop 0.
  func beginLameDuck() -> Bool {
    if isEnding || isLameDuck { return false }
    csys_lock(lock)
    isLameDuck = true
    csys_unlock(lock)
    listener?.stop()
    return true
  }

  /// TERM is not heard any more then (FEATURES 1.056).
  public var isInLameDuckMode: Bool {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return isLameDuck
  }

  var authenticator: Authenticator { Authenticator(settings: settings) }

  private static func makeInfo(
    _ settings: ServerSettings, _ identity: NKey.Pair, _ curve: NKey.Pair, port: Int
  ) -> ServerInfo {
    let options = settings.options
    let advertised = advertisedAddress(options.clientAdvertise, port: port)
    let id = identity.publicKey.description
    return ServerInfo(
      serverID: id, serverName: options.serverName.isEmpty ? id : options.serverName,
      host: advertised?.host ?? options.host, port: advertised?.port ?? port, headers: !options.noHeaderSupport,
      authRequired: settings.requiresAuthentication && options.noAuthUser.isEmpty,
      tlsRequired: options.tls != nil && !options.allowNonTLS, tlsVerify: options.tls?.verify ?? false,
      tlsAvailable: options.tls != nil && options.allowNonTLS, maxPayload: options.maxPayload,
      jetStream: options.jetStream.enabled, domain: options.jetStream.domain, connectURLs: [],
      xkey: curve.publicKey.description)
  }

  /// `client_advertise` as host and port; the listener's port where it names none, or 0.
  private static func advertisedAddress(_ text: String, port: Int) -> (host: String, port: Int)? {
    if text.isEmpty { return nil }
    guard let (host, named) = HostPort.split(text) else { return (text, port) }
    let number = Int(named) ?? 0
    return (host, number > 0 ? number : port)
  }

  // MARK: running

  /// Logs the banner and opens the listener. Throws when the port is taken. Call before the loops run.
  ///
  /// - Parameter beforeListening: what has to succeed between the banner and the listener.
  public func start(beforeListening: () throws -> Void = {}) throws {
    let options = currentSettings.options
    logBanner(options)
    try beforeListening()
    try monitoring.start(options, loop: loops.loops[0], logger: logger)
    try jetStream?.start()
    let host = options.host.isEmpty ? "0.0.0.0" : options.host
    let listener: Listener
    do {
      let address = try ListeningAddress.resolve(host: host, port: options.port)
      listener = try Listener(binding: address, loop: loops.loops[0]) { [unowned self] descriptor, peer in
        accept(descriptor, peer)
      }
    } catch {
      throw ListeningAddress.Failure(
        description: "Error listening on port: \(hostPort(host, max(0, options.port))), \(quoted("\(error)"))")
    }
    listener.failed = { [unowned self] error in logger.error("Accept error: \(error)") }
    self.listener = listener
    boundPort = Int(listener.address.port)
    currentInfo = Self.makeInfo(currentSettings, identity, curve, port: boundPort)
    logger.info("Listening for client connections on \(hostPort(host, Int(listener.address.port)))")
    if let problem = options.clientAdvertiseProblem {
      let value = options.clientAdvertise
      throw ListeningAddress.Failure(
        description: "Error setting server INFO with ClientAdvertise value of \(value), err=\(problem)")
    }
    listener.start()
    system.startTimers()
    idleMemory.start()
    logger.info("Server is ready")
  }

  private func logBanner(_ options: ServerOptions) {
    logger.info("Starting nats-server")
    logger.info("  Version:  \(Version.compatibleServer)")
    logger.info("  Git:      [natsd \(Version.natsd)]")
    logger.info("  Name:     \(currentInfo.serverName)")
    logger.info("  ID:       \(currentInfo.serverID)")
    if !options.configurationFile.isEmpty {
      logger.info("Using configuration file: \(options.configurationFile) (\(options.configurationDigest))")
    }
  }

  private func hostPort(_ host: String, _ port: Int) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// Where clients connect, as the ports file shows it.
  public var clientURLs: [String] {
    guard let address = listener?.address else { return [] }
    return ["nats://\(address)"]
  }

  /// Where the monitoring endpoints are, as the ports file shows it.
  public var monitoringURLs: [String] { monitoring.urls }

  /// The port clients connect to.
  public var clientPort: Int { boundPort }

  /// Closes everything and ends the loops. Any thread.
  public func shutdown() {
    loops.loops[0].submit { [self] in
      if isEnding { return }
      system.publishShutdown()
      isStopping.store(true, ordering: .relaxed)
      logger.info("Initiating Shutdown...")
      monitoring.stop()
      monitor.background.stop()
      listener?.stop()
      background.stop()
      let close = { @Sendable [self] in closeEverything() }
      if let jetStream { jetStream.announceStop { [self] in loops.loops[0].submit(close) } } else { close() }
    }
  }

  /// On loop 0, as the last thing of a shutdown.
  private func closeEverything() {
    let pending = Countdown(workers.count)
    for worker in workers {
      worker.loop.submit { [self] in
        for connection in Array(worker.connections.values) { connection.close(.serverShutdown) }
        worker.flushStages()
        for connection in Array(worker.connections.values) { connection.finishClose() }
        if pending.arrive() {
          let end = { @Sendable [self] in
            logger.info("Server Exiting..")
            loops.stop()
          }
          if let jetStream { jetStream.stop(end) } else { end() }
        }
      }
    }
  }

  // MARK: connections

  private func accept(_ descriptor: Int32, _ peer: SocketAddress) {
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let settings = self.settings
    csys_lock(lock)
    let identifier = nextIdentifier
    nextIdentifier += 1
    totalConnections += 1
    let limit = settings.options.maxConnections
    let isFull = limit >= 0 && connectionCount >= limit
    if !isFull { connectionCount += 1 }
    csys_unlock(lock)
    let worker = workers[Int(identifier) % workers.count]
    csys_add32(worker.clientCounter, 1)
    let nonce = settings.requiresNonce ? Random.nonce() : ""
    let connection = Connection(
      server: self, worker: worker, descriptor: descriptor, address: peer, identifier: identifier, nonce: nonce)
    connection.isCounted = !isFull
    worker.loop.submit { connection.begin(isRefused: isFull) }
  }

  /// Whether one more TLS handshake may start this second (FEATURES 1.045).
  func admitsHandshake(at now: Int64) -> Bool {
    csys_lock(lock)
    defer { csys_unlock(lock) }
    return handshakeLimiter?.allows(atNanoseconds: now) ?? true
  }

  /// A connection is over.
  func unregister(_ connection: Connection) {
    csys_add32(connection.worker.clientCounter, UInt32.max)
    guard connection.isCounted else { return }
    connection.isCounted = false
    csys_lock(lock)
    connectionCount -= 1
    csys_unlock(lock)
  }
}
