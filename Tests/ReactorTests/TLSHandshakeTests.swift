import COpenSSL
import Crypto
import Foundation
import Glibc
import Testing

@testable import Reactor

@Suite("TLS handshakes (FEATURES 4.007 to 4.013)")
struct TLSHandshakeTests {
  typealias Change = @Sendable (inout TLSParameters) -> Void

  static func contexts(
    server: Change = { _ in }, client: Change = { _ in }
  ) throws -> (server: TLSContext, client: TLSContext) {
    (
      try TLSContext(.server, TLSFixtures.server(change: server)),
      try TLSContext(.client, TLSFixtures.client(change: client))
    )
  }

  // MARK: - Versions and ciphers

  @Test("version and cipher suite, named as /connz names them")
  func negotiated() throws {
    let contexts = try Self.contexts()
    let pair = TLSPair(server: contexts.server, client: contexts.client)
    #expect(pair.handshake() == (.done, .done))
    for stream in [pair.server, pair.client] {
      #expect(stream.version == "1.3")
      #expect(stream.cipherSuite == "TLS_AES_128_GCM_SHA256")
      #expect(stream.serverName == "localhost")
      #expect(!stream.isResumed)
    }
    #expect(pair.server.peerCertificates.isEmpty)
    #expect(pair.client.peerCertificates.map(\.subject.text) == ["CN=localhost"])
  }

  struct Choice: Sendable {
    let name: String
    var server: Change = { _ in }
    /// Done to the client's connection before the handshake.
    var client: @Sendable (OpaquePointer) -> Void = { _ in }
    let version: String
    let suite: String
  }

