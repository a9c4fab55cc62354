import CSystem
import Exporting
import Flags
import Glibc
import HTTP
import Reactor

let arguments = CommandLineProgram.arguments

if HealthCheck.isWanted {
  let health = HealthCheck.run(Array(arguments.dropFirst()), place: ExporterCommandLine.healthPlace)
  CommandLineProgram.write(health.text + "\n", to: 1)
  exit(health.exitCode)
}

let options = ExporterCommandLine.decide(Array(arguments.dropFirst()), program: arguments.first ?? "exporter")
  .optionsOrExit(noticesTo: 1)
CommandLineProgram.hideSecrets(of: ["http_pass"])
csys_return_large_blocks()
let signals = [SIGINT, SIGTERM]
SignalSource.block(signals)
do {
  let loops = LoopGroup(count: 1)
  let logger = try options.makeLogger()
  let program = try ExporterProgram(options, loop: loops.loops[0], logger: logger)
  let source = SignalSource(signals, loop: loops.loops[0]) { _ in program.stop() }
  try program.start()
  loops.run()
  _ = source
} catch {
  CommandLineProgram.write("error starting the exporter: \(error)\n", to: 2)
  exit(1)
}
