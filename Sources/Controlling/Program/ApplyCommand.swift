import JSON
import Reactor
import Reconciliation

/// `apply`: brings everything about once, and tells how it went.
///
/// Invariant: used on the loop only, but `init`.
final class ApplyCommand: @unchecked Sendable {
  private static let lookNanoseconds: Int64 = 20_000_000

  private let options: ControllerOptions
  private let environment: any EngineEnvironment
  private let engine: Engine
  private let finished: (CommandOutcome) -> Void
  private var deadline: Int64 = 0

  init(
    _ options: ControllerOptions, source: any ResourceSource, environment: any EngineEnvironment,
    finished: @escaping (CommandOutcome) -> Void
  ) {
    self.options = options
    self.environment = environment
    self.finished = finished
    engine = Engine(source: source, environment: environment, options: options.engine)
  }

  func start() {
    let loader = ManifestLoader(options.manifests, namespace: options.namespace)
    // All or nothing: half a folder is not what was meant.
    guard !loader.hasErrors else { return finished(.failure(loader.text)) }
    deadline = environment.now + options.timeoutNanoseconds
    engine.start()
    look()
  }

  private func look() {
    _ = environment.schedule(afterNanoseconds: Self.lookNanoseconds) { [weak self] in
      guard let self else { return }
      if self.engine.isSettled { return self.end(isInTime: true) }
      if self.environment.now >= self.deadline { return self.end(isInTime: false) }
      self.look()
    }
  }

  private func end(isInTime: Bool) {
    let overview = engine.overview
    let unready = overview.filter { $0["ready"]?.string != "True" }
    var outcome = CommandOutcome()
    outcome.status = unready.isEmpty && isInTime ? 0 : 1
    if options.output == .json {
      let document: JSONValue = .object(["resources": .array(overview)])
      outcome.output = String(decoding: document.json(style: .pretty, escapesHTML: false), as: UTF8.self) + "\n"
    } else {
      for resource in unready {
        let title = ["kind", "namespace", "name"].map { resource[$0]?.string ?? "" }
        outcome.errors +=
          "error: \(title[0]) \(title[1])/\(title[2]): \(resource["message"]?.string ?? "")\n"
      }
      outcome.output = "\(overview.count - unready.count) of \(overview.count) resources are ready\n"
    }
    if !isInTime { outcome.errors += "error: not finished in time\n" }
    let final = outcome
    engine.stop { self.finished(final) }
  }
}
