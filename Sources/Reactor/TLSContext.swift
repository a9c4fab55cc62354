import COpenSSL
import Crypto
import Glibc

/// What all TLS connections of one listener, or of one remote, share: certificates, authorities, versions, ciphers.
///
/// Invariant: immutable after `init`; OpenSSL allows several threads to make connections from one context. A stream
/// keeps its context alive, so a reload replaces the context and leaves running connections alone.
public final class TLSContext: @unchecked Sendable {
  public enum Role: Sendable { case server, client }

  public let role: Role
  let context: OpaquePointer
  let verifiesPeer: Bool
  private let credentials: [TLSCredentials]

  /// Fails with nats-server's texts when a file cannot be used.
  public init(_ role: Role, _ parameters: TLSParameters) throws(TLSConfigurationError) {
    OpenSSLLibrary.ready
    self.role = role
    verifiesPeer = role == .server ? parameters.verifiesClients : !parameters.skipsServerVerification
    credentials = try Self.loadCredentials(parameters)
    let authorities =
      try parameters.authorityFile.isEmpty
      ? [] : TLSCredentials.authorities(parameters.authorityFile, given: parameters.givenFiles)
    defer { for authority in authorities { X509_free(authority) } }
    let ciphers = try TLSCipherList.ciphers(parameters.cipherSuites)
    let groups = try TLSCipherList.groups(parameters.curvePreferences)

    context = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method())!
    SSL_CTX_set_security_level(context, Self.securityLevel)
    let minimum = ciphers.isEmpty ? TLSVersion.tls13 : parameters.minimumVersion
    _ = cssl_context_set_minimum_version(context, minimum.rawValue)
    let listed = ciphers.isEmpty ? 1 : SSL_CTX_set_cipher_list(context, ciphers)
    let listedLatest = SSL_CTX_set_ciphersuites(context, TLSCipherList.latest)
    let grouped = cssl_context_set_groups(context, groups)
    precondition(listed == 1 && listedLatest == 1 && grouped == 1, "cipher table does not fit this OpenSSL")
    setBehaviour()
    setCredentials()
    setVerification(authorities)
  }

  deinit { SSL_CTX_free(context) }

  /// When the first certificate ends, in seconds since 1970 (`tls_cert_not_after` of /varz); nil without one.
  public var certificateNotAfter: Int64? {
    credentials.first.flatMap { Certificate(openSSL: $0.leaf)?.notAfter }
  }

  /// 80 bits: RSA keys from 1024 bits and no SHA-1 signatures, which is where Go draws its lines.
  private static let securityLevel: Int32 = 1

  private func setBehaviour() {
    var options = cssl_no_compression | cssl_no_renegotiation | cssl_server_preference | cssl_prioritize_chacha
    // A resumed session would bring back a client certificate without looking at it again.
    if role == .server && verifiesPeer { options |= cssl_no_ticket }
    SSL_CTX_set_options(context, options)
    // Sessions travel in tickets; the server remembers none.
    cssl_context_disable_session_cache(context)
    SSL_CTX_set_num_tickets(context, role == .server && verifiesPeer ? 0 : 1)
    // An idle connection gives its record buffers back: 34 KB each.
    cssl_context_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
    if role == .server { SSL_CTX_set_client_hello_cb(context, noteClientOffer, nil) }
  }

  private func setCredentials() {
    guard let first = credentials.first else { return }
    // What cannot be loaded here was refused in `loadCredentials`.
    SSL_CTX_use_certificate(context, first.leaf)
    SSL_CTX_use_PrivateKey(context, first.key)
    _ = cssl_context_set_chain(context, first.chain)
    if role == .server && credentials.count > 1 {
      SSL_CTX_set_cert_cb(context, chooseServerCertificate, nil)
    }
  }

  /// Gives the connection the first certificate that is for the name the client asked for and that the client can
  /// check; without one, the first certificate stays (FEATURES 4.013).
  func chooseCertificate(_ connection: OpaquePointer) {
    let name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    let choice = credentials.first { credentials in
      if let name, !credentials.serves(name.hasSuffix(".") ? String(name.dropLast()) : name) { return false }
      let usable = SSL_check_chain(connection, credentials.leaf, credentials.key, credentials.chain)
      return usable & CERT_PKEY_SIGN != 0 && Self.hasSuite(for: credentials, connection)
    }
    guard let choice else { return }
    SSL_use_cert_and_key(connection, choice.leaf, choice.key, choice.chain, 1)
  }

  /// Whether the two sides share a suite for this kind of key; in TLS 1.3 suites have nothing to do with keys.
  private static func hasSuite(for credentials: TLSCredentials, _ connection: OpaquePointer) -> Bool {
    guard SSL_version(connection) < TLS1_3_VERSION else { return true }
    let authentication = EVP_PKEY_get_base_id(credentials.key) == EVP_PKEY_RSA ? NID_auth_rsa : NID_auth_ecdsa
    let offered = SSL_get_client_ciphers(connection)
    let enabled = SSL_get_ciphers(connection)
    return (0..<cssl_cipher_count(offered)).contains { index in
      let cipher = cssl_cipher_at(offered, index)
      return SSL_CIPHER_get_auth_nid(cipher) == authentication && cssl_ciphers_contain(enabled, cipher) == 1
    }
  }

  private func setVerification(_ authorities: [OpaquePointer]) {
    guard verifiesPeer else { return SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil) }
    SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verifyPeerCertificate)
    let parameters = SSL_CTX_get0_param(context)
    // As in Go, whatever is in the file is trusted, a root or not; what a certificate may be used for is checked by
    // `TLSVerification`, whose rules are Go's.
    X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY)
    guard !authorities.isEmpty else { return loadSystemAuthorities() }
    let store = SSL_CTX_get_cert_store(context)
    let names = cssl_names_new()
    for authority in authorities {
      X509_STORE_add_cert(store, authority)
      _ = cssl_names_push(names, X509_NAME_dup(X509_get_subject_name(authority)))
    }
    if role == .server {
      SSL_CTX_set_client_CA_list(context, names)
    } else {
      cssl_names_free(names)
    }
  }

  /// The first bundle that exists of the places where Go looks, and the directory of hashed names.
  private func loadSystemAuthorities() {
    let files =
      (getenv("SSL_CERT_FILE").map { [String(cString: $0)] } ?? [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
      ])
    if let file = files.first(where: { access($0, R_OK) == 0 }) { SSL_CTX_load_verify_file(context, file) }
    SSL_CTX_load_verify_dir(context, getenv("SSL_CERT_DIR").map { String(cString: $0) } ?? "/etc/ssl/certs")
    ERR_clear_error()
  }

  private static func loadCredentials(
    _ parameters: TLSParameters
  ) throws(TLSConfigurationError) -> [TLSCredentials] {
    if !parameters.certificateFile.isEmpty || !parameters.keyFile.isEmpty {
      guard !parameters.keyFile.isEmpty else {
        throw TLSConfigurationError("missing 'key_file' in TLS configuration")
      }
      guard !parameters.certificateFile.isEmpty else {
        throw TLSConfigurationError("missing 'cert_file' in TLS configuration")
      }
      let pair = TLSParameters.CertificatePair(
        certificateFile: parameters.certificateFile, keyFile: parameters.keyFile)
      return [try load(pair, parameters, position: "")]
    }
    var credentials: [TLSCredentials] = []
    for (index, pair) in parameters.certificates.enumerated() {
      credentials.append(try load(pair, parameters, position: " \(index + 1)/\(parameters.certificates.count)"))
    }
    return credentials
  }

  private static func load(
    _ pair: TLSParameters.CertificatePair, _ parameters: TLSParameters, position: String
  ) throws(TLSConfigurationError) -> TLSCredentials {
    do {
      return try TLSCredentials(pair, given: parameters.givenFiles)
    } catch {
      throw TLSConfigurationError(
        "error parsing X509 certificate/key pair\(position): \(error.description)", file: error.file)
    }
  }
}
