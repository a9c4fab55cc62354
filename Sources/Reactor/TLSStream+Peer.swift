import COpenSSL
import Crypto

// What the handshake settled, as monitoring and authorisation ask for it.
extension TLSStream {
  /// `tls_version` of /connz: "1.2" or "1.3".
  public var version: String {
    switch SSL_version(connection) {
    case TLS1_3_VERSION: "1.3"
    case TLS1_2_VERSION: "1.2"
    default: ""
    }
  }

  /// `tls_cipher_suite` of /connz, by its IANA name.
  public var cipherSuite: String {
    SSL_get_current_cipher(connection).flatMap { SSL_CIPHER_standard_name($0) }.map { String(cString: $0) } ?? ""
  }

  /// The name that the client asked for; empty for none.
  public var serverName: String {
    SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) } ?? ""
  }

  /// Whether the session was resumed from a ticket.
  public var isResumed: Bool { SSL_session_reused(connection) == 1 }

  /// The certificates that the peer presented, its own first; empty for none. Made anew with every call.
  public var peerCertificates: [Certificate] {
    guard let leaf = SSL_get0_peer_certificate(connection) else { return [] }
    let chain = SSL_get_peer_cert_chain(connection)
    // A client's chain starts with the server's own certificate; a server's lacks the client's.
    let others = (0..<cssl_certificate_count(chain)).compactMap { cssl_certificate_at(chain, $0) }
      .filter { X509_cmp($0, leaf) != 0 }
    return ([leaf] + others).compactMap { Certificate(openSSL: $0) }
  }

  /// Whether the peer's certificate has one of these keys: lower-case hex SHA-256 of SubjectPublicKeyInfo. True for
  /// an empty set (FEATURES 4.012).
  public func matches(pinned hashes: Set<String>) -> Bool {
    guard !hashes.isEmpty else { return true }
    guard let leaf = SSL_get0_peer_certificate(connection), let certificate = Certificate(openSSL: leaf) else {
      return false
    }
    return hashes.contains(certificate.publicKeySHA256)
  }
}
