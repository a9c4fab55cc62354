import Configuration
import HTTP
import JSON
import Metrics
import Reactor

/// The monitoring listeners: HTTP, HTTPS or both, with the endpoints of nats-server (FEATURES 11.001 to 11.024).
///
/// Requests are taken on loop 0; what they ask for is put together elsewhere (`Monitor`). Invariant: the list of servers
/// changes on loop 0, or before the loops run.
final class MonitoringServer: @unchecked Sendable {
  private let monitor: Monitor
  private var servers: [HTTPServer] = []
  private var secureServer: HTTPServer?
  /// Where the endpoints are, as the ports file shows it.
  private(set) var urls: [String] = []

  init(_ monitor: Monitor) { self.monitor = monitor }

  /// Opens the listeners that the options ask for. Throws when a port is taken.
  func start(_ options: ServerOptions, loop: EventLoop, logger: Logger) throws(MonitoringStartError) {
    let monitoring = options.monitoring
    if monitoring.port != 0 { try listen(options, port: monitoring.port, tls: nil, loop, logger) }
    guard monitoring.tlsPort != 0, let tls = options.tls else { return }
    let context: TLSContext
    do { context = try Self.context(tls) } catch { throw MonitoringStartError("\(error)") }
    try listen(options, port: monitoring.tlsPort, tls: context, loop, logger)
    secureServer = servers.last
  }

  /// A reload may have brought new certificates. Loop 0.
  func follow(_ options: ServerOptions) {
    guard let secureServer, let tls = options.tls, let context = try? Self.context(tls) else { return }
    secureServer.renew(tls: context)
  }

  private static func context(_ tls: TLSOptions) throws -> TLSContext {
    // Browsers and probes have no client certificates.
    var parameters = tls.parameters
    parameters.verifiesClients = false
    return try TLSContext(.server, parameters)
  }

  private func listen(
    _ options: ServerOptions, port: Int, tls: TLSContext?, _ loop: EventLoop, _ logger: Logger
  ) throws(MonitoringStartError) {
    let host = options.monitoring.host.isEmpty ? options.host : options.monitoring.host
    var settings = HTTPServer.Options()
    settings.tls = tls
    settings.reportsError = { logger.error("monitoring: \($0)") }
    let server = HTTPServer(loop: loop, options: settings, handler: routes(options.monitoring.basePath))
    do {
      guard let address = try SocketAddress.resolve(host: host, port: UInt16(max(0, port))).first else {
        throw MonitoringStartError("listen tcp \(HostPort.join(host, port)): no address")
      }
      let bound = try server.listen(on: address)
      let scheme = tls == nil ? "http" : "https"
      let place = HostPort.join(host, Int(bound.port))
      logger.info("Starting \(scheme) monitor on \(place)")
      urls.append("\(scheme)://\(place)")
    } catch {
      throw MonitoringStartError("\(error)")
    }
    servers.append(server)
  }

  /// Loop 0.
  func stop() {
    for server in servers { server.stop() }
    servers = []
    secureServer = nil
  }

  // MARK: endpoints

