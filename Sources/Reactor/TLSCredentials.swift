import COpenSSL
import Glibc

/// A certificate chain and its private key, loaded from PEM files; owns the OpenSSL objects.
///
/// Invariant: immutable after `init`; OpenSSL's reference counts are atomic, so it may be shared between threads.
final class TLSCredentials: @unchecked Sendable {
  let leaf: OpaquePointer
  /// The certificates after the leaf; may be empty.
  let chain: OpaquePointer
  let key: OpaquePointer

  init(
    _ pair: TLSParameters.CertificatePair, given: [String: [UInt8]] = [:]
  ) throws(TLSConfigurationError) {
    let certificates = try Self.certificates(pair.certificateFile, given)
    defer { for certificate in certificates { X509_free(certificate) } }
    let key = try Self.key(pair.keyFile, given)
    let publicKey = X509_get0_pubkey(certificates[0])
    guard let publicKey, EVP_PKEY_get_base_id(publicKey) == EVP_PKEY_get_base_id(key) else {
      EVP_PKEY_free(key)
      throw TLSConfigurationError("tls: private key type does not match public key type", file: pair.keyFile)
    }
    guard EVP_PKEY_eq(publicKey, key) == 1 else {
      EVP_PKEY_free(key)
      throw TLSConfigurationError("tls: private key does not match public key", file: pair.keyFile)
    }
    self.key = key
    leaf = certificates[0]
    X509_up_ref(leaf)
    chain = cssl_certificates_new()
    for certificate in certificates.dropFirst() {
      X509_up_ref(certificate)
      _ = cssl_certificates_push(chain, certificate)
    }
  }

  deinit {
    X509_free(leaf)
    cssl_certificates_free(chain)
    EVP_PKEY_free(key)
  }

  /// Whether the leaf is for this host: exact or with a wildcard as the whole first label, names of the subject
  /// alternative name extension only.
  func serves(_ host: String) -> Bool {
    let flags = UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
    return X509_check_host(leaf, host, 0, flags, nil) == 1
  }

  private static func certificates(
    _ file: String, _ given: [String: [UInt8]]
  ) throws(TLSConfigurationError) -> [OpaquePointer] {
    var skipped: [String] = []
    var certificates: [OpaquePointer] = []
    for block in PEM.blocks(try contents(of: file, given)) {
      guard block.type == "CERTIFICATE" else {
        skipped.append(block.type)
        continue
      }
      guard let certificate = PEM.certificate(block.bytes) else {
        for certificate in certificates { X509_free(certificate) }
        throw TLSConfigurationError("x509: malformed certificate", file: file)
      }
      certificates.append(certificate)
    }
    guard certificates.isEmpty else { return certificates }
    if skipped.isEmpty {
      throw TLSConfigurationError("tls: failed to find any PEM data in certificate input", file: file)
    }
    if skipped.count == 1, skipped[0].hasSuffix("PRIVATE KEY") {
      throw TLSConfigurationError(
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
          + "PEM inputs may have been switched", file: file)
    }
    throw TLSConfigurationError(
      "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the "
        + "following types: [\(skipped.joined(separator: " "))]", file: file)
  }

  private static func key(
    _ file: String, _ given: [String: [UInt8]]
  ) throws(TLSConfigurationError) -> OpaquePointer {
    var skipped: [String] = []
    for block in PEM.blocks(try contents(of: file, given)) {
      guard block.type == "PRIVATE KEY" || block.type.hasSuffix(" PRIVATE KEY") else {
        skipped.append(block.type)
        continue
      }
      let key = block.bytes.withUnsafeBufferPointer { bytes in
        var position = bytes.baseAddress
        return d2i_AutoPrivateKey(nil, &position, bytes.count)
      }
      guard let key else {
        ERR_clear_error()
        throw TLSConfigurationError("tls: failed to parse private key", file: file)
      }
      return key
    }
    if skipped.isEmpty { throw TLSConfigurationError("tls: failed to find any PEM data in key input", file: file) }
    if skipped == ["CERTIFICATE"] {
      throw TLSConfigurationError(
        "tls: found a certificate rather than a key in the PEM for the private key", file: file)
    }
    throw TLSConfigurationError(
      "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks "
        + "of the following types: [\(skipped.joined(separator: " "))]", file: file)
  }

  /// The certificates of a file of authorities; those that cannot be read are skipped, one must remain.
  static func authorities(
    _ file: String, given: [String: [UInt8]] = [:]
  ) throws(TLSConfigurationError) -> [OpaquePointer] {
    let blocks = PEM.blocks(try contents(of: file, given)).filter { $0.type == "CERTIFICATE" }
    let certificates = blocks.compactMap { PEM.certificate($0.bytes) }
    guard !certificates.isEmpty else {
      throw TLSConfigurationError("failed to parse root ca certificate", file: file)
    }
    return certificates
  }

  private static func contents(
    of file: String, _ given: [String: [UInt8]]
  ) throws(TLSConfigurationError) -> [UInt8] {
    if let bytes = given[file] { return bytes }
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TLSConfigurationError("open \(file): \(errorText(errno))") }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw TLSConfigurationError("read \(file): \(errorText(errno))") }
      guard count > 0 else { return contents }
      contents += buffer[..<count]
      guard contents.count <= largestFile else { throw TLSConfigurationError("read \(file): file too large") }
    }
  }

  /// A bundle of all public authorities has some 250 KB.
  private static let largestFile = 16 << 20
}

/// The text of an error number as Go prints it: in lower case.
func errorText(_ number: Int32) -> String {
  String(cString: strerror(number)).lowercased()
}

/// The blocks of a PEM file.
enum PEM {
  struct Block {
    let type: String
    let bytes: [UInt8]
  }

  /// All blocks; what is not a block, or a damaged one, is passed over.
  static func blocks(_ contents: [UInt8]) -> [Block] {
    contents.withUnsafeBytes { contents in
      guard let bio = BIO_new_mem_buf(contents.baseAddress, Int32(contents.count)) else { return [] }
      defer {
        BIO_free(bio)
        ERR_clear_error()
      }
      var blocks: [Block] = []
      while true {
        var name: UnsafeMutablePointer<CChar>?
        var header: UnsafeMutablePointer<CChar>?
        var data: UnsafeMutablePointer<UInt8>?
        var length = 0
        guard PEM_read_bio(bio, &name, &header, &data, &length) == 1 else {
          if cssl_error_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE { return blocks }
          ERR_clear_error()
          continue
        }
        blocks.append(
          Block(type: String(cString: name!), bytes: Array(UnsafeBufferPointer(start: data, count: length))))
        cssl_free(name)
        cssl_free(header)
        cssl_free(data)
      }
    }
  }

  /// An owned X509, or nil for bytes that are none.
  static func certificate(_ bytes: [UInt8]) -> OpaquePointer? {
    let certificate = bytes.withUnsafeBufferPointer { bytes in
      var position = bytes.baseAddress
      return d2i_X509(nil, &position, bytes.count)
    }
    if certificate == nil { ERR_clear_error() }
    return certificate
  }
}
