import Foundation
import JSON
import Testing

@testable import Kubernetes

// One by one: a program that is still being written while another one starts cannot be run.
@Suite(.serialized) struct ExecPluginTests {
  private func plugin(_ command: String, version: String = "v1", more: JSONObject = [:]) throws -> ExecPlugin {
    var fields: JSONObject = [
      "command": .string(command), "apiVersion": .string("client.authentication.k8s.io/" + version),
      "interactiveMode": .string("Never"),
    ]
    fields.members += more.members
    return try ExecPlugin(fields, directory: "", owner: "user me", cluster: ["server": .string("https://c")])
  }

  private func credential(_ status: String, version: String = "v1") -> String {
    #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/\#(version)","status":\#(status)}"#
  }

  @Test(arguments: ["v1", "v1beta1"]) func aPluginGetsItsArgumentsAndPrintsAToken(_ version: String) throws {
    let folder = Folder()
    let script = folder.write(
      "login",
      """
      #!/bin/sh
      printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/\(version)","status":{"token":"%s"}}' \
        "$1-$EXTRA-$(echo "$KUBERNETES_EXEC_INFO" | tr -d '"' | tr ':' '=')"
      """, mode: 0o700)
    let made = try plugin(
      script, version: version,
      more: [
        "args": .array([.string("arg")]),
        "env": .array([.object(["name": .string("EXTRA"), "value": .string("more")])]),
        "provideClusterInfo": .bool(true),
      ])
    let result = try Credential(output: ExecRunner.run(made), of: made)
    #expect(
      result.token
        == "arg-more-{kind=ExecCredential,apiVersion=client.authentication.k8s.io/\(version),"
        + "spec={interactive=false,cluster={server=https=//c}}}")
    #expect(result.expires == nil)
  }

  @Test func certificatesAndTheirEndAreTaken() throws {
    let made = try plugin("x")
    let output = credential(
      #"{"clientCertificateData":"C","clientKeyData":"K","expirationTimestamp":"2030-01-01T00:00:00Z"}"#)
    let result = try Credential(output: Array(output.utf8), of: made)
    #expect(result.expires == 1_893_456_000_000_000_000 && result.token.isEmpty)
    #expect(result.certificate == .init(certificate: .data([67]), key: .data([75])))
  }

  @Test(arguments: [
    ("nonsense", "not JSON"), ("{}", "no ExecCredential"),
    (#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}"#, "answers in version"),
    (#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}"#, "no status"),
    (#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}}"#, "neither a token"),
    (
      #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientKeyData":"x"}}"#,
      "go together"
    ),
    (
      #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","#
        + #""status":{"token":"x","expirationTimestamp":"soon"}}"#, "no time"
    ),
  ])
  func otherOutputIsRefused(_ output: String, _ text: String) throws {
    let made = try plugin("x")
    do {
      _ = try Credential(output: Array(output.utf8), of: made)
      Issue.record("taken: \(output)")
    } catch {
      #expect("\(error)".contains(text), "\(error)")
    }
  }

  @Test func failuresOfThePluginAreTold() throws {
    let folder = Folder()
    let cases = [
      (folder.write("exit", "#!/bin/sh\nexit 7\n", mode: 0o700), "exit code 7"),
      (folder.write("killed", "#!/bin/sh\nkill -9 $$\n", mode: 0o700), "signal 9"),
      (folder.write("slow", "#!/bin/sh\nexec sleep 20\n", mode: 0o700), "no answer"),
      (folder.write("flood", "#!/bin/sh\nexec cat /dev/zero\n", mode: 0o700), "printed more than"),
      (folder.path + "/missing", "no such file"),
    ]
    for (command, text) in cases {
      do {
        _ = try ExecRunner.run(try plugin(command), timeoutMilliseconds: text == "no answer" ? 100 : 10_000)
        Issue.record("\(command) succeeded")
      } catch {
        #expect("\(error)".lowercased().contains(text), "\(error)")
      }
    }
  }

  @Test func credentialsAreGotAnewBeforeTheyEndAndWhenRefused() {
    let second: Int64 = 1_000_000_000
    var state = CredentialState()
    #expect(state.usable(now: 0) == nil && state.fallback(now: 0) == nil)
    let first = Credential(token: "1", expires: 100 * second)
    state.take(first)
    #expect(state.usable(now: 89 * second) == first)
    #expect(state.usable(now: 90 * second) == nil && state.fallback(now: 95 * second) == first)
    #expect(state.fallback(now: 100 * second) == nil)
    #expect(state.refuse(first, now: 50 * second) && state.usable(now: 50 * second) == nil)
    #expect(state.fallback(now: 50 * second) == nil)
    state.take(first)
    // The same one again: the server's refusals do not make a storm of plugin runs.
    #expect(!state.refuse(first, now: 51 * second) && state.usable(now: 51 * second) == first)
    let second1 = Credential(token: "2")
    state.take(second1)
    #expect(state.refuse(first, now: 52 * second) && state.usable(now: 52 * second) == second1)
  }
}
