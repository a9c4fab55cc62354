import Flags

/// Every flag with its explanation. FEATURES 13.020.
enum ControllerUsage {
  static let flags: [FlagDescription] = [
    FlagDescription(
      "s", kind: .text, "NATS servers, separated by commas; without Kubernetes $NATS_URL or nats://127.0.0.1:4222."),
    FlagDescription("creds", kind: .text, "Credentials file."),
    FlagDescription("nkey", kind: .text, "NKey seed file."),
    FlagDescription("tlscert", kind: .text, "Client certificate."),
    FlagDescription("tlskey", kind: .text, "Key of the client certificate."),
    FlagDescription("tlsca", kind: .text, "Authorities that servers' certificates are verified by."),
    FlagDescription("tlsfirst", kind: .toggle, "Start TLS before the server's INFO."),
    FlagDescription("crd-connect", kind: .toggle, "Do without -s: resources and Accounts name their servers."),
    FlagDescription(
      "namespace", kind: .text, "Watch this namespace only; of manifests in files, where those without one belong."),
    FlagDescription("read-only", kind: .toggle, "Change nothing on NATS servers."),
    FlagDescription("sync-interval", kind: .text, "How often everything is looked at.", standard: "1m0s"),
    FlagDescription("cache-dir", kind: .text, "Folder for TLS files from Secrets; a temporary one if empty."),
    FlagDescription(
      "control-loop", kind: .toggle, "Always on: deletions, drift and all kinds are always taken care of."),
    FlagDescription(
      "cleanup-period", kind: .text, "Without effect: deletions are seen as they happen.", standard: "30s"),
    FlagDescription(
      "manifests", kind: .text, "Take resources from this folder or file instead of Kubernetes; may be repeated."),
    FlagDescription("prune", kind: .toggle, "Delete what this owner made and no manifest describes any more."),
    FlagDescription(
      "owner", kind: .text, "Mark in the metadata of assets; empty for none.", standard: "nack-controller"),
    FlagDescription("output", "o", kind: .text, "plan, apply, validate: text or json; export: yaml or json."),
    FlagDescription("timeout", kind: .text, "How long plan, apply and export wait for servers.", standard: "30s"),
    FlagDescription("once", kind: .toggle, "apply: the default, said aloud."),
    FlagDescription("kubeconfig", kind: .text, "Kubernetes configuration; in a cluster it is not needed."),
    FlagDescription("kube-api", kind: .text, "Plain Kubernetes API, as kubectl proxy serves: http://127.0.0.1:8001."),
    FlagDescription("kube-context", kind: .text, "Context of the configuration."),
    FlagDescription("leader-elect", kind: .toggle, "Let one of several controllers act, by a Lease.", standard: "true"),
    FlagDescription("leader-election-id", kind: .text, "Name of the Lease.", standard: "nack-controller"),
    FlagDescription("leader-election-namespace", kind: .text, "Namespace of the Lease; the controller's own if empty."),
    FlagDescription(
      "health-probe-bind-address", kind: .text, "Address of /healthz and /readyz; 0 for none.", standard: ":8081"),
    FlagDescription("metrics-bind-address", kind: .text, "Address of /metrics; 0 for none.", standard: ":8080"),
    FlagDescription("log-format", kind: .text, "text or json.", standard: "text"),
    FlagDescription("log_file", kind: .text, "File to log to."),
    FlagDescription("debug", kind: .toggle, "Log debug lines."),
    FlagDescription("v", kind: .integer, "Log debug lines from 1 on, trace lines from 5 on.", standard: "0"),
    FlagDescription("version", kind: .toggle, "Print the version."),
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
    for flag in flags {
      for name in flag.names { kinds[name] = flag.kind }
    }
    for flag in ignored { kinds[flag.name] = flag.kind }
    return kinds
  }()

  static func text(_ program: String) -> String {
    let text = """
      Usage:  \(program) [flags]                     reconcile resources of a Kubernetes API
              \(program) -manifests DIR [flags]      reconcile resources of files
              \(program) plan [flags] PATH...        what would be done; exit code 0 nothing, 1 error, 2 something
              \(program) apply [flags] PATH...       do it once; exit code 0 when everything is as described
              \(program) export [flags]              manifests for what a server has
              \(program) validate [flags] PATH...    check files without a server

      Flags, with one dash or two:


      """
    let ignored = ignored.map { "-" + $0.name }.joined(separator: ", ")
    return text + FlagDescription.usage(flags) + "  Accepted without effect: \(ignored)\n"
  }
}
