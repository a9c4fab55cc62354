import Bytes
import Foundation
import HTTP
import JSON
import Testing

@testable import Kubernetes

/// A folder that goes with its value.
final class Folder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("natsd-\(UUID().uuidString)").path
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ text: String, mode: Int = 0o600) -> String {
    let file = "\(path)/\(name)"
    try! FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try! text.write(toFile: file, atomically: true, encoding: .utf8)
    try! FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    return file
  }
}

@Suite struct KubeconfigTests {
  private func config(cluster: String = "server: https://api:6443", user: String = "token: secret") -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: main
    contexts:
    - name: main
      context: {cluster: here, user: me, namespace: team}
    - name: bare
      context: {cluster: here}
    - name: broken
      context: {cluster: nowhere, user: me}
    clusters:
    - name: here
      cluster: {\(cluster)}
    users:
    - name: me
      user: {\(user)}
    """
  }

  private func read(_ text: String, context: String = "") throws -> ClusterConfiguration {
    let folder = Folder()
    let file = folder.write("config", text)
    return try ConfigurationFile.kubeconfig(file).configuration(context: context)
  }

  @Test func theCurrentContextIsResolved() throws {
    let configuration = try read(config())
    #expect(configuration.server == HTTPURL("https://api:6443"))
    #expect(configuration.login == .token("secret") && configuration.namespace == "team")
    let bare = try read(config(), context: "bare")
    #expect(bare.login == .anonymous && bare.namespace == "default")
  }

  @Test func fieldsOfClustersAndUsers() throws {
    let data = Base64.standard.encode(Array("PEM".utf8))
    let configuration = try read(
      config(
        cluster: "server: 'https://1.2.3.4/prefix', certificate-authority-data: \(data), tls-server-name: api",
        user: "client-certificate: c.pem, client-key: /k.pem, as: boss, as-groups: [a, b]"))
    #expect(configuration.authorities == .data(Array("PEM".utf8)) && configuration.tlsServerName == "api")
    #expect(configuration.impersonatedUser == "boss" && configuration.impersonatedGroups == ["a", "b"])
    guard case .file(let certificate)? = configuration.clientCertificate?.certificate else {
      Issue.record("no certificate file")
      return
    }
    #expect(certificate.hasSuffix("/c.pem") && certificate.hasPrefix("/"))
    #expect(configuration.clientCertificate?.key == .file("/k.pem"))
    // A file counts before a token that is written out.
    let both = try read(config(user: "token: old, tokenFile: /t"))
    #expect(both.login == .tokenFile("/t"))
    let plain = try read(config(cluster: "server: 'http://localhost:8080', insecure-skip-tls-verify: true"))
    #expect(!plain.server.isTLS && plain.skipsServerVerification)
  }

  @Test(arguments: [
    ("user: {token: secret}", "user: {username: u, password: p}", "username: basic authentication is gone"),
    ("user: {token: secret}", "user: {auth-provider: {name: gcp}}", "auth-provider is gone"),
    ("user: {token: secret}", "user: {client-key: k}", "client-certificate and client-key go together"),
    ("user: {token: secret}", "user: {client-key-data: '!'}", "client-key-data is not base64"),
    ("server: https://api:6443", "server: ''", "cluster here: server must be a URL"),
    ("server: https://api:6443", "server: 'https://api', proxy-url: 'http://p'", "proxy-url is not supported"),
    (
      "server: https://api:6443", "server: 'https://a', certificate-authority: a, insecure-skip-tls-verify: true",
      "cannot go together"
    ),
    ("current-context: main", "current-context: other", "context other does not exist"),
    ("current-context: main", "", "no current-context"),
    ("current-context: main", "current-context: broken", "cluster \"nowhere\" does not exist"),
    ("kind: Config", "kind: Pod", "kind must be Config"),
    ("- name: main", "- title: main", "contexts[0].name is missing"),
    ("apiVersion: v1", "apiVersion: {", "error"),
    (
      "user: {token: secret}", "user: {exec: {command: c, apiVersion: client.authentication.k8s.io/v1alpha1}}",
      "exec.apiVersion must be"
    ),
    ("user: {token: secret}", "user: {exec: {apiVersion: client.authentication.k8s.io/v1}}", "exec.command is missing"),
    (
      "user: {token: secret}", "user: {exec: {command: c, apiVersion: client.authentication.k8s.io/v1}}",
      "exec.interactiveMode must be"
    ),
  ])
  func whatIsWrongIsNamed(_ part: String, _ replacement: String, _ text: String) {
    let broken = config().replacingOccurrences(of: part, with: replacement)
    do {
      _ = try read(broken)
      Issue.record("\(replacement) is taken")
    } catch {
      #expect("\(error)".contains(text), "\(error)")
    }
  }

  @Test func theFirstOfSeveralFilesCounts() throws {
    let folder = Folder()
    let first = folder.write("a", "current-context: one\nusers: [{name: me, user: {token: first}}]")
    let second = folder.write(
      "b",
      """
      current-context: two
      users: [{name: me, user: {token: second}}]
      clusters: [{name: c, cluster: {server: 'https://c'}}]
      contexts: [{name: one, context: {cluster: c, user: me}}]
      """)
    var discovery = ClusterDiscovery(environment: ["KUBECONFIG": "\(folder.path)/missing:\(first):\(second)"])
    #expect(try discovery.configuration().login == .token("first"))
    discovery.environment["KUBECONFIG"] = "\(folder.path)/missing"
    #expect(throws: ConfigurationProblem.self) { try discovery.configuration() }
  }

  @Test func inAPodTheServiceAccountIsUsedUnlessAFlagSaysOtherwise() throws {
    let folder = Folder()
    folder.write("sa/token", "abc\n")
    folder.write("sa/ca.crt", "PEM")
    folder.write("sa/namespace", "messaging")
    var discovery = ClusterDiscovery(
      environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": folder.path])
    discovery.serviceAccount = folder.path + "/sa"
    let configuration = try discovery.configuration()
    #expect(configuration.server.description == "https://[fd00::1]/" && configuration.namespace == "messaging")
    #expect(configuration.login == .tokenFile(folder.path + "/sa/token"))
    discovery.url = "http://127.0.0.1:8001"
    #expect(try discovery.configuration().server.port == 8001)
    discovery.url = "nonsense"
    #expect(throws: ConfigurationProblem.self) { try discovery.configuration() }
    discovery.url = ""
    discovery.environment["KUBERNETES_SERVICE_HOST"] = nil
    #expect(throws: ConfigurationProblem.self) { try discovery.configuration() }
    folder.write(".kube/config", config())
    #expect(try discovery.configuration().login == .token("secret"))
    discovery.kubeconfig = folder.path + "/none"
    #expect(throws: ConfigurationProblem.self) { try discovery.configuration() }
  }
}
