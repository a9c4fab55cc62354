import Bytes
import Flags

/// What the controller's arguments come to. FEATURES 13.020.
public enum ControllerCommandLine {
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - environment: looked up by name; nil for what is not set.
  public static func decide(
    _ arguments: [String], program: String = "nack-controller", environment: (String) -> String?
  ) -> LaunchDecision<ControllerOptions> {
    var rest = arguments
    var selection = Selection()
    if let command = rest.first.flatMap(ControllerOptions.Command.init(rawValue:)) {
      selection.options.command = command
      rest.removeFirst()
    }
    var reader = FlagReader(rest, kinds: ControllerUsage.kinds)
    do throws(FlagReader.Failure) {
      while let (name, value) = try reader.next() {
        if ["h", "help"].contains(name) { return .leave(output: ControllerUsage.text(program), status: 0) }
        try selection.apply(name, value)
      }
      if selection.printsVersion {
        return .leave(output: "\(program) version v\(ControllerProgram.version)\n", status: 0)
      }
      try selection.takePositional(reader.positional)
    } catch {
      return .fail("\(error.text)\n\(ControllerUsage.text(program))", status: 2)
    }
    do throws(FlagReader.Failure) {
      return .run(try selection.finished(environment), notices: selection.notices)
    } catch {
      return .fail("Error: \(error.text)", status: 1)
    }
  }
}

/// The flags as they were given, before they are put together.
private struct Selection {
  var options = ControllerOptions()
  var server = ""
  var credentials = ""
  var nkey = ""
  var authority = ""
  var usesResourceConnections = false
  var verbosity: Int64 = 0
  var printsVersion = false
  var notices: [String] = []

  mutating func apply(_ name: String, _ value: FlagReader.Value) throws(FlagReader.Failure) {
    switch value {
    case .toggle(let isOn): applyToggle(name, isOn)
    case .integer(let number): if name == "v" { verbosity = number }
    case .text(let text): try applyText(name, text)
    }
  }

  private mutating func applyToggle(_ name: String, _ isOn: Bool) {
    switch name {
    case "version": printsVersion = isOn
    case "tlsfirst": options.connection.startsWithTLS = isOn
    case "crd-connect": usesResourceConnections = isOn
    case "read-only": options.isReadOnly = isOn
    case "prune": options.prunes = isOn
    case "leader-elect": options.kubernetes.electsLeader = isOn
    case "debug": options.log.debug = isOn
    case "control-loop" where !isOn:
      notices.append("-control-loop=false has no effect: this controller always reconciles everything")
    default: break
    }
  }

  private mutating func applyText(_ name: String, _ text: String) throws(FlagReader.Failure) {
    switch name {
    case "s": server = text
    case "creds": credentials = text
    case "nkey": nkey = text
    case "tlscert": options.connection.clientCertificate = text
    case "tlskey": options.connection.clientKey = text
    case "tlsca": authority = text
    case "namespace": options.namespace = text
    case "cache-dir": options.cacheDirectory = text
    case "health-probe-bind-address": options.healthAddress = text
    case "metrics-bind-address": options.metricsAddress = text
    case "kubeconfig": options.kubernetes.kubeconfig = text
    case "kube-api": options.kubernetes.api = text
    case "kube-context": options.kubernetes.context = text
    case "leader-election-id": options.kubernetes.leaseName = text
    case "leader-election-namespace": options.kubernetes.leaseNamespace = text
    case "manifests": options.manifests.append(text)
    case "owner": options.owner = text
    case "log_file": if !text.isEmpty { options.log.destination = .file(path: text, sizeLimit: 0, maxFiles: 0) }
    case "sync-interval":
      options.syncIntervalNanoseconds = try duration(text, name, atLeast: 1_000_000_000)
    case "timeout": options.timeoutNanoseconds = try duration(text, name, atLeast: 1_000_000)
    case "cleanup-period": _ = try duration(text, name, atLeast: 0)
    case "log-format":
      switch text {
      case "text": options.log.format = .text
      case "json": options.log.format = .json
      default: throw invalid(text, name, "text or json")
      }
    case "output", "o":
      guard let output = ControllerOptions.Output(rawValue: text) else {
        throw invalid(text, name, "text, json or yaml")
      }
      options.output = output
    default: break
    }
  }

