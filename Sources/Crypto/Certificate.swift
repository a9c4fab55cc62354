import COpenSSL
import Glibc

/// What the server asks of an X.509 certificate: names, hashes, end of validity. Plain values, no OpenSSL inside.
public struct Certificate: Sendable, Equatable {
  public let subject: CertificateSubject
  /// Subject alternative names, in the certificate's order.
  public let emailAddresses: [String]
  public let dnsNames: [String]
  public let uris: [String]
  /// Numeric form.
  public let ipAddresses: [String]
  /// Seconds since 1970.
  public let notBefore: Int64
  public let notAfter: Int64
  /// Lower-case hex of the SHA-256 of the whole certificate (`cert_sha256` of /connz).
  public let sha256: String
  /// Lower-case hex of the SHA-256 of SubjectPublicKeyInfo: pinned certificates (FEATURES 4.012), `spki_sha256`.
  public let publicKeySHA256: String

  init(
    subject: CertificateSubject, emailAddresses: [String], dnsNames: [String], uris: [String], ipAddresses: [String],
    notBefore: Int64, notAfter: Int64, sha256: String, publicKeySHA256: String
  ) {
    self.subject = subject
    self.emailAddresses = emailAddresses
    self.dnsNames = dnsNames
    self.uris = uris
    self.ipAddresses = ipAddresses
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.sha256 = sha256
    self.publicKeySHA256 = publicKeySHA256
  }

  /// Nil for bytes that are no certificate.
  public init?(der: [UInt8]) {
    OpenSSLLibrary.ready
    let certificate = der.withUnsafeBufferPointer { bytes in
      var position = bytes.baseAddress
      return d2i_X509(nil, &position, bytes.count)
    }
    guard let certificate else {
      ERR_clear_error()
      return nil
    }
    defer { X509_free(certificate) }
    self.init(openSSL: certificate)
  }

  /// From a borrowed `X509`.
  package init?(openSSL certificate: OpaquePointer) {
    guard let der = Self.encoded({ i2d_X509(certificate, $0) }),
      let publicKey = Self.encoded({ i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), $0) }),
      let notBefore = Self.seconds(X509_get0_notBefore(certificate)),
      let notAfter = Self.seconds(X509_get0_notAfter(certificate))
    else { return nil }
    subject = CertificateSubject(Self.relativeNames(X509_get_subject_name(certificate)))
    sha256 = Hex.encode(SHA256.digest(der))
    publicKeySHA256 = Hex.encode(SHA256.digest(publicKey))
    self.notBefore = notBefore
    self.notAfter = notAfter

    var emailAddresses: [String] = []
    var dnsNames: [String] = []
    var uris: [String] = []
    var ipAddresses: [String] = []
    let alternatives = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil).map { OpaquePointer($0) }
    for index in 0..<cssl_general_name_count(alternatives) {
      guard let name = cssl_general_name_at(alternatives, index) else { continue }
      var type: Int32 = 0
      let value = GENERAL_NAME_get0_value(name, &type)?.assumingMemoryBound(to: ASN1_STRING.self)
      guard let value else { continue }
      switch type {
      case GEN_EMAIL: emailAddresses.append(Self.text(value) ?? "")
      case GEN_DNS: dnsNames.append(Self.text(value) ?? "")
      case GEN_URI: uris.append(Self.normalisedURI(Self.text(value) ?? ""))
      case GEN_IPADD: ipAddresses += Self.address(value).map { [$0] } ?? []
      default: break
      }
    }
    if let alternatives { GENERAL_NAMES_free(alternatives) }
    self.emailAddresses = emailAddresses
    self.dnsNames = dnsNames
    self.uris = uris
    self.ipAddresses = ipAddresses
  }

  private static func relativeNames(_ name: OpaquePointer?) -> [[CertificateSubject.Attribute]] {
    var relativeNames: [[CertificateSubject.Attribute]] = []
    var set: Int32 = -1
    for index in 0..<X509_NAME_entry_count(name) {
      guard let entry = X509_NAME_get_entry(name, index) else { continue }
      let attribute = CertificateSubject.Attribute(
        objectIdentifier: objectIdentifier(X509_NAME_ENTRY_get_object(entry)),
        value: X509_NAME_ENTRY_get_data(entry).flatMap { text($0) } ?? "")
      if X509_NAME_ENTRY_set(entry) == set {
        relativeNames[relativeNames.count - 1].append(attribute)
      } else {
        relativeNames.append([attribute])
        set = X509_NAME_ENTRY_set(entry)
      }
    }
    return relativeNames
  }

  private static func objectIdentifier(_ object: OpaquePointer?) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
      let length = OBJ_obj2txt(text.baseAddress, Int32(text.count), object, 1)
      return length > 0 ? String(cString: text.baseAddress!) : ""
    }
  }

  /// A string of any of ASN.1's character sets as UTF-8.
  private static func text(_ string: UnsafePointer<ASN1_STRING>) -> String? {
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = ASN1_STRING_to_UTF8(&bytes, string)
    guard count >= 0, let bytes else {
      ERR_clear_error()
      return nil
    }
    defer { cssl_free(bytes) }
    return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
  }

  private static func address(_ string: UnsafePointer<ASN1_STRING>) -> String? {
    let count = ASN1_STRING_length(string)
    guard let bytes = ASN1_STRING_get0_data(string), count == 4 || count == 16 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      inet_ntop(count == 4 ? AF_INET : AF_INET6, bytes, text.baseAddress!, socklen_t(text.count)).map {
        String(cString: $0)
      }
    }
  }

  /// As Go prints a URI that it has parsed: the scheme in lower case.
  private static func normalisedURI(_ uri: String) -> String {
    guard let colon = uri.firstIndex(of: ":") else { return uri }
    return uri[..<colon].lowercased() + uri[colon...]
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return Int64(timegm(&parts))
  }

  /// What one of OpenSSL's `i2d` functions writes.
  private static func encoded(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8]? {
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = write(&bytes)
    guard count > 0, let bytes else { return nil }
    defer { cssl_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
  }
}
