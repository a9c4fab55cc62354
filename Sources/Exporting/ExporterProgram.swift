import CSystem
import HTTP
import JSON
import Metrics
import Reactor

/// The exporter: a scrape port in front of servers. One thread, one loop.
///
/// Invariant: everything but `init` and `start` happens on the loop.
public final class ExporterProgram: @unchecked Sendable {
  /// Without a scrape for so long the exporter counts as idle.
  private static let idleNanoseconds: Int64 = 1_000_000_000
  /// Scrapes at a time; more are answered 503.
  private static let maximumScrapes = 4

  private let options: ExporterOptions
  private let loop: EventLoop
  private let logger: Logger
  private let client: MonitoringClient
  private let servers: [MonitoredServer]
  private let authentication: ScrapeAuthentication
  private var http: HTTPServer?
  private var renewal: CertificateRenewal?
  private var running: [Scrape] = []
  private var answered: [Int: Int] = [200: 0, 500: 0, 503: 0]
  private var inFlight = 0
  private var idleTimer: TimerToken?

  /// Throws when a certificate cannot be read.
  public init(_ options: ExporterOptions, loop: EventLoop, logger: Logger) throws {
    self.options = options
    self.loop = loop
    self.logger = logger
    client = try MonitoringClient(loop: loop, options: options)
    servers = options.targets.map { MonitoredServer($0, options: options, logger: logger) }
    authentication = ScrapeAuthentication(user: options.user, password: options.password, loop: loop)
  }

  /// Listens. Call before the loop runs.
  ///
  /// - Returns: the address that was bound.
  @discardableResult
  public func start() throws -> SocketAddress {
    var settings = HTTPServer.Options()
    settings.maximumConnections = 256
    settings.tls = try options.scrapeTLS()
    settings.reportsError = { [logger] in logger.debug($0) }
    let router = routes()
    let http = HTTPServer(loop: loop, options: settings) { router.route($0, $1) }
    self.http = http
    let host = options.address.isEmpty ? "0.0.0.0" : options.address
    let address =
      try SocketAddress(numeric: host, port: options.port)
      ?? SocketAddress.resolve(host: host, port: options.port).first
    guard let address else { throw LookupError(host: host, reason: "no address") }
    let bound = try http.listen(on: address)
    logger.info(
      "Prometheus exporter listening at \(settings.tls == nil ? "http" : "https")://\(bound)\(options.path)")
    if servers.count > 1 {
      logger.warning("\(servers.count) servers in one exporter: one beside each server scales and fails better")
    }
    for server in servers where server.needsIdentity { identify(server) }
    renewal = CertificateRenewal(of: options, loop: loop, logger: logger) { [options, client] in
      if let context = try options.scrapeTLS() { http.renew(tls: context) }
      if let context = try options.serverTLS() { client.renew(tls: context) }
    }
    becomeIdle()
    return bound
  }

  /// Stops listening, lets answers end for a moment, and stops the loop.
  public func stop() {
    logger.info("Exporter stops")
    renewal?.stop()
    guard let http else { return loop.stop() }
    http.stop(graceNanoseconds: 1_000_000_000) { [loop] in loop.stop() }
  }

  // MARK: - Paths

  private func routes() -> HTTPRouter {
    var router = HTTPRouter()
    router.add("/", methods: ["GET"]) { request, responder in
      self.authentication.check(request, responder) { responder.respond(.html(self.indexPage())) }
    }
    router.add("/healthz", methods: ["GET"]) { _, responder in
      responder.respond(.json(Array("{\"status\":\"ok\"}\n".utf8)))
    }
    // Last: the scrape path goes before the others.
    router.add(options.path, methods: ["GET"]) { request, responder in
      self.authentication.check(request, responder) { self.scrape(request, responder) }
    }
    return router
  }

