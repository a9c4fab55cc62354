import Bytes
import JSON

/// A program that prints credentials: the `exec` entry of a kubeconfig's user (client.authentication.k8s.io).
public struct ExecPlugin: Sendable, Equatable {
  static let group = "client.authentication.k8s.io/"

  var command: String
  var arguments: [String]
  /// Added to the environment.
  var environment: [(name: String, value: String)]
  /// `client.authentication.k8s.io/v1` or `.../v1beta1`.
  var apiVersion: String
  var installHint: String
  /// What `KUBERNETES_EXEC_INFO` says about the cluster; nil when the plugin does not ask for it.
  var cluster: JSONObject?
  /// Named in errors: `user alice`.
  var owner: String

  /// - Parameter directory: a command with a slash in it is relative to the kubeconfig.
  init(
    _ fields: JSONObject, directory: String, owner: String, cluster: JSONObject
  ) throws(ConfigurationProblem) {
    self.owner = owner
    let named = fields["command"]?.string ?? ""
    guard !named.isEmpty else { throw ConfigurationProblem("\(owner): exec.command is missing") }
    command = named.contains("/") ? Kubeconfig.path(named, in: directory) : named
    arguments = fields["args"]?.array?.compactMap(\.string) ?? []
    environment = (fields["env"]?.array ?? []).compactMap { entry in
      entry["name"]?.string.map { ($0, entry["value"]?.string ?? "") }
    }
    apiVersion = fields["apiVersion"]?.string ?? ""
    guard [Self.group + "v1", Self.group + "v1beta1"].contains(apiVersion) else {
      throw ConfigurationProblem(
        "\(owner): exec.apiVersion must be \(Self.group)v1 or \(Self.group)v1beta1, is \(GoString.quote(apiVersion))")
    }
    let mode = fields["interactiveMode"]?.string ?? (apiVersion.hasSuffix("/v1") ? "" : "IfAvailable")
    switch mode {
    case "Never", "IfAvailable": break
    case "Always": throw ConfigurationProblem("\(owner): exec: interactiveMode Always needs somebody at a terminal")
    default:
      throw ConfigurationProblem("\(owner): exec.interactiveMode must be Never, IfAvailable or Always for v1")
    }
    installHint = fields["installHint"]?.string ?? ""
    self.cluster = fields["provideClusterInfo"]?.bool == true ? cluster : nil
  }

  /// The value of `KUBERNETES_EXEC_INFO`.
  var execInfo: String {
    var specification: JSONObject = ["interactive": .bool(false)]
    if let cluster { specification["cluster"] = .object(cluster) }
    let info: JSONObject = [
      "kind": .string("ExecCredential"), "apiVersion": .string(apiVersion), "spec": .object(specification),
    ]
    return String(decoding: JSONValue.object(info).json(escapesHTML: false), as: UTF8.self)
  }

  public static func == (left: ExecPlugin, right: ExecPlugin) -> Bool {
    left.command == right.command && left.arguments == right.arguments
      && left.environment.map(\.name) == right.environment.map(\.name)
      && left.environment.map(\.value) == right.environment.map(\.value) && left.apiVersion == right.apiVersion
      && left.cluster == right.cluster
  }
}

/// What a plugin printed.
extension Credential {
  /// - Parameter output: an ExecCredential of the plugin's version, with a token, a certificate and its key, or both.
  init(output: [UInt8], of plugin: ExecPlugin) throws(ConfigurationProblem) {
    func problem(_ text: String) -> ConfigurationProblem {
      ConfigurationProblem("\(plugin.owner): exec plugin \(plugin.command): \(text)")
    }
    guard let document = try? JSONValue(parsing: output) else { throw problem("its output is not JSON") }
    guard document["kind"]?.string == "ExecCredential" else { throw problem("its output is no ExecCredential") }
    guard document["apiVersion"]?.string == plugin.apiVersion else {
      let found = document["apiVersion"]?.string ?? "nothing"
      throw problem("it answers in version \(found), was asked for \(plugin.apiVersion)")
    }
    guard let status = document["status"], status != .null else { throw problem("its output has no status") }
    self.init()
    token = status["token"]?.string ?? ""
    let certificate = status["clientCertificateData"]?.string ?? ""
    let key = status["clientKeyData"]?.string ?? ""
    guard certificate.isEmpty == key.isEmpty else {
      throw problem("clientCertificateData and clientKeyData go together")
    }
    guard !token.isEmpty || !certificate.isEmpty else { throw problem("it gave neither a token nor a certificate") }
    if !certificate.isEmpty {
      self.certificate = .init(certificate: .data(Array(certificate.utf8)), key: .data(Array(key.utf8)))
    }
    if let text = status["expirationTimestamp"]?.string, !text.isEmpty {
      guard let time = try? RFC3339.parse(text) else { throw problem("expirationTimestamp is no time: \(text)") }
      expires = time.unixNanoseconds
    }
  }
}
