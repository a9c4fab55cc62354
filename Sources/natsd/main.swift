import Broker
import CSystem
import Configuration
import Glibc
import Reactor

/// Runs a server until it is told to stop.
func run(_ plan: StartPlan) throws {
  let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2]
  SignalSource.block(signals)
  _ = csys_set_nofile(csys_nofile_hard(), csys_nofile_hard())
  var log = Logger.Settings()
  log.debug = plan.options.log.debug
  log.trace = plan.options.log.trace
  let logger = try Logger(log)
  let loops = LoopGroup(count: Processors.usable())
  let server = try Server(options: plan.options, loops: loops, logger: logger)
  let source = SignalSource(signals, loop: loops.loops[0]) { _ in server.shutdown() }
  try server.start()
  loops.run()
  _ = source
}

// Arguments come from the C library, so that this works without /proc.
let arguments = (0..<csys_argument_count()).dropFirst().compactMap { index in
  csys_argument(index).map { String(cString: $0) }
}

switch Launch.decide(arguments) {
case .exit(let output): output.leave()
case .signal: ProgramOutput.failure("-sl is not part of this build yet").leave()
case .run(let plan):
  ProgramOutput(standardError: plan.warnings).write()
  let missing = unsupportedFeatures(in: plan.options)
  if !missing.isEmpty { ProgramOutput.failure(missing.joined(separator: "\n")).leave() }
  do {
    try run(plan)
  } catch {
    ProgramOutput.failure("\(error)").leave()
  }
}