  private func duration(
    _ text: String, _ name: String, atLeast minimum: Int64
  ) throws(FlagReader.Failure) -> Int64 {
    guard let nanoseconds = try? GoDuration.parse(text) else { throw invalid(text, name, "parse error") }
    guard nanoseconds >= minimum else {
      throw invalid(text, name, "at least \(GoDuration.string(nanoseconds: minimum))")
    }
    return min(nanoseconds, FlagReader.longestNanoseconds)
  }

  private func invalid(_ text: String, _ name: String, _ reason: String) -> FlagReader.Failure {
    FlagReader.Failure(text: "invalid value \"\(text)\" for flag -\(name): \(reason)")
  }

  /// A command may also stand behind the flags; further words are files and folders.
  mutating func takePositional(_ words: [String]) throws(FlagReader.Failure) {
    var words = words[...]
    if options.command == .run, let first = words.first {
      guard let command = ControllerOptions.Command(rawValue: first) else {
        throw FlagReader.Failure(text: "unknown command \"\(first)\"")
      }
      options.command = command
      words.removeFirst()
    }
    if let flag = words.first(where: { $0.hasPrefix("-") && $0 != "-" }) {
      throw FlagReader.Failure(text: "flag \(flag) behind an argument: flags go first")
    }
    if options.command == .export, let word = words.first {
      throw FlagReader.Failure(text: "unexpected argument \"\(word)\"")
    }
    options.manifests += words
  }

  // MARK: - Putting together

  func finished(_ environment: (String) -> String?) throws(FlagReader.Failure) -> ControllerOptions {
    var options = options
    options.log.debug = options.log.debug || verbosity > 0
    options.log.trace = verbosity > 4
    switch options.command {
    case .plan, .apply, .validate:
      guard !options.manifests.isEmpty else {
        throw FlagReader.Failure(text: "\(options.command.rawValue) needs manifests: files or folders, or -manifests")
      }
    case .run, .export: break
    }
    try connect(&options, environment)
    try checkOutput(options)
    return options
  }

  private func connect(
    _ options: inout ControllerOptions, _ environment: (String) -> String?
  ) throws(FlagReader.Failure) {
    var server = server.isEmpty && !options.usesKubernetes ? environment("NATS_URL") ?? "" : server
    if server.isEmpty, !options.usesKubernetes { server = "nats://127.0.0.1:4222" }
    // The original's words.
    if server.isEmpty, !usesResourceConnections { throw FlagReader.Failure(text: "NATS Server URL is required") }
    if !server.isEmpty { options.connection.servers = server.split(separator: ",").map(String.init) }
    if !credentials.isEmpty {
      options.connection.authentication = .credentialsFile(credentials)
    } else if !nkey.isEmpty {
      options.connection.authentication = .seedFile(nkey)
    }
    if !authority.isEmpty { options.connection.authorities = [authority] }
    if options.connection.clientCertificate.isEmpty != options.connection.clientKey.isEmpty {
      throw FlagReader.Failure(text: "-tlscert and -tlskey go together")
    }
  }

  private func checkOutput(_ options: ControllerOptions) throws(FlagReader.Failure) {
    guard let output = options.output else { return }
    let known: [ControllerOptions.Output] =
      switch options.command {
      case .plan, .validate, .apply: [.text, .json]
      case .export: [.yaml, .json]
      case .run: []
      }
    guard known.contains(output) else {
      throw FlagReader.Failure(text: "\(options.command.rawValue) has no output \"\(output.rawValue)\"")
    }
  }
}
