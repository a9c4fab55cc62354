import Bytes
import CSystem
import Configuration
import Glibc
import HTTP
import Reactor

StandardDescriptors.open()

// Arguments come from the C library, so that this works without /proc.
let arguments = (0..<csys_argument_count()).dropFirst().compactMap { index in
  csys_argument(index).map { String(cString: $0) }
}

if HealthCheck.isWanted {
  let health = HealthCheck.run(Array(arguments), place: healthPlace)
  ProgramOutput(standardOutput: health.text + "\n", exitCode: health.exitCode).leave()
}

let recorder = FileRecorder()
/// Lives until the process ends: nothing is taken apart that goes anyway, and a leak checker finds what is lost only.
nonisolated(unsafe) var program: ServerProgram?
switch Launch.decide(arguments, access: recorder.access) {
case .exit(let output): output.leave()
case .signal(let request): request.deliver().leave()
case .run(let plan):
  hideSecrets(arguments)
  ProgramOutput(standardError: plan.warnings).write()
  let missing = unsupportedFeatures(in: plan.options)
  if !missing.isEmpty { ProgramOutput.failure(missing.joined(separator: "\n")).leave() }
  do {
    program = try ServerProgram(plan, filesRead: recorder.files)
    exit(program!.run())
  } catch let failure as LogFailure {
    // There is no log to write it to: nats-server prints it as Go's `log` does.
    var time: [UInt8] = []
    LogTime.append(Timestamp(unixNanoseconds: csys_realtime_ns()), utc: false, to: &time)
    let second = String(decoding: time.prefix(19), as: UTF8.self)
    ProgramOutput(standardError: "\(second) \(failure)\n", exitCode: 1).leave()
  } catch {
    ProgramOutput.failure("\(error)").leave()
  }
}
