import Flags

/// Every flag with its explanation: what is accepted and what is printed come from here. FEATURES 13.020.
enum ControllerUsage {
  struct Flag {
    let name: String
    let kind: FlagReader.Kind
    let text: String
    /// Shown behind the text.
    let standard: String?

    init(_ name: String, _ kind: FlagReader.Kind, _ text: String, standard: String? = nil) {
      self.name = name
      self.kind = kind
      self.text = text
      self.standard = standard
    }
  }

  static let flags: [Flag] = [
    Flag("s", .text, "NATS servers, separated by commas; without Kubernetes $NATS_URL or nats://127.0.0.1:4222."),
    Flag("creds", .text, "Credentials file."),
    Flag("nkey", .text, "NKey seed file."),
    Flag("tlscert", .text, "Client certificate."),
    Flag("tlskey", .text, "Key of the client certificate."),
    Flag("tlsca", .text, "Authorities that servers' certificates are verified by."),
    Flag("tlsfirst", .toggle, "Start TLS before the server's INFO."),
    Flag("crd-connect", .toggle, "Do without -s: resources and Accounts name their servers."),
    Flag("namespace", .text, "Watch this namespace only; of manifests in files, where those without one belong."),
    Flag("read-only", .toggle, "Change nothing on NATS servers."),
    Flag("sync-interval", .text, "How often everything is looked at.", standard: "1m0s"),
    Flag("cache-dir", .text, "Folder for TLS files from Secrets; a temporary one if empty."),
    Flag("control-loop", .toggle, "Always on: deletions, drift and all kinds are always taken care of."),
    Flag("cleanup-period", .text, "Without effect: deletions are seen as they happen.", standard: "30s"),
    Flag("manifests", .text, "Take resources from this folder or file instead of Kubernetes; may be repeated."),
    Flag("prune", .toggle, "Delete what this owner made and no manifest describes any more."),
    Flag("owner", .text, "Mark in the metadata of assets; empty for none.", standard: "nack-controller"),
    Flag("output", .text, "plan, apply, validate: text or json; export: yaml or json."),
    Flag("o", .text, "The same."),
    Flag("timeout", .text, "How long plan, apply and export wait for servers.", standard: "30s"),
    Flag("once", .toggle, "apply: the default, said aloud."),
    Flag("kubeconfig", .text, "Kubernetes configuration; in a cluster it is not needed."),
    Flag("kube-api", .text, "Plain Kubernetes API, as kubectl proxy serves: http://127.0.0.1:8001."),
    Flag("kube-context", .text, "Context of the configuration."),
    Flag("leader-elect", .toggle, "Let one of several controllers act, by a Lease.", standard: "true"),
    Flag("leader-election-id", .text, "Name of the Lease.", standard: "nack-controller"),
    Flag("leader-election-namespace", .text, "Namespace of the Lease; the controller's own if empty."),
    Flag("health-probe-bind-address", .text, "Address of /healthz and /readyz; 0 for none.", standard: ":8081"),
    Flag("metrics-bind-address", .text, "Address of /metrics; 0 for none.", standard: ":8080"),
    Flag("log-format", .text, "text or json.", standard: "text"),
    Flag("log_file", .text, "File to log to."),
    Flag("debug", .toggle, "Log debug lines."),
    Flag("v", .integer, "Log debug lines from 1 on, trace lines from 5 on.", standard: "0"),
    Flag("version", .toggle, "Print the version."),
  ]

  /// Flags of the original's log library that mean nothing here: one log goes to one place.
  static let ignored: [(name: String, kind: FlagReader.Kind)] = [
    ("add_dir_header", .toggle), ("alsologtostderr", .toggle), ("legacy_stderr_threshold_behavior", .toggle),
    ("log_backtrace_at", .text), ("log_dir", .text), ("log_file_max_size", .integer), ("logtostderr", .toggle),
    ("one_output", .toggle), ("skip_headers", .toggle), ("skip_log_headers", .toggle), ("stderrthreshold", .text),
    ("vmodule", .text),
  ]

  static let kinds: [String: FlagReader.Kind] = {
    var kinds: [String: FlagReader.Kind] = ["h": .toggle, "help": .toggle]
    for flag in flags { kinds[flag.name] = flag.kind }
    for flag in ignored { kinds[flag.name] = flag.kind }
    return kinds
  }()

  static func text(_ program: String) -> String {
    var text = """
      Usage:  \(program) [flags]                     reconcile resources of a Kubernetes API
              \(program) -manifests DIR [flags]      reconcile resources of files
              \(program) plan [flags] PATH...        what would be done; exit code 0 nothing, 1 error, 2 something
              \(program) apply [flags] PATH...       do it once; exit code 0 when everything is as described
              \(program) export [flags]              manifests for what a server has
              \(program) validate [flags] PATH...    check files without a server

      Flags, with one dash or two:


      """
    for flag in flags.sorted(by: { $0.name.lowercased() < $1.name.lowercased() }) {
      let value =
        switch flag.kind {
        case .toggle: ""
        case .integer: " int"
        case .text: " string"
        }
      let standard = flag.standard.map { " (default \($0))" } ?? ""
      text += "  -\(flag.name)\(value)\n    \t\(flag.text)\(standard)\n"
    }
    let ignored = ignored.map { "-" + $0.name }.joined(separator: ", ")
    return text + "  Accepted without effect: \(ignored)\n"
  }
}
