import Broker
import CSystem
import Configuration
import Glibc
import JetStream
import Profiling
import Reactor

/// Runs the server until a signal ends it.
final class ServerProgram: @unchecked Sendable {
  static let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2]

  private let disk = SystemDisk()
  private let logger: Logger
  private let loops: LoopGroup
  private let server: Server
  /// What is running; replaced by a reload. Loop 0.
  private var plan: StartPlan
  /// What was read to get there.
  private var filesRead: Set<String>
  private var signalSource: SignalSource?
  private var watch: ConfigurationWatch?
  private var profiling: ProfilingServer?
  private var profileURLs: [String] = []
  private var options: ServerOptions { plan.options }

  /// Throws what is wrong with the options.
  ///
  /// - Parameter filesRead: the configuration file and what it includes.
  init(_ plan: StartPlan, filesRead: Set<String>) throws {
    self.plan = plan
    self.filesRead = filesRead
    let options = plan.options
    // Before any thread exists, so that every thread inherits the mask.
    SignalSource.block(Self.signals)
    Self.raiseDescriptorLimit()
    logger = try Logger(options.log.loggerSettings)
    loops = LoopGroup(count: Self.loopCount())
    server = try Server(options: options, loops: loops, logger: logger)
    if options.jetStream.enabled { server.jetStream = JetStreamService(server: server) }
  }

  /// Loops for the CPUs we may use; `NATSD_LOOPS` overrides.
  private static func loopCount() -> Int {
    if let text = getenv("NATSD_LOOPS"), let count = Int(String(cString: text)), (1...64).contains(count) {
      return count
    }
    return min(64, Processors.usable())
  }

  private static func raiseDescriptorLimit() {
    let hard = csys_nofile_hard()
    if csys_nofile_soft() < hard { _ = csys_set_nofile(hard, hard) }
  }

  /// Serves until the end. Returns the exit code.
  func run() -> Int32 {
    signalSource = SignalSource(Self.signals, loop: loops.loops[0]) { [unowned self] in received($0) }
    server.reloadRequested = { [unowned self] in try reloadNow() }
    let files = RunFiles(disk: disk, options: options)
    do {
      try server.start {
        try files.writePid()
        try startProfiling()
      }
    } catch {
      logger.fatal("\(error)")
      logger.flush()
      return 1
    }
    writePorts(files)
    watchConfiguration()
    csys_forget_code()
    loops.run()
    profiling?.stop()
    RunFiles(disk: disk, options: self.options).removePorts(logger)
    logger.flush()
    return 0
  }

  private func writePorts(_ files: RunFiles) {
    files.writePorts(
      clientURLs: server.clientURLs, monitoringURLs: server.monitoringURLs, profileURLs: profileURLs, logger)
  }

  /// `prof_port` (FEATURES 3.051): on the clients' host, as with nats-server.
  private func startProfiling() throws {
    guard options.profilePort != 0 else { return }
    let profiling = ProfilingServer(loop: loops.loops[0]) { [unowned server] in server.memoryReport }
    do {
      let host = options.host.isEmpty ? Defaults.host : options.host
      let requested = try ListeningAddress.resolve(host: host, port: options.profilePort)
      let address = try profiling.listen(on: requested)
      profileURLs = ["http://\(address)"]
      logger.info("profiling port: \(address.port)")
    } catch {
      throw StartFailure(description: "error starting profiler: \(error)")
    }
    self.profiling = profiling
  }

  private func received(_ signal: Int32) {
    logger.info("Trapped \"\(String(cString: strsignal(signal)).lowercased())\" signal")
    switch signal {
    case SIGINT: server.shutdown()
    case SIGTERM: if !server.isInLameDuckMode { server.shutdown() }
    case SIGHUP: reload()
    case SIGUSR1: reopenLog()
    case SIGUSR2: server.enterLameDuckMode()
    default: break
    }
  }

  private func reopenLog() {
    guard !options.log.file.isEmpty else {
      logger.info("File log re-open ignored, not a file logger")
      return
    }
    do {
      try logger.reopen()
      logger.info("File log re-opened")
    } catch {
      logger.error("Unable to re-open log file: \(error)")
    }
  }

  // MARK: reload

  private func watchConfiguration() {
    let watch = ConfigurationWatch(loop: loops.loops[0]) { [unowned self] in
      logger.info("Configuration has changed on disk, reloading")
      reload()
    }
    if watch.follow(options, read: filesRead) {
      logger.info("Watching the configuration for changes: \(options.configurationFile)")
    }
    self.watch = watch
  }

  private func reload() {
    do throws(ReloadRefusal) {
      try reloadNow()
    } catch {
      logger.error("Failed to reload server configuration: \(error)")
      if let place = error.place { logger.error("Nothing was changed, the configuration is wrong at \(place)") }
    }
  }

  private func reloadNow() throws(ReloadRefusal) {
    let recorder = FileRecorder()
    watch?.look()
    defer { watch?.follow(options, read: filesRead) }
    do throws(ReloadRefusal) {
      try reload(from: plan.reading(access: recorder.access))
      filesRead = recorder.files
    } catch {
      // A new include may be what is wrong.
      filesRead.formUnion(recorder.files)
      throw error
    }
  }

  /// Takes new options: all of them or, with an error, none (FEATURES 3.329).
  private func reload(from reading: Result<StartPlan, StartPlan.Failure>) throws(ReloadRefusal) {
    guard !options.configurationFile.isEmpty else { throw ReloadRefusal(ReloadPlan.noFile.text) }
    let new: StartPlan
    switch reading {
    case .success(let plan): new = plan
    case .failure(let failure): throw ReloadRefusal(failure.text, at: failure.place)
    }
    // A refused change is told before a missing feature.
    var running = options
    running.port = server.clientPort
    let changes: ReloadPlan
    switch ReloadPlan.compute(old: running, new: new.options) {
    case .success(let plan): changes = plan
    case .failure(let refusal): throw ReloadRefusal(refusal.text)
    }
    let missing = unsupportedFeatures(in: new.options)
    guard missing.isEmpty else { throw ReloadRefusal(missing.joined(separator: "; ")) }
    do {
      try server.reload(changes.options, changes: changes.changes.flatMap(\.logLines))
    } catch {
      throw ReloadRefusal("\(error)")
    }
    for change in changes.changes { rewriteFiles(change, changes.options) }
    plan = new
    plan.options = changes.options
  }

  private func rewriteFiles(_ change: ReloadChange, _ new: ServerOptions) {
    let files = RunFiles(disk: disk, options: new)
    switch change {
    case .pidFile: do { try files.writePid() } catch { logger.error("\(error)") }
    case .portsFileDirectory:
      RunFiles(disk: disk, options: options).removePorts(logger)
      writePorts(files)
    default: break
    }
  }
}

/// Why the server does not start.
private struct StartFailure: Error, CustomStringConvertible {
  let description: String
}

/// Why a reload is refused.
private struct ReloadRefusal: Error, CustomStringConvertible {
  let description: String
  /// `file:line:column` where the text does not say it.
  let place: String?

  init(_ text: String, at place: String? = nil) {
    description = text
    self.place = place
  }
}
