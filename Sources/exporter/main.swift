import CSystem
import Exporting
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

func behindScheme(_ bytes: [UInt8]) -> Int? {
  let mark = Array("://".utf8)
  return bytes.indices.first { bytes[$0...].starts(with: mark) }.map { $0 + mark.count }
}

/// Other users see the command line: the password and what URLs carry before `@` are blanked there.
func hideSecrets() {
  for (index, argument) in arguments.enumerated() {
    guard let storage = csys_argument_storage(Int32(index)) else { continue }
    let bytes = Array(argument.utf8)
    let flag = argument.drop { $0 == "-" }
    var hidden = 0..<0
    if argument.hasPrefix("-"), flag.hasPrefix("http_pass=") {
      hidden = (bytes.firstIndex(of: UInt8(ascii: "="))! + 1)..<bytes.count
    } else if index > 0, ["-http_pass", "--http_pass"].contains(arguments[index - 1]) {
      hidden = 0..<bytes.count
    } else if let scheme = behindScheme(bytes), let end = bytes.lastIndex(of: UInt8(ascii: "@")) {
      hidden = min(scheme, end)..<end
    }
    for offset in hidden { storage[offset] = CChar(UInt8(ascii: "x")) }
  }
}

if HealthCheck.isWanted {
  let health = HealthCheck.run(Array(arguments.dropFirst()), place: ExporterCommandLine.healthPlace)
  write(health.text + "\n", to: 1)
  exit(health.exitCode)
}

switch ExporterCommandLine.decide(Array(arguments.dropFirst()), program: arguments.first ?? "exporter") {
case .leave(let output, let status):
  write(output, to: 1)
  exit(status)
case .fail(let text, let status):
  write(text + (text.hasSuffix("\n") ? "" : "\n"), to: 2)
  exit(status)
case .run(let options, let notices):
  hideSecrets()
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
