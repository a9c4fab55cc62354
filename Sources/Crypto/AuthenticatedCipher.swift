import COpenSSL

/// Authenticated encryption with a 32-byte key and a 12-byte nonce; the 16-byte tag follows the ciphertext.
///
/// A nonce must never be used twice with one key.
public struct AuthenticatedCipher: Sendable {
  public enum Algorithm: Sendable, CaseIterable {
    /// AES-256-GCM (NIST SP 800-38D)
    case aes256GCM
    /// ChaCha20-Poly1305 (RFC 8439)
    case chaCha20Poly1305
  }

  public static let keyLength = 32
  public static let nonceLength = 12
  public static let tagLength = 16

  public let algorithm: Algorithm
  private let key: [UInt8]

  public init(_ algorithm: Algorithm, key: [UInt8]) {
    precondition(key.count == Self.keyLength)
    self.algorithm = algorithm
    self.key = key
  }

  /// Ciphertext and tag: 16 bytes more than `plaintext`. `authenticating`: bytes that are protected but not included.
  public func seal(_ plaintext: [UInt8], nonce: [UInt8], authenticating extra: [UInt8] = []) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: plaintext.count + Self.tagLength) { sealed, count in
      count = plaintext.withUnsafeBytes { seal($0, nonce: nonce, authenticating: extra, into: .init(sealed)) }
    }
  }

  /// The plaintext; nil when key, nonce, extra bytes or a single bit are not those of `seal`.
  public func open(_ sealed: [UInt8], nonce: [UInt8], authenticating extra: [UInt8] = []) -> [UInt8]? {
    guard sealed.count >= Self.tagLength else { return nil }
    var opened = true
    let plaintext = [UInt8](unsafeUninitializedCapacity: sealed.count - Self.tagLength) { plaintext, count in
      opened = sealed.withUnsafeBytes { open($0, nonce: nonce, authenticating: extra, into: .init(plaintext)) }
      count = opened ? sealed.count - Self.tagLength : 0
    }
    return opened ? plaintext : nil
  }

  /// Writes ciphertext and tag into memory of at least 16 bytes more than `plaintext`; returns how many. The two may
  /// start at the same address.
  @discardableResult
  public func seal(
    _ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], authenticating extra: [UInt8] = [],
    into sealed: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(sealed.count >= plaintext.count + Self.tagLength)
    let context = start(encrypting: 1, nonce: nonce, extra)
    defer { EVP_CIPHER_CTX_free(context) }
    var written: Int32 = 0
    let tag = sealed.baseAddress! + plaintext.count
    let done =
      EVP_CipherUpdate(
        context, sealed.bytes, &written, plaintext.bytesOrEmpty, Int32(plaintext.count)) == 1
      && EVP_CipherFinal_ex(context, tag.assumingMemoryBound(to: UInt8.self), &written) == 1
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag) == 1
    precondition(done, "encryption failed")
    return plaintext.count + Self.tagLength
  }

  /// Writes the plaintext into memory of at least 16 bytes less than `sealed`. When it returns false, what was
  /// written there means nothing.
  public func open(
    _ sealed: UnsafeRawBufferPointer, nonce: [UInt8], authenticating extra: [UInt8] = [],
    into plaintext: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let length = sealed.count - Self.tagLength
    guard length >= 0 else { return false }
    precondition(plaintext.count >= length)
    let context = start(encrypting: 0, nonce: nonce, extra)
    defer { EVP_CIPHER_CTX_free(context) }
    var written: Int32 = 0
    let tag = UnsafeMutableRawPointer(mutating: sealed.baseAddress! + length)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.tagLength) { end in
      EVP_CipherUpdate(context, plaintext.bytes ?? end.baseAddress, &written, sealed.bytesOrEmpty, Int32(length)) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), tag) == 1
        && EVP_CipherFinal_ex(context, end.baseAddress, &written) == 1
    }
  }

  private func start(encrypting: Int32, nonce: [UInt8], _ extra: [UInt8]) -> OpaquePointer? {
    precondition(nonce.count == Self.nonceLength)
    let cipher = algorithm == .aes256GCM ? Algorithms.aes256GCM : Algorithms.chaCha20Poly1305
    let context = EVP_CIPHER_CTX_new()
    var written: Int32 = 0
    let started =
      EVP_CipherInit_ex2(context, cipher, key, nonce, encrypting, nil) == 1
      && (extra.isEmpty || EVP_CipherUpdate(context, nil, &written, extra, Int32(extra.count)) == 1)
    precondition(started, "cipher does not start")
    return context
  }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate var bytes: UnsafeMutablePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
