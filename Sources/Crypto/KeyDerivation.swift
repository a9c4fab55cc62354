import COpenSSL

/// Message authentication with SHA-256 (RFC 2104).
public enum HMAC {
  /// The 32-byte code of `message` under a key of any length.
  public static func sha256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: SHA256.digestLength) { code, count in
      count = SHA256.digestLength
      // OpenSSL takes no null pointer for an empty key.
      let result = (key.isEmpty ? [0] : key).withUnsafeBytes { bytes in
        COpenSSL.HMAC(
          Algorithms.sha256, bytes.baseAddress, Int32(key.count), message, message.count, code.baseAddress, nil)
      }
      precondition(result != nil, "HMAC failed")
    }
  }
}

/// Keys derived from a secret, with HMAC-SHA-256 (RFC 5869).
public enum HKDF {
  /// `count` bytes, at most 8160, for the purpose named by `info`.
  public static func sha256(secret: [UInt8], salt: [UInt8] = [], info: [UInt8], count: Int) -> [UInt8] {
    precondition(count <= 255 * SHA256.digestLength)
    let key = HMAC.sha256(secret, key: salt)
    var output: [UInt8] = []
    var block: [UInt8] = []
    var counter: UInt8 = 0
    while output.count < count {
      counter += 1
      block = HMAC.sha256(block + info + [counter], key: key)
      output += block
    }
    return Array(output.prefix(count))
  }
}

/// Key agreement over Curve25519 (RFC 7748).
public enum X25519 {
  public static let keyLength = 32

  /// The public key of 32 private bytes.
  public static func publicKey(_ privateKey: [UInt8]) -> [UInt8] {
    rawPublicKey(type: EVP_PKEY_X25519, privateKey: privateKey)
  }

  /// The 32-byte secret that the owners of the two keys share; nil for a public key of low order, which would make
  /// it no secret.
  public static func sharedSecret(privateKey: [UInt8], publicKey: [UInt8]) -> [UInt8]? {
    OpenSSLLibrary.ready
    precondition(privateKey.count == keyLength && publicKey.count == keyLength)
    let own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, privateKey, keyLength)
    let peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, publicKey, keyLength)
    let context = EVP_PKEY_CTX_new(own, nil)
    defer {
      EVP_PKEY_CTX_free(context)
      EVP_PKEY_free(own)
      EVP_PKEY_free(peer)
    }
    var agreed = false
    let secret = [UInt8](unsafeUninitializedCapacity: keyLength) { secret, count in
      count = keyLength
      agreed =
        EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1
        && EVP_PKEY_derive(context, secret.baseAddress, &count) == 1
      if !agreed { count = 0 }
    }
    if !agreed { ERR_clear_error() }
    return agreed ? secret : nil
  }
}
