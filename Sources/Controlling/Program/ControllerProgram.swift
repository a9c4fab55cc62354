import CSystem
import Glibc
import HTTP
import JSON
import Metrics
import Reactor
import Reconciliation

/// The controller as a service: an engine, probes and metrics. One thread, one loop.
///
/// Invariant: everything but `init` and `start` happens on the loop.
public final class ControllerProgram: @unchecked Sendable {
  public static let version = "0.1.0"

  /// How long reports may take to be written down at the end.
  private static let stopNanoseconds: Int64 = 5_000_000_000
  /// Without work for so long the controller counts as idle.
  private static let idleNanoseconds: Int64 = 2_000_000_000
  private static let looksBetweenReleases = 6

  private let options: ControllerOptions
  private let loop: EventLoop
  private let logger: Logger
  private let environment: LoopEnvironment
  private let engine: Engine
  private var servers: [HTTPServer] = []
  private var isStopping = false
  /// Looks in a row that found nothing done.
  private var idleLooks = 0

  public init(_ options: ControllerOptions, source: any ResourceSource, loop: EventLoop, logger: Logger) {
    self.options = options
    self.loop = loop
    self.logger = logger
    environment = LoopEnvironment(
      loop: loop, logger: logger, clientName: "nack-controller", cacheDirectory: options.cacheDirectory)
    engine = Engine(source: source, environment: environment, options: options.engine)
  }

  /// Listens and begins. Call before the loop runs. Throws when an address cannot be bound.
  public func start() throws {
    logger.info("Starting nack-controller v\(Self.version)")
    if options.isReadOnly { logger.info("Running in read-only mode: JetStream state in server will not be changed") }
    if options.healthAddress == options.metricsAddress {
      try listen(
        options.healthAddress,
        routes: {
          self.addProbes(&$0); self.addMetrics(&$0)
        })
    } else {
      try listen(options.healthAddress, routes: addProbes)
      try listen(options.metricsAddress, routes: addMetrics)
    }
    loop.submit {
      self.engine.start()
      self.watchIdleness()
    }
  }

  /// Ends rounds and connections, lets reports be written down, and stops the loop.
  public func stop() {
    guard !isStopping else { return loop.stop() }
    isStopping = true
    logger.info("Stopping")
    for server in servers { server.stop(graceNanoseconds: 100_000_000) {} }
    loop.schedule(afterNanoseconds: Self.stopNanoseconds) { self.loop.stop() }
    engine.stop {
      self.environment.cleanUp()
      self.loop.stop()
    }
  }

  /// Opens the log file anew.
  public func reopenLog() {
    do {
      try logger.reopen()
      logger.info("File log re-opened")
    } catch {
      logger.error("Cannot open the log file again: \(error)")
    }
  }

  // MARK: - HTTP

  private func listen(_ text: String, routes: (inout HTTPRouter) -> Void) throws {
    guard !text.isEmpty, text != "0" else { return }
    var settings = HTTPServer.Options()
    settings.maximumConnections = 64
    settings.reportsError = { [logger] in logger.debug($0) }
    var router = HTTPRouter()
    routes(&router)
    let server = HTTPServer(loop: loop, options: settings) { [router] in router.route($0, $1) }
    let bound = try server.listen(on: try BindAddress.parse(text))
    servers.append(server)
    logger.info("Listening for HTTP on \(bound)")
  }

  private func addProbes(_ router: inout HTTPRouter) {
    router.add("/healthz", methods: ["GET"]) { _, responder in
      responder.respond(HTTPResponse(headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array("ok".utf8)))
    }
    router.add("/readyz", methods: ["GET"]) { _, responder in
      // A controller that waits for its turn to lead is ready too, once it knows everything.
      let isReady = self.engine.isSynced
      responder.respond(
        HTTPResponse(
          status: isReady ? 200 : 503, headers: ["Content-Type": "text/plain; charset=utf-8"],
          body: Array((isReady ? "ok" : "resources have not been read yet").utf8)))
    }
    router.add("/resources", methods: ["GET"]) { _, responder in
      responder.respond(.json(JSONValue.object(["resources": .array(self.engine.overview)]).json(style: .pretty)))
    }
  }

  private func addMetrics(_ router: inout HTTPRouter) {
    router.add("/metrics", methods: ["GET"]) { request, responder in
      var set = MetricSet()
      self.engine.addMetrics(to: &set)
      ProcessMetrics.add(to: &set)
      let format = Exposition.Format(accept: request.head.headers["Accept"])
      responder.respond(
        HTTPResponse(headers: ["Content-Type": format.contentType], body: Exposition.bytes([set], format: format)))
    }
  }

  // MARK: - Idleness

  /// Memory and code that only work needed need not stay.
  private func watchIdleness() {
    let before = engine.workCount
    loop.schedule(afterNanoseconds: Self.idleNanoseconds) { [weak self] in
      guard let self, !self.isStopping else { return }
      let now = self.engine.workCount
      self.idleLooks = now == before ? self.idleLooks + 1 : 0
      // Again from time to time: probes, scrapes and looks at folders bring code back.
      if self.idleLooks % Self.looksBetweenReleases == 1 {
        csys_release_memory()
        csys_forget_code()
      }
      self.watchIdleness()
    }
  }
}
