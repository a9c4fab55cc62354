import Controlling
import Reactor

/// Where resources come from.
struct SourceChoice {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let source: any ResourceSource
  /// Looks at everything again (SIGHUP).
  let rescan: () -> Void

  static func make(_ options: ControllerOptions, loop: EventLoop, logger: Logger) throws -> SourceChoice {
    if options.usesKubernetes { return try kubernetes(options, loop: loop, logger: logger) }
    let folder = FolderSource(options.manifests, namespace: options.namespace, loop: loop, logger: logger)
    return SourceChoice(source: folder, rescan: folder.scan)
  }

  /// A source over `options.kubernetes` and `options.namespace` belongs here.
  private static func kubernetes(
    _ options: ControllerOptions, loop: EventLoop, logger: Logger
  ) throws -> SourceChoice {
    throw Failure(description: "this build reads resources from files only: give -manifests DIR")
  }
}
