import Flags
import NATSClient
import Reactor
import Testing

@testable import Controlling

/// FEATURES 13.020, and what is ours.
@Suite struct ControllerCommandLineTests {
  private struct Refused: Error { let text: String }

  private func decide(_ line: String, _ environment: [String: String] = [:]) -> LaunchDecision<ControllerOptions> {
    ControllerCommandLine.decide(line.split(separator: " ").map(String.init)) { environment[$0] }
  }

  private func options(_ line: String, _ environment: [String: String] = [:]) throws -> ControllerOptions {
    switch decide(line, environment) {
    case .run(let options, _): return options
    case .leave(let text, _), .fail(let text, _): throw Refused(text: text)
    }
  }

  @Test func timesBeyondAllMeasureAreTenYears() throws {
    let options = try options("-s nats://a -sync-interval=2562047h47m -timeout=2562047h47m")
    #expect(options.syncIntervalNanoseconds == 87_600 * 3_600_000_000_000)
    #expect(options.timeoutNanoseconds == options.syncIntervalNanoseconds)
  }

  @Test func defaults() throws {
    let options = try options("-s nats://a")
    #expect(options.command == .run && options.usesKubernetes && options.connection.servers == ["nats://a"])
    #expect(options.syncIntervalNanoseconds == 60_000_000_000 && !options.isReadOnly)
    #expect(options.healthAddress == ":8081" && options.metricsAddress == ":8080")
    #expect(options.kubernetes.electsLeader && options.engine.owner == nil)
  }

  @Test(arguments: ["-", "--"])
  func everyFlagInBothForms(_ dashes: String) throws {
    let line = """
      -s=nats://a,nats://b -creds=c -tlsca=ca -tlscert=cert -tlskey=key -tlsfirst -namespace=ns -read-only
      -sync-interval=2m -cache-dir=/c -control-loop -crd-connect -cleanup-period=1s -kubeconfig=k -kube-api=http://x
      -kube-context=ctx -leader-elect=false -leader-election-id=l -leader-election-namespace=ln -prune -owner=me
      -health-probe-bind-address=:1 -metrics-bind-address=:2 -log-format=json -log_file=f -v=2 -logtostderr=true
      -stderrthreshold=INFO -vmodule=x=1
      """
    let words = line.split(whereSeparator: \.isWhitespace).map { dashes + $0.dropFirst() }.joined(separator: " ")
    for text in [
      words,
      words.split(separator: " ").map { word in
        let parts = word.split(separator: "=", maxSplits: 1)
        let isToggle = ["leader-elect", "logtostderr"].contains {
          word.hasSuffix("\($0)=false") || word.hasSuffix("\($0)=true")
        }
        return isToggle ? String(word) : parts.joined(separator: " ")
      }.joined(separator: " "),
    ] {
      let options = try options(text)
      #expect(options.connection.servers == ["nats://a", "nats://b"])
      #expect(options.connection.authentication == .credentialsFile("c"))
      #expect(options.connection.authorities == ["ca"] && options.connection.startsWithTLS)
      #expect(options.connection.clientCertificate == "cert" && options.connection.clientKey == "key")
      #expect(options.namespace == "ns" && options.isReadOnly && options.syncIntervalNanoseconds == 120_000_000_000)
      #expect(options.cacheDirectory == "/c" && options.kubernetes.kubeconfig == "k")
      #expect(options.kubernetes.api == "http://x" && options.kubernetes.context == "ctx")
      #expect(!options.kubernetes.electsLeader && options.kubernetes.leaseName == "l")
      #expect(options.kubernetes.leaseNamespace == "ln" && options.prunes && options.owner == "me")
      #expect(options.engine.owner == "me" && options.engine.prunes)
      #expect(options.healthAddress == ":1" && options.metricsAddress == ":2")
      #expect(options.log.format == .json && options.log.debug)
      #expect(options.log.destination == .file(path: "f", sizeLimit: 0, maxFiles: 0))
    }
  }

  @Test func commandsStandBeforeOrBehindTheFlags() throws {
    for line in [
      "plan -s nats://a -o json x y", "-s nats://a -o json plan x y", "plan -manifests x -o=json -s nats://a y",
    ] {
      let options = try options(line)
      #expect(options.command == .plan && options.manifests == ["x", "y"] && options.output == .json)
    }
    #expect(try options("apply --once d").command == .apply)
    #expect(try options("validate d").command == .validate)
    #expect(try options("export").command == .export)
    #expect(try !options("-manifests d").usesKubernetes)
  }

  @Test func withoutAServer() throws {
    #expect(try options("-manifests d").connection.servers == ["nats://127.0.0.1:4222"])
    #expect(try options("-manifests d", ["NATS_URL": "nats://e"]).connection.servers == ["nats://e"])
    #expect(try options("-crd-connect").connection.servers == [])
    guard case .fail("Error: NATS Server URL is required", 1) = decide("") else {
      Issue.record("the original's words")
      return
    }
  }

  @Test(
    arguments: [
      ("-nope", "flag provided but not defined: -nope", 2), ("-sync-interval 1", "parse error", 2),
      ("-sync-interval 1ms", "at least 1s", 2), ("-v x", "parse error", 2), ("-s", "flag needs an argument: -s", 2),
      ("destroy", "unknown command \"destroy\"", 2), ("plan", "plan needs manifests", 1),
      ("export x", "unexpected argument", 2), ("plan -o yaml x", "plan has no output \"yaml\"", 1),
      ("-log-format xml -manifests d", "text or json", 2), ("-tlscert c -manifests d", "go together", 1),
      ("plan x -o json", "flags go first", 2),
    ] as [(String, String, Int32)])
  func refusals(_ line: String, _ text: String, _ status: Int32) {
    guard case .fail(let output, status) = decide(line) else {
      Issue.record("\(line) is not refused with \(status)")
      return
    }
    #expect(output.contains(text), "\(output)")
  }

  @Test func helpNamesEveryFlagAndVersionIsOneLine() {
    for flag in ["-h", "--help", "-help"] {
      guard case .leave(let text, 0) = decide(flag) else {
        Issue.record("no help")
        continue
      }
      for name in ControllerUsage.kinds.keys where !["h", "help"].contains(name) { #expect(text.contains("-\(name)")) }
    }
    guard case .leave(let text, 0) = decide("-version") else {
      Issue.record("no version")
      return
    }
    #expect(text == "nack-controller version v\(ControllerProgram.version)\n")
  }

  @Test(
    arguments: [
      (":8080", "0.0.0.0:8080"), ("127.0.0.1:1", "127.0.0.1:1"), ("[::1]:2", "[::1]:2"), ("8080", nil), (":x", nil),
    ] as [(String, String?)])
  func addresses(_ text: String, _ expected: String?) {
    #expect((try? BindAddress.parse(text))?.description == expected)
  }
}
