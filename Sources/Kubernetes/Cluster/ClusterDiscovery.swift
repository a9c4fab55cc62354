import Glibc
import HTTP

/// Finds the API server as controllers do: the flag, `$KUBECONFIG`, the pod's service account, `~/.kube/config`.
public struct ClusterDiscovery: Sendable {
  /// `--kubeconfig`; empty for none.
  public var kubeconfig = ""
  /// The context of a kubeconfig; empty for its current one.
  public var context = ""
  /// `--kube-api`; goes before everything else. Empty for none.
  public var url = ""
  public var environment: [String: String]
  /// Where a pod finds its service account.
  public var serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

  public init(environment: [String: String]) {
    self.environment = environment
  }

  /// With the environment of this process.
  public init() {
    self.init(environment: ProcessEnvironment.variables)
  }

  /// Reads files. Every error names the file and what would be right.
  public func configuration() throws(ConfigurationProblem) -> ClusterConfiguration {
    if !url.isEmpty {
      var configuration = try ClusterConfiguration(url: url)
      if let namespace = podNamespace { configuration.namespace = namespace }
      return configuration
    }
    if !kubeconfig.isEmpty { return try ConfigurationFile.kubeconfig(kubeconfig).configuration(context: context) }
    let listed = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
    if !listed.isEmpty { return try merged(listed) }
    if let configuration = try inCluster() { return configuration }
    let home = (environment["HOME"] ?? "") + "/.kube/config"
    if access(home, F_OK) == 0 { return try ConfigurationFile.kubeconfig(home).configuration(context: context) }
    throw ConfigurationProblem(
      "no Kubernetes API server: this is no pod (KUBERNETES_SERVICE_HOST is not set), and there is no --kubeconfig, "
        + "--kube-api, $KUBECONFIG or ~/.kube/config")
  }

  /// Files that do not exist are passed over, as kubectl does, unless none is left.
  private func merged(_ paths: [String]) throws(ConfigurationProblem) -> ClusterConfiguration {
    let existing = paths.filter { access($0, F_OK) == 0 }
    guard !existing.isEmpty else {
      throw ConfigurationProblem("no file of KUBECONFIG exists: \(paths.joined(separator: ", "))")
    }
    var result = Kubeconfig()
    for path in existing { result = result.merged(with: try ConfigurationFile.kubeconfig(path)) }
    return try result.configuration(context: context)
  }

  /// Nil outside of a pod.
  func inCluster() throws(ConfigurationProblem) -> ClusterConfiguration? {
    guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
      let portText = environment["KUBERNETES_SERVICE_PORT"], !portText.isEmpty
    else { return nil }
    guard let port = UInt16(portText) else {
      throw ConfigurationProblem("KUBERNETES_SERVICE_PORT must be a port, is \(portText)")
    }
    let token = serviceAccount + "/token"
    _ = try ConfigurationFile.text(token)
    var configuration = ClusterConfiguration(server: HTTPURL(isTLS: true, host: host, port: port))
    configuration.login = .tokenFile(token)
    configuration.authorities = .file(serviceAccount + "/ca.crt")
    if let namespace = podNamespace { configuration.namespace = namespace }
    return configuration
  }

  private var podNamespace: String? {
    if let named = environment["POD_NAMESPACE"], !named.isEmpty { return named }
    return try? ConfigurationFile.text(serviceAccount + "/namespace")
  }
}
