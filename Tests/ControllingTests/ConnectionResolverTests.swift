import NATSClient
import Reconciliation
import Testing

@testable import Controlling

/// FEATURES 13.015, 13.016.
@Suite struct ConnectionResolverTests {
  private func resource(_ kind: ResourceKind, _ spec: String) throws -> Resource {
    let text =
      "apiVersion: jetstream.nats.io/v1beta2\nkind: \(kind.rawValue)\nmetadata: {name: r, namespace: n}\n"
      + "spec: {\(spec)}"
    let (resources, diagnostics) = ResourceReader.read(Array(text.utf8), file: "t")
    return try #require(resources.first, "\(diagnostics)")
  }

  private func resolve(
    _ spec: String, account: String? = nil, secrets: [String: [String: String]] = [:],
    _ flags: (inout ResolvedConnection) -> Void = { _ in }
  ) throws -> ConnectionResolver.Outcome {
    var base = ResolvedConnection()
    base.servers = ["nats://flag"]
    base.authentication = .credentialsFile("flag.creds")
    base.authorities = ["flag-ca"]
    flags(&base)
    let resolver = ConnectionResolver(
      flags: base, file: { "/\($0.namespace)/\($1)/\($2)=\(String(decoding: $3, as: UTF8.self))" }, digest: { _ in [] })
    let settings = try resource(.stream, "name: S, \(spec)").connection
    let account = try account.flatMap { AccountSettings(try resource(.account, "name: a, \($0)")) }
    var read: [SecretIdentity: Result<[String: [UInt8]], SourceError>] = [:]
    for (name, data) in secrets {
      read[SecretIdentity(namespace: "n", name: name)] = .success(data.mapValues { Array($0.utf8) })
    }
    return resolver.resolve(settings, account: account, secrets: read)
  }

  private func resolved(_ outcome: ConnectionResolver.Outcome) throws -> ResolvedConnection {
    guard case .resolved(let connection) = outcome else { throw Unresolved(outcome: outcome) }
    return connection
  }

  private struct Unresolved: Error { let outcome: ConnectionResolver.Outcome }

  @Test func flagsThenAccountThenResource() throws {
    let flags = try resolved(resolve("description: x"))
    #expect(flags.servers == ["nats://flag"] && flags.authentication == .credentialsFile("flag.creds"))
    #expect(flags.authorities == ["flag-ca"] && !flags.startsWithTLS)

    let account = try resolved(
      resolve("account: a", account: "servers: ['nats://account'], nkey: {seed: a.nk}, tlsFirst: true"))
    #expect(account.servers == ["nats://account"] && account.authentication == .seedFile("a.nk"))
    #expect(account.authorities == ["flag-ca"] && account.startsWithTLS)

    let own = try resolved(
      resolve(
        "account: a, servers: ['nats://own'], creds: own.creds, nkey: own.nk, "
          + "tls: {clientCert: c, clientKey: k, rootCas: [x, y]}",
        account: "servers: ['nats://account'], token: {token: t}, tls: {ca: a-ca, cert: a-c, key: a-k}"))
    #expect(own.servers == ["nats://own"] && own.authentication == .credentialsFile("own.creds"))
    #expect(own.authorities == ["x", "y"] && own.clientCertificate == "c" && own.clientKey == "k")

    let partly = try resolved(
      resolve("account: a, tls: {clientCert: c}", account: "tls: {ca: a-ca, cert: a-c, key: a-k}"))
    #expect(partly.clientCertificate == "a-c" && partly.clientKey == "a-k" && partly.authorities == ["a-ca"])
  }

  @Test(
    arguments: [
      ("creds: {file: f}, nkey: {seed: s}, token: {token: t}, user: {user: u, password: p}", .credentialsFile("f")),
      ("nkey: {seed: s}, token: {token: t}, user: {user: u, password: p}", .seedFile("s")),
      ("token: {token: t}, user: {user: u, password: p}", .token("t")),
      ("user: {user: u, password: p}", .user("u", password: "p")),
      ("servers: ['nats://x']", .credentialsFile("flag.creds")),
    ] as [(String, Authentication)])
  func authenticationIsReplacedAsAWhole(_ account: String, _ expected: Authentication) throws {
    #expect(try resolved(resolve("account: a", account: account)).authentication == expected)
  }

  @Test(
    arguments: [
      ("creds: {secret: {name: s}, file: f}", ["f": "text"], .credentials("text")),
      ("nkey: {secret: {name: s}, seed: f}", ["f": "SUxyz\n"], .seed("SUxyz")),
      ("token: {secret: {name: s}, token: f}", ["f": "tok"], .token("tok")),
      ("user: {secret: {name: s}, user: u, password: p}", ["u": "me", "p": "pw"], .user("me", password: "pw")),
    ] as [(String, [String: String], Authentication)])
  func fromSecrets(_ account: String, _ data: [String: String], _ expected: Authentication) throws {
    #expect(try resolve("account: a", account: account) == .needs([SecretIdentity(namespace: "n", name: "s")]))
    #expect(
      try resolved(resolve("account: a", account: account, secrets: ["s": data])).authentication == expected)
    guard case .failed(let text) = try resolve("account: a", account: account, secrets: ["s": [:]]) else {
      Issue.record("an entry that is not there")
      return
    }
    #expect(text.hasPrefix("Account a: spec.") && text.contains("the Secret n/s has no entry"))
  }

  @Test func tlsFromASecretIsFiles() throws {
    let account = "tls: {secret: {name: s}, ca: ca.crt, cert: tls.crt, key: tls.key}"
    let full = try resolved(
      resolve("account: a", account: account, secrets: ["s": ["ca.crt": "A", "tls.crt": "C", "tls.key": "K"]]))
    #expect(full.authorities == ["/n/a/ca.crt=A"])
    #expect(full.clientCertificate == "/n/a/tls.crt=C" && full.clientKey == "/n/a/tls.key=K")
    let authority = try resolved(resolve("account: a", account: account, secrets: ["s": ["ca.crt": "A"]]))
    #expect(authority.authorities == ["/n/a/ca.crt=A"] && authority.clientCertificate.isEmpty)
  }

  @Test func whatIsMissingIsSaid() throws {
    #expect(try resolve("account: a") == .failed("spec.account: there is no Account n/a"))
    guard case .failed(let none) = try resolve("description: x", { $0.servers = [] }) else {
      Issue.record("no server")
      return
    }
    #expect(none.hasPrefix("spec.servers: no server is named"))
    #expect(
      try resolve("servers: ['http://user:secret@x']") == .failed("spec.servers: invalid URL"))
  }
}
