import Broker
import CSystem
import Configuration
import Glibc
import Reactor

let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2]
SignalSource.block(signals)
_ = csys_set_nofile(csys_nofile_hard(), csys_nofile_hard())
var options = ServerOptions()
var index: Int32 = 1
while index < csys_argument_count() {
  let flag = String(cString: csys_argument(index))
  if flag == "-p" { options.port = Int(String(cString: csys_argument(index + 1))) ?? 4222 }
  if flag == "-a" { options.host = String(cString: csys_argument(index + 1)) }
  if flag == "-DV" { options.log.trace = true; options.log.debug = true }
  index += 1
}
var log = Logger.Settings()
log.debug = options.log.debug
log.trace = options.log.trace
do {
  let logger = try Logger(log)
  let loops = LoopGroup(count: Processors.usable())
  let server = try Server(options: options, loops: loops, logger: logger)
  let source = SignalSource(signals, loop: loops.loops[0]) { _ in server.shutdown() }
  try server.start()
  loops.run()
  _ = source
} catch {
  print("nats-server: \(error)")
  exit(1)
}
