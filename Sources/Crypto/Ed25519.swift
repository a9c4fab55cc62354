import COpenSSL

/// Ed25519 signatures (RFC 8032).
public enum Ed25519 {
  public static let seedLength = 32
  public static let publicKeyLength = 32
  public static let signatureLength = 64

  /// The public key of a 32-byte seed.
  public static func publicKey(seed: [UInt8]) -> [UInt8] {
    rawPublicKey(type: EVP_PKEY_ED25519, privateKey: seed)
  }

  /// The 64-byte signature of `message` under a 32-byte seed.
  public static func sign(_ message: UnsafeRawBufferPointer, seed: [UInt8]) -> [UInt8] {
    OpenSSLLibrary.ready
    precondition(seed.count == seedLength)
    let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      EVP_PKEY_free(key)
    }
    return [UInt8](unsafeUninitializedCapacity: signatureLength) { signature, count in
      count = signatureLength
      let signed =
        EVP_DigestSignInit(context, nil, nil, nil, key) == 1
        && EVP_DigestSign(context, signature.baseAddress, &count, message.bytesOrEmpty, message.count) == 1
      precondition(signed, "Ed25519 signing failed")
    }
  }

  /// Whether `signature` is of `message` under the 32-byte public key. False for anything malformed.
  public static func verify(
    _ signature: UnsafeRawBufferPointer, of message: UnsafeRawBufferPointer, publicKey: [UInt8]
  ) -> Bool {
    OpenSSLLibrary.ready
    guard signature.count == signatureLength, publicKey.count == publicKeyLength,
      let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
    else { return false }
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      EVP_PKEY_free(key)
    }
    let valid =
      EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
      && EVP_DigestVerify(
        context, signature.bytesOrEmpty, signature.count, message.bytesOrEmpty, message.count) == 1
    if !valid { ERR_clear_error() }
    return valid
  }

  public static func sign(_ message: [UInt8], seed: [UInt8]) -> [UInt8] {
    message.withUnsafeBytes { sign($0, seed: seed) }
  }

  public static func verify(_ signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
    signature.withUnsafeBytes { signature in
      message.withUnsafeBytes { verify(signature, of: $0, publicKey: publicKey) }
    }
  }
}

/// The raw public half of a raw private key of one of the curve 25519 algorithms.
func rawPublicKey(type: Int32, privateKey: [UInt8]) -> [UInt8] {
  OpenSSLLibrary.ready
  precondition(privateKey.count == 32)
  let key = EVP_PKEY_new_raw_private_key(type, nil, privateKey, privateKey.count)
  defer { EVP_PKEY_free(key) }
  return [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
    count = 32
    let known = EVP_PKEY_get_raw_public_key(key, bytes.baseAddress, &count) == 1
    precondition(known, "no public key")
  }
}

extension UnsafeRawBufferPointer {
  /// OpenSSL wants a pointer even where there is nothing to read.
  var bytesOrEmpty: UnsafePointer<UInt8> {
    baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? emptyBytes
  }
}

/// Invariant: one byte, never written after its initialisation, never freed.
private nonisolated(unsafe) let emptyBytes: UnsafePointer<UInt8> = {
  let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
  byte.initialize(to: 0)
  return UnsafePointer(byte)
}()
