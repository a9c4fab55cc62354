import Testing

@testable import Crypto

@Suite("bcrypt (FEATURES 4.002, 4.003)")
struct BcryptTests {
  /// Made with bcrypt for Python.
  static let hashes: [(password: String, hash: String)] = [
    ("", "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"),
    ("s3cr3t", "$2b$04$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHy"),
    (String(repeating: "x", count: 72), "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"),
  ]

  @Test("matches", arguments: hashes, ["$2a$", "$2b$", "$2x$", "$2y$"])
  func matches(row: (password: String, hash: String), prefix: String) {
    let hash = prefix + row.hash.dropFirst(4)
    #expect(Bcrypt.isHash(hash))
    #expect(Bcrypt.verify(row.password, hash: hash))
    #expect(!Bcrypt.verify(row.password.isEmpty ? "a" : String(row.password.dropLast()), hash: hash))
  }

  @Test("what Go ignores: characters after the hash and after the 72nd of the password")
  func ignored() {
    #expect(Bcrypt.verify("s3cr3t", hash: Self.hashes[1].hash + "trailing"))
    #expect(Bcrypt.verify(Self.hashes[2].password + "more", hash: Self.hashes[2].hash))
    #expect(Bcrypt.verify(String(repeating: "x", count: 5000), hash: Self.hashes[2].hash))
  }

  @Test(
    "never matches",
    arguments: [
      "", "$2b$", "$2b$04$short", "$2b$03$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHy",
      "$2b$32$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHy",
      "$2b$04$abcdefghi!klmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHy",
      "$2b$04$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFH",
      "$2b$04$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHz",
    ])
  func neverMatches(hash: String) {
    #expect(!Bcrypt.verify("s3cr3t", hash: hash))
  }

  @Test("a NUL does not end a password")
  func nul() {
    #expect(!Bcrypt.verify("s3cr3t\0", hash: Self.hashes[1].hash))
    #expect(!Bcrypt.verify("s3cr3t\0anything", hash: Self.hashes[1].hash))
  }

  @Test(
    "which configured passwords are hashes",
    arguments: [
      ("$2a$11$", true), ("$2a$11$x", true), ("$2c$11$x", false), ("$2a$1$xx", false), ("$2a$11x", false),
      ("$1a$11$x", false), ("2a$11$xx", false), ("$2a$1a$x", false), ("", false), ("plain", false),
    ])
  func detection(text: String, isHash: Bool) {
    #expect(Bcrypt.isHash(text) == isHash)
  }

  @Test("configured passwords, plain or hashed")
  func passwords() {
    #expect(Password.matches(configured: "plain", given: "plain"))
    #expect(!Password.matches(configured: "plain", given: "plain2"))
    #expect(Password.matches(configured: Self.hashes[1].hash, given: "s3cr3t"))
    #expect(!Password.matches(configured: Self.hashes[1].hash, given: Self.hashes[1].hash))
  }

  @Test("several threads at once")
  func threads() async {
    await withTaskGroup(of: Bool.self) { group in
      for index in 0..<32 {
        group.addTask {
          let row = Self.hashes[index % 3]
          return Bcrypt.verify(row.password, hash: row.hash)
            && !Bcrypt.verify(row.password + "!", hash: Self.hashes[1].hash)
        }
      }
      for await right in group { #expect(right) }
    }
  }
}
