import CSystem
import Exporting
import Glibc
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

switch ExporterCommandLine.decide(Array(arguments.dropFirst()), program: arguments.first ?? "exporter") {
case .leave(let output, let status):
  write(output, to: 1)
  exit(status)
case .fail(let text, let status):
  write(text + (text.hasSuffix("\n") ? "" : "\n"), to: 2)
  exit(status)
case .run(let options, let notices):
  for notice in notices { write(notice + "\n", to: 1) }
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
    write("error starting the exporter: \(error)\n", to: 2)
    exit(1)
  }
}
