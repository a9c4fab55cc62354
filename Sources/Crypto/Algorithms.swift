import COpenSSL

/// Algorithms looked up once: a look-up by name costs more than hashing a short text.
///
/// Invariant: the objects behind these pointers are immutable and live as long as the process.
enum Algorithms {
  nonisolated(unsafe) static let sha256: OpaquePointer = digest("SHA256")
  nonisolated(unsafe) static let sha512_256: OpaquePointer = digest("SHA512-256")
  nonisolated(unsafe) static let aes256GCM: OpaquePointer = cipher("AES-256-GCM")
  nonisolated(unsafe) static let chaCha20Poly1305: OpaquePointer = cipher("ChaCha20-Poly1305")
  nonisolated(unsafe) static let poly1305: OpaquePointer = {
    OpenSSLLibrary.ready
    return EVP_MAC_fetch(nil, "POLY1305", nil)!
  }()

  private static func cipher(_ name: String) -> OpaquePointer {
    OpenSSLLibrary.ready
    return EVP_CIPHER_fetch(nil, name, nil)!
  }

  private static func digest(_ name: String) -> OpaquePointer {
    OpenSSLLibrary.ready
    return EVP_MD_fetch(nil, name, nil)!
  }
}