  static let oldOnly: @Sendable (OpaquePointer) -> Void = {
    _ = SSL_ctrl($0, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
  }

  static let choices: [Choice] = [
    Choice(
      name: "TLS 1.2: the server's first choice", client: oldOnly, version: "1.2",
      suite: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    Choice(
      name: "TLS 1.2: a client that puts ChaCha first gets it",
      client: {
        oldOnly($0)
        SSL_set_cipher_list($0, "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256")
      }, version: "1.2", suite: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    Choice(
      name: "TLS 1.3: a client that puts ChaCha first gets it",
      client: { SSL_set_ciphersuites($0, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") }, version: "1.3",
      suite: "TLS_CHACHA20_POLY1305_SHA256"),
    Choice(
      name: "TLS 1.3: the server's order, not the client's",
      client: { SSL_set_ciphersuites($0, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") }, version: "1.3",
      suite: "TLS_AES_128_GCM_SHA256"),
    Choice(
      name: "configured suites", server: { $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] },
      client: oldOnly, version: "1.2", suite: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    Choice(
      name: "the configured order does not count",
      server: {
        $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]
      }, client: oldOnly, version: "1.2", suite: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    Choice(
      name: "an insecure suite",
      server: {
        $0 = TLSFixtures.server("rsa")
        $0.cipherSuites = ["TLS_RSA_WITH_AES_128_CBC_SHA"]
      },
      client: {
        oldOnly($0)
        SSL_set_cipher_list($0, "AES128-SHA")
      }, version: "1.2", suite: "TLS_RSA_WITH_AES_128_CBC_SHA"),
    Choice(
      name: "suites of TLS 1.3 cannot be chosen, as in Go",
      server: { $0.cipherSuites = ["TLS_AES_256_GCM_SHA384"] }, version: "1.3", suite: "TLS_AES_128_GCM_SHA256"),
    Choice(
      name: "curve preferences", server: { $0.curvePreferences = ["CurveP384", "X25519MLKEM768"] }, version: "1.3",
      suite: "TLS_AES_128_GCM_SHA256"),
    Choice(
      name: "minimum 1.3", server: { $0.minimumVersion = .tls13 }, version: "1.3", suite: "TLS_AES_128_GCM_SHA256"),
  ]

  @Test("choice of version and suite", arguments: choices)
  func choice(_ row: Choice) throws {
    let contexts = try Self.contexts(server: row.server)
    let pair = TLSPair(server: contexts.server, client: contexts.client)
    row.client(pair.client.connection)
    #expect(pair.handshake() == (.done, .done), "\(row.name)")
    #expect(pair.server.version == row.version)
    #expect(pair.server.cipherSuite == row.suite)
  }

  @Test(
    "every key format and type",
    arguments: ["server", "rsa", "rsa1", "small", "ed", "params", "server8", "chained"])
  func keys(name: String) throws {
    var parameters = TLSFixtures.server(name)
    if name == "server8" { parameters.certificateFile = TLSFixtures.path("server.pem") }
    let pair = TLSPair(
      server: try TLSContext(.server, parameters), client: try TLSContext(.client, TLSFixtures.client()))
    #expect(pair.handshake() == (.done, .done))
    #expect(pair.client.peerCertificates.count == (name == "chained" ? 2 : 1))
  }

  // MARK: - Choosing the certificate

  @Test(
    "the certificate is chosen by the name that the client asks for (FEATURES 4.013)",
    arguments: [
      ("localhost", "CN=localhost"), ("a.example.com", "CN=example"), ("A.Example.COM", "CN=example"),
      ("example.com", "CN=example"), ("a.b.example.com", "CN=localhost"), ("other.test", "CN=other"),
      ("deep.x.test", "CN=localhost"), ("unknown.org", "CN=localhost"), ("127.0.0.1", "CN=localhost"),
      ("", "CN=localhost"),
    ])
  func serverName(name: String, subject: String) throws {
    var parameters = TLSParameters()
    parameters.certificates = ["server", "example", "other"].map(TLSFixtures.pair)
    let server = try TLSContext(.server, parameters)
    let client = try TLSContext(.client, TLSFixtures.client { $0.skipsServerVerification = true })
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      let pair = TLSPair(server: server, client: client, name: name)
      _ = SSL_ctrl(pair.client.connection, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
      #expect(pair.handshake() == (.done, .done))
      #expect(pair.client.peerCertificates.first?.subject.text == subject)
      #expect(pair.server.serverName == (name == "127.0.0.1" ? "" : name))
    }
  }

  @Test("a certificate that the client cannot check is passed over")
  func unusableCertificate() throws {
    var parameters = TLSParameters()
    parameters.certificates = ["server", "rsa"].map(TLSFixtures.pair)
    let pair = TLSPair(
      server: try TLSContext(.server, parameters), client: try TLSContext(.client, TLSFixtures.client()))
    TLSHandshakeTests.oldOnly(pair.client.connection)
    SSL_set_cipher_list(pair.client.connection, "ECDHE-RSA-AES128-GCM-SHA256")
    #expect(pair.handshake() == (.done, .done))
    #expect(pair.server.cipherSuite == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
  }

  // MARK: - Client certificates

  @Test("a verified client's names (FEATURES 4.008, 4.009)", arguments: ["client", "anyuse"])
  func verifiedClient(name: String) throws {
    let server = try TLSContext(
      .server, TLSFixtures.server { ($0.verifiesClients, $0.authorityFile) = (true, TLSFixtures.path("ca.pem")) })
    let client = try TLSContext(.client, TLSFixtures.client(name))
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      let pair = TLSPair(server: server, client: client)
      _ = SSL_ctrl(pair.client.connection, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
      #expect(pair.handshake() == (.done, .done))
      let certificate = try #require(pair.server.peerCertificates.first)
      #expect(pair.server.peerCertificates.count == 1)
      guard name == "client" else { continue }
      #expect(certificate.emailAddresses == ["derek@nats.io", "d2@nats.io"])
      #expect(certificate.dnsNames == ["client.nats.io"])
      #expect(certificate.uris == ["spiffe://localhost/u"])
    }
  }

  @Test(
    "a refused client, in nats-server's words (FEATURES 4.008)",
    arguments: [
      (nil, "tls: client didn't provide a certificate", nil),
      (
        "stranger", "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "CN=stranger"
      ),
      (
        "wronguse", "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage",
        "CN=wronguse"
      ),
      (
        "expired",
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time ",
        "CN=expired"
      ),
    ] as [(String?, String, String?)])
  func refusedClient(name: String?, text: String, subject: String?) throws {
    let server = try TLSContext(
      .server, TLSFixtures.server { ($0.verifiesClients, $0.authorityFile) = (true, TLSFixtures.path("ca.pem")) })
    let client = try TLSContext(.client, TLSFixtures.client(name))
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      let pair = TLSPair(server: server, client: client)
      _ = SSL_ctrl(pair.client.connection, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
      // With TLS 1.3 the client is done before the server looks at its certificate.
      #expect(pair.handshake().server == .failed)
      let failure = try #require(pair.server.failure)
      #expect(failure.text.hasPrefix(text), "\(failure.text)")
      #expect(!failure.isProbe)
      if let subject {
        let hash = try #require(Certificate(path: TLSFixtures.path("\(name!).pem"))).sha256
        #expect(failure.text.hasSuffix(" (\(subject) SHA-256: \(hash))"), "\(failure.text)")
      }
      if name == "expired" { #expect(failure.text.contains("Z is after 2021-01-01T00:00:00Z (CN")) }
      #expect(pair.server.handshake() == .failed)
      #expect(pair.server.write([1]) == .failed)
    }
  }

  @Test("a certificate of the authority file is trusted, root or not, as in Go")
  func trustedLeaf() throws {
    let pair = TLSPair(
      server: try TLSContext(.server, TLSFixtures.server()),
      client: try TLSContext(.client, TLSFixtures.client { $0.authorityFile = TLSFixtures.path("server.pem") }))
    #expect(pair.handshake() == (.done, .done))
  }

  // MARK: - Clients that verify

  @Test(
    "a client checks the server's certificate",
    arguments: [
      ("server", "localhost", nil), ("server", "LOCALHOST", nil), ("server", "127.0.0.1", nil),
      ("example", "x.example.com", nil),
      ("server", "example.org", "certificate is valid for localhost, not example.org"),
      ("example", "a.b.example.com", "certificate is valid for *.example.com, example.com, not a.b.example.com"),
      ("server", "127.0.0.2", "certificate is valid for 127.0.0.1, not 127.0.0.2"),
      ("example", "127.0.0.1", "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"),
      ("cnonly", "localhost", "certificate is not valid for any names, but wanted to match localhost"),
      ("stranger", "localhost", "certificate signed by unknown authority"),
      ("client", "client.nats.io", "certificate specifies an incompatible key usage"),
    ] as [(String, String, String?)])
  func clientVerifies(certificate: String, name: String, problem: String?) throws {
    let server = try TLSContext(.server, TLSFixtures.server(certificate))
    let pair = TLSPair(server: server, client: try TLSContext(.client, TLSFixtures.client()), name: name)
    if let problem {
      #expect(pair.handshake() == (.failed, .failed))
      let text = try #require(pair.client.failure).text
      #expect(text.hasPrefix("tls: failed to verify certificate: x509: " + problem + " ("), "\(text)")
      #expect(pair.server.failure?.text.hasPrefix("remote error: tls: ") == true)
    } else {
      #expect(pair.handshake() == (.done, .done))
    }
    let careless = try TLSContext(.client, TLSFixtures.client { $0.skipsServerVerification = true })
    #expect(TLSPair(server: server, client: careless, name: name).handshake() == (.done, .done))
  }

  @Test("the alert that the client sends is named as Go names it")
  func alerts() throws {
    let pair = TLSPair(
      server: try TLSContext(.server, TLSFixtures.server("stranger")),
      client: try TLSContext(.client, TLSFixtures.client()))
    pair.handshake()
    #expect(pair.server.failure?.text == "remote error: tls: unknown certificate authority")
  }

  // MARK: - Offers that do not fit

  @Test("a client with nothing in common, in nats-server's words")
  func nothingInCommon() throws {
    let contexts = try Self.contexts(server: {
      $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]
      $0.curvePreferences = ["CurveP384"]
    })
    let ciphers = TLSPair(server: contexts.server, client: contexts.client)
    Self.oldOnly(ciphers.client.connection)
    SSL_set_cipher_list(ciphers.client.connection, "ECDHE-ECDSA-AES128-GCM-SHA256")
    #expect(ciphers.handshake() == (.failed, .failed))
    #expect(
      ciphers.server.failure?.text
        == "tls: no cipher suite supported by both client and server; client offered: [c02b ff]")

    let curves = TLSPair(server: contexts.server, client: contexts.client)
    var groups = Array("X25519".utf8CString)
    _ = SSL_ctrl(curves.client.connection, SSL_CTRL_SET_GROUPS_LIST, 0, &groups)
    #expect(curves.handshake() == (.failed, .failed))
    #expect(curves.server.failure?.text == "tls: no key exchanges supported by both client and server")

    let strict = try Self.contexts(server: { $0.minimumVersion = .tls13 })
    let versions = TLSPair(server: strict.server, client: strict.client)
    Self.oldOnly(versions.client.connection)
    #expect(versions.handshake() == (.failed, .failed))
    #expect(versions.server.failure?.text == "tls: client offered only unsupported versions: [303 302 301]")
    #expect(versions.client.failure?.text == "remote error: tls: protocol version not supported")
  }

  @Test("suites that OpenSSL lacks leave TLS 1.3 only")
  func unavailableSuites() throws {
    let contexts = try Self.contexts(server: { $0.cipherSuites = ["TLS_RSA_WITH_RC4_128_SHA"] })
    #expect(TLSPair(server: contexts.server, client: contexts.client).handshake() == (.done, .done))
    let old = TLSPair(server: contexts.server, client: contexts.client)
    Self.oldOnly(old.client.connection)
    #expect(old.handshake() == (.failed, .failed))
  }

  // MARK: - Peers that do not speak TLS

  @Test(
    "bytes that are no TLS end the handshake at once (FEATURES 1.044)",
    arguments: [
      ("CONNECT {}\r\nPING\r\n", "tls: first record does not look like a TLS handshake", true),
      ("GET / HTTP/1.1\r\n\r\n", "tls: first record does not look like a TLS handshake", true),
      ("\0\0\0\0\0\0\0\0", "tls: first record does not look like a TLS handshake", true),
      ("\u{16}\u{10}\u{1}\0\u{5}hello", "tls: first record does not look like a TLS handshake", true),
    ])
  func plaintext(sent: String, text: String, isProbe: Bool) throws {
    let sockets = TLSPair.sockets()
    defer { sockets.forEach { close($0) } }
    let stream = TLSStream(
      serving: sockets[0], context: try TLSContext(.server, TLSFixtures.server()), scratch: TLSScratch())
    #expect(stream.handshake() == .wantsRead)
    _ = Array(sent.utf8).withUnsafeBytes { send(sockets[1], $0.baseAddress, $0.count, 0) }
    #expect(stream.handshake() == .failed)
    #expect(stream.failure == TLSFailure(text, isProbe: isProbe))
    var answer: UInt8 = 0
    #expect(recv(sockets[1], &answer, 1, 0) == -1)
  }

  static let earlyEnds: [(sent: [UInt8], text: String)] = [([], "EOF"), ([0x16, 3, 1], "unexpected EOF")]

  @Test("the end of the connection during the handshake", arguments: earlyEnds)
  func earlyEnd(sent: [UInt8], text: String) throws {
    let sockets = TLSPair.sockets()
    let stream = TLSStream(
      serving: sockets[0], context: try TLSContext(.server, TLSFixtures.server()), scratch: TLSScratch())
    _ = sent.withUnsafeBytes { send(sockets[1], $0.baseAddress, $0.count, 0) }
    close(sockets[1])
    while stream.handshake() == .wantsRead {}
    #expect(stream.failure == TLSFailure(text))
    close(sockets[0])
  }

  // MARK: - What was read before

  @Test("bytes read before the stream existed are replayed (FEATURES 1.054, 1.055)", arguments: [1, 5, 11, 100, 4096])
  func replay(count: Int) throws {
    let contexts = try Self.contexts()
    let sockets = TLSPair.sockets()
    defer { sockets.forEach { close($0) } }
    let client = TLSStream(connecting: sockets[1], to: "localhost", context: contexts.client, scratch: TLSScratch())
    #expect(client.handshake() == .wantsRead)
    var sniffed = [UInt8](repeating: 0, count: count)
    let read = recv(sockets[0], &sniffed, count, 0)
    #expect(sniffed[0] == 0x16)
    let server = sniffed[..<read].withUnsafeBytes {
      TLSStream(serving: sockets[0], context: contexts.server, scratch: TLSScratch(), replaying: $0)
    }
    #expect(server.hasUnreadBytes)
    #expect(server.handshake() == .wantsRead)
    #expect(!server.hasUnreadBytes)
    #expect(client.handshake() == .done)
    #expect(server.handshake() == .done)
    #expect(client.write(Array("hello".utf8)) == .bytes(5))
    #expect(server.readAll() == Array("hello".utf8))
  }

  @Test("application data that comes with the last flight is not lost")
  func earlyData() throws {
    let contexts = try Self.contexts()
    let pair = TLSPair(server: contexts.server, client: contexts.client)
    #expect(pair.client.handshake() == .wantsRead)
    #expect(pair.server.handshake() == .wantsRead)
    #expect(pair.client.handshake() == .done)
    #expect(pair.client.write(Array("PING\r\n".utf8)) == .bytes(6))
    #expect(pair.server.handshake() == .done)
    #expect(pair.server.hasUnreadBytes)
    #expect(pair.server.readAll() == Array("PING\r\n".utf8))
    #expect(!pair.server.hasUnreadBytes)
  }

  // MARK: - Pins and sessions

  @Test("pinned certificates (FEATURES 4.012)")
  func pinned() throws {
    let server = try TLSContext(
      .server, TLSFixtures.server { ($0.verifiesClients, $0.authorityFile) = (true, TLSFixtures.path("ca.pem")) })
    let pair = TLSPair(server: server, client: try TLSContext(.client, TLSFixtures.client("client")))
    #expect(pair.handshake() == (.done, .done))
    let hash = try #require(Certificate(path: TLSFixtures.path("client.pem"))).publicKeySHA256
    #expect(pair.server.matches(pinned: [hash, "00"]))
    #expect(!pair.server.matches(pinned: [String(repeating: "a", count: 64)]))
    #expect(pair.server.matches(pinned: []))
    #expect(!pair.client.matches(pinned: [hash]))
    let plain = try Self.contexts()
    let anonymous = TLSPair(server: plain.server, client: plain.client)
    #expect(anonymous.handshake() == (.done, .done))
    #expect(!anonymous.server.matches(pinned: [hash]))
  }

  @Test("sessions resume by ticket, but never past the check of a client certificate", arguments: [false, true])
  func resumption(verify: Bool) throws {
    let server = try TLSContext(
      .server,
      TLSFixtures.server { ($0.verifiesClients, $0.authorityFile) = (verify, TLSFixtures.path("ca.pem")) })
    let client = try TLSContext(.client, TLSFixtures.client("client"))
    for version in [TLS1_2_VERSION, TLS1_3_VERSION] {
      let first = TLSPair(server: server, client: client)
      _ = SSL_ctrl(first.client.connection, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
      #expect(first.handshake() == (.done, .done))
      #expect(first.server.write([1]) == .bytes(1))
      #expect(first.client.readAll() == [1])
      // Freed without a goodbye, a connection spoils its session.
      defer { withExtendedLifetime(first) {} }
      let session = SSL_get1_session(first.client.connection)
      defer { SSL_SESSION_free(session) }
      let second = TLSPair(server: server, client: client)
      _ = SSL_ctrl(second.client.connection, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
      SSL_set_session(second.client.connection, session)
      #expect(second.handshake() == (.done, .done))
      #expect(second.server.isResumed == !verify)
      #expect(second.server.peerCertificates.isEmpty == !verify)
    }
  }
}

extension Certificate {
  /// The first certificate of a PEM file.
  init?(path: String) {
    guard let block = PEM.blocks(Array(FileManager.default.contents(atPath: path) ?? Data())).first else { return nil }
    self.init(der: block.bytes)
  }
}
