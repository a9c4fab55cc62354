import Testing

@testable import Crypto

@Suite("Ciphers and keys")
struct CipherTests {
  static func bytes(_ hex: String) -> [UInt8] { Hex.decode(hex)! }

  // MARK: - Authenticated encryption

  @Test("ChaCha20-Poly1305: RFC 8439 section 2.8.2")
  func chaCha20Poly1305() {
    let plaintext = Array(
      ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
        + "would be it.").utf8)
    let cipher = AuthenticatedCipher(.chaCha20Poly1305, key: Array(0x80...0x9F))
    let nonce = Self.bytes("070000004041424344454647")
    let extra = Self.bytes("50515253c0c1c2c3c4c5c6c7")
    let sealed = Self.bytes(
      """
      d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
      1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
      3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691
      """)
    #expect(cipher.seal(plaintext, nonce: nonce, authenticating: extra) == sealed)
    #expect(cipher.open(sealed, nonce: nonce, authenticating: extra) == plaintext)
  }

  @Test("AES-256-GCM: made with the cryptography package for Python")
  func aes256GCM() {
    let cipher = AuthenticatedCipher(.aes256GCM, key: Array(0..<32))
    let sealed = Self.bytes("2f67ba77aac5b574ff2df3bdf2887d5e88c0233ab3a8a0fdda85cf")
    let plaintext = Array("hello world".utf8)
    #expect(cipher.seal(plaintext, nonce: Array(0..<12), authenticating: Array("extra".utf8)) == sealed)
    #expect(cipher.open(sealed, nonce: Array(0..<12), authenticating: Array("extra".utf8)) == plaintext)
  }

  @Test("nothing opens but what was sealed", arguments: AuthenticatedCipher.Algorithm.allCases)
  func tampering(algorithm: AuthenticatedCipher.Algorithm) {
    let cipher = AuthenticatedCipher(algorithm, key: Array(1...32))
    let nonce = Array<UInt8>(0..<12)
    for length in [0, 1, 15, 16, 17, 1000] {
      let plaintext = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
      let sealed = cipher.seal(plaintext, nonce: nonce, authenticating: [1])
      #expect(sealed.count == length + AuthenticatedCipher.tagLength)
      #expect(cipher.open(sealed, nonce: nonce, authenticating: [1]) == plaintext)
      #expect(cipher.open(sealed, nonce: nonce, authenticating: [2]) == nil)
      #expect(cipher.open(sealed, nonce: nonce) == nil)
      #expect(cipher.open(sealed, nonce: nonce.reversed(), authenticating: [1]) == nil)
      #expect(cipher.open(Array(sealed.dropLast()), nonce: nonce, authenticating: [1]) == nil)
      for index in Set([0, length / 2, sealed.count - 1]) {
        var damaged = sealed
        damaged[index] ^= 0x40
        #expect(cipher.open(damaged, nonce: nonce, authenticating: [1]) == nil)
      }
      let other = AuthenticatedCipher(algorithm, key: Array(0..<32))
      #expect(other.open(sealed, nonce: nonce, authenticating: [1]) == nil)
    }
    #expect(cipher.open([], nonce: nonce) == nil)
  }

  @Test("sealing and opening in place", arguments: AuthenticatedCipher.Algorithm.allCases)
  func inPlace(algorithm: AuthenticatedCipher.Algorithm) {
    let cipher = AuthenticatedCipher(algorithm, key: Array(1...32))
    let plaintext = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 3) }
    var memory = plaintext + [UInt8](repeating: 0, count: 16)
    let nonce = Array<UInt8>(0..<12)
    let opened = memory.withUnsafeMutableBytes { memory in
      cipher.seal(UnsafeRawBufferPointer(rebasing: memory[..<5000]), nonce: nonce, into: memory)
      return cipher.open(UnsafeRawBufferPointer(memory), nonce: nonce, into: memory)
    }
    #expect(opened)
    #expect(Array(memory[..<5000]) == plaintext)
  }

  // MARK: - Keys from secrets

  @Test(
    "HMAC-SHA-256: RFC 4231 cases 1, 2 and 6, and an empty key",
    arguments: [
      (
        [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        [UInt8](repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
      ([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ] as [([UInt8], [UInt8], String)])
  func hmac(key: [UInt8], message: [UInt8], code: String) {
    #expect(Hex.encode(HMAC.sha256(message, key: key)) == code)
  }

  @Test("HKDF-SHA-256: RFC 5869 cases 1 and 3")
  func hkdf() {
    let secret = [UInt8](repeating: 0x0B, count: 22)
    #expect(
      Hex.encode(HKDF.sha256(secret: secret, salt: Array(0...12), info: Array(0xF0...0xF9), count: 42))
        == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    #expect(
      Hex.encode(HKDF.sha256(secret: secret, info: [], count: 42))
        == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
  }

  @Test("X25519: RFC 7748 section 5.2, agreement, and a public key that is no secret")
  func x25519() {
    let privateKey = Self.bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    let publicKey = Self.bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    #expect(
      X25519.sharedSecret(privateKey: privateKey, publicKey: publicKey)
        == Self.bytes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"))
    let other = Random.bytes(count: 32)
    #expect(
      X25519.sharedSecret(privateKey: privateKey, publicKey: X25519.publicKey(other))
        == X25519.sharedSecret(privateKey: other, publicKey: X25519.publicKey(privateKey)))
    #expect(X25519.sharedSecret(privateKey: privateKey, publicKey: [UInt8](repeating: 0, count: 32)) == nil)
  }

  // MARK: - Boxes

  @Test("curve boxes: made with PyNaCl")
  func box() throws {
    let sender = NKey.Pair(kind: .curve, seed: Array(0..<32))
    let recipient = NKey.Pair(kind: .curve, seed: Array(32..<64))
    #expect(
      Hex.encode(recipient.publicKey.bytes) == "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254")
    let plaintext = Array(
      "the quick brown fox jumps over the lazy dog, and over the seventy bytes of a block".utf8)
    let sealed = try #require(
      CurveBox.seal(plaintext, from: sender, to: recipient.publicKey, nonce: Array(0..<24)))
    #expect(
      Hex.encode(sealed.dropFirst(28))
        == """
        47d1bcf2d3c808b55d4decccc847ca1817bada100d0d21cc2a53d4834bdd99b66bd9f85d2bdceddd0eb947c9a78eb8b0\
        9cf016c9cb195f07050d1c6a2652a2692e882fbcf1a56bcf91b03555073530f1c752b8660274ae94e29a90d4e81adde5c25d
        """)
    #expect(Array(sealed.prefix(4)) == Array("xkv1".utf8))
    #expect(CurveBox.open(sealed, from: sender.publicKey, to: recipient) == plaintext)
    #expect(CurveBox.open(sealed, from: recipient.publicKey, to: recipient) == nil)
    for index in [0, 4, 28, 44, sealed.count - 1] {
      var damaged = sealed
      damaged[index] ^= 1
      #expect(CurveBox.open(damaged, from: sender.publicKey, to: recipient) == nil)
    }
    #expect(CurveBox.open(Array(sealed.prefix(43)), from: sender.publicKey, to: recipient) == nil)
    #expect(CurveBox.seal([1], from: NKey.Pair(creating: .user), to: recipient.publicKey) == nil)
    let fresh = try #require(CurveBox.seal([], from: sender, to: recipient.publicKey))
    #expect(CurveBox.open(fresh, from: sender.publicKey, to: recipient) == [])
  }
}
