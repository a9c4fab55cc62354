import COpenSSL

/// Algorithms looked up once: a look-up by name costs more than hashing a short text.
///
/// Invariant: the objects behind these pointers are immutable and live as long as the process.
enum Algorithms {
  nonisolated(unsafe) static let sha256: OpaquePointer = digest("SHA256")
  nonisolated(unsafe) static let sha512_256: OpaquePointer = digest("SHA512-256")

  private static func digest(_ name: String) -> OpaquePointer {
    OpenSSLLibrary.ready
    return EVP_MD_fetch(nil, name, nil)!
  }
}
