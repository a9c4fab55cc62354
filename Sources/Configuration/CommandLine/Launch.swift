/// What a program that was started with some arguments has to do. The program's main only carries it out.
public enum Launch: Sendable, Equatable {
  /// Run a server.
  case run(StartPlan)
  /// Print and leave.
  case exit(ProgramOutput)
  /// Signal another server and leave.
  case signal(SignalRequest)

  /// The name under which texts go out: tools look for nats-server's.
  public static let programName = "nats-server"

  /// Decides. `arguments` come without the program's own name.
  public static func decide(_ arguments: [String], access: FileAccess = .system) -> Launch {
    let flags: CommandLineFlags
    do throws(FlagParser.Failure) {
      flags = try CommandLineFlags(arguments)
    } catch {
      // nats-server prints its usage after a wrong flag and exits with 0.
      return .exit(ProgramOutput(standardOutput: Usage.text + "\n", standardError: error.text + "\n", exitCode: 0))
    }
    if flags.showVersion { return .exit(ProgramOutput(standardOutput: Usage.version)) }
    if flags.showHelp { return .exit(ProgramOutput(standardOutput: Usage.text + "\n")) }
    if flags.showTLSHelp { return .exit(ProgramOutput(standardOutput: Usage.tls)) }
    if let word = flags.words.first {
      switch word.lowercased() {
      case "version": return .exit(ProgramOutput(standardOutput: Usage.version))
      case "help": return .exit(ProgramOutput(standardOutput: Usage.text + "\n"))
      default: return .exit(.failure("unrecognized command: \(GoText.quoted(word))"))
      }
    }
    if !flags.signal.isEmpty {
      switch SignalRequest.parse(flags.signal, access: access) {
      case .success(let request): return .signal(request)
      case .failure(let failure): return .exit(.failure(failure.text))
      }
    }
    if flags.checkConfiguration { return .exit(check(flags, access: access)) }
    switch StartPlan.make(flags, access: access) {
    case .success(let plan): return .run(plan)
    case .failure(let failure):
      var output = ProgramOutput.failure(failure.text)
      output.standardError = failure.warnings + output.standardError
      return .exit(output)
    }
  }

  /// `-t` (FEATURES 3.015): errors and warnings both make it fail.
  private static func check(_ flags: CommandLineFlags, access: FileAccess) -> ProgramOutput {
    let path = flags.configurationFile
    guard !path.isEmpty else {
      return .failure("must specify [-c, --config] option to check configuration file syntax")
    }
    do throws(ConfigurationSyntaxError) {
      let loaded = try ConfigurationLoader(access: access).load(path, flags: flags)
      guard loaded.report.isEmpty, let options = loaded.options else { return .failure(loaded.report) }
      return ProgramOutput(
        standardError:
          "\(programName): configuration file \(path) is valid (\(options.configurationDigest))\n")
    } catch {
      return .failure(error.description)
    }
  }
}

/// A server that can start: its options, and what is needed to read them again.
public struct StartPlan: Sendable, Equatable {
  /// Resolved and valid. Features that this build lacks may be configured: see `unsupportedFeatures(in:)`.
  public var options: ServerOptions
  /// Warnings of the configuration file, each with a newline: printed to standard error before the start.
  public var warnings: String
  private let flags: CommandLineFlags

  public struct Failure: Error, Sendable, Equatable {
    /// For `ProgramOutput.failure`.
    public let text: String
    /// Warnings of the file that are not part of the text, each with a newline.
    public var warnings = ""
    /// `file:line:column` of a text that does not say it.
    public var place: String?
  }

  static func make(_ flags: CommandLineFlags, access: FileAccess) -> Result<StartPlan, Failure> {
    var options = ServerOptions.unresolved
    var warnings = ""
    flags.applyValues(to: &options)
    if !flags.configurationFile.isEmpty {
      do throws(ConfigurationSyntaxError) {
        let loaded = try ConfigurationLoader(access: access).load(flags.configurationFile, flags: flags)
        warnings = loaded.warnings.map { $0 + "\n" }.joined()
        guard let read = loaded.options else { return .failure(Failure(text: loaded.report)) }
        options = read
        flags.applyValues(to: &options)
      } catch {
        return .failure(Failure(text: error.description, place: error.place))
      }
    }
    do throws(CommandLineFlags.Failure) {
      try flags.applyRules(to: &options, access: access)
    } catch {
      return .failure(Failure(text: error.text, warnings: warnings))
    }
    options.resolveDefaults()
    if let problem = OptionsRules.check(&options) { return .failure(Failure(text: problem, warnings: warnings)) }
    return .success(StartPlan(options: options, warnings: warnings, flags: flags))
  }

  /// Reads the file again and applies the same command line: the new options of a reload.
  public func reading(access: FileAccess = .system) -> Result<StartPlan, Failure> {
    Self.make(flags, access: access)
  }
}
