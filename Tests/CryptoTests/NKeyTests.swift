import Bytes
import Testing

@testable import Crypto

@Suite("NKeys (FEATURES 4.005)")
struct NKeyTests {
  /// Made with nkeys for Python from the seed bytes 0, 1, ... 31.
  static let vectors: [(kind: NKey.Kind, seed: String, publicKey: String)] = [
    (
      .user, "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y",
      "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"
    ),
    (
      .account, "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI",
      "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV"
    ),
    (
      .server, "SNAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2D5U",
      "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB"
    ),
    (
      .cluster, "SCAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYO7Q",
      "CAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3R53J"
    ),
    (
      .operator, "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA",
      "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT"
    ),
    (
      .curve, "SXAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H74KM",
      "XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7"
    ),
  ]
  static let userPrivate =
    "PAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6A5BA677HTQQXYOXBXIY45F4BGLH4TLDBG5FBVPR3XEGMQJFKMNYJGWQ"
  static let curvePrivate = "PAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7QT2"
  static let signature = "qgU0JwqSAeySQ-jDQqSGQmvdvJasPD2g_Lo_M0UK4LDll9YfL-1OuurnjzdvyEbOf1wlY5H_Y_3t-7DJBn34AQ"

  @Test("seed and public key texts", arguments: vectors)
  func texts(kind: NKey.Kind, seed: String, publicKey: String) throws {
    let pair = try #require(NKey.Pair(seedText: seed))
    #expect(pair.kind == kind)
    #expect(pair.seed == Array(0..<32))
    #expect(pair.seedText == seed)
    #expect(pair.publicKey.description == publicKey)
    #expect(pair.privateText == (kind == .curve ? Self.curvePrivate : Self.userPrivate))
    #expect(publicKey.first == kind.letter)
    #expect(NKey.Public(publicKey) == pair.publicKey)
    #expect(NKey.isValidPublicKey(publicKey))
    for other in NKey.Kind.allCases { #expect(NKey.isValid(publicKey, as: other) == (other == kind)) }
    #expect(NKey.Public(seed) == nil)
    #expect(NKey.Pair(seedText: publicKey) == nil)
  }

  @Test("signatures")
  func signatures() throws {
    let pair = try #require(NKey.Pair(seedText: Self.vectors[0].seed))
    let message = Array("nonce-0123456789".utf8)
    let signature = try #require(Base64.rawURL.decode(Self.signature))
    #expect(pair.sign(message) == signature)
    #expect(pair.publicKey.verify(signature, of: message))
    #expect(!pair.publicKey.verify(signature, of: message + [0]))
    #expect(!pair.publicKey.verify(Array(signature.dropLast()), of: message))
    #expect(!pair.publicKey.verify([], of: message))
    for bit in [0, 100, 255, 256, 511] {
      var damaged = signature
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(!pair.publicKey.verify(damaged, of: message))
    }
    #expect(!NKey.Pair(creating: .user).publicKey.verify(signature, of: message))
  }

  @Test("a curve pair neither signs nor verifies")
  func curve() {
    let pair = NKey.Pair(creating: .curve)
    #expect(pair.sign([1]) == nil)
    #expect(!pair.publicKey.verify([UInt8](repeating: 0, count: 64), of: [1]))
  }

  @Test("new pairs", arguments: NKey.Kind.allCases)
  func created(kind: NKey.Kind) {
    let pair = NKey.Pair(creating: kind)
    let text = pair.publicKey.description
    #expect(text.utf8.count == 56)
    #expect(pair.seedText.utf8.count == 58)
    #expect(text.first == kind.letter)
    #expect(pair.seedText.prefix(2) == "S\(kind.letter)")
    #expect(NKey.Pair(seedText: pair.seedText)?.publicKey == pair.publicKey)
    #expect(NKey.Pair(creating: kind).publicKey != pair.publicKey)
  }

  /// Each row was given to nats-server 2.15.1 as a user's nkey with -t.
  @Test(
    "which user keys a configuration may hold",
    arguments: [
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63NN", true),
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCONZO", true),  // 20 bytes
      ("UUAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7AZX", true),  // low bits of the prefix byte
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63NNA", true),  // a character too many
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63NNAAA", true),
      ("uaaacaqdaqcqmbyibefawdanbyhraeiscmkbkfqxdamrugy4dupb63nn", false),
      ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false),
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63NM", false),  // checksum
      ("UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB63N1", false),
      ("U", false), ("", false),
    ])
  func validity(text: String, valid: Bool) {
    #expect(NKey.isValid(text, as: .user) == valid)
  }

  @Test(
    "keys that cannot verify are not keys",
    arguments: [
      "UAAACAQDAQCQMBYIBEFAWDANBYHRAEISCONZO", "UUAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7AZX",
    ])
  func unusable(text: String) {
    #expect(NKey.Public(text) == nil)
  }
}

@Suite("Ed25519")
struct Ed25519Tests {
  @Test(
    "RFC 8032 section 7.1",
    arguments: [
      (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
          + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
      ),
      (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
          + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
      ),
      (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
          + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
      ),
    ])
  func vectors(seed: String, publicKey: String, message: String, signature: String) throws {
    let seed = try #require(Hex.decode(seed))
    let publicKey = try #require(Hex.decode(publicKey))
    let message = try #require(Hex.decode(message))
    let signature = try #require(Hex.decode(signature))
    #expect(Ed25519.publicKey(seed: seed) == publicKey)
    #expect(Ed25519.sign(message, seed: seed) == signature)
    #expect(Ed25519.verify(signature, of: message, publicKey: publicKey))
    #expect(!Ed25519.verify(signature, of: message + [1], publicKey: publicKey))
  }
}
