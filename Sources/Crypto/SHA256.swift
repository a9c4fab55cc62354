import COpenSSL

/// SHA-256: feed it with `update`, end with `finish`.
public struct SHA256: ~Copyable {
  public static let digestLength = 32

  private let context: OpaquePointer

  public init() {
    context = EVP_MD_CTX_new()!
    let started = EVP_DigestInit_ex(context, Algorithms.sha256, nil)
    precondition(started == 1, "SHA-256 is not available")
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  public mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// The 32 bytes of the digest.
  public consuming func finish() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.digestLength) { digest, count in
      EVP_DigestFinal_ex(context, digest.baseAddress, nil)
      count = Self.digestLength
    }
  }

  public static func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  public static func digest(_ bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { digest($0) }
  }

  public static func digest(_ text: String) -> [UInt8] {
    var hash = SHA256()
    hash.update(text)
    return hash.finish()
  }
}
