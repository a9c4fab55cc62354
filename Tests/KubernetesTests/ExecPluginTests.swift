import Foundation
import JSON
import Reactor
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
      (folder.write("silent", "#!/bin/sh\nexec >&-\nexec sleep 20\n", mode: 0o700), "no answer"),
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

  /// Rotation writes one file after the other.
  @Test func filesInTheMakingLeaveTheOldCredentialInUse() throws {
    let folder = Folder()
    let certificate = """
      -----BEGIN CERTIFICATE-----
      MIIBdTCCARugAwIBAgIUN9Xp1Yhk3bB08lg8HDMwyKgEyLcwCgYIKoZIzj0EAwIw
      DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjExMTAyNTNaGA8yMTI2MTAyODExMDI1
      M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNLt
      VA21zKM7Uy1r6slZ6Lz2+nXd0sGdmTnXyKTRnE1hk5Duz3MEVvYEMu3n9pWKwj8J
      yY3kQAilyeaAJ/fK0aKjUzBRMB0GA1UdDgQWBBRCwd7RdadjSWcAGczUpNr/ZQEl
      0DAfBgNVHSMEGDAWgBRCwd7RdadjSWcAGczUpNr/ZQEl0DAPBgNVHRMBAf8EBTAD
      AQH/MAoGCCqGSM49BAMCA0gAMEUCIBQ8VkfyAIqwDxtgOOInUj4VFBVvi9KXoIry
      bq97FHD5AiEA1A5SNcNr/Ge1O3QRuHh5LXy5PWOE1ek546fXMBB9iqQ=
      -----END CERTIFICATE-----
      """
    let file = folder.write("ca.crt", "not yet")
    var configuration = try ClusterConfiguration(url: "https://127.0.0.1:1")
    configuration.authorities = .file(file)
    let group = LoopGroup(count: 1)
    group.startThreads(includingFirst: true)
    let loop = group.loops[0]
    let source = CredentialSource(
      loop: loop, configuration: configuration, background: BackgroundQueue(), fileNanoseconds: 0)
    let answers = Collected<Credential?>()
    func ask() -> Credential? {
      let count = answers.all.count
      loop.submit { source.credential { answers.add(try? $0.get()) } }
      #expect(answers.wait { $0.count > count })
      return answers.all.last ?? nil
    }
    #expect(ask() == nil)
    folder.write("ca.crt", certificate)
    let first = try #require(ask())
    folder.write("ca.crt", "-----BEGIN CERT")
    #expect(ask()?.tls == first.tls)
    group.stop()
    group.join()
  }

  @Test func credentialsAreGotAnewBeforeTheyEndAndWhenRefused() {
    let second: Int64 = 1_000_000_000
    var state = CredentialState()
    func fallback(_ seconds: Int64) -> Credential? { state.fallback(now: seconds * second) }
    #expect(state.usable(now: 0) == nil && fallback(0) == nil)
    let first = Credential(token: "1", expires: 100 * second)
    state.take(first)
    #expect(state.usable(now: 89 * second) == first)
    #expect(state.usable(now: 90 * second) == nil && fallback(95) == first)
    #expect(fallback(100) == nil)
    #expect(state.refuse(first, now: 50 * second) && state.usable(now: 50 * second) == nil)
    #expect(fallback(50) == nil)
    state.take(first)
    // The same one again: the server's refusals do not make a storm of plugin runs.
    #expect(!state.refuse(first, now: 51 * second) && state.usable(now: 51 * second) == first)
    // Requests that were on their way with a refused one wait for the new one, too.
    #expect(state.refuse(first, now: 60 * second) && state.refuse(first, now: 60 * second))
    let second1 = Credential(token: "2")
    state.take(second1)
    #expect(state.refuse(first, now: 61 * second) && state.usable(now: 61 * second) == second1)
    // Times that no clock can show.
    for (end, isUsable) in [(Int64.min, false), (Int64.max, true)] {
      state.take(Credential(token: "e", expires: end))
      #expect((state.usable(now: 70 * second) != nil) == isUsable)
    }
    // Files are read again after a while; while they cannot be read, what they said goes on to count.
    let file = Credential(token: "3", rereads: 160 * second)
    state.take(file)
    #expect(state.usable(now: 159 * second) == file && state.usable(now: 160 * second) == nil)
    #expect(fallback(900) == file)
  }
}
