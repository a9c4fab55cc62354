import Testing

@testable import Crypto

@Suite("Hashes, random bytes, comparison")
struct HashTests {
  @Test(
    "SHA-256 (FIPS 180-4 examples)",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func sha256(text: String, digest: String) {
    #expect(Hex.encode(SHA256.digest(text)) == digest)
    var hash = SHA256()
    for byte in text.utf8 { hash.update([byte]) }
    #expect(Hex.encode(hash.finish()) == digest)
  }

  @Test("hex")
  func hex() {
    #expect(Hex.encode([0, 0x0F, 0xA5, 0xFF]) == "000fa5ff")
    #expect(Hex.decode("000fA5Ff") == [0, 0x0F, 0xA5, 0xFF])
    for bad in ["0", "0g", "00 1", "é"] { #expect(Hex.decode(bad) == nil) }
  }

  @Test("CRC-16/XMODEM check value") func crc16() {
    #expect(CRC16.checksum(Array("123456789".utf8)) == 0x31C3)
  }

  @Test(
    "constant-time equality (FEATURES 4.002)",
    arguments: [
      ("", "", true), ("secret", "secret", true), ("secret", "secreT", false), ("secret", "secre", false),
      ("Secret", "secret", false),
    ])
  func constantTime(left: String, right: String, equal: Bool) {
    #expect(ConstantTime.equal(left, right) == equal)
    #expect(ConstantTime.equal(Array(left.utf8), Array(right.utf8)) == equal)
  }

  @Test("random bytes fill what they should, over the size of one request")
  func random() {
    for count in [0, 1, 255, 256, 257, 1000] {
      let bytes = Random.bytes(count: count)
      #expect(bytes.count == count)
      if count > 200 { #expect(Set(bytes.suffix(100)).count > 40) }
    }
    #expect(Random.bytes(count: 32) != Random.bytes(count: 32))
  }

  @Test("nonce: 15 characters of base64url (FEATURES 1.052)")
  func nonce() {
    let nonce = Random.nonce()
    #expect(nonce.utf8.count == 15)
    #expect(nonce.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
    #expect(nonce != Random.nonce())
  }

  @Test("NUIDs: 22 base-62 characters, unique, one prefix, growing")
  func nuid() {
    var generator = NUID()
    let identifiers = (0..<10_000).map { _ in generator.next() }
    #expect(Set(identifiers).count == identifiers.count)
    #expect(identifiers.allSatisfy { $0.utf8.count == NUID.length })
    #expect(Set(identifiers.map { $0.prefix(12) }).count == 1)
    #expect(identifiers == identifiers.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    #expect(NUID.next() != NUID.next())
  }

  @Test("short hashes as nats-server makes them of names")
  func shortHash() {
    // Each of the first bytes of the digest modulo 62: sha256("abc") starts ba 78 16 bf 8f 01 cf ea.
    #expect(ShortHash.make("abc") == "0wM5J1Lm")
    #expect(ShortHash.make("abc", length: 6) == "0wM5J1")
  }
}
