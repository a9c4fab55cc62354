import Bytes
import HTTP
import JSON

/// What kubeconfig files say. Several are merged as kubectl does: of two entries of one name, and of two current
/// contexts, the first file's counts.
public struct Kubeconfig: Sendable, Equatable {
  struct Cluster: Sendable, Equatable {
    var fields: JSONObject
    /// Relative paths start here.
    var directory: String
  }

  struct Context: Sendable, Equatable {
    var cluster: String
    var user: String
    var namespace: String
  }

  typealias User = Cluster

  var currentContext = ""
  var clusters: [String: Cluster] = [:]
  var users: [String: User] = [:]
  var contexts: [String: Context] = [:]

  public init() {}

  /// - Parameter directory: of the file, for the relative paths in it.
  public init(_ document: JSONValue, directory: String) throws(ConfigurationProblem) {
    guard document.object != nil else { throw ConfigurationProblem("a kubeconfig must be an object") }
    if let kind = document["kind"]?.string, kind != "Config" {
      throw ConfigurationProblem("kind must be Config, is \(kind)")
    }
    if let version = document["apiVersion"]?.string, version != "v1" {
      throw ConfigurationProblem("apiVersion must be v1, is \(version)")
    }
    currentContext = document["current-context"]?.string ?? ""
    for (name, fields) in try Self.entries(document, "clusters", "cluster") where clusters[name] == nil {
      clusters[name] = Cluster(fields: fields, directory: directory)
    }
    for (name, fields) in try Self.entries(document, "users", "user") where users[name] == nil {
      users[name] = User(fields: fields, directory: directory)
    }
    for (name, fields) in try Self.entries(document, "contexts", "context") where contexts[name] == nil {
      contexts[name] = Context(
        cluster: fields["cluster"]?.string ?? "", user: fields["user"]?.string ?? "",
        namespace: fields["namespace"]?.string ?? "")
    }
  }

  private static func entries(
    _ document: JSONValue, _ list: String, _ member: String
  ) throws(ConfigurationProblem) -> [(String, JSONObject)] {
    switch document[list] {
    case nil, .null: return []
    case .array(let elements):
      var result: [(String, JSONObject)] = []
      for (index, element) in elements.enumerated() {
        guard let name = element["name"]?.string, !name.isEmpty else {
          throw ConfigurationProblem("\(list)[\(index)].name is missing")
        }
        result.append((name, element[member]?.object ?? JSONObject()))
      }
      return result
    default: throw ConfigurationProblem("\(list) must be a list")
    }
  }

  /// What both say; where they differ, this one counts.
  public func merged(with later: Kubeconfig) -> Kubeconfig {
    var result = self
    if result.currentContext.isEmpty { result.currentContext = later.currentContext }
    result.clusters.merge(later.clusters) { first, _ in first }
    result.users.merge(later.users) { first, _ in first }
    result.contexts.merge(later.contexts) { first, _ in first }
    return result
  }

  // MARK: - Resolving

  /// The configuration of a context; the current one when none is named.
  public func configuration(context name: String = "") throws(ConfigurationProblem) -> ClusterConfiguration {
    let name = name.isEmpty ? currentContext : name
    guard !name.isEmpty else { throw ConfigurationProblem("no current-context is set and none is named") }
    guard let context = contexts[name] else { throw ConfigurationProblem("context \(name) does not exist") }
    guard let cluster = clusters[context.cluster] else {
      throw ConfigurationProblem("context \(name): cluster \(GoString.quote(context.cluster)) does not exist")
    }
    var configuration = try Self.configuration(of: cluster, named: context.cluster)
    if !context.namespace.isEmpty { configuration.namespace = context.namespace }
    guard !context.user.isEmpty else { return configuration }
    guard let user = users[context.user] else {
      throw ConfigurationProblem("context \(name): user \(context.user) does not exist")
    }
    try Self.logIn(&configuration, user, named: context.user, cluster: cluster)
    return configuration
  }