  private func routes(_ basePath: String) -> HTTPServer.Handler {
    var router = HTTPRouter(basePath: basePath)
    let monitor = self.monitor
    func add(_ path: String, counted: String? = nil, countsBad: Bool = true, _ body: @escaping Endpoint.Body) {
      let endpoint = Endpoint(monitor: monitor, counted: counted ?? path, countsBad: countsBad, body: body)
      router.add(path) { endpoint.serve($0, $1) }
    }
    add("/varz") { monitor, _, done in done(.answer(monitor.varz())) }
    add("/connz", countsBad: false) { monitor, query, done throws(QueryProblem) in
      let options = try ConnzOptions(query)
      monitor.requests.add("/connz")
      monitor.connz(options, done)
    }
    for path in ["/subsz", "/subscriptionsz"] {
      add(path, counted: "/subsz") { monitor, query, done throws(QueryProblem) in
        monitor.subsz(try SubszOptions(query), done)
      }
    }
    add("/routez", countsBad: false) { monitor, query, done throws(QueryProblem) in
      _ = try query.listing()
      monitor.requests.add("/routez")
      done(.answer(monitor.routez()))
    }
    add("/gatewayz") { monitor, query, done throws(QueryProblem) in
      _ = try query.listing()
      _ = try query.flag("accs")
      done(.answer(monitor.gatewayz()))
    }
    add("/leafz") { monitor, query, done throws(QueryProblem) in
      _ = try query.flag("subs")
      done(.answer(monitor.leafz()))
    }
    add("/accountz") { monitor, query, done in done(monitor.accountz(account: query["acc"])) }
    add("/accstatz") { monitor, query, done throws(QueryProblem) in
      monitor.accountStatz(try AccountStatzOptions(query), done)
    }
    add("/jsz") { monitor, query, done throws(QueryProblem) in monitor.jsz(try JszOptions(query), done) }
    router.add("/healthz") { Self.serveHealth(monitor, $0, $1) }
    router.add("/ipqueuesz") { request, responder in
      Self.respond(to: responder) { () throws(QueryProblem) in
        let query = request.head.query
        let queues = Ipqueuesz(all: try query.flag("all"), filter: query["queues"])
        return .json(queues.json(style: .pretty))
      }
    }
    router.add("/raftz") { _, responder in
      var response = HTTPResponse.text("No Raft nodes registered")
      response.status = 404
      responder.respond(response)
    }
    router.add("/debug/vars") { _, responder in
      var response = HTTPResponse.json(Expvarz(residentBytes: monitor.usage.residentBytes).json(style: .pretty))
      response.headers = ["Content-Type": "application/json; charset=utf-8"]
      responder.respond(response)
    }
    router.add("/metrics") { request, responder in
      monitor.requests.add("/metrics")
      let prefix = request.head.query["prefix"]
      guard prefix.isEmpty || LabelSet.name(from: prefix) == prefix else {
        responder.respond(
          .text("invalid prefix \(quoted(prefix)): metric names have letters, digits and _", status: 400))
        return
      }
      MetricsPage(monitor, prefix: prefix, request, responder).gather()
    }
    router.add("/stacksz") { _, responder in responder.respond(.json(ThreadList.read())) }
    let index = IndexPage(basePath: basePath == "/" ? "" : basePath)
    router.add("/") { _, responder in
      monitor.requests.add("/")
      responder.respond(index.response)
    }
    return router.route
  }

  /// Health answers are compact, and say by their status how it is (FEATURES 11.016).
  private static func serveHealth(_ monitor: Monitor, _ request: HTTPRequest, _ responder: HTTPResponder) {
    monitor.requests.add("/healthz")
    let options: HealthzOptions
    do throws(QueryProblem) {
      options = try HealthzOptions(request.head.query)
    } catch {
      responder.respond(.text(error.description, status: 400))
      return
    }
    let logger = monitor.server.logger
    if options.isJetStreamEnabledDeprecated {
      logger.warning("Healthcheck: js-enabled deprecated, use js-enabled-only instead")
    }
    monitor.healthz(options) { health in
      if let problem = health.problems.first {
        logger.warning(
          health.hasDetails
            ? "Healthcheck failed: \(health.problems.count) errors" : "Healthcheck failed: \(quoted(problem.text))")
      }
      responder.respond(.json(health.json(), status: health.code))
    }
  }

  private static func respond(to responder: HTTPResponder, _ body: () throws(QueryProblem) -> HTTPResponse) {
    do { responder.respond(try body()) } catch { responder.respond(.text(error.description, status: 400)) }
  }
}

/// Why monitoring cannot start, in nats-server's words.
struct MonitoringStartError: Error, CustomStringConvertible {
  let description: String
  init(_ reason: String) { description = "Can't start monitoring: can't listen to the monitor port: \(reason)" }
}

/// One path whose answer is a JSON object.
private struct Endpoint: Sendable {
  typealias Body =
    @Sendable (Monitor, HTTPQuery, @escaping Monitor.Completion) throws(QueryProblem) -> Void

  let monitor: Monitor
  /// The name under which requests are counted.
  let counted: String
  /// Requests with arguments that make no sense are counted, too; else the body counts.
  let countsBad: Bool
  let body: Body

  func serve(_ request: HTTPRequest, _ responder: HTTPResponder) {
    if countsBad { monitor.requests.add(counted) }
    let monitor = self.monitor
    do throws(QueryProblem) {
      try body(monitor, request.head.query) { outcome in
        switch outcome {
        // Long answers are written on a thread of their own.
        case .answer(let answer):
          monitor.background.submit { LongAnswer.send(.json(answer.json(style: .pretty)), to: responder) }
        case .failed(let error): responder.respond(.text(error.description, status: 400))
        case .silent: responder.respond(.json([]))
        }
      }
    } catch {
      responder.respond(.text(error.description, status: 400))
    }
  }
}
