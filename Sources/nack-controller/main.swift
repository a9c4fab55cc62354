import CSystem
import Controlling
import Glibc
import HTTP
import Reactor

// Arguments come from the C library, so that this works without /proc.
let arguments = (0..<csys_argument_count()).compactMap { index in
  csys_argument(index).map { String(cString: $0) }
}

func write(_ text: String, to descriptor: Int32) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    bytes = bytes.dropFirst(count)
  }
}

func leave(_ outcome: CommandOutcome) -> Never {
  write(outcome.errors, to: 2)
  write(outcome.output, to: 1)
  exit(outcome.status)
}

func environment(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}

if HealthCheck.isWanted {
  let health = HealthCheck.run(Array(arguments.dropFirst())) {
    ControllerCommandLine.healthPlace($0, environment: environment)
  }
  write(health.text + "\n", to: 1)
  exit(health.exitCode)
}

let decision = ControllerCommandLine.decide(
  Array(arguments.dropFirst()), program: "nack-controller", environment: environment)
switch decision {
case .leave(let output, let status):
  write(output, to: 1)
  exit(status)
case .fail(let text, let status):
  write(text + (text.hasSuffix("\n") ? "" : "\n"), to: 2)
  exit(status)
case .run(let options, let notices):
  hideSecrets(arguments)
  for notice in notices { write(notice + "\n", to: 2) }
  csys_return_large_blocks()
  do {
    let logger = try Logger(options.log)
    guard options.command == .run else {
      signal(SIGPIPE, SIG_IGN)
      let outcome = Commands.perform(options, logger: logger)
      logger.flush()
      leave(outcome)
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
    write("Error: \(error)\n", to: 2)
    exit(1)
  }
}
