import CSystem
import Configuration
import Glibc

// Arguments come from the C library, so that this works without /proc.
let arguments = (0..<csys_argument_count()).dropFirst().compactMap { index in
  csys_argument(index).map { String(cString: $0) }
}

switch Launch.decide(arguments) {
case .exit(let output): output.leave()
case .signal(let request): request.deliver().leave()
case .run(let plan):
  hideSecrets(arguments)
  ProgramOutput(standardError: plan.warnings).write()
  let missing = unsupportedFeatures(in: plan.options)
  if !missing.isEmpty { ProgramOutput.failure(missing.joined(separator: "\n")).leave() }
  do {
    exit(try ServerProgram(plan).run())
  } catch {
    ProgramOutput.failure("\(error)").leave()
  }
}
