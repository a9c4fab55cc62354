import CSystem
import Controlling
import Flags
import Glibc
import HTTP
import Reactor

let arguments = CommandLineProgram.arguments

func environment(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}

if HealthCheck.isWanted {
  let health = HealthCheck.run(Array(arguments.dropFirst())) {
    ControllerCommandLine.healthPlace($0, environment: environment)
  }
  CommandLineProgram.write(health.text + "\n", to: 1)
  exit(health.exitCode)
}

let options = ControllerCommandLine.decide(Array(arguments.dropFirst()), environment: environment)
  .optionsOrExit(noticesTo: 2)
CommandLineProgram.hideSecrets()
csys_return_large_blocks()
do {
  let logger = try Logger(options.log)
  guard options.command == .run else {
    signal(SIGPIPE, SIG_IGN)
    let outcome = Commands.perform(options, logger: logger)
    logger.flush()
    CommandLineProgram.write(outcome.errors, to: 2)
    CommandLineProgram.write(outcome.output, to: 1)
    exit(outcome.status)
  }
  let signals = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]
  SignalSource.block(signals)
  let loops = LoopGroup(count: 1)
  let choice = try SourceChoice.make(options, loop: loops.loops[0], logger: logger)
  let program = ControllerProgram(options, source: choice.source, loop: loops.loops[0], logger: logger)
  let source = SignalSource(signals, loop: loops.loops[0]) { signal in
    switch signal {
    case SIGHUP: choice.rescan()
    case SIGUSR1: program.reopenLog()
    default: program.stop()
    }
  }
  try program.start()
  loops.run()
  logger.flush()
  _ = source
} catch {
  CommandLineProgram.write("Error: \(error)\n", to: 2)
  exit(1)
}
