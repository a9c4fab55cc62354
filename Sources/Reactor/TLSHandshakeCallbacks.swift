import COpenSSL

// Functions that OpenSSL calls during a handshake, always inside of the stream's own call. The stream is found
// through the connection's owner pointer, which is valid as long as the connection is.

private func owner(_ connection: OpaquePointer?) -> TLSStream {
  Unmanaged<TLSStream>.fromOpaque(cssl_owner(connection)).takeUnretainedValue()
}

/// `SSL_CTX_set_verify`
func verifyPeerCertificate(_ accepted: Int32, _ verification: OpaquePointer?) -> Int32 {
  verification.map { TLSVerification.verify(accepted, $0) } ?? 0
}

/// `SSL_CTX_set_cert_cb`
func chooseServerCertificate(_ connection: OpaquePointer?, _: UnsafeMutableRawPointer?) -> Int32 {
  owner(connection).context.chooseCertificate(connection!)
  return 1
}

/// `SSL_CTX_set_client_hello_cb`: notes what the client offers, for the text of a failure.
func noteClientOffer(
  _ connection: OpaquePointer?, _: UnsafeMutablePointer<Int32>?, _: UnsafeMutableRawPointer?
) -> Int32 {
  var offer = TLSClientOffer()
  var bytes: UnsafePointer<UInt8>?
  let count = SSL_client_hello_get0_ciphers(connection, &bytes)
  offer.ciphers = numbers(bytes, count)
  var length = 0
  if SSL_client_hello_get0_ext(connection, UInt32(TLSEXT_TYPE_supported_versions), &bytes, &length) == 1, length > 1 {
    offer.versions = numbers(bytes.map { $0 + 1 }, length - 1)
  } else {
    let legacy = UInt16(truncatingIfNeeded: SSL_client_hello_get0_legacy_version(connection))
    offer.versions = [0x303, 0x302, 0x301].filter { $0 <= legacy }
  }
  owner(connection).offer = offer
  return SSL_CLIENT_HELLO_SUCCESS
}

private func numbers(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> [UInt16] {
  guard let bytes else { return [] }
  return stride(from: 0, to: count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
}
