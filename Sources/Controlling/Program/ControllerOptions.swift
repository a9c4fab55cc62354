import Reactor

/// What the command line asks for. FEATURES 13.020.
public struct ControllerOptions: Sendable {
  public enum Command: String, CaseIterable, Sendable {
    /// Reconcile until stopped.
    case run
    case plan
    case apply
    case export
    case validate
  }

  public enum Output: String, Sendable {
    case text
    case json
    case yaml
  }

  public var command = Command.run
  /// Files and folders; empty for Kubernetes.
  public var manifests: [String] = []
  /// Behind the command: more files and folders.
  public var output: Output?

  /// What flags say about the connection to NATS.
  public var connection = ResolvedConnection()
  public var cacheDirectory = ""
  public var isReadOnly = false
  public var syncIntervalNanoseconds: Int64 = 60_000_000_000
  /// Empty for no mark.
  public var owner = "nack-controller"
  public var prunes = false
  /// How long `plan`, `apply` and `export` wait for servers.
  public var timeoutNanoseconds: Int64 = 30_000_000_000

  /// Where a manifest without a namespace belongs; in Kubernetes, the only one that is watched.
  public var namespace = ""
  public var kubernetes = KubernetesOptions()

  /// `:8081`; empty or `0` for none.
  public var healthAddress = ":8081"
  public var metricsAddress = ":8080"

  public var log = Logger.Settings()

  public init() {}

  /// Without manifests, resources come from Kubernetes.
  public var usesKubernetes: Bool { command == .run && manifests.isEmpty }
}

/// How the Kubernetes API is reached, and who of several controllers acts.
public struct KubernetesOptions: Sendable, Equatable {
  /// Empty for in-cluster configuration, then `$KUBECONFIG`, then `~/.kube/config`.
  public var kubeconfig = ""
  /// A plain API, as `kubectl proxy` serves: `http://127.0.0.1:8001`.
  public var api = ""
  public var context = ""
  /// Only one of several controllers acts, by a Lease.
  public var electsLeader = true
  public var leaseName = "nack-controller"
  /// Empty for the controller's own.
  public var leaseNamespace = ""

  public init() {}
}
