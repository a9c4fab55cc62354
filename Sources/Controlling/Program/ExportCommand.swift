import JSON
import Reconciliation

/// `export`: manifests for what a server has.
///
/// Invariant: used on the loop only, but `init`.
final class ExportCommand: @unchecked Sendable {
  private static let mostInFlight = 16

  private let options: ControllerOptions
  private let environment: any EngineEnvironment
  private let finished: (CommandOutcome) -> Void
  private var link: (any ServerLink)?
  private var observation = Observation([], everything: true)
  private var inFlight = 0
  private var problem: String
  private var hasEnded = false

  init(
    _ options: ControllerOptions, environment: any EngineEnvironment, finished: @escaping (CommandOutcome) -> Void
  ) {
    self.options = options
    self.environment = environment
    self.finished = finished
    problem = "no connection to \(options.connection.title)"
  }

  func start() {
    link = environment.openLink(options.connection) { [weak self] event in
      guard let self, !self.hasEnded else { return }
      switch event {
      case .connected: self.observe()
      case .failed(let text), .disconnected(let text):
        self.problem = "no connection to \(self.options.connection.title): \(text)"
      }
    }
    _ = environment.schedule(afterNanoseconds: options.timeoutNanoseconds) { [weak self] in
      guard let self else { return }
      self.end(.failure("error: \(self.problem)"))
    }
  }

  private func observe() {
    while !hasEnded, inFlight < Self.mostInFlight, let query = observation.next() {
      inFlight += 1
      link?.request(Request("$JS.API.\(query.subject)", query.body)) { answer in
        self.inFlight -= 1
        self.observation.take(query, answer)
        self.observe()
      }
    }
    guard !hasEnded, observation.isDone, inFlight == 0 else { return }
    if let failure = observation.failure {
      return end(.failure("error: no JetStream at \(options.connection.title): \(failure)"))
    }
    let export = ManifestExport(
      observation.state, namespace: options.namespace.isEmpty ? nil : options.namespace, now: environment.wallTime)
    var outcome = CommandOutcome()
    outcome.output = options.output == .json ? export.json : export.yaml
    outcome.errors = (export.notes + observation.unknown.map { "\($0.key) is left out: \($0.value)" }).sorted()
      .map { "warning: \($0)\n" }.joined()
    end(outcome)
  }

  private func end(_ outcome: CommandOutcome) {
    guard !hasEnded else { return }
    hasEnded = true
    link?.close()
    finished(outcome)
  }
}
