import COpenSSL
import Crypto
import Glibc

/// The judgement on a peer's certificate: OpenSSL builds and checks the chain, the rule for extended key usage is
/// Go's, and the words for what is wrong are Go's.
enum TLSVerification {
  struct Failure {
    let text: String
    /// `subject SHA-256: hex` of each certificate that the peer presented.
    let presented: [String]
  }

  /// Called by OpenSSL for every certificate of the chain, and with every error. The leaf comes last.
  static func verify(_ accepted: Int32, _ verification: OpaquePointer) -> Int32 {
    guard let connection = cssl_of_verification(verification) else { return 0 }
    let stream = Unmanaged<TLSStream>.fromOpaque(cssl_owner(connection)).takeUnretainedValue()
    if accepted == 1 {
      guard X509_STORE_CTX_get_error_depth(verification) == 0 else { return 1 }
      let usage = stream.context.role == .server ? NID_client_auth : NID_server_auth
      if allows(usage, X509_STORE_CTX_get0_chain(verification)) { return 1 }
      X509_STORE_CTX_set_error(verification, X509_V_ERR_INVALID_PURPOSE)
    }
    let presented = X509_STORE_CTX_get0_untrusted(verification)
    stream.verification = Failure(
      text: "tls: failed to verify certificate: x509: " + text(verification, stream),
      presented: (0..<cssl_certificate_count(presented)).compactMap { index in
        cssl_certificate_at(presented, index).flatMap { Certificate(openSSL: $0) }
          .map { "\($0.subject.text) SHA-256: \($0.sha256)" }
      })
    return 0
  }

  /// Whether every certificate of the chain that restricts its use allows this one.
  private static func allows(_ usage: Int32, _ chain: OpaquePointer?) -> Bool {
    (0..<cssl_certificate_count(chain)).allSatisfy { index in
      let restriction = X509_get_ext_d2i(cssl_certificate_at(chain, index), NID_ext_key_usage, nil, nil)
      guard let usages = restriction.map({ OpaquePointer($0) }) else { return true }
      defer { EXTENDED_KEY_USAGE_free(usages) }
      return (0..<cssl_object_count(usages)).contains {
        let allowed = OBJ_obj2nid(cssl_object_at(usages, $0))
        return allowed == usage || allowed == NID_anyExtendedKeyUsage
      }
    }
  }

  private static func text(_ verification: OpaquePointer, _ stream: TLSStream) -> String {
    let code = X509_STORE_CTX_get_error(verification)
    switch code {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED:
      return "certificate signed by unknown authority"
    case X509_V_ERR_INVALID_PURPOSE:
      return "certificate specifies an incompatible key usage"
    case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
      guard let current = certificate(verification) else { break }
      let now = Int64(time(nil))
      let relation = code == X509_V_ERR_CERT_HAS_EXPIRED ? "after" : "before"
      let limit = code == X509_V_ERR_CERT_HAS_EXPIRED ? current.notAfter : current.notBefore
      return "certificate has expired or is not yet valid: current time \(timestamp(now)) is "
        + "\(relation) \(timestamp(limit))"
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return certificate(verification).map { mismatch($0, stream) } ?? "certificate is not valid for any names"
    default: break
    }
    return String(cString: X509_verify_cert_error_string(Int(code)))
  }

  private static func certificate(_ verification: OpaquePointer) -> Certificate? {
    X509_STORE_CTX_get_current_cert(verification).flatMap { Certificate(openSSL: $0) }
  }

  private static func mismatch(_ certificate: Certificate, _ stream: TLSStream) -> String {
    let host = stream.expectedName
    let isAddress = stream.serverName.isEmpty
    let names = isAddress ? certificate.ipAddresses : certificate.dnsNames
    if !names.isEmpty { return "certificate is valid for \(names.joined(separator: ", ")), not \(host)" }
    if isAddress { return "cannot validate certificate for \(host) because it doesn't contain any IP SANs" }
    return "certificate is not valid for any names, but wanted to match \(host)"
  }

  /// RFC 3339 in UTC, as Go prints a time.
  private static func timestamp(_ seconds: Int64) -> String {
    var seconds = time_t(seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
      strftime(text.baseAddress!, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
      return String(cString: text.baseAddress!)
    }
  }
}
