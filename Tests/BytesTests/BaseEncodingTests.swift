import Bytes
import Testing

@Suite("Base32 and base64 as Go's decoders see them")
struct BaseEncodingTests {
  @Test(
    "RFC 4648 base32 vectors, unpadded",
    arguments: [
      ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
      ("foobar", "MZXW6YTBOI"),
    ])
  func base32(plain: String, text: String) {
    #expect(Base32.encode(Array(plain.utf8)) == text)
    #expect(Base32.decode(text) == Array(plain.utf8))
  }

  @Test(
    "base32 decoding tolerates what Go tolerates",
    arguments: [
      ("MZXW6\r\nYTB", "fooba"), ("MZ", "f"), ("MZXW6YTBA", "fooba"), ("MZXW6YTBAAA", "fooba"), ("A", ""),
    ])
  func base32Lenient(text: String, plain: String) {
    #expect(Base32.decode(text) == Array(plain.utf8))
  }

  @Test("base32 refuses", arguments: ["mzxw6", "MY======", "M1", "M8", "MZ XQ", "MZXÄ"])
  func base32Refused(text: String) {
    #expect(Base32.decode(text) == nil)
  }

  @Test(
    "RFC 4648 base64 vectors",
    arguments: [
      ("", "", ""), ("f", "Zg==", "Zg"), ("fo", "Zm8=", "Zm8"), ("foo", "Zm9v", "Zm9v"), ("foob", "Zm9vYg==", "Zm9vYg"),
      ("fooba", "Zm9vYmE=", "Zm9vYmE"), ("foobar", "Zm9vYmFy", "Zm9vYmFy"),
    ])
  func base64(plain: String, padded: String, raw: String) {
    let bytes = Array(plain.utf8)
    #expect(Base64.standard.encode(bytes) == padded)
    #expect(Base64.url.encode(bytes) == padded)
    #expect(Base64.rawURL.encode(bytes) == raw)
    #expect(Base64.rawStandard.encode(bytes) == raw)
    #expect(Base64.standard.decode(padded) == bytes)
    #expect(Base64.rawURL.decode(raw) == bytes)
  }

  @Test("the two alphabets")
  func alphabets() {
    let bytes: [UInt8] = [0xFB, 0xEF, 0xFF, 0xFF]
    #expect(Base64.standard.encode(bytes) == "++///w==")
    #expect(Base64.url.encode(bytes) == "--___w==")
    #expect(Base64.standard.decode("--___w==") == nil)
    #expect(Base64.url.decode("++///w==") == nil)
    #expect(Base64.standard.decode("++\r\n///w=\n=") == bytes)
  }

  @Test("base64 refuses", arguments: ["Z", "Zm9vY", "Zg=", "Zg", "Zg===", "=", "Zg==Zg==", "Z=g=", "Zm9v="])
  func base64Refused(text: String) {
    #expect(Base64.standard.decode(text) == nil)
  }

  @Test("raw base64 refuses padding", arguments: ["Zg==", "Z", "Zm9vYmE="])
  func rawRefused(text: String) {
    #expect(Base64.rawURL.decode(text) == nil)
  }

  @Test("every length round-trips")
  func roundTrip() {
    for length in 0..<200 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37 + length) }
      #expect(Base32.decode(Base32.encode(bytes)) == bytes)
      for encoding in [Base64.standard, .rawStandard, .url, .rawURL] {
        let text = encoding.encode(bytes)
        #expect(text.utf8.count == encoding.encodedCount(length))
        #expect(encoding.decode(text) == bytes)
      }
    }
  }
}
