import Broker
import CSystem
import Configuration
import Glibc
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
  private var options: ServerOptions { plan.options }

  /// Throws what is wrong with the options.
  init(_ plan: StartPlan) throws {
    self.plan = plan
    let options = plan.options
    // Before any thread exists, so that every thread inherits the mask.
    SignalSource.block(Self.signals)
    Self.raiseDescriptorLimit()
    logger = try Logger(options.log.loggerSettings)
    loops = LoopGroup(count: Self.loopCount())
    server = try Server(options: options, loops: loops, logger: logger)
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
    let source = SignalSource(Self.signals, loop: loops.loops[0]) { [unowned self] in received($0) }
    let files = RunFiles(disk: disk, options: options)
    do {
      try server.start(beforeListening: files.writePid)
    } catch {
      logger.fatal("\(error)")
      logger.flush()
      return 1
    }
    files.writePorts(clientURLs: server.clientURLs, logger)
    csys_release_startup_pages()
    loops.run()
    files.removePorts(logger)
    logger.flush()
    _ = source
    return 0
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

  private func reload() {
    do {
      try reload(from: plan.reading())
    } catch {
      logger.error("Failed to reload server configuration: \(error)")
    }
  }

  /// All or nothing: a refusal leaves everything as it was.
  private func reload(from reading: Result<StartPlan, StartPlan.Failure>) throws {
    guard !options.configurationFile.isEmpty else { throw ReloadPlan.noFile }
    var new: StartPlan
    switch reading {
    case .success(let plan): new = plan
    case .failure(let failure): throw ReloadPlan.Refusal(text: failure.text)
    }
    let reload = try ReloadPlan.compute(old: options, new: new.options).get()
    let missing = unsupportedFeatures(in: new.options)
    guard missing.isEmpty else { throw ReloadPlan.Refusal(text: missing.joined(separator: "; ")) }
    new.options = reload.options
    try server.reload(new.options, changes: reload.changes.flatMap(\.logLines))
    if new.options.pidFile != options.pidFile { rewritePid(new.options) }
    plan = new
  }
}

extension ServerProgram {
  private func rewritePid(_ options: ServerOptions) {
    do { try RunFiles(disk: disk, options: options).writePid() } catch { logger.error("\(error)") }
  }
}