  private static func configuration(
    of cluster: Cluster, named name: String
  ) throws(ConfigurationProblem) -> ClusterConfiguration {
    let fields = cluster.fields
    let text = fields["server"]?.string ?? ""
    // kubectl takes an address without a scheme for http.
    guard !text.isEmpty,
      let server = HTTPURL(text.hasPrefix("http://") || text.hasPrefix("https://") ? text : "http://" + text)
    else {
      throw ConfigurationProblem("cluster \(name): server must be a URL, is \(GoString.quote(text))")
    }
    if let proxy = fields["proxy-url"]?.string, !proxy.isEmpty {
      throw ConfigurationProblem("cluster \(name): proxy-url is not supported")
    }
    var configuration = ClusterConfiguration(server: server)
    configuration.authorities = try source(cluster, "certificate-authority", owner: "cluster \(name)")
    configuration.skipsServerVerification = fields["insecure-skip-tls-verify"]?.bool ?? false
    if configuration.skipsServerVerification, configuration.authorities != nil {
      throw ConfigurationProblem(
        "cluster \(name): certificate-authority and insecure-skip-tls-verify cannot go together")
    }
    if let serverName = fields["tls-server-name"]?.string, !serverName.isEmpty {
      configuration.tlsServerName = serverName
    }
    return configuration
  }

  private static func logIn(
    _ configuration: inout ClusterConfiguration, _ user: User, named name: String, cluster: Cluster
  ) throws(ConfigurationProblem) {
    let fields = user.fields
    let owner = "user \(name)"
    for gone in ["username", "password"] where fields[gone]?.string?.isEmpty == false {
      throw ConfigurationProblem("\(owner): \(gone): basic authentication is gone from Kubernetes 1.19 on")
    }
    if let provider = fields["auth-provider"], provider != .null {
      throw ConfigurationProblem("\(owner): auth-provider is gone from Kubernetes 1.26 on; use exec")
    }
    let certificate = try source(user, "client-certificate", owner: owner)
    let key = try source(user, "client-key", owner: owner)
    switch (certificate, key) {
    case (let certificate?, let key?):
      configuration.clientCertificate = .init(certificate: certificate, key: key)
    case (nil, nil): break
    default: throw ConfigurationProblem("\(owner): client-certificate and client-key go together")
    }
    // A file counts before a token that is written out: it is the newer way.
    if let file = fields["tokenFile"]?.string, !file.isEmpty {
      configuration.login = .tokenFile(path(file, in: user.directory))
    } else if let token = fields["token"]?.string, !token.isEmpty {
      configuration.login = .token(token)
    } else if let exec = fields["exec"]?.object {
      configuration.login = .exec(
        try ExecPlugin(exec, directory: user.directory, owner: owner, cluster: execInfo(of: cluster)))
    }
    configuration.impersonatedUser = fields["as"]?.string ?? ""
    configuration.impersonatedGroups = fields["as-groups"]?.array?.compactMap(\.string) ?? []
  }

  /// What a plugin is told about the cluster when it asks for it.
  private static func execInfo(of cluster: Cluster) -> JSONObject {
    var info = JSONObject()
    for name in [
      "server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url",
    ] {
      info[name] = cluster.fields[name]
    }
    if let path = cluster.fields["certificate-authority"]?.string, !path.isEmpty,
      info["certificate-authority-data"] == nil,
      let bytes = try? ConfigurationFile.read(Self.path(path, in: cluster.directory))
    {
      info["certificate-authority-data"] = .string(Base64.standard.encode(bytes))
    }
    for case let element in cluster.fields["extensions"]?.array ?? []
    where element["name"]?.string == "client.authentication.k8s.io/exec" {
      info["config"] = element["extension"]
    }
    return info
  }

  /// `NAME-data` counts before the file `NAME`.
  private static func source(
    _ entry: Cluster, _ name: String, owner: String
  ) throws(ConfigurationProblem) -> FileOrData? {
    if let text = entry.fields[name + "-data"]?.string, !text.isEmpty {
      guard let bytes = Base64.standard.decode(text.filter { !$0.isWhitespace }) else {
        throw ConfigurationProblem("\(owner): \(name)-data is not base64")
      }
      return .data(bytes)
    }
    guard let file = entry.fields[name]?.string, !file.isEmpty else { return nil }
    return .file(path(file, in: entry.directory))
  }

  static func path(_ path: String, in directory: String) -> String {
    path.hasPrefix("/") || directory.isEmpty ? path : "\(directory)/\(path)"
  }
}
