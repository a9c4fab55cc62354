import CCrypt

/// Passwords stored as bcrypt hashes (FEATURES 4.002, 4.003).
public enum Bcrypt {
  /// bcrypt reads no more of a password.
  private static let longestPassword = 72
  private static let hashLength = 60
  private static let costs = 4...31

  /// Whether a configured password is a hash: `$2a$`, `$2b$`, `$2x$` or `$2y$`, two digits, `$`.
  public static func isHash(_ text: String) -> Bool {
    let bytes = Array(text.utf8.prefix(7))
    guard bytes.count == 7, bytes[0] == 0x24, bytes[1] == 0x32, bytes[3] == 0x24, bytes[6] == 0x24 else {
      return false
    }
    return [0x61, 0x62, 0x78, 0x79].contains(bytes[2]) && (48...57).contains(bytes[4]) && (48...57).contains(bytes[5])
  }

  /// Whether `password` hashes to `hash`. Takes as long as the hash's cost says (some 50 ms at cost 10), so not on
  /// an event loop that has other things to do. Safe to call from several threads at once.
  ///
  /// All prefixes name the same function, as in Go's bcrypt; characters after the 60th of `hash` are ignored. A
  /// password with a NUL byte never matches: C's bcrypt would end it there.
  public static func verify(_ password: String, hash: String) -> Bool {
    guard isHash(hash), hash.utf8.count >= hashLength, !password.utf8.contains(0) else { return false }
    let stored = Array(hash.utf8.prefix(hashLength))
    guard costs.contains(Int(stored[4] - 48) * 10 + Int(stored[5] - 48)) else { return false }
    // libxcrypt gives $2x$ and $2a$ special treatment for 8-bit characters; $2b$ is what Go computes for all four.
    let setting = Array("$2b".utf8) + stored[3...] + [0]
    let phrase = Array(password.utf8.prefix(longestPassword)) + [0]
    let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
    defer { data.deallocate() }
    memset(data, 0, MemoryLayout<crypt_data>.size)
    let computed = phrase.withUnsafeBufferPointer { phrase in
      setting.withUnsafeBufferPointer { setting -> [UInt8]? in
        let result = UnsafeRawPointer(phrase.baseAddress!).withMemoryRebound(to: CChar.self, capacity: phrase.count) {
          phrase in
          UnsafeRawPointer(setting.baseAddress!).withMemoryRebound(to: CChar.self, capacity: setting.count) {
            crypt_r(phrase, $0, data)
          }
        }
        guard let result, strlen(result) == hashLength else { return nil }
        return Array(UnsafeRawBufferPointer(start: result, count: hashLength))
      }
    }
    guard let computed else { return false }
    // The salt's last character has unused bits that the two spellings may fill differently; only the hash counts.
    return ConstantTime.equal(Array(computed[29...]), Array(stored[29...]))
  }
}

/// The comparison of a configured secret (plain or bcrypt) with what a client sent.
public enum Password {
  public static func matches(configured: String, given: String) -> Bool {
    Bcrypt.isHash(configured) ? Bcrypt.verify(given, hash: configured) : ConstantTime.equal(configured, given)
  }
}
