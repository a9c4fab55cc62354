import COpenSSL

/// Algorithms looked up once: a look-up by name costs more than hashing a short text.
///
/// Invariant: the objects behind these pointers are immutable and live as long as the process.
enum Algorithms {
  nonisolated(unsafe) static let sha256: OpaquePointer = EVP_MD_fetch(nil, "SHA256", nil)!
  nonisolated(unsafe) static let sha512_256: OpaquePointer = EVP_MD_fetch(nil, "SHA512-256", nil)!
}
