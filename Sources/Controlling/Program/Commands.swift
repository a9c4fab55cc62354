import Reactor

/// Runs the commands that end by themselves.
public enum Commands {
  /// Runs a command on a loop of its own, on this thread. `run` is none of them.
  public static func perform(_ options: ControllerOptions, logger: Logger) -> CommandOutcome {
    guard options.command != .validate else { return ValidateCommand.run(options) }
    let loops = LoopGroup(count: 1)
    let loop = loops.loops[0]
    let environment = LoopEnvironment(
      loop: loop, logger: logger, clientName: "nack-controller \(options.command.rawValue)",
      cacheDirectory: options.cacheDirectory, isQuiet: options.command != .apply)
    let box = OutcomeBox()
    let finished: (CommandOutcome) -> Void = { outcome in
      box.outcome = outcome
      environment.cleanUp()
      loop.stop()
    }
    let work: any AnyObject & Sendable
    switch options.command {
    case .plan:
      let command = PlanCommand(options, environment: environment, finished: finished)
      loop.submit { command.start() }
      work = command
    case .export:
      let command = ExportCommand(options, environment: environment, finished: finished)
      loop.submit { command.start() }
      work = command
    case .apply, .run, .validate:
      let source = FolderSource(options.manifests, namespace: options.namespace, loop: loop, logger: logger)
      let command = ApplyCommand(options, source: source, environment: environment, finished: finished)
      loop.submit { command.start() }
      work = command
    }
    loops.run()
    withExtendedLifetime(work) {}
    return box.outcome
  }

  /// Invariant: written on the loop, read after it has ended.
  private final class OutcomeBox: @unchecked Sendable {
    var outcome = CommandOutcome.failure("stopped")
  }
}
