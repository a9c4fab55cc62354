import Crypto
import Foundation
import Testing

@testable import Reactor

/// The texts are those of nats-server 2.15.1 with -t for the same files.
@Suite("TLS contexts: what is wrong with a configuration (FEATURES 3.259 to 3.270)")
struct TLSContextTests {
  static let pairProblem = "error parsing X509 certificate/key pair"

  static func problem(_ parameters: TLSParameters) -> String? {
    do {
      _ = try TLSContext(.server, parameters)
      return nil
    } catch { return error.description }
  }

  static func problem(certificate: String, key: String) -> String? {
    var parameters = TLSParameters()
    parameters.certificateFile = certificate.isEmpty ? "" : TLSFixtures.path(certificate)
    parameters.keyFile = key.isEmpty ? "" : TLSFixtures.path(key)
    return problem(parameters)?.replacingOccurrences(of: TLSFixtures.directory + "/", with: "")
  }

  @Test(
    "certificate and key",
    arguments: [
      ("server.pem", "server.key", nil),
      ("both.pem", "both.pem", nil),
      ("server.pem", "", "missing 'key_file' in TLS configuration"),
      ("", "server.key", "missing 'cert_file' in TLS configuration"),
      ("nope.pem", "server.key", "\(pairProblem): open nope.pem: no such file or directory"),
      ("server.pem", "nope.key", "\(pairProblem): open nope.key: no such file or directory"),
      (".", "server.key", "\(pairProblem): read .: is a directory"),
      ("junk.pem", "server.key", "\(pairProblem): tls: failed to find any PEM data in certificate input"),
      ("truncated.pem", "server.key", "\(pairProblem): tls: failed to find any PEM data in certificate input"),
      ("server.pem", "junk.pem", "\(pairProblem): tls: failed to find any PEM data in key input"),
      (
        "server.key", "server.key",
        "\(pairProblem): tls: failed to find certificate PEM data in certificate input, but did find a private key; "
          + "PEM inputs may have been switched"
      ),
      (
        "twokeys.pem", "server.key",
        "\(pairProblem): tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks "
          + "of the following types: [EC PRIVATE KEY EC PRIVATE KEY]"
      ),
      (
        "server.pem", "server.pem",
        "\(pairProblem): tls: found a certificate rather than a key in the PEM for the private key"
      ),
      ("server.pem", "client.key", "\(pairProblem): tls: private key does not match public key"),
      ("server.pem", "rsa.key", "\(pairProblem): tls: private key type does not match public key type"),
      ("malformed.pem", "server.key", "\(pairProblem): x509: malformed certificate"),
      ("server.pem", "malformed.key", "\(pairProblem): tls: failed to parse private key"),
      ("server.pem", "encrypted.key", "\(pairProblem): tls: failed to parse private key"),
    ] as [(String, String, String?)])
  func certificateAndKey(certificate: String, key: String, problem: String?) throws {
    func read(_ name: String) throws -> String { try String(contentsOfFile: TLSFixtures.path(name), encoding: .utf8) }
    switch certificate {
    case "both.pem": _ = TLSFixtures.write(try read("server.key") + read("server.pem"), to: "both.pem")
    case "twokeys.pem": _ = TLSFixtures.write(try read("server.key") + read("client.key"), to: "twokeys.pem")
    case "truncated.pem": _ = TLSFixtures.write(String(try read("server.pem").prefix(100)), to: "truncated.pem")
    default: break
    }
    _ = TLSFixtures.write("junk\n", to: "junk.pem")
    for (name, type) in [("malformed.pem", "CERTIFICATE"), ("malformed.key", "PRIVATE KEY")] {
      _ = TLSFixtures.write("-----BEGIN \(type)-----\nAAAA\n-----END \(type)-----\n", to: name)
    }
    #expect(Self.problem(certificate: certificate, key: key) == problem)
  }

  @Test("a pair of several is named by its position")
  func position() {
    var parameters = TLSParameters()
    parameters.certificates = [TLSFixtures.pair("server"), TLSFixtures.pair("nope")]
    #expect(
      Self.problem(parameters)
        == "\(Self.pairProblem) 2/2: open \(TLSFixtures.path("nope.pem")): no such file or directory")
  }

  @Test("an error names the file where its text does not")
  func fileOfError() {
    var parameters = TLSFixtures.server()
    parameters.keyFile = TLSFixtures.path("client.key")
    #expect(
      throws: TLSConfigurationError(
        "\(Self.pairProblem): tls: private key does not match public key", file: parameters.keyFile)
    ) {
      try TLSContext(.server, parameters)
    }
  }

  @Test("authorities")
  func authorities() throws {
    func problem(_ file: String) -> String? { Self.problem(TLSFixtures.server { $0.authorityFile = file }) }
    #expect(problem(TLSFixtures.path("ca.pem")) == nil)
    #expect(problem("nope.pem") == "open nope.pem: no such file or directory")
    #expect(problem(TLSFixtures.path("server.key")) == "failed to parse root ca certificate")
    #expect(problem(TLSFixtures.write("junk", to: "junk-ca.pem")) == "failed to parse root ca certificate")
  }

  @Test("suites and curves")
  func names() {
    #expect(Self.problem(TLSFixtures.server { $0.cipherSuites = ["FOO"] }) == "unrecognized cipher FOO")
    #expect(Self.problem(TLSFixtures.server { $0.curvePreferences = ["FOO"] }) == "unrecognized curve preference FOO")
    for name in TLSCipherSuite.secure + TLSCipherSuite.insecure {
      #expect(Self.problem(TLSFixtures.server { $0.cipherSuites = [name] }) == nil)
    }
    for name in TLSCurve.supported {
      #expect(Self.problem(TLSFixtures.server { $0.curvePreferences = [name] }) == nil)
    }
    #expect(
      Self.problem(TLSFixtures.server { $0.curvePreferences = ["X25519MLKEM768"] })
        == "none of the curve preferences is supported, expected one of X25519, CurveP256, CurveP384, CurveP521")
  }

  @Test("a context without certificates, and the end of its certificate")
  func withoutCertificate() throws {
    #expect(try TLSContext(.server, TLSParameters()).certificateNotAfter == nil)
    let end = try #require(try TLSContext(.server, TLSFixtures.server()).certificateNotAfter)
    #expect(abs(Double(end) - Date().timeIntervalSince1970 - 3650 * 86400) < 3600)
  }

  @Test("rate limit: so many in a window of one second (FEATURES 1.045)")
  func rateLimit() {
    let second: Int64 = 1_000_000_000
    var limiter = TLSRateLimiter(limit: 3)
    func allowed(_ times: [Int64]) -> [Bool] { times.map { limiter.allows(atNanoseconds: $0) } }
    #expect(allowed([second, second + 1, second + 2, second + 3, second + 4]) == [true, true, true, false, false])
    var refused = [limiter.takeRefused(), limiter.takeRefused()]
    #expect(refused == [2, 0])
    #expect(
      allowed([2 * second, 2 * second + 1, 2 * second + 2, 3 * second, 3 * second]) == [false, true, true, true, false])
    refused = [limiter.takeRefused()]
    #expect(refused == [2])
  }
}
