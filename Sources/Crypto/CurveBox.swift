import COpenSSL

/// Boxes between two curve NKeys (`X...`), as auth callout encrypts its requests: NaCl's `box` (X25519, XSalsa20,
/// Poly1305) behind the word `xkv1` and a random nonce.
public enum CurveBox {
  private static let word = Array("xkv1".utf8)
  static let nonceLength = 24
  private static let tagLength = 16

  /// What only the owner of `recipient` can open; nil unless both keys are curve keys.
  public static func seal(_ plaintext: [UInt8], from sender: NKey.Pair, to recipient: NKey.Public) -> [UInt8]? {
    seal(plaintext, from: sender, to: recipient, nonce: Random.bytes(count: nonceLength))
  }

  static func seal(
    _ plaintext: [UInt8], from sender: NKey.Pair, to recipient: NKey.Public, nonce: [UInt8]
  ) -> [UInt8]? {
    guard let key = sharedKey(sender, recipient) else { return nil }
    let stream = Salsa20.stream(key: key, nonce: nonce, count: 32 + plaintext.count)
    let ciphertext = zip(plaintext, stream.dropFirst(32)).map { $0 ^ $1 }
    return word + nonce + Poly1305.code(of: ciphertext, key: Array(stream.prefix(32))) + ciphertext
  }

  /// What `sender` sealed for `recipient`; nil for anything else.
  public static func open(_ sealed: [UInt8], from sender: NKey.Public, to recipient: NKey.Pair) -> [UInt8]? {
    let overhead = word.count + nonceLength + tagLength
    guard sealed.count >= overhead, Array(sealed.prefix(word.count)) == word,
      let key = sharedKey(recipient, sender)
    else { return nil }
    let nonce = Array(sealed[word.count..<word.count + nonceLength])
    let tag = Array(sealed[overhead - tagLength..<overhead])
    let ciphertext = Array(sealed[overhead...])
    let stream = Salsa20.stream(key: key, nonce: nonce, count: 32 + ciphertext.count)
    guard ConstantTime.equal(tag, Poly1305.code(of: ciphertext, key: Array(stream.prefix(32)))) else { return nil }
    return zip(ciphertext, stream.dropFirst(32)).map { $0 ^ $1 }
  }

  private static func sharedKey(_ own: NKey.Pair, _ peer: NKey.Public) -> [UInt8]? {
    guard own.kind == .curve, peer.kind == .curve,
      let secret = X25519.sharedSecret(privateKey: own.seed, publicKey: peer.bytes)
    else { return nil }
    return Salsa20.derivedKey(secret, input: [UInt8](repeating: 0, count: 16))
  }
}

/// Salsa20 with a 32-byte key, and its extension to nonces of 24 bytes (XSalsa20). OpenSSL does not have it.
enum Salsa20 {
  /// The key stream for a 24-byte nonce.
  static func stream(key: [UInt8], nonce: [UInt8], count: Int) -> [UInt8] {
    precondition(key.count == 32 && nonce.count == 24)
    let subkey = derivedKey(key, input: Array(nonce[..<16]))
    var stream: [UInt8] = []
    stream.reserveCapacity(count + 64)
    var counter: UInt64 = 0
    while stream.count < count {
      let input = nonce[16...] + (0..<8).map { UInt8(truncatingIfNeeded: counter >> (8 * $0)) }
      let start = state(subkey, Array(input))
      for (word, first) in zip(mixed(start), start) { append(word &+ first, to: &stream) }
      counter += 1
    }
    return Array(stream.prefix(count))
  }

  /// HSalsa20: a key from a key and 16 bytes.
  static func derivedKey(_ key: [UInt8], input: [UInt8]) -> [UInt8] {
    let words = mixed(state(key, input))
    var derived: [UInt8] = []
    for index in [0, 5, 10, 15, 6, 7, 8, 9] { append(words[index], to: &derived) }
    return derived
  }

  private static func append(_ word: UInt32, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
  }

  /// Constants on the diagonal, the key around the 16 bytes of input.
  private static func state(_ key: [UInt8], _ input: [UInt8]) -> [UInt32] {
    func words(_ bytes: ArraySlice<UInt8>) -> [UInt32] {
      stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).map { index in
        (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
      }
    }
    let constants = words(ArraySlice("expand 32-byte k".utf8))
    return [constants[0]] + words(key[..<16]) + [constants[1]] + words(input[...]) + [constants[2]]
      + words(key[16...]) + [constants[3]]
  }

  private static let columns = [(0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)]
  private static let rows = [(0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)]

  /// Twenty rounds.
  private static func mixed(_ start: [UInt32]) -> [UInt32] {
    var words = start
    func quarter(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
      words[b] ^= rotated(words[a] &+ words[d], 7)
      words[c] ^= rotated(words[b] &+ words[a], 9)
      words[d] ^= rotated(words[c] &+ words[b], 13)
      words[a] ^= rotated(words[d] &+ words[c], 18)
    }
    for _ in 0..<10 {
      for (a, b, c, d) in columns { quarter(a, b, c, d) }
      for (a, b, c, d) in rows { quarter(a, b, c, d) }
    }
    return words
  }

  private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}

/// The one-time authenticator (RFC 8439, section 2.5).
enum Poly1305 {
  static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
    let context = EVP_MAC_CTX_new(Algorithms.poly1305)
    defer { EVP_MAC_CTX_free(context) }
    return [UInt8](unsafeUninitializedCapacity: 16) { code, count in
      let done =
        EVP_MAC_init(context, key, key.count, nil) == 1 && EVP_MAC_update(context, message, message.count) == 1
        && EVP_MAC_final(context, code.baseAddress, &count, 16) == 1
      precondition(done && count == 16, "Poly1305 failed")
    }
  }
}
