import Glibc

/// What a command line comes to.
public enum LaunchDecision<Options: Sendable>: Sendable {
  /// - Parameter notices: lines to print before anything else.
  case run(Options, notices: [String])
  case leave(output: String, status: Int32)
  case fail(String, status: Int32)

  /// The options to run with; a program that is not to run ends here, with the words that it has for that.
  ///
  /// - Parameter descriptor: where notices go.
  public func optionsOrExit(noticesTo descriptor: Int32) -> Options {
    switch self {
    case .run(let options, let notices):
      for notice in notices { CommandLineProgram.write(notice + "\n", to: descriptor) }
      return options
    case .leave(let output, let status):
      CommandLineProgram.write(output, to: 1)
      exit(status)
    case .fail(let text, let status):
      CommandLineProgram.write(text.hasSuffix("\n") ? text : text + "\n", to: 2)
      exit(status)
    }
  }
}