  private func indexPage() -> String {
    let endpoints = options.endpoints.map(\.rawValue).joined(separator: ", ")
    let rows = servers.map { "<li>\(HTML.escaped($0.id))</li>" }.joined()
    let path = HTML.escaped(options.path)
    return """
      <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>NATS exporter</title></head><body>
      <h1>NATS exporter \(Exporter.version)</h1>
      <p><a href="\(path)">\(path)</a> for Prometheus, <a href="/healthz">/healthz</a> for probes.</p>
      <p>Collected: \(endpoints). Servers:</p><ul>\(rows)</ul>
      </body></html>

      """
  }

  // MARK: - Scrapes

  private func scrape(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let now = loop.clock.monotonicNanoseconds()
    let budget = ScrapeBudget.nanoseconds(
      header: request.head.headers["X-Prometheus-Scrape-Timeout-Seconds"], maximum: options.scrapeTimeoutNanoseconds)
    // Scrapers that come at the same time share one round of requests, if it ends in time for each.
    let shared = running.first { $0.deadline <= now + budget }
    guard shared != nil || running.count < Self.maximumScrapes else {
      answered[503, default: 0] += 1
      responder.respond(.error("too many scrapes at a time", status: 503))
      return
    }
    inFlight += 1
    let scrape = shared ?? begin(deadline: now + budget)
    scrape.whenComplete { sets in
      let own = self.ownMetrics()
      self.inFlight -= 1
      self.answered[200, default: 0] += 1
      ExpositionSender.send(sets + [own], for: request, to: responder)
      self.becomeIdle()
    }
    if shared == nil { scrape.start() }
  }

  private func begin(deadline: Int64) -> Scrape {
    let scrape = Scrape(
      servers, options: options, client: client, loop: loop, logger: logger, deadline: deadline)
    running.append(scrape)
    scrape.whenComplete { [unowned scrape] _ in self.running.removeAll { $0 === scrape } }
    return scrape
  }

  /// Code that ran for the start or a scrape need not stay in memory between scrapes.
  private func becomeIdle() {
    if let idleTimer { loop.cancel(idleTimer) }
    idleTimer = loop.schedule(afterNanoseconds: Self.idleNanoseconds) { [self] in
      idleTimer = nil
      if running.isEmpty { csys_forget_code() }
    }
  }

  /// The process, and scrapes by the names of Prometheus's own handler. FEATURES 15.014.
  private func ownMetrics() -> MetricSet {
    var set = MetricSet()
    ProcessMetrics.add(to: &set)
    for (status, count) in answered.sorted(by: { $0.key < $1.key }) {
      set.add(
        "promhttp_metric_handler_requests_total", .counter, help: "Scrapes by status.", ["code": String(status)],
        Double(count))
    }
    set.add("promhttp_metric_handler_requests_in_flight", help: "Scrapes being answered.", [:], Double(inFlight))
    return set
  }

  // MARK: - Identity

  /// Asks for the server's own id or name until it is known, so that the first scrape has it. FEATURES 15.003.
  private func identify(_ server: MonitoredServer) {
    let interval = options.retrySeconds * 1_000_000_000
    _ = client.get("/varz", from: server.target.url, timeoutNanoseconds: min(interval, 5_000_000_000)) { result in
      if case .success(let answer) = result, answer.status == 200 { _ = server.learn(from: answer.body.bytes) }
      guard !server.isIdentified else { return }
      self.logger.warning(
        "Server \(server.target.id) does not tell who it is; next try in \(self.options.retrySeconds) s")
      self.loop.schedule(afterNanoseconds: interval) {
        if !server.isIdentified { self.identify(server) }
      }
    }
  }
}

/// How long a scrape may take.
enum ScrapeBudget {
  /// The scraper's own timeout, less a tenth (half a second at most) for the way back, but no more than the maximum.
  static func nanoseconds(header: String?, maximum: Int64) -> Int64 {
    guard let seconds = header.flatMap({ Double($0) }), seconds > 0, seconds < 1e6 else { return maximum }
    return min(maximum, Int64((seconds - min(0.5, seconds / 10)) * 1e9))
  }
}

enum HTML {
  static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }
}
